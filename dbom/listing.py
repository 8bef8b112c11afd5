"""The files of a tree on a local disk: their paths, what links lead to, and what is left out."""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.errors import ChangedError, DbomError, NameRefusedError, PathError
from dbom.globs import Glob, choice_note
from dbom.hashing import FileState, LocalItem
from dbom.ignores import Ignores, is_sidecar
from dbom.model import Finding, Severity
from dbom.pathname import path_fault, path_order, segment_fault
from dbom.printable import printable
from dbom.rules.artifacts import (
    CHANGED_WHILE_READ,
    LINK_FOLLOWED,
    LINK_REFUSED,
    NAME_REFUSED,
    NOT_A_SIDECAR,
    PATH_UNREADABLE,
    SPECIAL_FILE,
    TOO_MANY_LINKED,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_LINKED_ENTRIES", "MAX_LINK_DEPTH", "Listing", "list_again", "list_tree"]

MAX_LINKED_ENTRIES = 100_000
"""How many entries of a tree may be reached through links to folders."""

MAX_LINK_DEPTH = 40
"""How many links to folders may lie one below another on the way to an entry (what Linux follows in one path)."""

_MAX_FAULTS = 20

_GONE = (errno.ENOENT, errno.ENOTDIR)

_REMARKABLE = re.compile(r"[\n\r\\\ud800-\udfff]")
"""What a name that comes from a disk must not hold; the slow functions of `pathname` say then what is wrong."""

_HUB_SNAPSHOT = re.compile(r"(?P<repository>.*)/snapshots/[0-9a-f]{40}(?:/.*)?", re.DOTALL)


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

    def __iter__(self) -> Iterator[LocalItem]:
        return map(self.__getitem__, range(len(self)))


def list_tree(root: str, ignores: Ignores, *, follow_links: bool = False, glob: Glob | None = None) -> Listing:
    """List the files below `root`, an absolute path without links; only those that `glob` takes, where it is given.

    Raises `NameRefusedError` or `PathError` for what no digest can be made of (all such faults together, up to a
    number), and `PathError` for a folder that can't be read.
    """
    walk = _Walk(root, ignores, follow_links, glob)
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
    before: Listing, ignores: Ignores, *, follow_links: bool = False, glob: Glob | None = None
) -> str | None:
    """List a tree a second time and return a path that isn't as it was in `before`, or None where all is the same.

    Nothing more than `before` is held. Raises as `list_tree`.
    """
    walk = _Walk(before.root, ignores, follow_links, glob)
    place = -1
    for place, (path, real, state) in enumerate(walk.files()):
        if place == len(before) or path != before.paths[place]:
            return min([path, *before.paths[place : place + 1]])
        if state != before.states[place] or real != before.elsewhere.get(place):
            return path
    walk.remarks()
    return before.paths[place + 1] if place + 1 < len(before) else None


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to be entered: its path in the tree, its real path, how it was come to, through how many links."""

    path: str
    real: str
    parent: _Folder | None
    links: int

    def is_loop(self) -> bool:
        above = self.parent
        while above is not None:
            if above.real == self.real:
                return True
            above = above.parent
        return False


@dataclass(slots=True)
class _Walk:
    """One walk through a tree, which gives the files folder by folder, in an order that the names alone decide."""

    root: str
    ignores: Ignores
    follow_links: bool
    glob: Glob | None = None
    ignored: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    faults: list[DbomError] = field(default_factory=list)
    linked: int = 0

    def files(self) -> Iterator[tuple[str, str | None, FileState]]:
        """Give each file's path in the tree, its real path where links led there, and its state."""
        pending = [_Folder("", self.root, None, 0)]
        while pending:
            folder = pending.pop()
            # Taken from the end, each name is let go with its file: a folder may hold a million.
            names = self._names(folder)
            while names:
                name = names.pop()
                path = f"{folder.path}/{name}" if folder.path else name
                if folder.links:
                    self._count_linked(path)
                try:
                    found = self._look(folder, name, path)
                except (NameRefusedError, PathError) as error:
                    self._note_fault(error)
                    continue
                if isinstance(found, _Folder):
                    pending.append(found)
                elif found is not None:
                    yield found

    def remarks(self) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
        """Return what was ignored and what was found, when all was walked. Raises what speaks against a digest."""
        if self.faults:
            raise self._fault()
        findings = sorted(self.findings, key=lambda finding: (path_order(finding.where), finding.rule))
        return tuple(sorted(self.ignored, key=path_order)), tuple(findings)

    def _names(self, folder: _Folder) -> list[str]:
        """Return the names in a folder, the last one first."""
        with self._children(folder.real, folder.path) as children:
            return sorted((child.name for child in children), reverse=True)

    @contextmanager
    def _children(self, real: str, path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
        try:
            with os.scandir(real) as children:
                yield children
        except OSError as error:
            place = self._place(path)
            if error.errno in _GONE:
                raise _vanished(place) from error
            raise PathError(PATH_UNREADABLE, f"can't be listed: {error.strerror}", where=place) from error

    def _look(self, folder: _Folder, name: str, path: str) -> _Folder | tuple[str, str | None, FileState] | None:
        """Take one child: give a file or a folder to enter, leave out what is ignored, refuse the rest."""
        if self.glob is not None and not self._is_meant(self.glob, folder, name, path):
            return None
        if _REMARKABLE.search(name) is not None or path == "-":
            fault = segment_fault(name) if folder.path else path_fault(path)
            raise NameRefusedError(NAME_REFUSED, f"the name {fault}", where=self._place(path))
        real = f"{folder.real}/{name}" if folder.real != "/" else f"/{name}"
        if self.ignores.match(path, folder=False):
            self.ignored.append(path + "/" if _is_folder(real) else path)
            return None
        status, linked = self._status(real, path), False
        if stat.S_ISLNK(status.st_mode):
            real, status = self._resolved(folder, real, path)
            linked = True
        if stat.S_ISREG(status.st_mode):
            return path, real if linked or folder.links else None, FileState.of(status)
        if stat.S_ISDIR(status.st_mode):
            return self._folder(folder, path, real, linked=linked)
        raise PathError(SPECIAL_FILE, "is a pipe, a socket or a device", where=self._place(path))

    @staticmethod
    def _is_meant(glob: Glob, folder: _Folder, name: str, path: str) -> bool:
        """Return whether a child is a file that the pattern takes, or a folder in which there can be one."""
        is_folder = glob.may_hold(path) and _is_folder(f"{folder.real.rstrip('/')}/{name}")
        return is_folder or (glob.takes(path) and not _is_folder(f"{folder.real.rstrip('/')}/{name}"))

    def _folder(self, above: _Folder, path: str, real: str, *, linked: bool) -> _Folder | None:
        if self.ignores.match(path, folder=True) or self._left_out_as_sidecar(path, real, linked=linked):
            self.ignored.append(path + "/")
            return None
        folder = _Folder(path, real, above, above.links + linked)
        if folder.links and folder.is_loop():
            raise NameRefusedError(LINK_REFUSED, "the link leads back to a folder above it", where=self._place(path))
        if folder.links > MAX_LINK_DEPTH:
            raise _too_many(self._place(path), f"more than {MAX_LINK_DEPTH} links to folders one below another")
        return folder

    def _left_out_as_sidecar(self, path: str, real: str, *, linked: bool) -> bool:
        if not self.ignores.may_be_sidecar(path):
            return False
        if not linked:
            with self._children(real, path) as children:
                if is_sidecar(children):
                    return True
        self._note(NOT_A_SIDECAR.id, Severity.WARNING, "is no sidecar, so it is a part of the tree", path)
        return False

    def _status(self, real: str, path: str) -> os.stat_result:
        try:
            return os.lstat(real)
        except OSError as error:
            raise _unresolved(self._place(path), error, link=False) from error

    def _resolved(self, folder: _Folder, link: str, path: str) -> tuple[str, os.stat_result]:
        try:
            real = os.path.realpath(link, strict=True)
            status = Path(real).lstat()
        except OSError as error:
            raise _unresolved(self._place(path), error, link=True) from error
        self._demand_allowed(folder, path, real, status)
        return real, status

    def _demand_allowed(self, folder: _Folder, path: str, real: str, status: os.stat_result) -> None:
        if real == self.root or real.startswith(self.root.rstrip("/") + "/"):
            return
        if stat.S_ISREG(status.st_mode) and _is_hub_blob(folder.real, real):
            return
        if not self.follow_links:
            raise NameRefusedError(
                LINK_REFUSED, "the link leads out of the tree", where=self._place(path), got=printable(real)
            )
        self._note(LINK_FOLLOWED.id, Severity.WARNING, f"a link out of the tree, read at {printable(real)}", path)

    def _place(self, path: str) -> str:
        return printable(os.fspath(Path(self.root, path)))

    def _count_linked(self, path: str) -> None:
        self.linked += 1
        if self.linked > MAX_LINKED_ENTRIES:
            raise _too_many(
                self._place(path), f"more than {MAX_LINKED_ENTRIES} entries are reached through links to folders"
            )

    def _note(self, rule: str, severity: Severity, message: str, path: str) -> None:
        self.findings.append(Finding(rule, severity, message, path))

    def _note_fault(self, error: DbomError) -> None:
        if error.rule in (TOO_MANY_LINKED, PATH_UNREADABLE):
            raise error
        self.faults.append(error)
        if len(self.faults) == _MAX_FAULTS:
            raise self._fault()

    def _fault(self) -> DbomError:
        first, rest = self.faults[0], self.faults[1:]
        if not rest:
            return first
        return type(first)(
            first.rule,
            f"{len(self.faults)} entries of this tree can't be fingerprinted",
            where=printable(self.root),
            faults=tuple(str(fault) for fault in self.faults),
        )


def _is_folder(real: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(real).st_mode)  # noqa: PTH116  as for lstat
    except OSError:
        return False


def _is_hub_blob(link_folder: str, target: str) -> bool:
    """Return whether a link in `link_folder` to `target` is one of the Hugging Face cache's own."""
    snapshot = _HUB_SNAPSHOT.fullmatch(link_folder)
    return snapshot is not None and str(Path(target).parent) == f"{snapshot['repository']}/blobs"


def _unresolved(place: str, error: OSError, *, link: bool) -> DbomError:
    if error.errno in _GONE and not link:
        return _vanished(place)
    if error.errno in _GONE:
        return NameRefusedError(LINK_REFUSED, "the link dangles: there is nothing where it leads", where=place)
    if error.errno == errno.ELOOP:
        return NameRefusedError(LINK_REFUSED, "the link leads back to itself", where=place)
    return PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=place)


def _vanished(place: str) -> ChangedError:
    return ChangedError(CHANGED_WHILE_READ, "went away while the tree was listed", where=place)


def _too_many(place: str, what: str) -> PathError:
    return PathError(TOO_MANY_LINKED, what, where=place)
