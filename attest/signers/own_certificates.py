"""Certificates of one's own authority that sign: read from a PEM chain, and checked before anything is signed.

The check is the one of the verifier: a chain that holds now, for signing code, naming one identity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from attest.certificates import authority_name, identity_of, load_certificate
from attest.signers.keys import public_der
from attest.trust import TrustedChain, TrustRoot, Window
from attest.verifier.issuing import check_issued
from dbom.errors import DocumentError, EvidenceError, TrustError
from dbom.rules.attestations import CERTIFICATE_CHAIN

if TYPE_CHECKING:
    from datetime import datetime

    from attest.identity import Identity
    from attest.signers.keys import SigningKey

__all__ = ["MAX_CHAIN_BYTES", "OwnCertificate"]

MAX_CHAIN_BYTES = 256 * 1024
_MAX_CERTIFICATES = 10


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """The certificate that signs (DER), the identity that it names, its authority, and where it was read."""

    der: bytes = field(repr=False)
    identity: Identity
    authority: TrustedChain = field(repr=False)
    where: str

    @classmethod
    def read(cls, pem: bytes, key: SigningKey, *, where: str) -> Self:
        """Read a chain whose first certificate is the one for `key`, and whose last is the root.

        Raises `DocumentError` where it isn't that. Whether it can sign now is for `check` to say.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  heavy
        from cryptography.x509 import InvalidVersion, load_pem_x509_certificates  # noqa: PLC0415  heavy

        try:
            ders = [item.public_bytes(Encoding.DER) for item in load_pem_x509_certificates(pem)]
            chain = tuple(load_certificate(der, where=where) for der in ders)
        except (ValueError, InvalidVersion, EvidenceError) as error:
            raise _refused("not a chain of certificates in PEM", where) from error
        if not 1 < len(chain) <= _MAX_CERTIFICATES:
            raise _refused(f"a chain of {len(chain)}, where the signer's certificate and its root must be", where)
        if chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != public_der(key):
            raise _refused("the first certificate isn't the one of the signing key", where)
        try:
            identity = identity_of(chain[0], where=where, issued_by=authority_name(chain[-1]))
        except EvidenceError as error:
            raise _refused(error.what, where) from error
        return cls(ders[0], identity, TrustedChain(tuple(ders[1:]), Window(None, None)), where)

    def check(self, now: datetime) -> None:
        """Check that verifiers would take the certificate for a signature made now. Raises `DocumentError`."""
        try:
            check_issued(load_certificate(self.der, where=self.where), self.root(None), (now,), where=self.where)
        except (EvidenceError, TrustError) as error:
            raise DocumentError(
                CERTIFICATE_CHAIN, error.what, where=self.where, got=error.got, expected=error.expected
            ) from error

    def root(self, recorded: TrustRoot | None) -> TrustRoot:
        """Return the root by which this certificate is judged: its own authority, and who vouches for log and time."""
        return TrustRoot(
            raw=b"",
            sha256="",
            issuer_scope=None,
            authorities=(self.authority,),
            time_stampers=() if recorded is None else recorded.time_stampers,
            logs=() if recorded is None else recorded.logs,
            certificate_logs=(),
        )


def _refused(what: str, where: str) -> DocumentError:
    return DocumentError(CERTIFICATE_CHAIN, what, where=where)
