"""A certificate authority of one's own and a time-stamp authority, for tests of certificates that sign."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["OwnAuthority"]

_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OwnAuthority:
    """A root with an intermediate. `chain(key)` is the PEM chain of a signer's certificate."""

    root_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    start: datetime = _START

    @property
    def authorities(self) -> bytes:
        """Return the PEM chain from the intermediate to the root."""
        return b"".join(item.public_bytes(Encoding.PEM) for item in (self._intermediate(), self._root()))

    def chain(
        self,
        key: ec.EllipticCurvePublicKey | Ed25519PublicKey,
        *,
        emails: tuple[str, ...] = ("ann@example.org",),
        days: int = 365,
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
    ) -> bytes:
        """Return the chain of a signer with this key: their certificate, the intermediate, the root."""
        builder = (
            _builder("", "own intermediate", key, self.start, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if emails:
            names = x509.SubjectAlternativeName([x509.RFC822Name(email) for email in emails])
            builder = builder.add_extension(names, critical=True)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM) + self.authorities

    def _intermediate(self) -> x509.Certificate:
        public = self.key.public_key()
        builder = _builder("own intermediate", "own root", public, self.start, 3650)
        return _authority(builder, public, self.root_key, 0)

    def _root(self) -> x509.Certificate:
        public = self.root_key.public_key()
        return _authority(_builder("own root", "own root", public, self.start, 3650), public, self.root_key, 1)


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePublicKey | Ed25519PublicKey, start: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )


def _authority(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePublicKey, issuer: ec.EllipticCurvePrivateKey, length: int
) -> x509.Certificate:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
        .sign(issuer, hashes.SHA256())
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs,
        crl_sign=not signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])
