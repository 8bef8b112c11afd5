"""Bundles, certificates and trust roots as nobody honest makes them: each is refused for its reason, none is a crash.

They were found by running thousands of changed bundles past our verifier and sigstore-python's.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from made_sigstore import ISSUER, SIGNED_AT, SUBJECT, MadeSigstore, b64, fixed_key, pem_of, spki_of, written

from attest.authority import Authority
from attest.certificates import identity_of, load_certificate
from attest.dsse import early_model_encoding
from attest.identity import IdentityPattern
from attest.signers.own_certificates import OwnCertificate
from attest.statement import Statement, Subject
from attest.trust import TrustRoot
from attest.verified import Rejection, VerifiedStatement
from attest.verifier.issuing import check_issued
from attest.verifier.time_stamps import check_time_stamp
from attest.verifier.verifying import verify_bundle
from dbom.canonical import canonical_json
from dbom.errors import DocumentError, EvidenceError
from dbom.model import Digest, Kind
from dbom.names import BUNDLE_V01, DSSE_PAYLOAD_TYPE, EARLY_MODEL_PREDICATES, PREDICATE_BOM, STATEMENT_V1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.canonical import JsonObject

MADE = MadeSigstore()
NOW = SIGNED_AT + timedelta(days=1)
PAYLOAD = Statement.build(Subject.of("d", Digest(Kind.FILE, "a" * 64)), PREDICATE_BOM, {}).payload
ROOT: dict[str, Any] = MADE.trusted_root()


def verify(bundle: dict[str, Any], root: dict[str, Any] = ROOT) -> VerifiedStatement | Rejection:
    trusted = TrustRoot.parse(written(root), where="root")
    authority = Authority("a", (IdentityPattern.exact(SUBJECT, ISSUER),), trusted)
    return verify_bundle(written(bundle), [authority], where="x", now=NOW)


def refusal(bundle: dict[str, Any], root: dict[str, Any] = ROOT) -> str:
    found = verify(bundle, root)
    assert isinstance(found, Rejection)
    return f"{found.rule} {found.reason}"


def other_version(certificate: bytes) -> bytes:
    """Return a certificate that says it is of version 11."""
    return certificate.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x0a", 1)


def stamped_at(milliseconds: int) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return a certificate that holds, but for the time that its certificate log signed."""

    class Clock(MadeSigstore):
        def certificate_timestamp(self, body: bytes, issuer: x509.Certificate, at: datetime) -> bytes:
            stamp = super().certificate_timestamp(body, issuer, at)
            key = self.key("ct")
            spki = hashlib.sha256(spki_of(issuer.public_key())).digest()
            entry = struct.pack(">BBQH", 0, 0, milliseconds, 1) + spki + len(body).to_bytes(3, "big") + body + b"\0\0"
            signature = key.sign(entry, ec.ECDSA(hashes.SHA256()))
            return stamp[:33] + struct.pack(">QH2sH", milliseconds, 0, b"\x04\x03", len(signature)) + signature

    return Clock().certificate()


def test_a_certificate_of_an_unknown_version_is_refused() -> None:
    bundle: dict[str, Any] = MADE.bundle(PAYLOAD)
    one = bundle["verificationMaterial"]["certificate"]
    one["rawBytes"] = b64(other_version(base64.b64decode(one["rawBytes"])))
    assert "10 is not a valid X509 version" in refusal(bundle)


def test_a_trust_root_with_a_certificate_of_an_unknown_version_is_refused() -> None:
    root: dict[str, Any] = MADE.trusted_root()
    one = root["certificateAuthorities"][0]["certChain"]["certificates"][0]
    one["rawBytes"] = b64(other_version(base64.b64decode(one["rawBytes"])))
    with pytest.raises(DocumentError, match="can't be read"):
        TrustRoot.parse(written(root), where="root")


def test_a_chain_in_pem_with_a_certificate_of_an_unknown_version_is_refused() -> None:
    ders = [item.public_bytes(Encoding.DER) for item in MADE.authority()]
    pem = b"".join(pem_of(der, "CERTIFICATE") for der in (other_version(ders[0]), ders[1]))
    with pytest.raises(DocumentError, match="not a chain of certificates in PEM"):
        TrustRoot.of_certificates(None, pem, where="chain")
    with pytest.raises(DocumentError, match="not a chain of certificates in PEM"):
        OwnCertificate.read(pem, fixed_key("signing key"), where="chain")


def test_a_time_stamp_with_a_certificate_of_an_unknown_version_is_refused() -> None:
    stamp = other_version(MADE.time_stamp(b"signature"))
    with pytest.raises(EvidenceError, match="a time stamp doesn't hold"):
        check_time_stamp(stamp, b"signature", TrustRoot.parse(written(ROOT), where="root"), where="x")


def test_a_time_stamp_with_a_certificate_that_the_library_only_warns_of_is_refused() -> None:
    """Serial numbers of 0 aren't allowed (RFC 5280, section 4.1.2.2)."""
    serial = MADE.time_stamper()[0].serial_number
    number = serial.to_bytes((serial.bit_length() + 8) // 8, "big")
    stamp = MADE.time_stamp(b"signature").replace(number, bytes(len(number)))
    with pytest.raises(EvidenceError, match="a time stamp doesn't hold"):
        check_time_stamp(stamp, b"signature", TrustRoot.parse(written(ROOT), where="root"), where="x")


@pytest.mark.parametrize("milliseconds", [2**64 - 1, 253402300800000, 253402300799999])
def test_a_certificate_timestamp_of_the_future_is_refused(milliseconds: int) -> None:
    assert "the certificate timestamp is of the future" in refusal(
        MADE.bundle(PAYLOAD, certificate=stamped_at(milliseconds))
    )


def test_a_certificate_timestamp_of_this_minute_is_accepted() -> None:
    stamped = stamped_at(int(SIGNED_AT.timestamp()) * 1000)
    assert isinstance(verify(MADE.bundle(PAYLOAD, certificate=stamped)), VerifiedStatement)


@pytest.mark.parametrize(
    ("uses", "holds"),
    [
        ([ExtendedKeyUsageOID.SERVER_AUTH], False),
        ([ExtendedKeyUsageOID.TIME_STAMPING], False),
        ([ExtendedKeyUsageOID.CODE_SIGNING], True),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], True),
    ],
)
def test_an_authority_for_something_else_can_t_name_signers(
    uses: Sequence[x509.ObjectIdentifier], *, holds: bool
) -> None:
    """sigstore-python takes the first: the library below it doesn't look at the use of an authority in between."""
    issuer, anchor = MADE.authority()
    builder = x509.CertificateBuilder(
        issuer.issuer,
        issuer.subject,
        issuer.public_key(),
        issuer.serial_number,
        issuer.not_valid_before_utc,
        issuer.not_valid_after_utc,
    )
    for item in issuer.extensions:
        builder = builder.add_extension(item.value, critical=item.critical)
    builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    narrow = builder.sign(MADE.key("root"), hashes.SHA256())
    root: dict[str, Any] = MADE.trusted_root()
    root["certificateAuthorities"][0]["certChain"]["certificates"] = [
        {"rawBytes": b64(item.public_bytes(Encoding.DER))} for item in (narrow, anchor)
    ]
    found = verify(MADE.bundle(PAYLOAD), root)
    assert isinstance(found, VerifiedStatement) is holds
    if isinstance(found, Rejection):
        assert "an authority of the chain isn't one for signing code" in found.reason


def test_no_certificate_names_the_issuer_that_stands_for_an_authority_of_one_s_own() -> None:
    """Else one authority of a root could speak for another of it."""
    certificate, _ = MADE.certificate(issuer=f"ca:sha256:{'0' * 64}")
    with pytest.raises(EvidenceError, match="as only the verifier names authorities"):
        identity_of(certificate, where="x")


def test_a_bundle_v01_without_a_promise_is_refused() -> None:
    bundle: dict[str, Any] = MADE.bundle(PAYLOAD, media_type=BUNDLE_V01)
    assert isinstance(verify(bundle), VerifiedStatement)
    del bundle["verificationMaterial"]["tlogEntries"][0]["inclusionPromise"]
    assert "v0.1 comes without a promise" in refusal(bundle)


@pytest.mark.parametrize("hint", [False, [], 5])
def test_a_key_id_that_is_no_text_is_refused(hint: object) -> None:
    bundle: dict[str, Any] = MADE.bundle(PAYLOAD)
    bundle["dsseEnvelope"]["signatures"][0]["keyid"] = hint
    assert "keyid is missing or not a text" in refusal(bundle)


def test_a_log_of_two_windows_is_in_force_in_both_and_only_for_its_own_key() -> None:
    root: dict[str, Any] = MADE.trusted_root()
    for kind in ("tlogs", "ctlogs"):
        earlier = {**root[kind][0], "publicKey": {**root[kind][0]["publicKey"]}}
        earlier["publicKey"]["validFor"] = {"start": "2020-01-01T00:00:00Z", "end": "2020-02-01T00:00:00Z"}
        root[kind].insert(0, earlier)
    assert isinstance(verify(MADE.bundle(PAYLOAD), root), VerifiedStatement)
    foreign = b64(spki_of(fixed_key("another log").public_key()))
    for kind in ("tlogs", "ctlogs"):
        root[kind][1]["publicKey"]["rawBytes"] = foreign
        assert "in force" in refusal(MADE.bundle(PAYLOAD), root)
        root[kind][1]["publicKey"]["rawBytes"] = root[kind][0]["publicKey"]["rawBytes"]


@pytest.mark.parametrize("is_of_that_kind", [True, False])
def test_the_early_encoding_counts_for_statements_of_its_kinds_alone(*, is_of_that_kind: bool) -> None:
    """A payload that merely mentions one of them is none, by key and by certificate."""
    kind = EARLY_MODEL_PREDICATES[0]
    document: JsonObject = {
        "_type": STATEMENT_V1,
        "subject": [{"name": "d", "digest": {"sha256": hashlib.sha256(b"\xaa" * 32).hexdigest()}}],
        "predicateType": kind if is_of_that_kind else PREDICATE_BOM,
        "predicate": {
            "files": [{"name": "d", "algorithm": "sha256", "digest": "aa" * 32}],
            "shards": [{"name": "d:0:5", "algorithm": "sha256-sharded-5", "digest": "aa" * 32}],
            "mentions": kind,
        },
    }
    payload = canonical_json(document)
    key = fixed_key("signing key")
    signature = key.sign(early_model_encoding(DSSE_PAYLOAD_TYPE, payload), ec.ECDSA(hashes.SHA256()))
    bundle: dict[str, Any] = MADE.bundle(payload, key=key, log=False, stamps=())
    bundle["dsseEnvelope"]["signatures"] = [{"sig": b64(signature)}]
    authority = Authority("k", key_pem=pem_of(spki_of(key.public_key()), "PUBLIC KEY"))
    found = verify_bundle(written(bundle), [authority], where="x", now=NOW)
    assert isinstance(found, VerifiedStatement) is is_of_that_kind
    leaf, own = MADE.certificate()
    bundle = dict(MADE.bundle(payload, certificate=(leaf, own)))
    signature = own.sign(early_model_encoding(DSSE_PAYLOAD_TYPE, payload), ec.ECDSA(hashes.SHA256()))
    bundle["dsseEnvelope"]["signatures"] = [{"sig": b64(signature)}]
    assert ("the signature isn't one of this payload" in refusal(bundle)) is not is_of_that_kind


def test_a_certificate_is_judged_at_some_time() -> None:
    certificate = load_certificate(MADE.certificate()[0].public_bytes(Encoding.DER), where="x")
    with pytest.raises(EvidenceError, match="no time to judge"):
        check_issued(certificate, TrustRoot.parse(written(ROOT), where="root"), [], where="x")


def test_a_log_entry_says_its_digests_and_signatures_in_one_form() -> None:
    """The library's readers take white space, upper case and stray bits too."""
    bundle: dict[str, Any] = MADE.bundle(PAYLOAD)
    body = base64.b64decode(bundle["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"]).decode()
    digest = hashlib.sha256(PAYLOAD).hexdigest()
    signature = bundle["dsseEnvelope"]["signatures"][0]["sig"]
    for before, after in (
        (digest, f"{digest[:2]} {digest[2:]}"),
        (digest, digest.upper()),
        (signature, f"{signature}="),
    ):
        entry = MADE.log_entry(body.replace(before, after).encode(), "dsse 0.0.1")
        bundle["verificationMaterial"]["tlogEntries"] = [entry]
        assert "the log entry is about another" in refusal(bundle)
