"""The files of a tree on a local disk, as they were found, and whether they still are so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbom.globs import choice_note
from dbom.hashing import LocalItem
from dbom.walking import UNASKED, Walk, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbom.globs import Glob
    from dbom.hashing import FileState
    from dbom.ignores import Ignores
    from dbom.model import Finding

__all__ = ["Listing", "differing_state", "list_again", "list_tree"]


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a tree in the order of the walk, what was left out, and what was remarkable.

    It is a sequence of items. What it holds is as little as may be, since trees have millions of files: a path and a
    state for each, and a real path only where links led there.
    """

    root: str
    paths: list[str]
    states: list[FileState]
    elsewhere: dict[int, str]
    ignored: tuple[str, ...]
    findings: tuple[Finding, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> LocalItem:
        path = self.paths[place]
        return LocalItem(path, self.elsewhere.get(place) or (self.root.rstrip("/") + "/" + path), self.states[place])

    def sizes(self) -> list[int]:
        """Return the size of each file in bytes, without making its item."""
        return [state.size for state in self.states]

    def __iter__(self) -> Iterator[LocalItem]:
        return map(self.__getitem__, range(len(self)))


def list_tree(root: str, ignores: Ignores, *, follow_links: bool = False, glob: Glob | None = None) -> Listing:
    """List the files below `root`, an absolute path without links; only those that `glob` takes, where it is given.

    Raises `NameRefusedError` or `PathError` for what no digest can be made of (all such faults together, up to a
    number), and `PathError` for a folder that can't be read.
    """
    walk = Walk(root, ignores, follow_links, glob)
    paths: list[str] = []
    states: list[FileState] = []
    elsewhere: dict[int, str] = {}
    for path, real, state in walk.files():
        if real is not None:
            elsewhere[len(paths)] = real
        paths.append(path)
        states.append(state)
    ignored, findings = walk.remarks()
    if glob is not None:
        findings = (choice_note(glob.text), *findings)
    return Listing(root, paths, states, elsewhere, ignored, findings)


def list_again(
    before: Listing, ignores: Ignores, *, follow_links: bool = False, glob: Glob | None = None, shape_only: bool = False
) -> str | None:
    """List a tree a second time and return a path that isn't as it was in `before`, or None where all is the same.

    With `shape_only`, the states of files that no link leads to are left to `differing_state`: both together see all.
    Nothing more than `before` is held, but the names of a folder. Raises as `list_tree`.
    """
    walk = Walk(before.root, ignores, follow_links, glob, shape_only)
    place = -1
    for place, (path, real, state) in enumerate(walk.files()):
        if place == len(before) or path != before.paths[place]:
            return min([path, *before.paths[place : place + 1]])
        if (state is not UNASKED and state != before.states[place]) or real != before.elsewhere.get(place):
            return path
    walk.remarks()
    return before.paths[place + 1] if place + 1 < len(before) else None


def differing_state(before: Listing) -> str | None:
    """Return the path of a file that isn't in the state it had in `before`, or None; of those without links to them."""
    above = before.root.rstrip("/") + "/"
    for place, (path, state) in enumerate(zip(before.paths, before.states, strict=True)):
        if place not in before.elsewhere and state_of(above + path) != state:
            return path
    return None
