"""Whether an authority issued a certificate: its chain at a time, its use, and its certificate timestamp.

Path validation is that of RFC 5280, section 6, by `cryptography`, with the root certificates of the trust root as the
only anchors and the time of the signature in the place of now; certificate timestamps are those of RFC 6962, section 3.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from attest.certificates import load_certificate
from attest.verifier.key_verifying import signature_holds
from attest.verifier.log_proof import load_log_key, windows_of
from dbom.errors import EvidenceError, TrustError
from dbom.printable import printable
from dbom.rules.attestations import (
    CERTIFICATE_EXPIRED,
    CERTIFICATE_TIMESTAMP,
    CERTIFICATE_UNTRUSTED,
    TIME_IN_FUTURE,
    TRUST_ROOT_EXPIRED,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography.x509 import Certificate
    from cryptography.x509.certificate_transparency import SignedCertificateTimestamp
    from cryptography.x509.verification import ExtensionPolicy, Store

    from attest.trust import TrustedChain, TrustRoot

__all__ = ["Issued", "check_certificate_timestamp", "check_issued", "issuing_chains"]


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that holds under a root: the certificate that issued it, and the root certificate it rests on."""

    issuer: Certificate = field(repr=False)
    anchor: Certificate = field(repr=False)


def check_issued(certificate: Certificate, root: TrustRoot, moments: Iterable[datetime], *, where: str) -> Issued:
    """Check that one of the root's authorities issued a certificate for signing, valid at each of `moments`.

    Raises `EvidenceError` where it didn't, or where the certificate wasn't valid then, and `TrustError` where the
    authority wasn't in force.
    """
    _check_use(certificate, where)
    found: Issued | None = None
    for moment in moments:
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            raise EvidenceError(
                CERTIFICATE_EXPIRED,
                "the certificate wasn't valid when this was signed",
                where=where,
                got=_shown(moment),
                expected=f"from {_shown(certificate.not_valid_before_utc)} to"
                f" {_shown(certificate.not_valid_after_utc)}",
            )
        found = _issued(certificate, root, moment, where)
    if found is None:
        raise EvidenceError(CERTIFICATE_UNTRUSTED, "there is no time to judge the certificate at", where=where)
    return found


def issuing_chains(certificate: Certificate, root: TrustRoot) -> list[TrustedChain]:
    """Return the root's authorities that a certificate names as its issuer. It is only a claim."""
    return [
        chain
        for chain in root.authorities
        if any(_trusted(der).subject == certificate.issuer for der in chain.certificates)
    ]


def check_certificate_timestamp(
    certificate: Certificate, issuer: Certificate, root: TrustRoot, *, where: str, now: datetime
) -> None:
    """Check that a certificate carries exactly one SCT, signed by a certificate log of the root that was in force.

    `now` is the latest time that it may be of (RFC 6962, section 5.2).

    Raises `EvidenceError` where it doesn't hold, `TrustError` where the log wasn't in force.
    """
    stamp = _only_timestamp(certificate, where)
    log = next((log for log in root.certificate_logs if log.log_id == stamp.log_id), None)
    if log is None:
        raise EvidenceError(
            CERTIFICATE_TIMESTAMP,
            "the certificate timestamp is of a log that the trust root doesn't name",
            where=where,
            got=stamp.log_id.hex(),
            expected=" or ".join(known.log_id.hex() for known in root.certificate_logs) or "none",
        )
    moment = _moment(stamp, now, where)
    signed = _timestamp_entry(stamp, moment, certificate, issuer)
    if not _is_sha256(stamp) or not signature_holds(load_log_key(log.key), stamp.signature, signed):
        raise EvidenceError(
            CERTIFICATE_TIMESTAMP, "the certificate timestamp isn't one of this certificate", where=where
        )
    if not any(window.holds(moment) for window in windows_of(root.certificate_logs, log.log_id)):
        raise TrustError(
            TRUST_ROOT_EXPIRED,
            "the certificate log wasn't in force when the certificate was issued",
            where=where,
            got=_shown(moment),
        )


def _check_use(certificate: Certificate, where: str) -> None:
    from cryptography.x509 import BasicConstraints, ExtendedKeyUsage, ExtensionNotFound, KeyUsage  # noqa: PLC0415  heavy
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415  heavy

    try:
        usage = certificate.extensions.get_extension_for_class(KeyUsage).value
        extended = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound as error:
        raise EvidenceError(CERTIFICATE_UNTRUSTED, "the certificate doesn't say what it is for", where=where) from error
    if not usage.digital_signature or ExtendedKeyUsageOID.CODE_SIGNING not in extended:
        raise EvidenceError(CERTIFICATE_UNTRUSTED, "the certificate isn't one for signing code", where=where)
    constraints = [item.value for item in certificate.extensions if isinstance(item.value, BasicConstraints)]
    if any(item.ca for item in constraints):
        raise EvidenceError(
            CERTIFICATE_UNTRUSTED, "the certificate is one of an authority, not a signer's", where=where
        )


def _issued(certificate: Certificate, root: TrustRoot, moment: datetime, where: str) -> Issued:
    """Return what a chain to one of the anchors found at `moment`, by an authority that was in force then."""
    from cryptography.x509 import UnsupportedGeneralNameType  # noqa: PLC0415  heavy
    from cryptography.x509.verification import PolicyBuilder, VerificationError  # noqa: PLC0415  heavy

    fault: Exception | None = None
    late = False
    for chain in root.authorities:
        try:
            authority, signer = _policies()
            verifier = (
                PolicyBuilder()
                .store(_store(chain.certificates[-1]))
                .time(moment)
                .extension_policies(ca_policy=authority, ee_policy=signer)
                .build_client_verifier()
            )
            path = verifier.verify(certificate, [_trusted(der) for der in chain.certificates[:-1]]).chain
        except (VerificationError, UnsupportedGeneralNameType, ValueError) as error:
            fault = error
            continue
        if not _may_vouch(path):
            fault = ValueError("an authority of the chain isn't one for signing code")
            continue
        if chain.window.holds(moment):
            return Issued(path[1], path[-1])
        late = True
    if late:
        raise TrustError(
            TRUST_ROOT_EXPIRED,
            "the certificate authority wasn't in force when this was signed",
            where=where,
            got=_shown(moment),
        )
    raise EvidenceError(
        CERTIFICATE_UNTRUSTED,
        f"no authority of the trust root issued the certificate: {printable(str(fault).partition(chr(10))[0])}",
        where=where,
    ) from fault


def _may_vouch(path: Sequence[Certificate]) -> bool:
    """Return whether the authorities between signer and anchor, where they say what they are for, may name signers.

    RFC 5280 leaves open what an extended key usage of an authority bounds; OpenSSL and Go let it bound what is issued.
    """
    from cryptography.x509 import ExtendedKeyUsage  # noqa: PLC0415  heavy
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415  heavy

    accepted = {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    uses = [
        item.value
        for authority in path[1:-1]
        for item in authority.extensions
        if isinstance(item.value, ExtendedKeyUsage)
    ]
    return not any(accepted.isdisjoint(use) for use in uses)


@lru_cache(maxsize=1)
def _policies() -> tuple[ExtensionPolicy, ExtensionPolicy]:
    """Return the extensions that are looked for: those of the web, but for the use, which is signing code here."""
    from cryptography.x509 import ExtendedKeyUsage  # noqa: PLC0415  heavy
    from cryptography.x509.verification import Criticality, ExtensionPolicy  # noqa: PLC0415  heavy

    return (
        ExtensionPolicy.webpki_defaults_ca().may_be_present(ExtendedKeyUsage, Criticality.AGNOSTIC, None),
        ExtensionPolicy.webpki_defaults_ee().may_be_present(ExtendedKeyUsage, Criticality.AGNOSTIC, None),
    )


@lru_cache(maxsize=64)
def _store(anchor: bytes) -> Store:
    from cryptography.x509.verification import Store  # noqa: PLC0415  heavy

    return Store([_trusted(anchor)])


@lru_cache(maxsize=256)
def _trusted(der: bytes) -> Certificate:
    """Read a certificate of a trust root; they are few, and read for every bundle."""
    return load_certificate(der, where="the trust root")


def _only_timestamp(certificate: Certificate, where: str) -> SignedCertificateTimestamp:
    from cryptography.x509 import ExtensionNotFound, PrecertificateSignedCertificateTimestamps  # noqa: PLC0415  heavy

    try:
        stamps = list(certificate.extensions.get_extension_for_class(PrecertificateSignedCertificateTimestamps).value)
    except ExtensionNotFound:
        stamps = []
    if len(stamps) != 1:
        raise EvidenceError(
            CERTIFICATE_TIMESTAMP,
            "the certificate doesn't carry exactly one certificate timestamp",
            where=where,
            got=str(len(stamps)),
            expected="1",
        )
    stamp: SignedCertificateTimestamp = stamps[0]
    return stamp


def _moment(stamp: SignedCertificateTimestamp, now: datetime, where: str) -> datetime:
    """Return when a certificate timestamp says that it was made; no later than `now`."""
    try:
        moment = stamp.timestamp.replace(tzinfo=UTC)
    except ValueError:  # beyond the year 9999
        moment = datetime.max.replace(tzinfo=UTC)
    if moment > now:
        raise EvidenceError(
            TIME_IN_FUTURE,
            "the certificate timestamp is of the future",
            where=where,
            got=_shown(moment),
            expected=f"at most {_shown(now)}",
        )
    return moment


def _is_sha256(stamp: SignedCertificateTimestamp) -> bool:
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415  heavy

    return isinstance(stamp.signature_hash_algorithm, SHA256)


def _timestamp_entry(
    stamp: SignedCertificateTimestamp, moment: datetime, certificate: Certificate, issuer: Certificate
) -> bytes:
    """Return the bytes that a certificate log signs: `digitally-signed` of RFC 6962, section 3.2, of a precertificate.

    The issuer is the one of the chain that was validated, not any of its name.
    """
    body = certificate.tbs_precertificate_bytes
    milliseconds = round(moment.timestamp() * 1000)
    head = struct.pack(">BBQH", 0, 0, milliseconds, 1)
    extensions = stamp.extension_bytes
    return (
        head + _key_hash(issuer) + len(body).to_bytes(3, "big") + body + struct.pack(">H", len(extensions)) + extensions
    )


@lru_cache(maxsize=64)
def _key_hash(issuer: Certificate) -> bytes:
    """Return the sha256 of an issuer's SubjectPublicKeyInfo; they are few, and asked for every bundle."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  heavy

    return hashlib.sha256(issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
