"""The signed head of a log (C2SP tlog-checkpoint, a C2SP signed note): written, read and verified. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from attest.local.ecdsa import is_signed, key_id, signed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["Checkpoint", "LogSigner"]

MAX_CHECKPOINT_BYTES: Final = 4096
_HINT_BYTES = 4
_TREE_NUMBER_BYTES = 7  # below 2^63, which is what the clients read
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_ROOT_BYTES = 32


@dataclass(frozen=True, slots=True)
class LogSigner:
    """Who a log is: the name that its heads are signed under, and its key.

    Behind the name stands a number for the tree in a head's first line, ` - N`: sigstore-go takes a head without one
    for Rekor 2's, and then refuses entries of kind `dsse`. `log_id` is the sha256 of its SubjectPublicKeyInfo.
    """

    name: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    public_key: ec.EllipticCurvePublicKey = field(init=False, repr=False)
    log_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "public_key", self.key.public_key())
        object.__setattr__(self, "log_id", key_id(self.public_key))

    def checkpoint(self, size: int, root: bytes) -> str:
        """Return the signed head of the log at this size, signed with ECDSA as by Rekor 1."""
        log_id = self.log_id
        tree = int.from_bytes(log_id[:_TREE_NUMBER_BYTES], "big")
        note = f"{self.name} - {tree}\n{size}\n{base64.b64encode(root).decode()}\n"
        signature = base64.b64encode(log_id[:_HINT_BYTES] + signed(note.encode(), self.key)).decode()
        return f"{note}\n\u2014 {self.name} {signature}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's head as text says it: `origin` is its first line, `size` the number of entries, `root` 32 bytes."""

    text: str = field(repr=False)
    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a signed note. Raises `ValueError` where it is no checkpoint; whether it is signed is not looked at."""
        if len(raw) > MAX_CHECKPOINT_BYTES:
            raise ValueError("longer than a checkpoint ever is")
        text = raw.decode()
        origin, size, root, blank, *signatures = text.split("\n")
        if not origin or blank or not signatures or not _NUMBER.fullmatch(size):
            raise ValueError("not a signed checkpoint")
        digest = base64.b64decode(root, validate=True)
        if len(digest) != _ROOT_BYTES:
            raise ValueError("its root isn't a sha256")
        return cls(text, origin, int(size), digest)

    @property
    def name(self) -> str:
        """The name that the head is signed under: the origin without the number of the tree."""
        return self.origin.partition(" - ")[0]

    def is_signed_by(self, key: ec.EllipticCurvePublicKey) -> bool:
        """Return whether one of the note's signatures is by this log key, under the log's own name."""
        note, _, signatures = self.text.partition("\n\n")
        hint = key_id(key)[:_HINT_BYTES]
        start = f"\u2014 {self.name} "
        found = (_decoded(line[len(start) :]) for line in signatures.split("\n") if line.startswith(start))
        return any(
            item[:_HINT_BYTES] == hint and is_signed(f"{note}\n".encode(), item[_HINT_BYTES:], key) for item in found
        )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
