"""Revocations, selectors and heads: what they may look like, and what is refused."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from evidence import key_signed, public_pem, statement_about

from admission.gathering import gather, keep
from admission.policy import Match, Mode, Policy
from attest.authority import Authority
from attest.identity import Identity, KeyIdentity
from attest.predicates import predicate_faults
from attest.revocation.head import Head, SeenHead
from attest.revocation.memory import RevocationMemory
from attest.revocation.publishing import own_authority, publish_head, publish_revocation
from attest.revocation.reading import read_revocations
from attest.revocation.revokers import Revoker, Scope
from attest.revocation.selector import Selector
from attest.revocation.statement import Revocation, artifact_revocation, signer_revocation
from attest.revocation.status import RevocationEvidence, settle_revocations
from attest.signers.signing import KeySigner
from attest.statement import Statement, Subject
from attest.stores.store import StoredBundle, open_store
from attest.verified import SignedTime, TimeBasis, VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.canonical import canonical_json
from dbom.errors import DocumentError, EvidenceError, PathError, StoreError, UsageError
from dbom.model import Digest, Kind
from dbom.names import (
    PREDICATE_BOM,
    PREDICATE_REVOCATION,
    PREDICATE_REVOCATION_HEAD,
    REVOCATION_LIST_MEDIA_TYPE,
    REVOCATION_SELECTOR_MEDIA_TYPE,
)
from dbom.rules.revocations import REVOCATION_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbom.canonical import JsonObject

KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DIGEST = Digest(Kind.FILE, "a" * 64)
ALICE = Identity("alice@example.org", "https://issuer.example.org")
WHO = KeyIdentity("c" * 64)


def authority(key: ec.EllipticCurvePrivateKey = KEY) -> Authority:
    return Authority("revoker", key_pem=public_pem(key))


def verified(statement: Statement, key: ec.EllipticCurvePrivateKey = KEY) -> VerifiedStatement:
    result = verify_bundle(key_signed(statement.payload, key), [authority(key)], where="bundle", now=NOW)
    assert isinstance(result, VerifiedStatement)
    return result


def built(
    predicate: JsonObject,
    *,
    kind: str = PREDICATE_REVOCATION,
    digest: Digest = DIGEST,
    media_type: str = "",
) -> VerifiedStatement:
    return verified(Statement.build(Subject("x", digest, media_type), kind, predicate))


def head_predicate(**change: Any) -> JsonObject:  # noqa: ANN401  JSON that may be wrong
    document: JsonObject = {
        "sequence": 1,
        "issued": "2026-06-01T00:00:00Z",
        "expires": "2026-06-02T00:00:00Z",
        "revocations": [],
    }
    return {name: value for name, value in {**document, **change}.items() if value is not None}


def head_of(predicate: JsonObject) -> Head:
    digest = Head(1, NOW, NOW, ()).statement().subjects[0].digest
    assert digest is not None
    return Head.of(
        built(predicate, kind=PREDICATE_REVOCATION_HEAD, digest=digest, media_type=REVOCATION_LIST_MEDIA_TYPE)
    )


@pytest.mark.parametrize("selector", [Selector(ALICE), Selector(WHO, None, NOW), Selector(ALICE, "d" * 64, None, NOW)])
def test_what_is_written_is_what_is_read(selector: Selector) -> None:
    revocation = Revocation.of(verified(signer_revocation(selector, "stolen")))
    assert (revocation.target, revocation.reason) == (selector, "stolen")
    assert predicate_faults(PREDICATE_REVOCATION, revocation.by.statement.predicate) == ()
    artifact = Revocation.of(verified(artifact_revocation(DIGEST, "model", "withdrawn")))
    assert (artifact.target, artifact.reason) == (DIGEST, "withdrawn")


def test_the_test_vectors_of_the_format() -> None:
    """The bytes in docs/formats/revocation.md."""
    selector = Selector(ALICE, None, NOW, NOW + timedelta(days=1))
    assert canonical_json(selector.document()) == (
        b'{"from":"2026-06-01T12:00:00Z","identity":"alice@example.org",'
        b'"issuer":"https://issuer.example.org","until":"2026-06-02T12:00:00Z"}'
    )
    assert selector.sha256 == "ff6b423674f8191421d5a2a41c57d45d542bb49d37b47e7ffed98b4e41d4fd5b"
    head = Head(1, NOW, NOW + timedelta(days=7), ("a" * 64,)).statement()
    assert head.subjects[0].digest is not None
    assert head.subjects[0].digest.hex == "5adb8c3d42601f14dc3c467830d23dcc75ffae17236d02c6bb26c6e31b1c3c8e"


@pytest.mark.parametrize(
    "predicate",
    [
        {},
        {"reason": ""},
        {"reason": " "},
        {"reason": 1},
        {"reason": "r", "location": "hf://a/b@" + "0" * 40},
        {"reason": "r", "selector": {"key": "c" * 64}},
    ],
)
def test_a_revocation_of_another_form_is_refused(predicate: JsonObject) -> None:
    with pytest.raises(EvidenceError) as caught:
        Revocation.of(built(predicate))
    assert caught.value.rule is REVOCATION_MALFORMED


@pytest.mark.parametrize(
    "selector",
    [
        None,
        [],
        {},
        {"identity": "a"},
        {"issuer": "a"},
        {"identity": "", "issuer": "a"},
        {"identity": 1, "issuer": "a"},
        {"key": "c" * 64, "identity": "a", "issuer": "b"},
        {"key": "C" * 64},
        {"key": 7},
        {"key": "c" * 64, "trustRoot": "1"},
        {"key": "c" * 64, "colour": "red"},
        {"key": "c" * 64, "from": "2026-06-01"},
        {"key": "c" * 64, "from": 1},
        {"key": "c" * 64, "from": "2026-13-01T00:00:00Z"},
        {"key": "c" * 64, "from": "2026-06-02T00:00:00Z", "until": "2026-06-01T00:00:00Z"},
        {"key": "c" * 64, "from": None},
        {"key": "d" * 64},
    ],
)
def test_a_selector_of_another_form_is_refused(selector: Any) -> None:  # noqa: ANN401  JSON that is wrong
    digest = Digest(Kind.FILE, Selector(WHO).sha256)
    document = built({"reason": "r", "selector": selector}, digest=digest, media_type=REVOCATION_SELECTOR_MEDIA_TYPE)
    with pytest.raises(EvidenceError) as caught:
        Revocation.of(document)
    assert caught.value.rule is REVOCATION_MALFORMED


def test_a_revocation_has_one_subject_and_says_what_it_is() -> None:
    statement = artifact_revocation(DIGEST, "model", "r")
    document = json.loads(statement.payload)
    document["subject"].append(document["subject"][0])
    with pytest.raises(EvidenceError, match="exactly one"):
        Revocation.of(verified(Statement.parse(json.dumps(document).encode(), where="x")))
    with pytest.raises(EvidenceError, match="not a revocation"):
        Revocation.of(verified(statement_about(DIGEST)))
    with pytest.raises(EvidenceError, match="media type"):
        Revocation.of(built({"reason": "r"}, media_type=REVOCATION_SELECTOR_MEDIA_TYPE))


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 0},
        {"sequence": True},
        {"sequence": 1.5},
        {"sequence": None},
        {"issued": None},
        {"issued": "yesterday"},
        {"expires": "2026-06-01T00:00:00Z"},
        {"revocations": {}},
        {"revocations": ["A" * 64]},
        {"revocations": ["b" * 64, "a" * 64]},
        {"revocations": ["a" * 64, "a" * 64]},
        {"revocations": [1]},
        {"revocations": ["a" * 64]},
        {"more": 1},
    ],
)
def test_a_head_of_another_form_is_refused(change: JsonObject) -> None:
    assert head_of(head_predicate()).sequence == 1
    with pytest.raises(EvidenceError) as caught:
        head_of(head_predicate(**change))
    assert caught.value.rule is REVOCATION_MALFORMED


def test_a_root_and_a_trusted_time_decide_what_is_selected() -> None:
    item = verified(statement_about(DIGEST))
    item = replace(item, signer=ALICE, root="d" * 64, time=SignedTime(TimeBasis.TRUSTED, NOW, "tsa"))
    hour = timedelta(hours=1)
    assert Selector(ALICE, "d" * 64, NOW, NOW + hour).selects(item)
    assert not Selector(ALICE, "e" * 64).selects(item)
    assert not Selector(ALICE, None, NOW + hour).selects(item)
    assert not Selector(ALICE, None, None, NOW).selects(item)
    asserted = replace(item, time=SignedTime(TimeBasis.SELF_ASSERTED, NOW, "itself"))
    assert Selector(ALICE, None, NOW + hour).selects(asserted)
    by_key = replace(item, signer=WHO)
    assert Selector(WHO, None, None, NOW).selects(by_key)


def test_a_signer_takes_back_its_own_word_under_its_own_root_alone() -> None:
    statement = replace(verified(statement_about(DIGEST)), signer=ALICE, root="d" * 64)
    own = replace(verified(artifact_revocation(DIGEST, "m", "r")), signer=ALICE, root="d" * 64)
    known = settle_revocations(RevocationEvidence(own=(own,)), [], now=NOW, seen={})
    assert known.of(DIGEST) is None
    assert known.of_statement(statement, [DIGEST]) is not None
    assert known.of_statement(statement, [Digest(Kind.TREE, DIGEST.hex)]) is None
    assert known.of_statement(replace(statement, root="e" * 64), [DIGEST]) is None


def test_every_publisher_of_an_authority_is_held_against_what_was_seen(tmp_path: Path) -> None:
    """Bundles that can't be read or are something else are passed over."""
    store = open_store(str(tmp_path))
    head = Head(1, NOW - timedelta(days=1), NOW + timedelta(days=1), ()).statement()
    store.add(key_signed(head.payload, KEY), head)
    bom = statement_about(DIGEST)
    store.add(key_signed(bom.payload, KEY), bom)
    (tmp_path / "junk.sigstore.json").write_bytes(b"{}")
    os.mkfifo(tmp_path / "pipe.sigstore.json")
    revokers = [Revoker(authority())]
    known = settle_revocations(read_revocations([store], revokers, now=NOW), revokers, now=NOW, seen={})
    assert (known.doubts, len(known.current)) == ((), 1)
    again = settle_revocations(
        read_revocations([store], revokers, now=NOW),
        revokers,
        now=NOW,
        seen={next(iter(known.remember)): SeenHead(9, "")},
    )
    assert [item.rule for item in again.doubts] == ["DBOM-397"]


def test_a_scope_is_read_and_shown() -> None:
    assert str(Scope.of_words([])) == "artifacts, keys, identities"
    assert str(Scope.of_words(["issuer:https://a", "keys"])) == "keys, issuer:https://a"
    with pytest.raises(UsageError):
        Scope.of_words(["everything"])


def test_the_memory_only_goes_forward(tmp_path: Path) -> None:
    memory = RevocationMemory.of_home(tmp_path)
    assert memory.seen() == {}
    memory.remember({"a": SeenHead(2, "x")})
    memory.remember({"a": SeenHead(1, "y"), "b": SeenHead(1, "z")})
    assert memory.seen() == {"a": SeenHead(2, "x"), "b": SeenHead(1, "z")}
    memory.remember({"a": SeenHead(2, "w")})
    assert memory.seen()["a"] == SeenHead(2, "x")


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[]",
        b"",
        b'{"schema":"dbom.dev/revocations-seen/v1","publishers":{"a":1}}',
        b'{"schema":"dbom.dev/revocations-seen/v1","publishers":{"a":{"sequence":0,"content":""}}}',
    ],
)
def test_a_memory_that_cant_be_read_is_no_empty_one(tmp_path: Path, content: bytes) -> None:
    memory = RevocationMemory.of_home(tmp_path)
    memory.folder.mkdir()
    (memory.folder / "seen.json").write_bytes(content)
    with pytest.raises(DocumentError):
        memory.seen()


def test_a_memory_that_cant_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PathError):
        RevocationMemory.of_home(tmp_path / "file").remember({"a": SeenHead(1, "x")})


def test_publishing_lists_all_and_only_what_the_publisher_revoked(tmp_path: Path) -> None:
    store, signer = open_store(str(tmp_path / "s")), KeySigner(KEY)
    mine = publish_revocation(artifact_revocation(DIGEST, "m", "r"), signer, [store])
    publish_revocation(artifact_revocation(DIGEST, "m", "r"), KeySigner(OTHER_KEY), [store])
    broken = Statement.build(Subject.of("m", DIGEST), PREDICATE_REVOCATION, {})
    store.add(key_signed(broken.payload, KEY), broken)
    first = publish_head(store, signer, own_authority(signer), days=1, now=NOW, seen={})
    assert (first.head.sequence, first.head.revocations) == (1, (mine.signed.sha256,))
    assert [item.rule for item in first.findings] == [REVOCATION_MALFORMED.id]
    second = publish_head(store, signer, own_authority(signer), days=1, now=NOW, seen=first.remember)
    assert second.head.sequence == 2
    assert predicate_faults(PREDICATE_REVOCATION_HEAD, second.signed.statement.predicate) == ()
    with pytest.raises(StoreError, match="newest head"):
        publish_head(
            open_store(str(tmp_path / "t")), signer, own_authority(signer), days=1, now=NOW, seen=second.remember
        )


def test_nothing_is_published_that_nobody_could_follow(tmp_path: Path) -> None:
    store, signer = open_store(str(tmp_path / "s")), KeySigner(KEY)
    with pytest.raises(UsageError):
        publish_revocation(artifact_revocation(DIGEST, "m", "r"), signer, [])
    last = Head(2**53 - 1, NOW, NOW + timedelta(days=1), ()).statement()
    store.add(signer.sign(last), last)
    with pytest.raises(UsageError, match="no sequence"):
        publish_head(store, signer, own_authority(signer), days=1, now=NOW, seen={})

    class Stranger:
        """Signs, and nobody knows who vouches for it."""

        identity = None

        def sign(self, statement: Statement) -> bytes:
            return signer.sign(statement)

        def describe(self) -> str:
            return "a stranger"

    with pytest.raises(UsageError):
        own_authority(Stranger())


def _without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.pop(name)


@pytest.mark.parametrize("name", ["sequence", "issued", "expires", "revocations"])
def test_the_schema_of_heads_says_no(name: str) -> None:
    document = dict(head_predicate())
    assert predicate_faults(PREDICATE_REVOCATION_HEAD, document) == ()
    _without(name)(document)
    assert predicate_faults(PREDICATE_REVOCATION_HEAD, document) != ()
    assert predicate_faults(PREDICATE_REVOCATION, {"reason": "r", "selector": {"identity": "a"}}) != ()


def test_a_bundle_is_looked_at_once_however_often_it_lies_there(tmp_path: Path) -> None:
    statement = artifact_revocation(DIGEST, "m", "r")
    raw = key_signed(statement.payload, KEY)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.sigstore.json").write_bytes(raw)
    revokers = [Revoker(authority())]
    found = read_revocations([open_store(str(tmp_path))], revokers, now=NOW)
    assert len(found.joined(found).listed) == 1
    assert StoredBundle.of(raw, where="x").sha256 == found.listed[0].bundle_sha256
    assert PREDICATE_BOM != found.listed[0].statement.predicate_type


def test_a_sequence_beyond_what_every_reader_holds_is_refused() -> None:
    statement = Head(7, NOW, NOW + timedelta(days=1), ()).statement()
    beyond = statement.payload.replace(b'"sequence":7', b'"sequence":9007199254740992')
    with pytest.raises(EvidenceError, match="sequence"):
        Head.of(verified(Statement.parse(beyond, where="x")))


def test_the_gates_evidence_holds_nothing_that_its_signer_revoked() -> None:
    """It stands among what doesn't count, so that the gate says why."""
    policy = Policy("p", Mode.ENFORCE, Match(), (authority(),), (), (), "0" * 64)
    bom, other = verified(statement_about(DIGEST)), verified(statement_about(Digest(Kind.FILE, "b" * 64)))
    unread = built({}, digest=other.statement.subjects[0].digest or DIGEST)
    revocation = verified(artifact_revocation(DIGEST, "m", "withdrawn"))
    before = gather(policy, [keep(item) for item in (bom, other, unread)])
    after = gather(policy, [keep(item) for item in (bom, other, unread, revocation)])
    assert [item.bundle_sha256 for item in before.about(DIGEST, PREDICATE_BOM)] == [bom.bundle_sha256]
    assert after.about(DIGEST, PREDICATE_BOM) == ()
    assert [item.rule for item in after.rejected[DIGEST]] == ["DBOM-392"]
    kept = after.about(Digest(Kind.FILE, "b" * 64), PREDICATE_BOM)
    assert [item.bundle_sha256 for item in kept] == [other.bundle_sha256]
