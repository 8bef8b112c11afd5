"""Signing keys: made, written, read back, and the one signature scheme that each kind has.

ECDSA signs with the hash that matches its curve (P-256 with SHA-256, P-384 with SHA-384, P-521 with SHA-512), Ed25519
with its own: these are the pairs of Sigstore's algorithm registry, and what cosign takes.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from attest.identity import KeyIdentity
from dbom.errors import DocumentError, UsageError
from dbom.printable import printable
from dbom.rules.attestations import KEY_PASSWORD, SIGNING_KEY_UNUSABLE

__all__ = [
    "KEY_KINDS",
    "SigningKey",
    "generate_key",
    "is_encrypted",
    "key_hint",
    "key_identity",
    "load_key",
    "private_pem",
    "public_pem",
    "sign_bytes",
]

SigningKey: TypeAlias = ec.EllipticCurvePrivateKey | Ed25519PrivateKey
"""A private key that signs."""

_CURVES: Final[dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]]] = {
    "ecdsa-p256": (ec.SECP256R1(), hashes.SHA256()),
    "ecdsa-p384": (ec.SECP384R1(), hashes.SHA384()),
    "ecdsa-p521": (ec.SECP521R1(), hashes.SHA512()),
}

KEY_KINDS: Final = (*_CURVES, "ed25519")
"""The kinds of keys that sign, by the names that the command line uses."""

MAX_KEY_BYTES: Final = 64 * 1024


def generate_key(kind: str = "ecdsa-p256") -> SigningKey:
    """Return a new key of one of `KEY_KINDS`. Raises `UsageError` for any other kind."""
    if kind == "ed25519":
        return Ed25519PrivateKey.generate()
    if kind not in _CURVES:
        raise UsageError(
            SIGNING_KEY_UNUSABLE, "no such kind of key", got=printable(kind), expected=", ".join(KEY_KINDS)
        )
    return ec.generate_private_key(_CURVES[kind][0])


def private_pem(key: SigningKey, *, password: str | None) -> bytes:
    """Return the key as PKCS#8 PEM, encrypted where there is a password."""
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def public_pem(key: SigningKey) -> bytes:
    """Return the public half as PEM (SubjectPublicKeyInfo): what others verify with."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def is_encrypted(data: bytes) -> bool:
    """Return whether a PEM file holds a key that needs a password."""
    return b"ENCRYPTED" in data[:MAX_KEY_BYTES]


def load_key(data: bytes, *, where: str, password: str | None) -> SigningKey:
    """Read a private key from PEM; `password` is only used where the key is encrypted.

    Raises `UsageError` for a missing or wrong password, `DocumentError` for what isn't a key that signs here.
    """
    if len(data) > MAX_KEY_BYTES:
        raise DocumentError(SIGNING_KEY_UNUSABLE, "too large for a key", where=where, got=f"{len(data)} bytes")
    encrypted = is_encrypted(data)
    if encrypted and not password:
        raise UsageError(KEY_PASSWORD, "the key is encrypted, and there is no password", where=where)
    try:
        key = load_pem_private_key(data, password=password.encode() if password and encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if encrypted:
            raise UsageError(KEY_PASSWORD, "the password is wrong, or the key is damaged", where=where) from error
        raise DocumentError(SIGNING_KEY_UNUSABLE, "not a private key in PEM", where=where) from error
    if isinstance(key, Ed25519PrivateKey) or (isinstance(key, ec.EllipticCurvePrivateKey) and _curve_name(key)):
        return key
    raise DocumentError(
        SIGNING_KEY_UNUSABLE, "not a kind of key that signs here", where=where, expected=" or ".join(KEY_KINDS)
    )


def sign_bytes(key: SigningKey, data: bytes) -> bytes:
    """Return the signature over `data`, by the scheme that belongs to the kind of key."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    return key.sign(data, ec.ECDSA(_CURVES[_curve_name(key)][1]))


def key_identity(key: SigningKey) -> KeyIdentity:
    """Return who signs with this key, as verifiers name it."""
    return KeyIdentity(hashlib.sha256(_public_der(key)).hexdigest())


def key_hint(key: SigningKey) -> str:
    """Return the hint that a bundle carries for this key: the base64 sha256 of the public key, as cosign writes it."""
    return base64.b64encode(hashlib.sha256(_public_der(key)).digest()).decode()


def _public_der(key: SigningKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _curve_name(key: ec.EllipticCurvePrivateKey) -> str:
    return next((name for name, (curve, _) in _CURVES.items() if curve.name == key.curve.name), "")
