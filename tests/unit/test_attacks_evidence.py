"""Attacks on evidence: statements that are really signed and verified, and must not turn a no into a yes.

Each pod loads one model from an image volume by digest; the policy wants its place bound, a BOM, signed ancestors with
known licences, nothing denied, and revocations known.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from evidence import authority_of, clock, local_sigstore, minted
from judging import (
    BASE,
    DATA,
    MODEL,
    NOW,
    PLACE,
    RAW,
    World,
    authority,
    bom,
    located,
    made_statement,
    provenance,
    read,
    signed,
    stated,
    statement,
)
from made_sigstore import SIGNED_AT

from admission.evidence import Evidence
from admission.gate import decide
from admission.policy import LocationRule
from admission.requirements.age import AgeRule
from admission.requirements.ancestors import AncestorRule
from admission.requirements.attestations import AttestationsRule
from admission.requirements.denied import DeniedRule
from admission.requirements.licenses import LicenseRule
from admission.requirements.revocation import RevocationRule
from admission.review import Review
from attest.authority import Authority
from attest.identity import Identity, IdentityPattern
from attest.location import Location
from attest.revocation.head import Head
from attest.revocation.reading import listed_revocations
from attest.revocation.statement import artifact_revocation
from attest.revocation.status import NO_REVOCATIONS, Revocations, settle_revocations
from attest.stores.store import StoredBundle
from attest.verifier.verifying import verify_bundle
from dbom.model import Digest, Kind, Unknown
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION, PREDICATE_PROVENANCE

if TYPE_CHECKING:
    from pathlib import Path

    from admission.decision import Decision
    from dbom.canonical import Json, JsonObject

BOM_BY_SIGNER: Json = [{"predicateType": PREDICATE_BOM, "authorities": ["signer"]}]
REQUIREMENTS = (
    read(AttestationsRule, BOM_BY_SIGNER),
    read(AncestorRule, {"signed": True, "authorities": ["signer"], "builders": ["builder"]}),
    read(LicenseRule, {"allow": ["MIT", "CC0-1.0"]}),
    read(DeniedRule, {"digests": [str(BASE)]}),
)
GOOD = (located(MODEL), bom(MODEL, "MIT", what="model"), provenance(MODEL, DATA), bom(DATA, "CC0-1.0"))


def pod(pin: str = PLACE.pin) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "prod"},
        "spec": {
            "containers": [{"name": "c", "image": "i"}],
            "volumes": [{"name": "m", "image": {"reference": f"registry.example.com/models/m@{pin}"}}],
        },
    }


def decided(
    world: World, document: JsonObject | None = None, revocations: Revocations | Unknown | None = None
) -> Decision:
    policy, evidence = world.policy(), world.evidence()
    if revocations is not None:
        evidence = replace(evidence, policies={"p": replace(evidence.of(policy), revocations=revocations)})
    return decide(Review.of_object(document or pod(), where="test"), [policy], evidence, now=world.now)


def answer(*bundles: bytes, document: JsonObject | None = None) -> tuple[str, bool, list[str]]:
    decision = decided(World(bundles, REQUIREMENTS), document)
    return str(decision.verdict), decision.allowed, [item.rule.id for item in decision.all_reasons]


def without(*gone: int) -> tuple[bytes, ...]:
    return tuple(raw for number, raw in enumerate(GOOD) if number not in gone)


def test_good_evidence_is_verified_so_that_the_attacks_below_are_what_fails() -> None:
    assert answer(*GOOD) == ("verified", True, [])


def test_a_statement_about_another_subject_counts_for_nothing() -> None:
    assert answer(*without(1), bom(RAW, "MIT")) == ("can't tell", False, ["DBOM-533", "DBOM-541"])


def test_a_bom_whose_subject_is_the_model_and_whose_content_is_another_is_no_bom_of_it() -> None:
    assert answer(*without(1), bom(MODEL, "MIT", about=RAW)) == ("can't tell", False, ["DBOM-533", "DBOM-541"])


def test_a_statement_about_a_file_says_nothing_of_a_tree_of_the_same_digits() -> None:
    assert answer(*without(1), bom(Digest(Kind.FILE, MODEL.hex), "MIT"))[:2] == ("can't tell", False)


def test_a_replay_under_another_pin_is_refused() -> None:
    other = "sha256:" + "2" * 64
    assert answer(*GOOD, document=pod(other)) == ("refused", False, ["DBOM-531"])


def test_the_same_bundle_a_hundred_times_is_one_word() -> None:
    """A replay in number, and a denial of service besides: nothing adds up."""
    assert answer(*[GOOD[0]] * 100)[:2] == ("can't tell", False)


@pytest.mark.parametrize("kind", [PREDICATE_PROVENANCE, PREDICATE_LOCATION, "https://cyclonedx.org/bom/v1.6", "bom"])
def test_a_bom_under_the_wrong_predicate_type_is_no_bom(kind: str) -> None:
    wrong = signed(statement(MODEL, kind, stated(MODEL, "MIT").predicate))
    assert answer(*without(1), wrong)[:2] == ("can't tell", False)


def test_a_location_bound_by_the_wrong_authority_binds_nothing() -> None:
    """Whoever may attest content may not say what lies where: else an evil place would hold a good model."""
    assert answer(*without(0), located(MODEL, by="builder")) == ("refused", False, ["DBOM-534"])
    assert answer(*GOOD, located(RAW, by="builder")) == ("verified", True, [])


def test_two_bindings_of_one_pin_refuse_it_whoever_came_first() -> None:
    assert answer(*GOOD, located(RAW)) == ("refused", False, ["DBOM-532"])
    assert answer(located(RAW), *GOOD) == ("refused", False, ["DBOM-532"])


def test_the_digest_of_an_index_says_nothing_of_the_platforms_manifest() -> None:
    """The kubelet resolves the index, and what it then loads was never named; each digest needs its own binding."""
    index = "sha256:" + "9" * 64
    bound = located(MODEL, Location(PLACE.base, index))
    assert answer(bound, *without(0)) == ("refused", False, ["DBOM-531"])
    assert answer(bound, *without(0), document=pod(index)) == ("verified", True, [])


def test_a_local_root_that_mints_a_strangers_identity_is_not_believed(tmp_path: Path) -> None:
    local = local_sigstore(tmp_path)
    stranger = Identity("release@example.com", "https://token.actions.githubusercontent.com")
    item = stated(MODEL, "MIT", what="model")
    forged = minted(local, stranger, item)
    root = authority_of(local).root
    now = datetime.now(UTC)
    known = Authority("signer", (IdentityPattern.exact(stranger.subject, stranger.issuer),), root)
    own = authority_of(local, name="signer")
    world = World((), REQUIREMENTS, now=now)

    def about(raw: bytes, by: Authority) -> int:
        policy = replace(world.policy(), authorities=(by,))
        results = [verify_bundle(raw, [by], where="b", now=now)]
        return len(Evidence.of_results([policy], {"p": results}).of(policy).about(MODEL))

    assert about(forged, known) == 0
    assert about(forged, own) == 0
    assert about(local.signer(now=clock).sign(item), own) == 1


def test_a_subject_that_matches_by_its_name_alone_is_no_subject() -> None:
    named = json.loads(stated(MODEL, "MIT", what="model").payload)
    named["subject"] = [{"name": "m", "digest": {"sha1": "a" * 40}}]
    from evidence import key_signed
    from made_sigstore import fixed_key

    assert answer(*without(1), key_signed(json.dumps(named).encode(), fixed_key("signer")))[:2] == ("can't tell", False)


def test_a_denied_ancestor_by_another_name_is_denied_still() -> None:
    hidden = (*GOOD, provenance(DATA, BASE, relation="derived-from"), bom(BASE, "CC0-1.0", name="harmless"))
    decision = decided(World(hidden, REQUIREMENTS))
    (reason,) = decision.all_reasons
    assert (reason.rule.id, decision.allowed) == ("DBOM-554", False)
    assert reason.lineage == "model m <- dataset d (trained on) <- dataset base (derived from)"


def test_a_parent_that_is_left_out_of_one_statement_and_named_in_another_counts() -> None:
    verdict, allowed, rules = answer(*GOOD, provenance(MODEL, BASE))
    assert (verdict, allowed) == ("refused", False)
    assert "DBOM-554" in rules


def revocations(*words: bytes, listed: tuple[bytes, ...] | None = None) -> Revocations:
    rule = read(RevocationRule, {"revokers": [{"authority": "other"}]})
    assert isinstance(rule, RevocationRule)
    revokers = rule.revokers([authority("other")])
    named = tuple(sorted(StoredBundle.of(raw, where="s").sha256 for raw in (words if listed is None else listed)))
    issued = (NOW - timedelta(hours=1)).replace(microsecond=0)
    head = signed(Head(1, issued, issued + timedelta(days=1), named).statement(), "other")
    bundles = [StoredBundle.of(raw, where="s") for raw in (*words, head)]
    return settle_revocations(listed_revocations(bundles, revokers, now=NOW), revokers, now=NOW, seen={})


def with_revocations(known: Revocations | Unknown) -> tuple[str, list[str]]:
    rule = read(RevocationRule, {"revokers": [{"authority": "other"}]})
    decision = decided(World(GOOD, (*REQUIREMENTS, rule)), revocations=known)
    return str(decision.verdict), [item.rule.id for item in decision.all_reasons]


def test_what_is_revoked_and_what_came_from_it_is_refused() -> None:
    for digest in (MODEL, DATA):
        word = signed(artifact_revocation(digest, "x", "poisoned"), "other")
        assert with_revocations(revocations(word)) == ("refused", ["DBOM-559"])
    assert with_revocations(revocations()) == ("verified", [])


def test_a_revocation_that_somebody_holds_back_is_missed_by_its_head() -> None:
    word = signed(artifact_revocation(MODEL, "x", "poisoned"), "other")
    assert with_revocations(revocations(listed=(word,))) == ("can't tell", ["DBOM-571"])


def test_without_any_revocations_read_nothing_passes() -> None:
    assert with_revocations(Unknown("not read")) == ("can't tell", ["DBOM-571"])
    assert with_revocations(NO_REVOCATIONS) == ("verified", [])


def aged(raw: bytes, known: Authority, now: datetime) -> tuple[str, list[str]]:
    rule = read(AgeRule, [{"predicateType": PREDICATE_BOM, "authorities": ["made"], "notOlderThan": "30d"}])
    policy = replace(
        World((), (rule,)).policy(),
        authorities=(known, authority("signer")),
        locations=(LocationRule("oci://registry.example.com/models/*", ("signer",)),),
    )
    results = [verify_bundle(item, [by], where="b", now=now) for item in (raw, GOOD[0]) for by in policy.authorities]
    decision = decide(
        Review.of_object(pod(), where="t"), [policy], Evidence.of_results([policy], {"p": results}), now=now
    )
    return str(decision.verdict), [item.rule.id for item in decision.all_reasons]


def test_an_old_statement_is_too_old_though_its_signature_holds_for_ever() -> None:
    raw = made_statement(stated(MODEL))
    assert aged(raw, authority("made"), NOW) == ("verified", [])
    assert aged(raw, authority("made"), SIGNED_AT + timedelta(days=31)) == ("refused", ["DBOM-557"])


def test_a_certificate_that_had_expired_when_it_signed_counts_for_nothing() -> None:
    late = made_statement(stated(MODEL), SIGNED_AT)
    from judging import MADE

    expired = MADE.certificate(start=SIGNED_AT - timedelta(hours=2), minutes=10)
    raw = json.dumps(MADE.bundle(stated(MODEL).payload, certificate=expired)).encode()
    assert aged(late, authority("made"), NOW)[0] == "verified"
    assert aged(raw, authority("made"), NOW) == ("can't tell", ["DBOM-558"])


def test_a_self_asserted_time_is_no_proof_of_youth(tmp_path: Path) -> None:
    local = local_sigstore(tmp_path)
    raw = local.signer(now=clock).sign(stated(MODEL))
    assert aged(raw, authority_of(local, name="made"), datetime.now(UTC)) == ("can't tell", ["DBOM-558"])
