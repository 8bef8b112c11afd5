"""Certificates of an authority of our own: for a webhook in a cluster, and throw-away ones to try it without one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from dbom.errors import PathError
from dbom.rules.admission import SERVER_SETUP

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.x509 import Certificate, CertificateBuilder, GeneralName, Name

__all__ = ["Issued", "SelfSigned", "issue_serving", "make_authority", "write_self_signed"]

_DAYS: Final = 7
_AUTHORITY: Final = "dbom throw-away authority"
_NO_USAGE: Final = {
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}
_NAMES: Final = ("localhost",)
_ADDRESSES: Final = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its private key, both in PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SelfSigned:
    """The files of a throw-away certificate: what a client is given, and what the server loads."""

    authority: Path
    certificate: Path
    key: Path


def write_self_signed(folder: Path, *, now: datetime) -> SelfSigned:
    """Make a certificate authority, sign a certificate for localhost with it, and forget the authority's key.

    Valid for a week. The key is readable by its owner alone. Raises `PathError` where the folder can't be written.
    """
    authority = make_authority(_AUTHORITY, now=now, lasts=timedelta(days=_DAYS))
    serving = issue_serving(authority, (*_NAMES, *_ADDRESSES), now=now, lasts=timedelta(days=_DAYS))
    files = SelfSigned(folder / "ca.crt", folder / "tls.crt", folder / "tls.key")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files.authority.write_bytes(authority.certificate)
        files.certificate.write_bytes(serving.certificate)
        _write_private(files.key, serving.key)
    except OSError as error:
        raise PathError(SERVER_SETUP, f"can't be written: {error.strerror}", where=str(folder)) from error
    return files


def make_authority(name: str, *, now: datetime, lasts: timedelta) -> Issued:
    """Make an authority that signs certificates from five minutes ago on; its own signature is the only one on it."""
    from cryptography import x509  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  heavy, and only this needs it

    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **_NO_USAGE)
    certificate = (
        _builder(_named(name), _named(name), key.public_key(), now, lasts)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _issued(certificate, key)


def issue_serving(authority: Issued, names: Sequence[str], *, now: datetime, lasts: timedelta) -> Issued:
    """Return a serving certificate for names and addresses, with a new key. Raises `ValueError` for what is no pair."""
    from cryptography import x509  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  the same
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415  the same

    issuer, signing = x509.load_pem_x509_certificate(authority.certificate), load_pem_private_key(authority.key, None)
    if not isinstance(signing, ec.EllipticCurvePrivateKey) or signing.public_key() != issuer.public_key():
        raise ValueError("the authority's key isn't that of its certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **_NO_USAGE)
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    certificate = (
        _builder(_named(names[0]), issuer.subject, key.public_key(), now, lasts)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(by, critical=False)
        .sign(signing, hashes.SHA256())
    )
    return _issued(certificate, key)


def _issued(certificate: Certificate, key: EllipticCurvePrivateKey) -> Issued:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415  heavy, and only this needs it
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return Issued(
        certificate.public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def _general(name: str) -> GeneralName:
    from cryptography import x509  # noqa: PLC0415  heavy, and only this needs it

    return x509.IPAddress(ip_address(name)) if name in _ADDRESSES else x509.DNSName(name)


def _named(name: str) -> Name:
    from cryptography import x509  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.x509.oid import NameOID  # noqa: PLC0415  heavy, and only this needs it

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _builder(
    subject: Name, issuer: Name, key: EllipticCurvePublicKey, now: datetime, lasts: timedelta
) -> CertificateBuilder:
    from cryptography import x509  # noqa: PLC0415  heavy, and only this needs it

    return (
        x509.CertificateBuilder(issuer, subject, key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + lasts)
    )


def _write_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
