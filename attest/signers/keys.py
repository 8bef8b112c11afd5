"""Signing keys: made, written, read back, and the one signature scheme that each kind has.

ECDSA signs with the hash that matches its curve (P-256 with SHA-256, P-384 with SHA-384, P-521 with SHA-512), Ed25519
with its own: these are the pairs of Sigstore's algorithm registry, and what cosign takes.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
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
    "DeviceKey",
    "PublicKey",
    "SigningKey",
    "SoftwareKey",
    "generate_key",
    "hash_of",
    "is_encrypted",
    "is_signature",
    "key_hint",
    "key_identity",
    "kind_of",
    "load_key",
    "model_key_hint",
    "private_pem",
    "public_der",
    "public_pem",
    "sign_bytes",
]

SoftwareKey: TypeAlias = ec.EllipticCurvePrivateKey | Ed25519PrivateKey
"""A private key that is held in memory."""

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | Ed25519PublicKey
"""The public half of a key that signs."""


class DeviceKey(Protocol):
    """A private key that never leaves its device or service, which signs when it is asked to."""

    def public_key(self) -> PublicKey:
        """Return the public half, as the device gave it."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`, by the scheme that belongs to the kind of key. Raises `SigningError`."""


SigningKey: TypeAlias = SoftwareKey | DeviceKey
"""A private key that signs, wherever it is."""

_CURVES: Final[dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]]] = {
    "ecdsa-p256": (ec.SECP256R1(), hashes.SHA256()),
    "ecdsa-p384": (ec.SECP384R1(), hashes.SHA384()),
    "ecdsa-p521": (ec.SECP521R1(), hashes.SHA512()),
}

KEY_KINDS: Final = (*_CURVES, "ed25519")
"""The kinds of keys that sign, by the names that the command line uses."""

MAX_KEY_BYTES: Final = 64 * 1024

_COSIGN_MARKS: Final = (b"BEGIN ENCRYPTED SIGSTORE PRIVATE KEY", b"BEGIN ENCRYPTED COSIGN PRIVATE KEY")


def generate_key(kind: str = "ecdsa-p256") -> SoftwareKey:
    """Return a new key of one of `KEY_KINDS`. Raises `UsageError` for any other kind."""
    if kind == "ed25519":
        return Ed25519PrivateKey.generate()
    if kind not in _CURVES:
        raise UsageError(
            SIGNING_KEY_UNUSABLE, "no such kind of key", got=printable(kind), expected=", ".join(KEY_KINDS)
        )
    return ec.generate_private_key(_CURVES[kind][0])


def private_pem(key: SoftwareKey, *, password: str | None) -> bytes:
    """Return the key as PKCS#8 PEM, encrypted where there is a password."""
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def public_pem(key: SigningKey) -> bytes:
    """Return the public half as PEM (SubjectPublicKeyInfo): what others verify with."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def is_encrypted(data: bytes) -> bool:
    """Return whether a PEM file holds a key that needs a password."""
    return b"ENCRYPTED" in data[:MAX_KEY_BYTES]


def load_key(data: bytes, *, where: str, password: str | None) -> SoftwareKey:
    """Read a private key from PEM; `password` is only used where the key is encrypted.

    Raises `UsageError` for a missing or wrong password, `DocumentError` for what isn't a key that signs here.
    """
    if len(data) > MAX_KEY_BYTES:
        raise DocumentError(SIGNING_KEY_UNUSABLE, "too large for a key", where=where, got=f"{len(data)} bytes")
    if any(mark in data for mark in _COSIGN_MARKS):
        raise DocumentError(
            SIGNING_KEY_UNUSABLE,
            "a key in cosign's own encryption (NaCl's secretbox), which isn't read here",
            where=where,
            expected="PKCS#8 in PEM, encrypted or not",
            hint="make the key with `dbom keys generate`, and give it to cosign too with `cosign import-key-pair`",
        )
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
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hash_of(key.public_key())))
    return key.sign(data)


def is_signature(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Return whether `signature` is one over `data` by this key, in its kind's scheme."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hash_of(key)))
        else:
            key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def hash_of(key: ec.EllipticCurvePublicKey) -> hashes.HashAlgorithm:
    """Return the hash that signatures of this curve are over."""
    return _CURVES[_curve_name(key)][1]


def kind_of(key: PublicKey) -> str:
    """Return which of `KEY_KINDS` a key is of, or an empty text where it is of none of them."""
    return "ed25519" if isinstance(key, Ed25519PublicKey) else _curve_name(key)


def key_identity(key: SigningKey) -> KeyIdentity:
    """Return who signs with this key, as verifiers name it."""
    return KeyIdentity(hashlib.sha256(public_der(key)).hexdigest())


def key_hint(key: SigningKey) -> str:
    """Return the hint that a bundle carries for this key: the base64 sha256 of the public key, as cosign writes it."""
    return base64.b64encode(hashlib.sha256(public_der(key)).digest()).decode()


def model_key_hint(key: SigningKey) -> str:
    """Return the hint that model-signing demands of a bundle: the sha256 of the public key's PEM, in hex."""
    return hashlib.sha256(public_pem(key)).hexdigest()


def public_der(key: SigningKey) -> bytes:
    """Return the public half as DER (SubjectPublicKeyInfo)."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _curve_name(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> str:
    return next((name for name, (curve, _) in _CURVES.items() if curve.name == key.curve.name), "")
