"""A walk through a tree on a local disk: which files it has, what links lead to, and what is left out."""

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
from dbom.hashing import FileState
from dbom.ignores import is_sidecar
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
    from collections.abc import Container, Iterator

    from dbom.globs import Glob
    from dbom.ignores import Ignores

__all__ = ["MAX_LINKED_ENTRIES", "MAX_LINK_DEPTH", "UNASKED", "Walk", "state_of"]

MAX_LINKED_ENTRIES = 100_000
"""How many entries of a tree may be reached through links to folders."""

MAX_LINK_DEPTH = 40
"""How many links to folders may lie one below another on the way to an entry (what Linux follows in one path)."""

UNASKED = FileState()
"""The state of a file whose state wasn't asked for."""

_MAX_FAULTS = 20

_GONE = (errno.ENOENT, errno.ENOTDIR)

_REMARKABLE = re.compile(r"[\n\r\\\ud800-\udfff]")
"""What a name that comes from a disk must not hold; the slow functions of `pathname` say then what is wrong."""

_HUB_SNAPSHOT = re.compile(r"(?P<repository>.*)/snapshots/[0-9a-f]{40}(?:/.*)?", re.DOTALL)


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
class Walk:
    """One walk through a tree, which gives the files folder by folder, in an order that the names alone decide.

    With `shape_only`, regular files that no link leads to are given as the folders tell them, with `UNASKED` for a
    state: nobody need ask the system about each of them.
    """

    root: str
    ignores: Ignores
    follow_links: bool
    glob: Glob | None = None
    shape_only: bool = False
    ignored: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    faults: list[DbomError] = field(default_factory=list)
    linked: int = 0

    def files(self) -> Iterator[tuple[str, str | None, FileState]]:
        """Give each file's path in the tree, its real path where links led there, and its state."""
        pending = [_Folder("", self.root, None, 0)]
        while pending:
            folder = pending.pop()
            names, regular = self._names(folder)
            path_of, real_of = (f"{folder.path}/" if folder.path else ""), folder.real.rstrip("/") + "/"
            is_plain = self.glob is None and not folder.links
            # Taken from the end, each name is let go with its file: a folder may hold a million.
            while names:
                name = names.pop()
                path = path_of + name
                # Nearly all are files with nothing remarkable about them; what is asked of others is asked in `_look`.
                if is_plain and self._is_usual(name, path):
                    if name in regular:
                        yield path, None, UNASKED
                        continue
                    if (state := state_of(real_of + name)) is not None:
                        yield path, None, state
                        continue
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

    def _names(self, folder: _Folder) -> tuple[list[str], Container[str]]:
        """Return the names in a folder, the last one first, and which of them the folder tells to be regular files."""
        with self._children(folder.real, folder.path) as children:
            if not self.shape_only:
                return sorted((child.name for child in children), reverse=True), ()
            found = {child.name: child.is_file(follow_symlinks=False) for child in children}
        return sorted(found, reverse=True), {name for name, is_regular in found.items() if is_regular}

    def _is_usual(self, name: str, path: str) -> bool:
        """Return whether a child of a plain folder is neither left out nor refused by its name."""
        return _REMARKABLE.search(name) is None and path != "-" and not self.ignores.match(path, folder=False)

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


def state_of(real: str) -> FileState | None:
    """Return the state of a regular file, None for all else and where there is none to be had."""
    try:
        status = os.lstat(real)
    except OSError:
        return None
    return FileState.of(status) if stat.S_ISREG(status.st_mode) else None


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
