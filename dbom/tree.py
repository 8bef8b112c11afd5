"""A file or a tree of files to its fingerprint (specified in docs/formats/tree.md)."""

from __future__ import annotations

import os
import stat
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.errors import ChangedError, NameRefusedError, PathError
from dbom.executors import open_executor
from dbom.hashing import FileState, hash_file, hash_files
from dbom.ignores import Ignores
from dbom.listing import Listing, list_tree
from dbom.model import Entry, Finding, Fingerprint, Severity, tree_digest
from dbom.pathname import path_fault, path_order
from dbom.printable import printable
from dbom.rules.artifacts import (
    CHANGED_WHILE_READ,
    EMPTY_TREE,
    NAME_REFUSED,
    NAMES_COLLIDE,
    PATH_MISSING,
    PATH_UNREADABLE,
    SPECIAL_FILE,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbom.items import Progress

__all__ = ["fingerprint_path"]

_NAMED = 4  # how many of the names that collide are named


def fingerprint_path(
    path: str | os.PathLike[str],
    *,
    ignores: Sequence[str] | None = None,
    follow_links: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Fingerprint:
    """Read the file or folder at `path` in full and return what it is.

    `ignores` are the patterns of what to leave out of a tree (None: `names.DEFAULT_IGNORES`); they mean nothing for a
    file. `follow_links` reads links that lead out of the tree as what they point to, and notes each as a finding.
    `jobs` is the number of threads, 0 for one each core.

    Raises `PathError` for what is missing, unreadable, special or empty, `NameRefusedError` for names and links that
    a manifest can't hold, `ChangedError` where anything changes meanwhile, `UsageError` for a malformed pattern.
    """
    patterns = Ignores.of(ignores)
    real, status = _resolved(os.fspath(path))
    if stat.S_ISDIR(status.st_mode):
        return _of_tree(real, patterns, follow_links=follow_links, jobs=jobs, progress=progress)
    if not stat.S_ISREG(status.st_mode):
        raise PathError(SPECIAL_FILE, "is a pipe, a socket or a device", where=printable(os.fspath(path)))
    return _of_file(real, FileState.of(status), progress)


def _resolved(path: str) -> tuple[str, os.stat_result]:
    try:
        real = os.path.realpath(path, strict=True)
        return real, Path(real).lstat()
    except (FileNotFoundError, NotADirectoryError) as error:
        remote = "; only local paths can be fingerprinted so far" if "://" in path else ""
        raise PathError(PATH_MISSING, f"there is nothing here{remote}", where=printable(path)) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PathError(PATH_UNREADABLE, f"can't be read: {reason}", where=printable(path)) from error


def _of_file(real: str, state: FileState, progress: Progress | None) -> Fingerprint:
    name = _checked_name(real)
    if progress is not None:
        progress.expect(state.size)
    digest = hash_file(real, state, progress=progress)
    if _state(real) != state:
        raise ChangedError(CHANGED_WHILE_READ, "was replaced while it was read", where=printable(real))
    return Fingerprint.of_file(Entry(name, state.size, digest))


def _of_tree(real: str, ignores: Ignores, *, follow_links: bool, jobs: int, progress: Progress | None) -> Fingerprint:
    name = _checked_name(real)
    listing = list_tree(real, ignores, follow_links=follow_links)
    if not listing.files:
        rest = f"; {len(listing.ignored)} entries are ignored" if listing.ignored else ""
        raise PathError(EMPTY_TREE, f"holds no files{rest}", where=printable(real))
    with open_executor(jobs) as executor:
        # One file reached by several links is read once.
        digests = hash_files({file.real: file.state for file in listing.files.values()}, executor, progress=progress)
    _demand_unchanged(real, listing, list_tree(real, ignores, follow_links=follow_links))
    entries = tuple(
        Entry(path, listing.files[path].state.size, digests[listing.files[path].real])
        for path in sorted(listing.files, key=path_order)
    )
    findings = (*listing.findings, *collisions(entry.path for entry in entries))
    return Fingerprint(name, tree_digest(entries), entries, ignores.texts, listing.ignored, findings)


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


def _demand_unchanged(root: str, before: Listing, after: Listing) -> None:
    if before.files == after.files:
        return
    differing = sorted(path for path, _ in before.files.items() ^ after.files.items())
    raise ChangedError(
        CHANGED_WHILE_READ,
        "the tree changed while it was read",
        where=printable(f"{root}/{differing[0]}"),
        got=f"{len(set(differing))} paths that differ before and after",
    )


def collisions(paths: Iterable[str]) -> tuple[Finding, ...]:
    """Return a finding for each group of names of one folder that only some disks can tell apart."""
    groups: dict[tuple[str, str], set[str]] = {}
    folders: set[str] = {""}
    for path in paths:
        here = path
        while here not in folders:
            above, _, name = here.rpartition("/")
            groups.setdefault((above, _folded(name)), set()).add(here)
            if here != path:
                folders.add(here)
            here = above
    return tuple(_collision(sorted(group, key=path_order)) for _, group in sorted(groups.items()) if len(group) > 1)


def _folded(name: str) -> str:
    """Return one text for all that a disk without case or with Unicode normalisation takes for one name.

    The Unicode Standard, section 3.13, D145 (canonical caseless matching).
    """
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _collision(group: Sequence[str]) -> Finding:
    others = ", ".join(printable(path) for path in group[1:_NAMED]) + (" …" if len(group) > _NAMED else "")
    return Finding(NAMES_COLLIDE.id, Severity.WARNING, f"can't be told from {others} on some disks", group[0])
