"""What there is at a local path, before any of it is read: a file, or a tree with all its files."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.errors import ChangedError, NameRefusedError, PathError
from dbom.globs import Glob
from dbom.hashing import FileState, changed_error
from dbom.listing import Listing, differing_state, list_again, list_tree
from dbom.model import Kind
from dbom.pathname import path_fault
from dbom.printable import printable
from dbom.rules.artifacts import (
    CHANGED_WHILE_READ,
    EMPTY_TREE,
    NAME_REFUSED,
    PATH_MISSING,
    PATH_UNREADABLE,
    SPECIAL_FILE,
)

if TYPE_CHECKING:
    from dbom.ignores import Ignores

__all__ = ["LocalArtifact", "find_artifact"]

_NO_PATTERN = "dbom fingerprint and dbom diff take patterns; all else is about a file or a folder, so name one"


@dataclass(frozen=True, slots=True)
class LocalArtifact:
    """A file or a tree on a local disk: its name, and the listing of its files (of one, where it is a file)."""

    name: str
    kind: Kind
    listing: Listing
    ignores: Ignores
    follow_links: bool
    glob: Glob | None = None

    def demand_unchanged(self) -> None:
        """Look a second time. Raises `ChangedError` where anything isn't as it was, and as `find_artifact` does."""
        if self.kind is Kind.FILE:
            (item,) = self.listing
            if _state(item.real) != item.listed:
                raise changed_error(item.real, "was replaced while it was read")
            return
        self._demand_none(list_again(self.listing, self.ignores, follow_links=self.follow_links, glob=self.glob))

    def demand_same_shape(self) -> None:
        """Do one half of `demand_unchanged`, of a tree: there are the same files, and links lead where they led."""
        self._demand_none(
            list_again(self.listing, self.ignores, follow_links=self.follow_links, glob=self.glob, shape_only=True)
        )

    def demand_same_states(self) -> None:
        """Do the other half: each file is still in the state that it was listed in."""
        self._demand_none(differing_state(self.listing))

    def _demand_none(self, differing: str | None) -> None:
        if differing is not None:
            where = printable(f"{self.listing.root}/{differing}")
            raise ChangedError(CHANGED_WHILE_READ, "the tree changed while it was read", where=where)


def find_artifact(
    path: str | os.PathLike[str], ignores: Ignores, *, follow_links: bool = False, globs: bool = False
) -> LocalArtifact:
    """List what is at `path`. With `globs`, a path with `*` that names nothing is a pattern, and its files are a tree.

    Raises `PathError` for what is missing, unreadable, special or empty, `NameRefusedError` for names and links that
    a manifest can't hold, `ChangedError` where anything goes away meanwhile.
    """
    if globs and (glob := Glob.of(os.fspath(path))) is not None:
        return _of_glob(glob, ignores, follow_links=follow_links)
    real, status = _resolved(os.fspath(path))
    if stat.S_ISDIR(status.st_mode):
        name = _checked_name(real)
        listing = list_tree(real, ignores, follow_links=follow_links)
        if not listing:
            rest = f"; {len(listing.ignored)} entries are ignored" if listing.ignored else ""
            raise PathError(EMPTY_TREE, f"holds no files{rest}", where=printable(real))
        return LocalArtifact(name, Kind.TREE, listing, ignores, follow_links)
    if not stat.S_ISREG(status.st_mode):
        raise PathError(SPECIAL_FILE, "is a pipe, a socket or a device", where=printable(os.fspath(path)))
    name = _checked_name(real)
    listing = Listing(real[: -len(name) - 1] or "/", [name], [FileState.of(status)], {}, (), ())
    return LocalArtifact(name, Kind.FILE, listing, ignores, follow_links)


def _of_glob(glob: Glob, ignores: Ignores, *, follow_links: bool) -> LocalArtifact:
    real, status = _resolved(glob.root)
    where = printable(f"{real.rstrip('/')}/{glob.text}")
    if not stat.S_ISDIR(status.st_mode):
        raise PathError(PATH_MISSING, "a pattern below what is no folder", where=where)
    listing = list_tree(real, ignores, follow_links=follow_links, glob=glob)
    if not listing:
        rest = f"; {len(listing.ignored)} entries are ignored" if listing.ignored else ""
        raise PathError(PATH_MISSING, f"matches no files{rest}", where=where)
    return LocalArtifact(_checked_name(real), Kind.TREE, listing, ignores, follow_links, glob)


def _resolved(path: str) -> tuple[str, os.stat_result]:
    try:
        real = os.path.realpath(path, strict=True)
        return real, Path(real).lstat()
    except (FileNotFoundError, NotADirectoryError) as error:
        remote = "; only local paths can be fingerprinted so far" if "://" in path else ""
        hint = _NO_PATTERN if "*" in path else None
        raise PathError(PATH_MISSING, f"there is nothing here{remote}", where=printable(path), hint=hint) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PathError(PATH_UNREADABLE, f"can't be read: {reason}", where=printable(path)) from error


def _checked_name(real: str) -> str:
    """Return the last segment of a resolved path, which statements carry as the artifact's name."""
    name = Path(real).name or real
    fault = None if name == "/" else path_fault(name)
    if fault is not None:
        raise NameRefusedError(NAME_REFUSED, f"the name {fault}", where=printable(real))
    return name


def _state(real: str) -> FileState | None:
    try:
        return FileState.of(Path(real).lstat())
    except OSError:
        return None
