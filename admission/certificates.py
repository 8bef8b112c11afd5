"""A throw-away authority and serving certificate for localhost, to try the webhook without a cluster."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from dbom.errors import PathError
from dbom.rules.admission import SERVER_SETUP

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.x509 import Certificate, CertificateBuilder

__all__ = ["SelfSigned", "write_self_signed"]

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
class SelfSigned:
    """The files of a throw-away certificate: what a client is given, and what the server loads."""

    authority: Path
    certificate: Path
    key: Path


def write_self_signed(folder: Path, *, now: datetime) -> SelfSigned:
    """Make a certificate authority, sign a certificate for localhost with it, and forget the authority's key.

    Valid for a week. The key is readable by its owner alone. Raises `PathError` where the folder can't be written.
    """
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415  heavy, and only this needs it
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, now)
    serving = _serving(key.public_key(), authority_key, now)
    files = SelfSigned(folder / "ca.crt", folder / "tls.crt", folder / "tls.key")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files.authority.write_bytes(authority.public_bytes(Encoding.PEM))
        files.certificate.write_bytes(serving.public_bytes(Encoding.PEM))
        _write_private(files.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    except OSError as error:
        raise PathError(SERVER_SETUP, f"can't be written: {error.strerror}", where=str(folder)) from error
    return files


def _authority(key: EllipticCurvePrivateKey, now: datetime) -> Certificate:
    from cryptography import x509  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  heavy, and only this needs it

    return (
        _builder(_AUTHORITY, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **_NO_USAGE), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _serving(key: EllipticCurvePublicKey, authority_key: EllipticCurvePrivateKey, now: datetime) -> Certificate:
    from cryptography import x509  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415  heavy, and only this needs it

    names = [*map(x509.DNSName, _NAMES), *(x509.IPAddress(ip_address(text)) for text in _ADDRESSES)]
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder(_NAMES[0], key, now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **_NO_USAGE), critical=True
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(name: str, key: EllipticCurvePublicKey, now: datetime) -> CertificateBuilder:
    from cryptography import x509  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.x509.oid import NameOID  # noqa: PLC0415  heavy, and only this needs it

    issuer, subject = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (_AUTHORITY, name))
    return (
        x509.CertificateBuilder(issuer, subject, key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_DAYS))
    )


def _write_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
