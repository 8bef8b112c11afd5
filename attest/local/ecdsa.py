"""Signatures with ECDSA P-256 and SHA-256, each verified as soon as it is made."""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dbom.errors import SigningError
from dbom.rules.attestations import SELF_CHECK

__all__ = ["is_signed", "key_id", "signed", "spki"]


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo of a public key."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return the id of the log that signs with this key: the sha256 of its SubjectPublicKeyInfo (RFC 6962, 3.2)."""
    return hashlib.sha256(spki(key)).digest()


def signed(data: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a signature (DER) over `data`, verified: a fault of the machine must not leave it, nor give the key away.

    Raises `SigningError` where it doesn't verify.
    """
    signature = key.sign(data, ec.ECDSA(hashes.SHA256()))
    if not is_signed(data, signature, key.public_key()):
        raise SigningError(SELF_CHECK, "a new signature doesn't verify")
    return signature


def is_signed(data: bytes, signature: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Return whether `signature` is one of `data` by this key."""
    try:
        key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
