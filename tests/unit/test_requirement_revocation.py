"""The requirement `revocation`: what is revoked is refused, with all that came from it, and a doubt is no yes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from judging import DATA, MODEL, NOW, RAW, World, authority, bom, briefly, provenance, read, refused_to_read, signed

from admission.evidence import Evidence
from admission.requirements.revocation import RevocationRule
from attest.revocation.head import Head, SeenHead, publisher_name
from attest.revocation.reading import listed_revocations
from attest.revocation.selector import Selector
from attest.revocation.statement import artifact_revocation, signer_revocation
from attest.revocation.status import Revocations, settle_revocations
from attest.stores.store import StoredBundle
from attest.verified import VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbom.canonical import Json, JsonObject
    from dbom.model import Digest

REVOKED, CANT_TELL = ("DBOM-559", "no"), ("DBOM-571", "can't tell")
VALUE: JsonObject = {"revokers": [{"authority": "other"}]}
CHAIN = (bom(MODEL, what="model"), provenance(MODEL, DATA), bom(DATA), provenance(DATA, RAW, relation="derived-from"))


def stored(raw: bytes) -> StoredBundle:
    return StoredBundle.of(raw, where="store/x")


def head(*revocations: bytes, sequence: int = 1, days: int = 2, by: str = "other") -> bytes:
    listed = tuple(sorted(stored(raw).sha256 for raw in revocations))
    issued = (NOW - timedelta(days=1)).replace(microsecond=0)
    return signed(Head(sequence, issued, issued + timedelta(days=days), listed).statement(), by)


def settled(*bundles: bytes, value: JsonObject = VALUE, seen: Mapping[str, SeenHead] | None = None) -> Revocations:
    found = read(RevocationRule, value)
    assert isinstance(found, RevocationRule)
    revokers = found.revokers([authority(name) for name in ("signer", "builder", "other")])
    evidence = listed_revocations(map(stored, bundles), revokers, now=NOW)
    return settle_revocations(evidence, revokers, now=NOW, seen=seen or {})


def judged(known: Revocations | Unknown, value: JsonObject = VALUE) -> list[tuple[str, str]]:
    return briefly(World(CHAIN, (read(RevocationRule, value),)).judged(revocations=known))


def revoked(digest: Digest, by: str = "other") -> bytes:
    return signed(artifact_revocation(digest, "x", "withdrawn"), by)


def test_nothing_revoked_under_a_head_that_holds_is_a_yes() -> None:
    assert judged(settled(head())) == []


@pytest.mark.parametrize("digest", [MODEL, DATA, RAW])
def test_what_is_revoked_refuses_all_that_came_from_it(digest: Digest) -> None:
    word = revoked(digest)
    assert judged(settled(word, head(word))) == [REVOKED]


def test_the_way_to_what_is_revoked_is_told_and_who_revoked_it() -> None:
    word = revoked(RAW)
    rule = read(RevocationRule, VALUE)
    (reason,) = World(CHAIN, (rule,)).judged(revocations=settled(word, head(word)))
    assert reason.lineage == "model m <- dataset d (trained on) <- artifact raw (derived from)"
    assert "withdrawn" in reason.got


def test_an_ancestor_whose_statements_are_revoked_keeps_its_name_and_it_is_said() -> None:
    # (Its signer takes the BOM back; a revoker revokes what it is about.)
    words = revoked(RAW, by="signer"), revoked(RAW)
    world = World((*CHAIN, bom(RAW), *words, head(words[1])), (read(RevocationRule, VALUE),))
    evidence = Evidence.of_results([world.policy()], {"p": world.results()}, synced_at=NOW)
    case = world.case(evidence=evidence.of(world.policy()))
    told = {reason.lineage for item in world.requirements for reason in item.judge(case)}
    assert told == {"model m <- dataset d (trained on) <- artifact raw (its statements are revoked) (derived from)"}


@pytest.mark.parametrize(
    "bundles",
    [
        (),
        (head(days=1),),
        (head(by="nobody"),),
        (head(revoked(RAW)),),
        (head(), head(sequence=1, days=3)),
    ],
)
def test_a_head_that_is_missing_expired_strange_or_incomplete_can_not_be_told(bundles: tuple[bytes, ...]) -> None:
    assert judged(settled(*bundles)) == [CANT_TELL]
    assert judged(settled(*bundles), {**VALUE, "incomplete": "allow"}) == []


def test_a_head_that_is_older_than_one_seen_before_can_not_be_told() -> None:
    newer = verify_bundle(head(sequence=2), [authority("other")], where="h", now=NOW)
    assert isinstance(newer, VerifiedStatement)
    seen = {publisher_name(newer.signer): SeenHead(2, "0" * 64)}
    assert judged(settled(head(), seen=seen)) == [CANT_TELL]


def test_a_head_that_has_expired_since_it_was_read_can_not_be_told() -> None:
    rule = read(RevocationRule, VALUE)
    world = World(CHAIN, (rule,), now=NOW + timedelta(days=1))
    assert briefly(world.judged(revocations=settled(head()))) == [CANT_TELL]


def test_a_verdict_holds_until_the_head_expires() -> None:
    rule = read(RevocationRule, VALUE)
    world = World(CHAIN, (rule,))
    case = world.case(evidence=replace(world.evidence().of(world.policy()), revocations=settled(head())))
    assert rule.judge(case) == []
    assert case.notes.earliest == NOW + timedelta(days=1)


def test_what_was_never_read_can_not_be_told() -> None:
    assert judged(Unknown("no store of revocations")) == [CANT_TELL]


def test_somebody_who_is_no_revoker_revokes_nothing() -> None:
    assert judged(settled(revoked(MODEL, by="builder"), head())) == []


def test_a_revoker_revokes_nothing_outside_its_scope() -> None:
    word = revoked(MODEL)
    keys: JsonObject = {"revokers": [{"authority": "other", "scope": ["keys"]}]}
    assert judged(settled(word, head(word), value=keys), keys) == []
    found = verify_bundle(CHAIN[0], [authority("signer")], where="b", now=NOW)
    assert isinstance(found, VerifiedStatement)
    of_key = signed(signer_revocation(Selector(found.signer), "stolen"), "other")
    assert settled(of_key, head(of_key), value=keys).of_signer(found) is not None


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"revokers": []},
        {"revokers": [{"authority": "who"}]},
        {"revokers": [{"authority": "other", "scope": []}]},
        {"revokers": [{"authority": "other", "scope": ["everything"]}]},
        {"revokers": [{"authority": "other"}, {"authority": "other", "scope": ["keys"]}]},
        {"revokers": [{"authority": "other"}], "incomplete": "maybe"},
    ],
)
def test_what_names_nobody_or_something_else_is_refused(value: Json) -> None:
    assert refused_to_read(RevocationRule, value)


def test_it_is_explained_in_sentences() -> None:
    assert len(read(RevocationRule, VALUE).explain()) == 2
    assert len(read(RevocationRule, {**VALUE, "incomplete": "allow"}).explain()) == 1
