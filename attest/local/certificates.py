"""The certificates of the embedded Sigstore: its authority, short-lived leafs for signers, the time stamper's chain.

The profiles are those of Fulcio (docs/certificate-specification.md there), RFC 6962 section 3 for the embedded
certificate timestamp, and RFC 3161 section 2.3 for the time stamper.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from attest.local import der
from attest.local.ecdsa import key_id, signed
from attest.trust import local_issuer
from dbom.names import LOCAL_CA_ORGANIZATION

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

__all__ = [
    "AUTHORITY_LIFETIME",
    "LEAF_LIFETIME",
    "Party",
    "certificate_timestamp",
    "intermediate_certificate",
    "party_of",
    "precertificate_entry",
    "root_certificate",
    "signing_certificate",
    "time_stamper",
    "with_timestamp",
]

AUTHORITY_LIFETIME: Final = timedelta(days=3653)
"""How long the embedded authority lives: ten years."""

LEAF_LIFETIME: Final = timedelta(minutes=10)
"""How long a signer's certificate lives: as long as Fulcio's."""

# Fulcio's extensions that name the OIDC issuer: raw text in the older, DER in the newer one.
_ISSUER_V1: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_V2: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_SCT_LIST: Final = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")

_NAME_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Party:
    """Who a Sigstore is, as its root certificate names it: the organisation, and a URL made of the root's key."""

    organization: str
    name: str


def root_certificate(key: ec.EllipticCurvePrivateKey, now: datetime, *, party: Party | None = None) -> x509.Certificate:
    """Return the self-signed root of `party`; by default a local one, whose name is the issuer it may vouch for.

    Between it and a signer's certificate stands one other (path length 1).
    """
    return _authority(key, party or Party(LOCAL_CA_ORGANIZATION, local_issuer(key.public_key())), now, path_length=1)


def party_of(root: x509.Certificate) -> Party:
    """Return whose root this is. Raises `ValueError` where it doesn't say."""
    names = [
        [str(name.value) for name in root.subject.get_attributes_for_oid(oid)]
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    ]
    if [len(found) for found in names] != [1, 1]:
        raise ValueError("the root doesn't say whose it is")
    return Party(names[0][0], names[1][0])


def intermediate_certificate(
    root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.Certificate:
    """Return the certificate of the key that signs signers' certificates, whose name is made of that key."""
    name = _name(Party(party_of(root).organization, f"signing authority {key_id(key).hex()[:_NAME_DIGITS]}"))
    return (
        _builder(name, root.subject, key, now, root.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_issued_by(root), critical=False)
        .sign(root_key, hashes.SHA256())
    )


def _authority(
    key: ec.EllipticCurvePrivateKey, party: Party, now: datetime, *, path_length: int = 0
) -> x509.Certificate:
    name = _name(party)
    public = key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    builder = _builder(name, name, public, now, now + AUTHORITY_LIFETIME)
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )


def time_stamper(
    authority_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    *,
    organization: str = LOCAL_CA_ORGANIZATION,
) -> tuple[x509.Certificate, x509.Certificate]:
    """Return the time stamper's certificate and the root that it rests on, leaf first."""
    root = _authority(authority_key, Party(organization, "time stamps"), now)
    leaf = (
        _builder(_name(Party(organization, "time stamper")), root.subject, key, now, now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_issued_by(root), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return leaf, root


def signing_certificate(
    name: x509.GeneralName, issuer: str, *, key: CertificatePublicKeyTypes, authority: x509.Certificate, now: datetime
) -> x509.CertificateBuilder:
    """Return what the authority will sign for a signer, as yet without a certificate timestamp.

    `name` is whom `issuer` says it is, in the alternative names; the subject itself is empty, as in Fulcio's.
    """
    return (
        _builder(x509.Name([]), authority.subject, key, now, now + LEAF_LIFETIME)
        .add_extension(_key_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_issued_by(authority), critical=False)
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .add_extension(x509.UnrecognizedExtension(_ISSUER_V1, issuer.encode()), critical=False)
        .add_extension(x509.UnrecognizedExtension(_ISSUER_V2, der.utf8_string(issuer)), critical=False)
    )


def precertificate_entry(precertificate: x509.Certificate, authority: x509.Certificate, now: datetime) -> bytes:
    """Return the bytes that a certificate log signs: `digitally-signed` of RFC 6962, section 3.2.

    They are also its leaf, a `MerkleTreeLeaf` (section 3.4): the two structures have the same encoding.
    `precertificate` carries all that the final one will, but for the certificate timestamp (and no poison, which is
    left out of what is signed anyway).
    """
    key = authority.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    body = precertificate.tbs_certificate_bytes
    head = struct.pack(">BBQH", 0, 0, _milliseconds(now), 1)
    return head + key_id(key) + len(body).to_bytes(3, "big") + body + b"\x00\x00"


def certificate_timestamp(entry: bytes, key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    """Return the certificate timestamp over `precertificate_entry`, in TLS encoding (RFC 6962, section 3.2)."""
    signature = signed(entry, key)
    sha256_ecdsa = b"\x04\x03"
    head = struct.pack(">B32sQH2sH", 0, key_id(key.public_key()), _milliseconds(now), 0, sha256_ecdsa, len(signature))
    return head + signature


def with_timestamp(builder: x509.CertificateBuilder, timestamp: bytes) -> x509.CertificateBuilder:
    """Return the certificate to sign with exactly this certificate timestamp in it (RFC 6962, section 3.3)."""
    item = struct.pack(">H", len(timestamp)) + timestamp
    value = der.octet_string(struct.pack(">H", len(item)) + item)
    return builder.add_extension(x509.UnrecognizedExtension(_SCT_LIST, value), critical=False)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000


def _name(party: Party) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, party.organization),
            x509.NameAttribute(NameOID.COMMON_NAME, party.name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _issued_by(root: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
