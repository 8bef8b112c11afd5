"""Verifying with a bare key: a signature over a DSSE envelope, and nothing that says who or when."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from attest.identity import KeyIdentity
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.attestations import KEY_UNUSABLE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

    from attest.bundle import Bundle
    from attest.verifier.signed_content import SignedContent

__all__ = ["VerifyingKey", "signature_holds"]

_MIN_RSA_BITS = 3072


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key that signatures are checked with: ECDSA on a NIST curve, Ed25519, or RSA of at least 3072 bits.

    `spki` is its DER SubjectPublicKeyInfo.
    """

    identity: KeyIdentity
    spki: bytes = field(repr=False, compare=False)
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
        return cls(KeyIdentity(hashlib.sha256(spki).hexdigest()), spki, key)

    @property
    def hash_algorithm(self) -> str:
        """The hash that its signatures are made with (`sha256`), empty where the scheme has its own (Ed25519)."""
        found = _hash_of(self._key)
        return "" if found is None else found.name

    def is_hinted(self, bundle: Bundle) -> bool:
        """Return whether the bundle claims to be signed by this key, by the hint of dbom, cosign or model-signing.

        A hint is nobody's word: it only tells a bundle of this key that was changed from one of another key.
        """
        digest = bytes.fromhex(self.identity.spki_sha256)
        body = base64.encodebytes(self.spki).replace(b"\n", b"")
        lines = b"\n".join(body[start : start + 64] for start in range(0, len(body), 64))
        pem = b"-----BEGIN PUBLIC KEY-----\n%b\n-----END PUBLIC KEY-----\n" % lines
        return bundle.key_hint in (base64.b64encode(digest).decode(), digest.hex(), hashlib.sha256(pem).hexdigest())

    def signed(self, content: SignedContent) -> bool:
        """Return whether the signature is this key's, over what it must be one of.

        ECDSA takes the hash of its curve's strength (SHA-256, 384, 512), RSA is PKCS #1 v1.5 with SHA-256, Ed25519
        is the pure scheme (sigstore/architecture-docs, algorithm registry). Release 0.2 of model-signing took SHA-256.
        """
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed  # noqa: PLC0415  heavy
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415  heavy

        algorithm = _hash_of(self._key)
        if algorithm is None:
            message = content.message()
            return message is not None and signature_holds(self._key, content.signature, message)
        digest, early = content.digest(algorithm.name), content.early_sha256
        return (
            digest is not None and signature_holds(self._key, content.signature, digest, algorithm=Prehashed(algorithm))
        ) or (early is not None and signature_holds(self._key, content.signature, early, algorithm=Prehashed(SHA256())))


def signature_holds(
    key: PublicKeyTypes, signature: bytes, signed: bytes, *, algorithm: Prehashed | None = None
) -> bool:
    """Return whether `signature` is one of `signed` by `key`, by the scheme that belongs to the kind of key.

    `algorithm` says that `signed` is the digest already. A key of another kind signed nothing.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  heavy
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa  # noqa: PLC0415  heavy

    hashed = algorithm or _hash_of(key)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and hashed is not None:
            key.verify(signature, signed, ec.ECDSA(hashed))
        elif isinstance(key, rsa.RSAPublicKey) and hashed is not None:
            key.verify(signature, signed, padding.PKCS1v15(), hashed)
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _hash_of(key: PublicKeyTypes) -> HashAlgorithm | None:
    """Return the hash that belongs to a kind of key, or None where the scheme has its own."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  heavy
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415  heavy

    if isinstance(key, ec.EllipticCurvePublicKey):
        strengths = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
        name = strengths.get(key.curve.name)
        found: HashAlgorithm | None = None if name is None else getattr(hashes, name)()
        return found
    return hashes.SHA256() if isinstance(key, rsa.RSAPublicKey) else None


def _usable(key: PublicKeyTypes) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415  heavy

    if isinstance(key, ec.EllipticCurvePublicKey):
        return isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _MIN_RSA_BITS
    return isinstance(key, ed25519.Ed25519PublicKey)
