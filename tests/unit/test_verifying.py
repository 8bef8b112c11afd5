"""Verifying a bundle: under one authority's own root or key, or not at all."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from evidence import (
    authority_of,
    changed,
    clock,
    flipped,
    key_signed,
    local_sigstore,
    minted,
    public_pem,
    statement_about,
)
from sigstore.models import Bundle as SigstoreBundle
from sigstore.models import TrustedRoot as SigstoreRoot
from sigstore.verify import Verifier, policy

from attest.authority import Authority
from attest.identity import Identity, IdentityPattern, KeyIdentity, Pattern
from attest.trust import TrustRoot
from attest.verified import Rejection, RejectionKind, TimeBasis, VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.errors import DocumentError
from dbom.model import Digest, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attest.local import LocalSigstore

STATEMENT = statement_about(Digest(Kind.FILE, "a" * 64))
GOOGLE = Identity("victim@example.org", "https://accounts.google.com")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalSigstore:
    return local_sigstore(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> LocalSigstore:
    return local_sigstore(tmp_path_factory.mktemp("other"))


@pytest.fixture(scope="module")
def bundle(local: LocalSigstore) -> bytes:
    return local.signer(now=clock).sign(STATEMENT)


def verified(raw: bytes, authorities: Sequence[Authority], *, now: datetime | None = None) -> VerifiedStatement:
    result = verify_bundle(raw, authorities, where="here", now=now or clock())
    assert isinstance(result, VerifiedStatement), result
    return result


def rejected(raw: bytes, authorities: Sequence[Authority], *, now: datetime | None = None) -> Rejection:
    result = verify_bundle(raw, authorities, where="here", now=now or clock())
    assert isinstance(result, Rejection), result
    return result


def test_an_expected_local_identity_is_verified_with_a_self_asserted_time(local: LocalSigstore, bundle: bytes) -> None:
    result = verified(bundle, [authority_of(local)])
    assert result.statement == STATEMENT
    assert result.signer == local.identity
    assert result.time.basis is TimeBasis.SELF_ASSERTED
    assert (result.authority, result.log_index, result.where) == ("local", 0, "here")
    assert result.root == TrustRoot.parse(local.trusted_root(), where="r").sha256


def test_an_expression_must_match_in_full(local: LocalSigstore, bundle: bytes) -> None:
    root = TrustRoot.parse(local.trusted_root(), where="r")
    issuer = Pattern(local.identity.issuer)

    def expecting(expression: str) -> Authority:
        return Authority("a", (IdentityPattern(Pattern(expression, is_expression=True), issuer),), root)

    assert verified(bundle, [expecting(".*@.*")]).signer == local.identity
    assert rejected(bundle, [expecting("@")]).kind is RejectionKind.UNTRUSTED


def test_another_identity_is_untrusted_and_both_sides_are_named(local: LocalSigstore, bundle: bytes) -> None:
    expected = IdentityPattern.exact("alice@example.org", local.identity.issuer)
    root = TrustRoot.parse(local.trusted_root(), where="r")
    result = rejected(bundle, [Authority("a", (expected,), root)])
    assert (result.kind, result.rule) == (RejectionKind.UNTRUSTED, "DBOM-306")
    assert str(local.identity) in result.reason
    assert "expected alice@example.org" in result.reason
    assert result.signer == local.identity


def test_roots_are_never_merged(local: LocalSigstore, other: LocalSigstore, bundle: bytes) -> None:
    """The right identity under another root, beside the right root for another identity, is no."""
    own, others = authority_of(local), authority_of(other)
    crossed = [replace(own, root=others.root), replace(others, root=own.root)]
    assert rejected(bundle, crossed).kind is RejectionKind.UNTRUSTED


def test_the_authority_that_accepts_is_found_among_several(
    local: LocalSigstore, other: LocalSigstore, bundle: bytes
) -> None:
    result = verified(bundle, [authority_of(other, name="other"), authority_of(local, name="own")])
    assert result.authority == "own"


def test_a_local_root_that_minted_another_issuers_identity_is_refused(local: LocalSigstore, tmp_path: Path) -> None:
    """All of it holds for sigstore-python, which knows no scope of a root."""
    raw = minted(local, GOOGLE, STATEMENT)
    (tmp_path / "root.json").write_bytes(local.trusted_root())
    theirs = Verifier(trusted_root=SigstoreRoot.from_file(str(tmp_path / "root.json")))
    theirs.verify_dsse(SigstoreBundle.from_json(raw), policy.Identity(identity=GOOGLE.subject, issuer=GOOGLE.issuer))
    root = TrustRoot.parse(local.trusted_root(), where="r")
    expected = IdentityPattern.exact(GOOGLE.subject, GOOGLE.issuer)
    result = rejected(raw, [Authority("google", (expected,), root)])
    assert (result.kind, result.rule) == (RejectionKind.BROKEN, "DBOM-307")


def test_nobody_expected_is_nobody_accepted(bundle: bytes) -> None:
    assert rejected(bundle, []).kind is RejectionKind.UNTRUSTED


def test_an_authority_without_its_root_at_hand_can_not_tell(local: LocalSigstore, bundle: bytes) -> None:
    result = rejected(bundle, [replace(authority_of(local), root=None)])
    assert (result.kind, result.rule) == (RejectionKind.UNDECIDED, "DBOM-320")


def test_a_root_that_is_not_at_hand_excuses_no_other_signer(bundle: bytes) -> None:
    expected = IdentityPattern.exact("alice@example.org", "https://issuer.example.org")
    assert rejected(bundle, [Authority("a", (expected,))]).kind is RejectionKind.UNTRUSTED


def test_an_expired_root_can_not_tell(local: LocalSigstore, bundle: bytes) -> None:
    result = rejected(bundle, [authority_of(local)], now=clock() + timedelta(days=4000))
    assert (result.kind, result.rule) == (RejectionKind.UNDECIDED, "DBOM-309")


def test_an_expired_root_excuses_no_other_signer(local: LocalSigstore, bundle: bytes) -> None:
    expected = IdentityPattern.exact("alice@example.org", local.identity.issuer)
    authority = replace(authority_of(local), identities=(expected,))
    result = rejected(bundle, [authority], now=clock() + timedelta(days=4000))
    assert result.kind is RejectionKind.UNTRUSTED


YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
LONG_AGO = "2020-01-01T00:00:00Z"


def _ended(holder: dict[str, Any]) -> bool:
    holder["validFor"] = {"start": LONG_AGO, "end": YESTERDAY}
    return True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: _ended(d["certificateAuthorities"][0]), "expired"),
        (lambda d: _ended(d["tlogs"][0]["publicKey"]), "expired"),
        (lambda d: _ended(d["timestampAuthorities"][0]), "time stamper wasn't in force"),
        (lambda d: _ended(d["ctlogs"][0]["publicKey"]), "certificate log wasn't in force"),
        (
            lambda d: (
                d["certificateAuthorities"].append(
                    {**d["certificateAuthorities"][0], "validFor": {"start": "2099-01-01T00:00:00Z"}}
                )
                or _ended(d["certificateAuthorities"][0])
            ),
            "certificate authority wasn't in force",
        ),
        (
            lambda d: (
                d["tlogs"].append({**d["tlogs"][0], "logId": {"keyId": "AAAA"}})
                or d["tlogs"][0].update(
                    publicKey={**d["tlogs"][0]["publicKey"], "validFor": {"start": LONG_AGO, "end": YESTERDAY}}
                )
            ),
            "log wasn't in force",
        ),
    ],
)
def test_a_root_whose_authority_was_not_in_force_when_it_was_signed_can_not_tell(
    local: LocalSigstore, bundle: bytes, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    root = TrustRoot.parse(changed(local.trusted_root(), change), where="r")
    result = rejected(bundle, [replace(authority_of(local), root=root)])
    assert result.kind is RejectionKind.UNDECIDED
    assert message in result.reason


def test_a_root_whose_log_key_can_not_be_read_can_not_tell(local: LocalSigstore, bundle: bytes) -> None:
    raw = changed(local.trusted_root(), lambda d: d["tlogs"][0]["publicKey"].update(rawBytes="AAAA"))
    result = rejected(bundle, [replace(authority_of(local), root=TrustRoot.parse(raw, where="r"))])
    assert (result.kind, result.rule) == (RejectionKind.UNDECIDED, "DBOM-310")


def _flip(*path: str | int) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        holder: Any = document
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = flipped(holder[path[-1]])

    return change


MATERIAL, ENTRY = "verificationMaterial", ("verificationMaterial", "tlogEntries", 0)
REGIONS: dict[str, tuple[Callable[[dict[str, Any]], object], tuple[str, ...]]] = {
    "payload": (_flip("dsseEnvelope", "payload"), ("DBOM-305",)),
    "signature": (_flip("dsseEnvelope", "signatures", 0, "sig"), ("DBOM-305",)),
    "certificate": (_flip(MATERIAL, "certificate", "rawBytes"), ("DBOM-305", "DBOM-308", "DBOM-326")),
    "time stamp": (
        _flip(MATERIAL, "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp"),
        ("DBOM-335",),
    ),
    "log entry": (_flip(*ENTRY, "canonicalizedBody"), ("DBOM-332",)),
    "promise": (_flip(*ENTRY, "inclusionPromise", "signedEntryTimestamp"), ("DBOM-332",)),
    "log id": (_flip(*ENTRY, "logId", "keyId"), ("DBOM-338",)),
    "root hash": (_flip(*ENTRY, "inclusionProof", "rootHash"), ("DBOM-330",)),
    "log index": (lambda d: d[MATERIAL]["tlogEntries"][0].update(logIndex="7"), ("DBOM-332",)),
    "log time": (lambda d: d[MATERIAL]["tlogEntries"][0].update(integratedTime="1700000000"), ("DBOM-332",)),
    "tree size": (lambda d: d[MATERIAL]["tlogEntries"][0]["inclusionProof"].update(treeSize="9"), ("DBOM-330",)),
    "checkpoint": (
        lambda d: d[MATERIAL]["tlogEntries"][0]["inclusionProof"]["checkpoint"].update(
            envelope="x\n1\nAA==\n\n— x AAAAAAAA\n"
        ),
        ("DBOM-331",),
    ),
    "name of the log": (
        lambda d: d[MATERIAL]["tlogEntries"][0]["inclusionProof"]["checkpoint"].update(
            envelope=d[MATERIAL]["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"].replace("— ", "— x")
        ),
        ("DBOM-331",),
    ),
    "entry kind": (lambda d: d[MATERIAL]["tlogEntries"][0]["kindVersion"].update(kind="intoto"), ("DBOM-332",)),
    "no promise": (lambda d: d[MATERIAL]["tlogEntries"][0].pop("inclusionPromise"), ()),
    "no log entry": (lambda d: d[MATERIAL].update(tlogEntries=[]), ("DBOM-329",)),
    "no proof": (lambda d: d[MATERIAL]["tlogEntries"][0].pop("inclusionProof"), ("DBOM-329",)),
    "payload type": (lambda d: d["dsseEnvelope"].update(payloadType="text/plain"), ("DBOM-301",)),
}


@pytest.mark.parametrize("region", REGIONS)
def test_one_change_anywhere_is_refused_as_broken(local: LocalSigstore, bundle: bytes, region: str) -> None:
    change, rules = REGIONS[region]
    raw = changed(bundle, change)
    if not rules:
        # Without its promise an entry's index is bound by the proof, and the time by the time stamp.
        assert verified(raw, [authority_of(local)]).log_index == 0
        return
    result = rejected(raw, [authority_of(local)])
    assert result.kind is RejectionKind.BROKEN, result
    assert result.rule in rules


def test_a_bundle_with_nothing_left_that_says_when_is_refused(local: LocalSigstore, bundle: bytes) -> None:
    def timeless(document: dict[str, Any]) -> None:
        document[MATERIAL]["tlogEntries"][0].pop("inclusionPromise")
        document[MATERIAL].pop("timestampVerificationData")

    assert rejected(changed(bundle, timeless), [authority_of(local)]).rule == "DBOM-334"


def test_an_unbound_log_index_is_refused(local: LocalSigstore, bundle: bytes) -> None:
    def unbound(document: dict[str, Any]) -> None:
        document[MATERIAL]["tlogEntries"][0].pop("inclusionPromise")
        document[MATERIAL]["tlogEntries"][0]["logIndex"] = "5"

    assert "nothing binds the log index" in rejected(changed(bundle, unbound), [authority_of(local)]).reason


def test_a_certificate_of_another_bundle_is_refused(local: LocalSigstore, other: LocalSigstore, bundle: bytes) -> None:
    theirs = json.loads(other.signer(now=clock).sign(STATEMENT))[MATERIAL]["certificate"]
    raw = changed(bundle, lambda d: d[MATERIAL].update(certificate=theirs))
    assert rejected(raw, [authority_of(local)]).rule == "DBOM-305"


def test_broken_json_is_broken(local: LocalSigstore) -> None:
    result = rejected(b"{", [authority_of(local)])
    assert (result.kind, result.rule, result.statement) == (RejectionKind.BROKEN, "DBOM-304", None)


# Bare keys


KEYS: dict[str, Callable[[], Any]] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA": lambda: rsa.generate_private_key(65537, 3072),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_bare_key_is_verified_and_shows_neither_log_nor_time(kind: str) -> None:
    key = KEYS[kind]()
    result = verified(key_signed(STATEMENT.payload, key), [Authority("k", key_pem=public_pem(key))])
    assert isinstance(result.signer, KeyIdentity)
    assert (result.time.basis, result.time.at, result.log_index, result.root) == (TimeBasis.NONE, None, None, "")


def test_a_hint_is_opaque() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    raw = key_signed(STATEMENT.payload, key, hint="whatever")
    assert verified(raw, [Authority("k", key_pem=public_pem(key))]).statement == STATEMENT


@pytest.mark.parametrize("region", ["payload", "signature"])
def test_a_changed_bundle_of_the_expected_key_is_broken(region: str) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    raw = changed(key_signed(STATEMENT.payload, key), REGIONS[region][0])
    if region == "payload":
        # one that can still be read
        other = statement_about(Digest(Kind.FILE, "b" * 64)).payload
        raw = changed(
            key_signed(STATEMENT.payload, key),
            lambda d: d["dsseEnvelope"].update(payload=base64.b64encode(other).decode()),
        )
    result = rejected(raw, [Authority("k", key_pem=public_pem(key))])
    assert (result.kind, result.rule) == (RejectionKind.BROKEN, "DBOM-305")


def test_another_key_is_untrusted() -> None:
    key, expected = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    result = rejected(key_signed(STATEMENT.payload, key), [Authority("k", key_pem=public_pem(expected))])
    assert (result.kind, result.rule) == (RejectionKind.UNTRUSTED, "DBOM-306")


def test_a_key_says_nothing_about_keyless_bundles_nor_an_identity_about_keys(
    local: LocalSigstore, bundle: bytes
) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    assert rejected(bundle, [Authority("k", key_pem=public_pem(key))]).kind is RejectionKind.UNTRUSTED
    assert rejected(key_signed(STATEMENT.payload, key), [authority_of(local)]).kind is RejectionKind.UNTRUSTED


@pytest.mark.parametrize("payload", [b"hello", b'{"_type":"x"}', b"[]"])
def test_a_signed_payload_that_is_no_statement_is_broken(payload: bytes) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    result = rejected(key_signed(payload, key), [Authority("k", key_pem=public_pem(key))])
    assert (result.kind, result.rule) == (RejectionKind.BROKEN, "DBOM-301")


def _private_pem(key: ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("pem", "message"),
    [
        (lambda: b"not a key", "no public key in PEM"),
        (lambda: _private_pem(ed25519.Ed25519PrivateKey.generate()), "private key"),
        (lambda: public_pem(rsa.generate_private_key(65537, 2048)), "aren't checked with here"),
        (lambda: public_pem(ec.generate_private_key(ec.SECP256K1())), "aren't checked with here"),
    ],
)
def test_a_key_that_can_not_be_used_is_said_at_once(pem: Callable[[], bytes], message: str) -> None:
    raw = key_signed(STATEMENT.payload, ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(DocumentError, match=message):
        verify_bundle(raw, [Authority("k", key_pem=pem())], where="x", now=clock())


def test_only_the_verifier_makes_verified_statements() -> None:
    made = [
        path.name
        for path in Path(verify_bundle.__code__.co_filename).parent.rglob("*.py")
        if "VerifiedStatement(" in path.read_text().replace("isinstance(", "")
        and "class VerifiedStatement" not in path.read_text()
    ]
    assert made == ["verifying.py"]
