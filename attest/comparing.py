"""Two sides that may each be data or a document about data, and what differs between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from attest.inventory import Inventory, Source, read_document
from dbom.difference import Difference, Tally, compare_files, tally
from dbom.fingerprinting import is_url
from dbom.model import Kind, Unknown
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dbom.model import Fingerprint

__all__ = ["Comparison", "Read", "compare_sides", "sizes_of"]

_FILE: Final = "(the file)"
"""What stands for a path where both sides are one file: its name is no part of its identity."""


class Read(Protocol):
    """Whatever reads data to its fingerprint."""

    def __call__(self, source: str, ignores: Sequence[str] | None) -> Fingerprint:
        """Return the fingerprint of the path or URL `source`; None is the default list of ignores."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides and what differs. `files` says which files, or why they can't be named; `tally` how much that is."""

    before: Inventory
    after: Inventory
    files: Difference | Unknown
    tally: Tally | Unknown
    notes: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether both sides are the same artifact: equal kind and equal digest, whatever they are called."""
        return self.before.digest == self.after.digest


def compare_sides(
    before: str, after: str, *, read: Read, ignores: Sequence[str] | None = None, as_data: bool = False
) -> Comparison:
    """Compare two paths, URLs, manifests, BOMs, bundles or saved fingerprints, in any pairing.

    Data is read with the ignore list that the other side states, unless the caller gives `ignores`. With `as_data` no
    file is taken for a document. Raises whatever reading a side raises.
    """
    # Documents first: they are cheap, and the data is read as they say.
    old = None if as_data or is_url(before) else read_document(before)
    new = None if as_data or is_url(after) else read_document(after)
    notes = [] if ignores is not None else [*_borrowed(before, old, new), *_borrowed(after, new, old)]
    first = old if old is not None else _data(before, new, read, ignores)
    second = new if new is not None else _data(after, old, read, ignores)
    return _compared(first, second, [*notes, *_notes(first, second)])


def _data(side: str, other: Inventory | None, read: Read, ignores: Sequence[str] | None) -> Inventory:
    stated = other.ignores if other is not None else None
    found = read(side, stated if ignores is None else ignores)
    return Inventory.of_fingerprint(side, Source.URL if is_url(side) else Source.PATH, found)


def _borrowed(side: str, document: Inventory | None, other: Inventory | None) -> Iterator[str]:
    if document is None and other is not None and other.ignores is not None and other.digest.kind is Kind.TREE:
        patterns = ", ".join(map(printable, other.ignores)) or "empty"
        yield f"{printable(side)} is read with the ignore list of {printable(other.given)}: {patterns}"


def _notes(before: Inventory, after: Inventory) -> list[str]:
    """Return what a reader must know to take the answer for no more than it is."""
    notes = [
        f"{printable(side.given)} is a {side.source}: what it says is a claim, and no signature was checked"
        for side in (before, after)
        if side.source in (Source.BOM, Source.BUNDLE)
    ]
    trees = before.digest.kind is after.digest.kind is Kind.TREE
    if trees and before.ignores is not None and after.ignores is not None and set(before.ignores) != set(after.ignores):
        notes.append("the two sides rest on different ignore lists")
    return notes


def _compared(before: Inventory, after: Inventory, notes: Sequence[str]) -> Comparison:
    if before.digest.kind is not after.digest.kind:
        unlike = Unknown(f"one is a {before.digest.kind}, the other a {after.digest.kind}")
        return Comparison(before, after, unlike, unlike, tuple(notes))
    old, new = _files(before, after), _files(after, before)
    if isinstance(old, Unknown):
        return _unnamed(before, after, old, notes)
    if isinstance(new, Unknown):
        return _unnamed(before, after, new, notes)
    found = compare_files(old, new)
    return Comparison(before, after, found, tally(found, old, sizes_of(before), sizes_of(after)), tuple(notes))


def _unnamed(before: Inventory, after: Inventory, why: Unknown, notes: Sequence[str]) -> Comparison:
    return Comparison(before, after, Difference() if before.digest == after.digest else why, why, tuple(notes))


def _files(side: Inventory, other: Inventory) -> Mapping[str, str] | Unknown:
    """Return the files of a side; where the digests are equal, the side that names them speaks for both."""
    if side.digest.kind is Kind.FILE:
        return {_FILE: side.digest.hex}
    return other.files if isinstance(side.files, Unknown) and side.digest == other.digest else side.files


def sizes_of(side: Inventory) -> Mapping[str, int]:
    """Return the sizes that a side states, by the paths that a comparison names."""
    if side.digest.kind is Kind.TREE:
        return side.sizes
    return {_FILE: side.total} if isinstance(side.total, int) else {}
