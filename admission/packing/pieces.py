"""From a document to compressed pieces, each named by its sha256, and back: bounded whatever the pieces say."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dbom.errors import DocumentError
from dbom.rules.cluster import SNAPSHOT_INCOMPLETE, SNAPSHOT_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_PART_BYTES", "MAX_PIECES", "PIECE_BYTES", "PIECE_SUFFIX", "Part", "Piece", "cut", "join"]

PIECE_BYTES: Final = 700 * 1024
"""The largest piece, in bytes: in base64, and with an object around it, it stays under 1 MiB."""

MAX_PIECES: Final = 32
"""The most pieces of a snapshot."""

MAX_PART_BYTES: Final = 256 * 1024 * 1024
"""The largest document that a part may come to."""

PIECE_SUFFIX: Final = ".piece"


@dataclass(frozen=True, slots=True)
class Piece:
    """Up to 700 KiB; `sha256` in hex is that of `data`, and the piece's name."""

    sha256: str
    data: bytes

    @property
    def name(self) -> str:
        """The name of its file, and its key in a ConfigMap."""
        return self.sha256 + PIECE_SUFFIX


@dataclass(frozen=True, slots=True)
class Part:
    """A document: its sha256 in hex and its size, and the pieces that its zlib stream was cut into (name, size)."""

    sha256: str
    size: int
    pieces: tuple[tuple[str, int], ...]


def cut(document: bytes) -> tuple[Part, tuple[Piece, ...]]:
    """Compress a document and cut it into pieces."""
    packed = zlib.compress(document)
    chunks = [packed[start : start + PIECE_BYTES] for start in range(0, len(packed), PIECE_BYTES)]
    pieces = tuple(Piece(hashlib.sha256(chunk).hexdigest(), chunk) for chunk in chunks)
    listed = tuple((piece.sha256, len(piece.data)) for piece in pieces)
    return Part(hashlib.sha256(document).hexdigest(), len(document), listed), pieces


def join(part: Part, read: Callable[[str], bytes], *, where: str) -> bytes:
    """Return the document of a part; `read` gives the bytes of a piece by its sha256.

    Raises `DocumentError` for a piece or a document that isn't what its digest says, or is larger than was declared.
    """
    packed = b"".join(_checked(read(sha256), sha256, size, where) for sha256, size in part.pieces)
    inflating = zlib.decompressobj()
    try:
        # No more than was declared (and one byte, to see that there is more) is ever unpacked.
        document = inflating.decompress(packed, part.size + 1)
    except zlib.error as error:
        raise DocumentError(SNAPSHOT_MALFORMED, "a part can't be unpacked", where=where) from error
    if len(document) != part.size or not inflating.eof or inflating.unused_data:
        raise DocumentError(
            SNAPSHOT_MALFORMED, "a part isn't of the size that was declared", where=where, expected=f"{part.size} bytes"
        )
    if hashlib.sha256(document).hexdigest() != part.sha256:
        raise DocumentError(SNAPSHOT_MALFORMED, "a part isn't the document that was declared", where=where)
    return document


def _checked(data: bytes, sha256: str, size: int, where: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if len(data) != size or found != sha256:
        raise DocumentError(
            SNAPSHOT_INCOMPLETE, "a piece holds other bytes than its name says", where=where, got=found, expected=sha256
        )
    return data
