"""Verifying keyless bundles: certificate, SCT, log entry and times, each under one authority's own trust root.

sigstore-python's verifier does the steps of the Sigstore client specification. What it leaves out is checked here:
that every time stamp holds (it is content with one good time), that the authority and the logs were in force at the
time, that the tree head is the one of the inclusion proof, and that a scoped root vouches for its own issuer alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from attest.certificates import identity_of, load_certificate
from attest.dsse import pre_authentication_encoding
from attest.verified import SignedTime, TimeBasis
from dbom.errors import EvidenceError, TrustError
from dbom.printable import printable
from dbom.rules.attestations import (
    ISSUER_OUT_OF_SCOPE,
    MATERIAL_INVALID,
    SIGNATURE_INVALID,
    TRUST_ROOT_EXPIRED,
    TRUST_ROOT_MALFORMED,
)

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import Verifier as StampVerifier
    from sigstore.verify import Verifier

    from attest.bundle import Bundle, LogEntry
    from attest.identity import Identity
    from attest.trust import TrustedChain, TrustRoot

__all__ = ["KeylessEvidence", "check_keyless", "claims_root", "holds_by_itself"]

_WRAPPED: Final = (
    b'{"mediaType":"application/vnd.dev.sigstore.clienttrustconfig.v0.1+json","trustedRoot":',
    b',"signingConfig":{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}}',
)


@dataclass(frozen=True, slots=True)
class KeylessEvidence:
    """What a keyless bundle showed under a trust root: its signer, its time and its place in the log."""

    signer: Identity
    time: SignedTime
    log_index: int


def holds_by_itself(bundle: Bundle, *, where: str) -> Identity:
    """Check all that needs no trust: that the certificate can be read, and that its key signed the payload.

    Returns the identity that the certificate claims. Raises `EvidenceError` where something doesn't hold.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  heavy
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  heavy
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  heavy

    certificate = _certificate(bundle, where)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise EvidenceError(MATERIAL_INVALID, "the certificate's key isn't ECDSA", where=where)
    signed = pre_authentication_encoding(bundle.payload_type, bundle.payload)
    try:
        key.verify(bundle.signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise EvidenceError(
            SIGNATURE_INVALID, "the signature isn't one of this payload by the bundle's certificate", where=where
        ) from error
    return identity_of(certificate, where=where)


def claims_root(bundle: Bundle, root: TrustRoot, *, where: str) -> bool:
    """Return whether the certificate says that one of the root's authorities issued it. It is only a claim."""
    return bool(_issuing(_certificate(bundle, where), root, where))


def check_keyless(bundle: Bundle, root: TrustRoot, *, where: str, now: datetime) -> KeylessEvidence:
    """Check certificate, SCT, log entry, times and issuer of a bundle under `root` alone.

    Whether its signer is an expected one is for the caller to say. Raises `EvidenceError` where something doesn't
    hold, and `TrustError` where the root can't say (any more).
    """
    certificate = _certificate(bundle, where)
    signer = identity_of(certificate, where=where)
    # 1. The steps of the client specification.
    _verified_by_sigstore(bundle, root, signer, where)
    # 2. Every time stamp holds, not just one.
    entry = bundle.log_entries[0]
    stamped = [_stamped(der, bundle.signature, root, where) for der in bundle.time_stamps]
    logged = datetime.fromtimestamp(entry.integrated_time, UTC) if entry.integrated_time and entry.promised else None
    times = [*stamped, *([logged] if logged else [])]
    # 3. The log entry is bound: its index by a promise or by the proof, its tree head to the proof.
    _check_entry(entry, where)
    # 4. A scoped root vouches for its own issuer alone.
    if root.issuer_scope is not None and signer.issuer != root.issuer_scope:
        raise EvidenceError(
            ISSUER_OUT_OF_SCOPE,
            "a local root minted another issuer's identity",
            where=where,
            got=str(signer),
            expected=f"issuer {printable(root.issuer_scope)}",
        )
    # 5. The root can speak now, and could at the time.
    _check_windows(certificate, entry, times, root, where=where, now=now)
    _check_certificate_logs(certificate, root, where)
    return KeylessEvidence(signer, _time(stamped, times, root), entry.index)


def _certificate(bundle: Bundle, where: str) -> Certificate:
    if bundle.certificate is None:
        raise EvidenceError(MATERIAL_INVALID, "the bundle names no certificate", where=where)
    return load_certificate(bundle.certificate, where=where)


def _verified_by_sigstore(bundle: Bundle, root: TrustRoot, signer: Identity, where: str) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  heavy
    from cryptography.x509 import ExtensionNotFound  # noqa: PLC0415  heavy
    from sigstore.errors import Error  # noqa: PLC0415  heavy
    from sigstore.models import Bundle as SigstoreBundle  # noqa: PLC0415  heavy

    verifier = _verifier(root.raw)
    try:
        payload_type, payload = verifier.verify_dsse(SigstoreBundle.from_json(bundle.raw), _SameSigner(signer, where))
    except (Error, EvidenceError, ExtensionNotFound, UnsupportedAlgorithm, ValueError, ArithmeticError) as error:
        raise EvidenceError(MATERIAL_INVALID, _first_line(error), where=where) from error
    if (payload_type, payload) != (bundle.payload_type, bundle.payload):
        raise EvidenceError(MATERIAL_INVALID, "two readers see two payloads", where=where)


@dataclass(frozen=True, slots=True)
class _SameSigner:
    """sigstore's policy protocol: the certificate that its verifier checks names the signer that we read."""

    signer: Identity
    where: str

    def verify(self, cert: Certificate) -> None:
        """Raise `EvidenceError` where the certificate names another signer."""
        if identity_of(cert, where=self.where) != self.signer:
            raise EvidenceError(MATERIAL_INVALID, "two readers see two signers", where=self.where)


@lru_cache(maxsize=16)
def _verifier(raw_root: bytes) -> Verifier:
    """Return sigstore's verifier for a trust root. Raises `TrustError` where sigstore can't read the root.

    The public reader of trusted roots takes a file; the one of client trust configs takes bytes, so the root goes in
    as part of one.
    """
    from sigstore.errors import Error  # noqa: PLC0415  heavy
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415  heavy
    from sigstore.verify import Verifier  # noqa: PLC0415  heavy

    try:
        config = ClientTrustConfig.from_json((_WRAPPED[0] + raw_root + _WRAPPED[1]).decode())
        return Verifier(trusted_root=config.trusted_root)
    except (Error, ValueError) as error:
        raise TrustError(TRUST_ROOT_MALFORMED, f"not a usable trust root: {_first_line(error)}") from error


def _stamped(der: bytes, signature: bytes, root: TrustRoot, where: str) -> datetime:
    """Return the time in an RFC 3161 response that one of the root's time stampers signed over `signature`."""
    from rfc3161_client import VerificationError, decode_timestamp_response  # noqa: PLC0415  heavy

    fault: Exception | None = None
    for chain in root.time_stampers:
        try:
            # Decoded anew each time: the library's verifier takes parts out of what it checks.
            response = decode_timestamp_response(der)
            _stamp_verifier(chain, where).verify_message(response, signature)
            moment: datetime = response.tst_info.gen_time
        except (VerificationError, ValueError) as error:
            fault = error
            continue
        if chain.window.holds(moment):
            return moment
        raise TrustError(
            TRUST_ROOT_EXPIRED, "the time stamper wasn't in force at the time", where=where, got=_shown(moment)
        )
    raise EvidenceError(MATERIAL_INVALID, "a time stamp doesn't hold", where=where) from fault


def _stamp_verifier(chain: TrustedChain, where: str) -> StampVerifier:
    from rfc3161_client import VerifierBuilder  # noqa: PLC0415  heavy

    leaf, *others = [load_certificate(der, where=where) for der in chain.certificates]
    builder = VerifierBuilder().tsa_certificate(leaf)
    for certificate in others[:-1]:
        builder = builder.add_intermediate_certificate(certificate)
    return builder.add_root_certificate(others[-1] if others else leaf).build()


def _check_entry(entry: LogEntry, where: str) -> None:
    head, _, signatures = (entry.checkpoint or "").partition("\n\n")
    origin, size = [*head.split("\n"), "", ""][:2]
    if size != str(entry.tree_size):
        raise EvidenceError(MATERIAL_INVALID, "the log's tree head is of another size than the proof", where=where)
    # A log signs under the name that its origin begins with (Rekor's adds the number of the tree).
    if not any(line.startswith(f"\u2014 {origin.split(' - ')[0]} ") for line in signatures.split("\n")):
        raise EvidenceError(MATERIAL_INVALID, "the log's tree head isn't signed under the log's name", where=where)
    if not entry.promised and entry.index != entry.proof_index:
        raise EvidenceError(MATERIAL_INVALID, "nothing binds the log index", where=where)


def _check_windows(
    certificate: Certificate,
    entry: LogEntry,
    times: list[datetime],
    root: TrustRoot,
    *,
    where: str,
    now: datetime,
) -> None:
    if root.expired(now):
        raise TrustError(TRUST_ROOT_EXPIRED, "the trust root has expired", where=where, got=f"now {_shown(now)}")
    for moment in times:
        if not any(chain.window.holds(moment) for chain in _issuing(certificate, root, where)):
            raise TrustError(
                TRUST_ROOT_EXPIRED,
                "the certificate authority wasn't in force when this was signed",
                where=where,
                got=_shown(moment),
            )
        if not any(log.window.holds(moment) for log in root.logs if log.log_id == entry.log_id):
            raise TrustError(
                TRUST_ROOT_EXPIRED, "the log wasn't in force when this was signed", where=where, got=_shown(moment)
            )


def _check_certificate_logs(certificate: Certificate, root: TrustRoot, where: str) -> None:
    """Check that each certificate log that vouches was in force; sigstore takes the keys of retired ones too."""
    from cryptography.x509 import PrecertificateSignedCertificateTimestamps  # noqa: PLC0415  heavy

    stamps = certificate.extensions.get_extension_for_class(PrecertificateSignedCertificateTimestamps).value
    for stamp in stamps:
        moment = stamp.timestamp.replace(tzinfo=UTC)
        if not any(log.window.holds(moment) for log in root.certificate_logs if log.log_id == stamp.log_id):
            raise TrustError(
                TRUST_ROOT_EXPIRED,
                "the certificate log wasn't in force when the certificate was issued",
                where=where,
                got=_shown(moment),
            )


def _issuing(certificate: Certificate, root: TrustRoot, where: str) -> list[TrustedChain]:
    return [
        chain
        for chain in root.authorities
        if any(load_certificate(der, where=where).subject == certificate.issuer for der in chain.certificates)
    ]


def _time(stamped: list[datetime], times: list[datetime], root: TrustRoot) -> SignedTime:
    """Return the latest time that was shown: a signature is no younger than that by anybody's word."""
    by = "time stamp authority" if stamped else "transparency log"
    if root.is_local:
        return SignedTime(TimeBasis.SELF_ASSERTED, max(times), "this signer's own " + by)
    return SignedTime(TimeBasis.TRUSTED, max(stamped or times), by)


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return printable(text[0]) if text else type(error).__name__


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
