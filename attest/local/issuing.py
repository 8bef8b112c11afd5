"""Issuing certificates as Fulcio does: short-lived, in a certificate log, with that log's timestamp in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes

from attest.local.certificates import (
    certificate_timestamp,
    precertificate_entry,
    signing_certificate,
    with_timestamp,
)

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from attest.local.log import MerkleLog

__all__ = ["CertificateAuthority"]


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """Issues certificates that live ten minutes. Whom it issues them to is the caller's to have checked.

    `chain` goes from the certificate of `key` to the root; `log` is the certificate log, whose key signs the embedded
    timestamps.
    """

    chain: tuple[x509.Certificate, ...] = field(repr=False)
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    log: MerkleLog = field(repr=False)

    def issue(
        self, name: x509.GeneralName, issuer: str, *, key: CertificatePublicKeyTypes, now: datetime
    ) -> x509.Certificate:
        """Return a certificate for `key`, which says that `issuer` knows its holder as `name`; it is logged first.

        `now` are whole seconds. Raises `SigningError` where the log is busy or damaged, `PathError` where it can't be
        written.
        """
        authority = self.chain[0]
        builder = signing_certificate(name, issuer, key=key, authority=authority, now=now)
        entry = precertificate_entry(builder.sign(self.key, hashes.SHA256()), authority, now)
        self.log.append(entry)
        timestamp = certificate_timestamp(entry, self.log.signer.key, now)
        return with_timestamp(builder, timestamp).sign(self.key, hashes.SHA256())
