"""Signing certificates name exactly one identity and exactly one issuer, or none counts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from attest.certificates import identity_of, load_certificate
from attest.identity import Identity
from dbom.errors import EvidenceError

EMAIL = x509.RFC822Name("alice@example.org")
URI = x509.UniformResourceIdentifier("https://github.com/o/r/.github/workflows/ci.yml@refs/heads/main")
OTHER = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), b"\x0c\x05alice")
ISSUER = "https://issuer.example.org"


def extension(version: int, text: str) -> x509.UnrecognizedExtension:
    value = text.encode() if version == 1 else b"\x0c" + bytes([len(text)]) + text.encode()
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{1 if version == 1 else 8}"), value)


V1, V2 = extension(1, ISSUER), extension(2, ISSUER)


def certificate(
    names: list[x509.GeneralName], *extensions: x509.ExtensionType, subject: x509.Name | None = None
) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2026, 1, 2, tzinfo=UTC))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    for item in extensions:
        builder = builder.add_extension(item, critical=False)
    return builder.sign(key, hashes.SHA256())


@pytest.mark.parametrize(("name", "subject"), [(EMAIL, "alice@example.org"), (URI, URI.value), (OTHER, "alice")])
@pytest.mark.parametrize("extensions", [(V1,), (V2,), (V1, V2)])
def test_one_name_and_its_issuer_are_an_identity(
    name: x509.GeneralName, subject: str, extensions: tuple[x509.ExtensionType, ...]
) -> None:
    assert identity_of(certificate([name], *extensions), where="c") == Identity(subject, ISSUER)


@pytest.mark.parametrize(
    ("names", "extensions", "message"),
    [
        ([], (V1,), "names no identity"),
        ([EMAIL, URI], (V1,), "exactly one identity"),
        ([x509.DNSName("example.org")], (V1,), "exactly one identity"),
        ([EMAIL], (), "exactly one issuer"),
        ([EMAIL], (V1, extension(2, "https://other.example.org")), "exactly one issuer"),
        ([EMAIL], (extension(1, ""),), "exactly one issuer"),
        (
            [x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), b"\x02\x01\x01")],
            (V1,),
            "can't be read",
        ),
    ],
)
def test_anything_else_is_refused(
    names: list[x509.GeneralName], extensions: tuple[x509.ExtensionType, ...], message: str
) -> None:
    with pytest.raises(EvidenceError, match=message):
        identity_of(certificate(names, *extensions), where="c")


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"x" * 100])
def test_what_is_no_certificate_is_refused(der: bytes) -> None:
    with pytest.raises(EvidenceError, match="can't be read"):
        load_certificate(der, where="c")


def test_a_name_that_no_standard_allows_is_refused() -> None:
    """The library only warns of it."""
    with pytest.warns(UserWarning, match="length"):
        name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "Neverland", _validate=False)])
    odd = certificate([EMAIL], V1, subject=name)
    with pytest.raises(EvidenceError, match="can't be read"):
        load_certificate(odd.public_bytes(Encoding.DER), where="c")
