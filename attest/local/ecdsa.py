"""Signatures with ECDSA P-256 and SHA-256."""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["is_signed", "key_id", "signed", "spki"]

_ALGORITHM: Final = ec.ECDSA(hashes.SHA256())


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo of a public key."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return the id of the log that signs with this key: the sha256 of its SubjectPublicKeyInfo (RFC 6962, 3.2)."""
    return hashlib.sha256(spki(key)).digest()


def signed(data: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a signature (DER) over `data`."""
    return key.sign(data, _ALGORITHM)


def is_signed(data: bytes, signature: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Return whether `signature` is one of `data` by this key."""
    try:
        key.verify(signature, data, _ALGORITHM)
    except InvalidSignature:
        return False
    return True
