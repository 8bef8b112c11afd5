"""Segments: the manifest's lines of a run of paths, made where the files are read (docs/formats/engine.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from dbom.errors import DocumentError, MismatchError, NameRefusedError, StoreError
from dbom.model import Known, manifest_bytes
from dbom.pathname import path_fault, path_order
from dbom.printable import printable
from dbom.rules.artifacts import NAME_REFUSED, SEGMENT_ALTERED, SEGMENTS_DISAGREE, STORE_UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbom.items import Item
    from dbom.model import Entry
    from dbom.storage import Folder

__all__ = ["Segment", "item_key", "items_key", "segment_lines", "segment_of"]


@dataclass(frozen=True, slots=True)
class Segment:
    """What the driver keeps of a run of paths that follow each other in the manifest.

    `key` is the digest of the items it was made of (`items_key`), `first` and `last` are its outermost paths, `files`
    and `size` count the files and their bytes, `length` and `sha256` are those of its lines, and `known` is the
    weakest way in which a digest in it is known. `data` are the lines, None where they lie in a folder.
    """

    key: str
    first: str
    last: str
    files: int
    size: int
    length: int
    sha256: str
    known: Known
    data: bytes | None = None

    @property
    def name(self) -> str:
        """The name of its file: the sha256 of its lines."""
        return f"{self.sha256}.segment"


def item_key(item: Item) -> bytes:
    """Return 32 bytes that differ where the item's path, size or state does."""
    # Each part with its length before it, so that no two triples give the same bytes.
    parts = (item.path.encode(errors="surrogatepass"), item.state.encode(errors="surrogatepass"))
    head = f"{item.size} {len(parts[0])} {len(parts[1])} ".encode()
    return hashlib.sha256(head + b"".join(parts)).digest()


def items_key(items: Iterable[Item]) -> str:
    """Return the digest of some items in their order, in hex: the sha256 of their keys."""
    hasher = hashlib.sha256()
    for item in items:
        hasher.update(item_key(item))
    return hasher.hexdigest()


def segment_of(entries: Sequence[Entry], key: str) -> Segment:
    """Return the segment of `entries`, at least one, which must come in the manifest's order.

    Raises `DocumentError` where they don't, `NameRefusedError` for a path that a manifest can't hold.
    """
    for entry in entries:
        if (fault := path_fault(entry.path)) is not None:
            raise NameRefusedError(NAME_REFUSED, f"the name {fault}", where=printable(entry.path))
    for before, after in pairwise(entries):
        demand_order(before.path, after.path)
    data = manifest_bytes(tuple(entries))
    return Segment(
        key,
        entries[0].path,
        entries[-1].path,
        len(entries),
        sum(entry.size for entry in entries),
        len(data),
        hashlib.sha256(data).hexdigest(),
        min((entry.known for entry in entries), key=lambda known: known.basis.strength),
        data,
    )


def segment_lines(segment: Segment, folder: Folder | None) -> bytes:
    """Return the lines of a segment, from itself or from its file, and only if they are those.

    Raises `MismatchError` where the file has other bytes, `StoreError` where it can't be read.
    """
    if segment.data is None and folder is None:
        raise StoreError(STORE_UNREACHABLE, "no folder of segments is given to read it from", where=segment.name)
    # A byte more than it has is enough to see that it is another.
    data = segment.data if segment.data is not None or folder is None else folder.read(segment.name, limit=_LIMIT)
    if data is None or hashlib.sha256(data).hexdigest() != segment.sha256:
        where = segment.name if folder is None else f"{folder.url}/{segment.name}"
        raise MismatchError(SEGMENT_ALTERED, "is not the segment of this name", where=where)
    return data


def demand_order(before: str, after: str) -> None:
    """Raise `DocumentError` where `after` doesn't come after `before` in the manifest."""
    if path_order(before) >= path_order(after):
        what = "comes twice" if before == after else "does not come after the path before it"
        raise DocumentError(SEGMENTS_DISAGREE, what, where=printable(after), got=printable(before))


_LIMIT = 1 << 30
