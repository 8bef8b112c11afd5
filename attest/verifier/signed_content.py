"""What a signature covers: a DSSE payload in its pre-authentication encoding, or a bare message."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Self

from attest.dsse import early_model_encoding, pre_authentication_prefix
from dbom.names import EARLY_MODEL_PREDICATES

__all__ = ["SignedContent"]


@dataclass(frozen=True, slots=True)
class SignedContent:
    """A signature, and the bytes that it must be one of.

    `parts` are those bytes, in pieces so that a large payload needn't be copied; None where only their `sha256` is
    known. `payload_type` and `payload_sha256` are those of a DSSE payload, None for a bare message. `early_sha256` is
    that of what release 0.2 of model-signing signed in its place, where the payload names one of its kinds.
    """

    signature: bytes = field(repr=False)
    sha256: bytes
    parts: tuple[bytes, ...] | None = field(repr=False)
    payload_type: str | None = None
    payload_sha256: bytes | None = None
    early_sha256: bytes | None = None

    @classmethod
    def of_envelope(cls, payload_type: str, payload: bytes, signature: bytes) -> Self:
        """Return the content of a DSSE envelope with one signature."""
        parts = (pre_authentication_prefix(payload_type, payload), payload)
        early = None
        if any(name.encode() in payload for name in EARLY_MODEL_PREDICATES):
            early = hashlib.sha256(early_model_encoding(payload_type, payload)).digest()
        return cls(signature, _digest("sha256", parts), parts, payload_type, hashlib.sha256(payload).digest(), early)

    @classmethod
    def of_message(cls, message: bytes, signature: bytes) -> Self:
        """Return a bare message with its signature."""
        return cls(signature, hashlib.sha256(message).digest(), (message,))

    @classmethod
    def of_digest(cls, sha256: bytes, signature: bytes) -> Self:
        """Return a bare message of which only the sha256 is known. Schemes that hash otherwise can't check it."""
        return cls(signature, sha256, None)

    def digest(self, algorithm: str) -> bytes | None:
        """Return the digest of what is signed by a hash of hashlib's name, or None where it can't be known."""
        if algorithm == "sha256":
            return self.sha256
        return None if self.parts is None else _digest(algorithm, self.parts)

    def message(self) -> bytes | None:
        """Return the bytes that are signed, in one piece, or None where only their digest is known."""
        return None if self.parts is None else b"".join(self.parts)


def _digest(algorithm: str, parts: tuple[bytes, ...]) -> bytes:
    state = hashlib.new(algorithm)
    for part in parts:
        state.update(part)
    return state.digest()
