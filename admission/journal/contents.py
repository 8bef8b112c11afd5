"""What many records have in common, written once a file: the relevant part of an object, an answer, the inputs.

It stands in the chain like any record, in the same file as the first record that names it: one flush makes both
durable, whoever keeps a file keeps all that its decisions rest on, and an edit is found like any other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Self

import msgspec

from admission.journal.records import canonical

if TYPE_CHECKING:
    from collections.abc import Container

    from dbom.canonical import Json, JsonObject

__all__ = ["LARGEST_CONTENT", "Content", "Written"]

LARGEST_CONTENT: Final = 3 * 1024 * 1024
"""The largest content that is kept, in bytes: what the API server takes as a whole request."""

_MOST_REMEMBERED: Final = 50_000


class Content(msgspec.Struct, frozen=True):
    """Some bytes, by the sha256 of them in hex."""

    digest: str
    data: bytes

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Return the content that bytes are."""
        return cls(hashlib.sha256(data).hexdigest(), data)

    @classmethod
    def of_json(cls, value: Json) -> Self:
        """Return the content that the canonical JSON of a value is."""
        return cls.of(canonical(value))

    @property
    def is_kept(self) -> bool:
        """Whether it is small enough for the journal; of what isn't, records hold the digest alone."""
        return len(self.data) <= LARGEST_CONTENT

    def facts(self) -> bytes:
        """Return the facts of the record that holds it, in canonical JSON."""
        packed = base64.b64encode(zlib.compress(self.data, 1)).decode()
        return canonical({"digest": self.digest, "size": len(self.data), "zlib": packed})

    @classmethod
    def of_facts(cls, facts: JsonObject) -> Self | None:
        """Return what such a record holds, None where it isn't what its digest and size say.

        Never more than `LARGEST_CONTENT` bytes are unpacked.
        """
        size, packed = facts.get("size"), facts.get("zlib")
        if type(size) is not int or not isinstance(packed, str) or not 0 <= size <= LARGEST_CONTENT:
            return None
        try:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(base64.b64decode(packed, validate=True), size + 1)
        except (zlib.error, binascii.Error, ValueError):
            return None
        found = cls.of(data)
        return found if len(data) == size and found.digest == facts.get("digest") else None


class Written:
    """The digests of contents that a file holds, bounded: one that was forgotten is written again, harmlessly."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()

    @property
    def known(self) -> Container[str]:
        """The digests of what the file is known to hold."""
        return self._known

    def add(self, digest: str) -> None:
        """Remember that the file holds it."""
        self._known[digest] = None
        self._known.move_to_end(digest)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget all: another file begins."""
        self._known.clear()
