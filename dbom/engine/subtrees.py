"""Folders of a local or shared disk as parts that workers list themselves, in the manifest's order."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dbom.engine.batching import Filling
from dbom.engine.order import Child, in_order
from dbom.engine.shared import shared
from dbom.errors import ChangedError, NameRefusedError, PathError
from dbom.hashing import FileState, LocalItem
from dbom.ignores import Ignores, is_sidecar
from dbom.pathname import path_fault
from dbom.printable import printable
from dbom.rules.artifacts import CHANGED_WHILE_READ, LINK_REFUSED, NAME_REFUSED, PATH_UNREADABLE, SPECIAL_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dbom.engine.reduce import Part
    from dbom.items import Item

__all__ = ["Subtree", "cut", "local_parts"]


@dataclass(frozen=True, slots=True)
class Subtree:
    """All below one folder of a tree on a disk that the workers share: `path` within the tree at `root`.

    What `ignores` leave out is left out, as in docs/formats/tree.md. Links are refused, wherever they lead: which of
    them stay in the tree can't be told from a part of it.
    """

    root: str
    path: str
    ignores: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its path with a `/` at the end."""
        return f"{self.path}/"

    def items(self) -> Iterator[Item]:
        """List the files in the order of the bytes of their paths, holding one folder of each level."""
        children = _lister(self.root, Ignores.of(self.ignores))
        return (child.file for child in in_order(self.path, children) if child.file is not None)


def local_parts(root: str, ignores: Sequence[str], *, depth: int = 1) -> Iterator[Part]:
    """Cut the tree at `root`, an absolute path without links, into parts for `reduce_tree`.

    The folders `depth` levels below the root are a part each; files above them are parts of their own, in batches. Only
    the levels above are listed here, while the parts are taken.
    """
    texts = Ignores.of(ignores).texts
    return cut(_lister(root, Ignores.of(ignores)), lambda folder: Subtree(root, folder, texts), depth=depth)


def cut(
    listed: Callable[[str], Iterable[Child[str, Item]]], part: Callable[[str], Part], *, depth: int
) -> Iterator[Part]:
    """Cut a tree into a part for each folder `depth` levels below its root, and batches of the files above them.

    `listed` gives the children of a folder by its path in the tree, `part` makes the part of a folder.
    """

    def children(path: str) -> Iterator[Child[str, _Piece]]:
        level = path.count("/") + 1 if path else 0
        for child in listed(path):
            if child.file is not None:
                yield Child(child.name, file=_Piece(item=shared(child.file)))
            elif child.folder is not None and level + 1 < depth:
                yield Child(child.name, folder=child.folder)
            elif child.folder is not None:
                # A part in a folder's place: its name carries the / that folders are ordered by.
                yield Child(f"{child.name}/", file=_Piece(part=part(child.folder)))

    return _grouped(child.file for child in in_order("", children) if child.file is not None)


class _Piece(NamedTuple):
    """A part, or a file that lies above all parts."""

    item: Item | None = None
    part: Part | None = None


def _grouped(pieces: Iterable[_Piece]) -> Iterator[Part]:
    """Give the parts, and the files between them in batches that hold no part between their first and last."""
    loose = Filling()
    for piece in pieces:
        batch = loose.rest() if piece.item is None else loose.add(piece.item)
        if batch is not None:
            yield batch
        if piece.part is not None:
            yield piece.part
    if (last := loose.rest()) is not None:
        yield last


def _lister(root: str, ignores: Ignores) -> Callable[[str], list[Child[str, Item]]]:
    """Return a function from a folder's path in the tree to those of its children that count."""

    def children(path: str) -> list[Child[str, Item]]:
        real = f"{root}/{path}" if path else root
        try:
            with os.scandir(real) as entries:
                found = [
                    _child(root, f"{path}/{entry.name}" if path else entry.name, entry, ignores) for entry in entries
                ]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ChangedError(CHANGED_WHILE_READ, "went away while it was listed", where=printable(real)) from error
        except OSError as error:
            what = f"can't be listed: {error.strerror}"
            raise PathError(PATH_UNREADABLE, what, where=printable(real)) from error
        return [child for child in found if child is not None]

    return children


def _child(root: str, path: str, entry: os.DirEntry[str], ignores: Ignores) -> Child[str, Item] | None:
    place = printable(f"{root}/{path}")
    if (fault := path_fault(path)) is not None:
        raise NameRefusedError(NAME_REFUSED, f"the name {fault}", where=place)
    folder = entry.is_dir(follow_symlinks=False)
    if ignores.match(path, folder=folder):
        return None
    if entry.is_symlink():
        hint = "replace the link by what it points to, or fingerprint the tree with the engine threads"
        raise NameRefusedError(LINK_REFUSED, "is a link, which a part of a tree can't follow", where=place, hint=hint)
    if folder:
        return None if _is_left_out(entry, path, ignores) else Child(entry.name, folder=path)
    status = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise PathError(SPECIAL_FILE, "is a pipe, a socket or a device", where=place)
    return Child(entry.name, file=LocalItem(path, entry.path, FileState.of(status)))


def _is_left_out(entry: os.DirEntry[str], path: str, ignores: Ignores) -> bool:
    if not ignores.may_be_sidecar(path):
        return False
    with os.scandir(entry.path) as inner:
        return is_sidecar(inner)
