"""The keys and certificates of a private Sigstore and of the services around it, made anew for each stack."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

    Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    CaKey = ec.EllipticCurvePrivateKey

__all__ = [
    "Keys",
    "certificate_pem",
    "issued",
    "make_keys",
    "private_pem",
    "public_pem",
    "self_signed",
    "serving_certificate",
]

PASSWORD = "made-up"
"""What Fulcio's key is encrypted with: Fulcio takes no plain one."""

_BACK, _AHEAD = timedelta(hours=1), timedelta(days=3650)
_NO_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Where each key of a private Sigstore lies; `web_*` are for what speaks TLS."""

    folder: Path

    @property
    def start(self) -> str:
        """Return since when they are valid, as cosign writes it."""
        return (self.folder / "start").read_text()

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)


def make_keys(folder: Path) -> Keys:
    """Make every key and certificate that the servers need, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    fulcio, tsa_root, tsa, web_ca = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    encrypted = BestAvailableEncryption(PASSWORD.encode())
    files = {
        "fulcio.pem": certificate_pem(self_signed("made-up Fulcio", fulcio)),
        "fulcio.key": private_pem(fulcio, encrypted),
        **_log_keys(),
        **_stamping(tsa_root, tsa),
        "web-ca.pem": certificate_pem(web_root := self_signed("made-up web", web_ca)),
        **serving_certificate("web", web_ca, web_root, ("127.0.0.1", "localhost")),
        "start": (datetime.now(UTC) - _BACK).strftime("%Y-%m-%dT%H:%M:%SZ").encode(),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return Keys(folder)


def _log_keys() -> dict[str, bytes]:
    ct, rekor = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    return {
        "ct.der": ct.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        "ct.pub": public_pem(ct),
        "rekor.key": private_pem(rekor),
        "rekor.pub": public_pem(rekor),
    }


def _stamping(root_key: CaKey, leaf_key: CaKey) -> dict[str, bytes]:
    root = self_signed("made-up TSA root", root_key)
    leaf = _builder("made-up TSA", root.subject, leaf_key.public_key())
    leaf = leaf.add_extension(x509.KeyUsage(**{**_NO_USAGE, "digital_signature": True}), critical=True)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    signed = leaf.sign(root_key, hashes.SHA256())
    return {"tsa.key": private_pem(leaf_key), "tsa-chain.pem": certificate_pem(signed) + certificate_pem(root)}


def self_signed(name: str, key: CaKey) -> x509.Certificate:
    """Return a certificate authority's own certificate."""
    builder = _builder(name, _named(name), key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
    usage = x509.KeyUsage(**{**_NO_USAGE, "key_cert_sign": True, "crl_sign": True})
    return builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())


def serving_certificate(
    stem: str, ca_key: CaKey, ca: x509.Certificate, names: tuple[str, ...], *, lasts: timedelta = _AHEAD
) -> dict[str, bytes]:
    """Return `STEM.pem` and `STEM.key`: a TLS server's, for these host names and addresses; `lasts` may be past."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(names[0], ca.subject, key.public_key(), lasts)
    alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
    builder = builder.add_extension(alternatives, critical=False)
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = builder.add_extension(by, critical=False)  # Python 3.13 takes none without (RFC 5280, 4.2.1.1)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    signed = builder.sign(ca_key, hashes.SHA256())
    return {f"{stem}.pem": certificate_pem(signed), f"{stem}.key": private_pem(key)}


def issued(ca_key: CaKey, ca: x509.Certificate, public: ec.EllipticCurvePublicKey, email: str) -> x509.Certificate:
    """Return the certificate by which an authority of one's own lets the owner of an e-mail address sign code."""
    builder = _builder(email, ca.subject, public)
    names = x509.SubjectAlternativeName([x509.RFC822Name(email)])
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
    )
    usage = x509.KeyUsage(**{**_NO_USAGE, "digital_signature": True})
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    return builder.sign(ca_key, hashes.SHA256())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    name: str, issuer: x509.Name, public: ec.EllipticCurvePublicKey, lasts: timedelta = _AHEAD
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "dbom tests"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate in PEM."""
    return certificate.public_bytes(Encoding.PEM)


def private_pem(key: Key, encryption: KeySerializationEncryption | None = None) -> bytes:
    """Return a private key as PKCS#8 in PEM, plain unless told otherwise."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def public_pem(key: Key) -> bytes:
    """Return the public half in PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
