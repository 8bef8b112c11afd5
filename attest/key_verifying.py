"""Verifying with a bare key: a signature over a DSSE envelope, and nothing that says who or when."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from attest.dsse import pre_authentication_encoding
from attest.identity import KeyIdentity
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.attestations import KEY_UNUSABLE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from attest.bundle import Bundle

__all__ = ["VerifyingKey"]

_MIN_RSA_BITS = 3072


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key that signatures are checked with: ECDSA on a NIST curve, Ed25519, or RSA of at least 3072 bits."""

    identity: KeyIdentity
    _key: PublicKeyTypes = field(repr=False, compare=False)

    @classmethod
    def parse(cls, pem: bytes, *, where: str) -> Self:
        """Read a public key in PEM. Raises `DocumentError` for a private key, another format or another algorithm."""
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  heavy
        from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415  heavy

        if b"PRIVATE KEY" in pem:
            raise DocumentError(KEY_UNUSABLE, "this is a private key", where=where, expected="the public one")
        try:
            key = load_pem_public_key(pem)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise DocumentError(KEY_UNUSABLE, f"no public key in PEM: {printable(str(error))}", where=where) from error
        return cls.of(key, where=where)

    @classmethod
    def of(cls, key: PublicKeyTypes, *, where: str) -> Self:
        """Return the key for verifying. Raises `DocumentError` where its algorithm or size won't do."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  heavy

        if not _usable(key):
            raise DocumentError(
                KEY_UNUSABLE,
                "a key that signatures aren't checked with here",
                where=where,
                expected=f"ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of at least {_MIN_RSA_BITS} bits",
            )
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(KeyIdentity(hashlib.sha256(spki).hexdigest()), key)

    def is_hinted(self, bundle: Bundle) -> bool:
        """Return whether the bundle claims to be signed by this key, by the hint that dbom and cosign write.

        A hint is nobody's word: it only tells a bundle of this key that was changed from one of another key.
        """
        digest = bytes.fromhex(self.identity.spki_sha256)
        return bundle.key_hint in (base64.b64encode(digest).decode(), digest.hex())

    def signed(self, bundle: Bundle) -> bool:
        """Return whether the signature in the bundle is this key's, over the pre-authentication encoding.

        ECDSA takes the hash of its curve's strength (SHA-256, 384, 512), RSA is PKCS #1 v1.5 with SHA-256, Ed25519
        is the pure scheme (sigstore/architecture-docs, algorithm registry).
        """
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  heavy

        signed = pre_authentication_encoding(bundle.payload_type, bundle.payload)
        try:
            _verify(self._key, bundle.signature, signed)
        except InvalidSignature:
            return False
        return True


def _usable(key: PublicKeyTypes) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415  heavy

    if isinstance(key, ec.EllipticCurvePublicKey):
        return isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _MIN_RSA_BITS
    return isinstance(key, ed25519.Ed25519PublicKey)


def _verify(key: PublicKeyTypes, signature: bytes, signed: bytes) -> None:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  heavy
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa  # noqa: PLC0415  heavy

    if isinstance(key, ec.EllipticCurvePublicKey):
        strengths = {"secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}
        key.verify(signature, signed, ec.ECDSA(strengths[key.curve.name]))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    else:
        raise TypeError("a key of this kind is never made a VerifyingKey")
