"""A file or a tree of files to its fingerprint (specified in docs/formats/tree.md)."""

from __future__ import annotations

import os
import stat
import unicodedata
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from dbom.errors import ChangedError, NameRefusedError, PathError
from dbom.hashing import FileState, LocalItem
from dbom.ignores import Ignores
from dbom.listing import Listing, list_again, list_tree
from dbom.model import Entry, Finding, Fingerprint, Severity, tree_digest
from dbom.pathname import path_fault
from dbom.printable import printable
from dbom.reading import digest_elsewhere, digest_files
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
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from dbom.cache import Cache
    from dbom.hashing import Files
    from dbom.items import Progress

__all__ = ["collisions", "fingerprint_path"]

_Read: TypeAlias = "Callable[[Files], list[Entry]]"

_NAMED = 4  # how many of the names that collide are named


def fingerprint_path(
    path: str | os.PathLike[str],
    *,
    ignores: Sequence[str] | None = None,
    follow_links: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
    cache: Cache | None = None,
    executor: Executor | None = None,
    blake3: bool = False,
    read: Callable[[Files], list[Entry]] | None = None,
) -> Fingerprint:
    """Read the file or folder at `path` in full and return what it is.

    `ignores` are the patterns of what to leave out of a tree (None: `names.DEFAULT_IGNORES`); they mean nothing for a
    file. `follow_links` reads links that lead out of the tree as what they point to, and notes each as a finding.
    `jobs` is the number of threads, 0 for what suits the files. `cache` knows the digests of files that haven't changed
    since they were read; without it, all is read. `executor` reads elsewhere than in threads of this process, where
    the same files must be at the same paths; `read` is whatever else gives the entries of files, in their order.
    `blake3` adds that digest to each entry, and reads all for it.

    Raises `PathError` for what is missing, unreadable, special or empty, `NameRefusedError` for names and links that
    a manifest can't hold, `ChangedError` where anything changes meanwhile, `UsageError` for a malformed pattern.
    """
    patterns = Ignores.of(ignores)
    real, status = _resolved(os.fspath(path))
    kept = None if blake3 else cache
    reading = _reading(jobs, progress, kept, executor, blake3=blake3) if read is None else _cached(kept, read)
    if stat.S_ISDIR(status.st_mode):
        return _of_tree(real, patterns, follow_links=follow_links, read=reading)
    if not stat.S_ISREG(status.st_mode):
        raise PathError(SPECIAL_FILE, "is a pipe, a socket or a device", where=printable(os.fspath(path)))
    return _of_file(real, FileState.of(status), reading)


def _reading(
    jobs: int, progress: Progress | None, cache: Cache | None, executor: Executor | None, *, blake3: bool
) -> _Read:
    """Return the function that gives the entries of files: from the cache, by threads, or by the executor."""

    def in_threads(items: Files) -> list[Entry]:
        return digest_files(items, jobs=jobs, progress=progress, blake3=blake3)

    def elsewhere(items: Files) -> list[Entry]:
        assert executor is not None
        return digest_elsewhere(items, executor, progress=progress)

    return _cached(cache, in_threads if executor is None else elsewhere)


def _cached(cache: Cache | None, read: _Read) -> _Read:
    return read if cache is None else lambda items: cache.read(items, read)


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


def _of_file(real: str, state: FileState, read: _Read) -> Fingerprint:
    name = _checked_name(real)
    (entry,) = read([LocalItem(name, real, state)])
    if _state(real) != state:
        raise ChangedError(CHANGED_WHILE_READ, "was replaced while it was read", where=printable(real))
    return Fingerprint.of_file(entry)


def _of_tree(real: str, ignores: Ignores, *, follow_links: bool, read: _Read) -> Fingerprint:
    name = _checked_name(real)
    listing = list_tree(real, ignores, follow_links=follow_links)
    if not listing:
        rest = f"; {len(listing.ignored)} entries are ignored" if listing.ignored else ""
        raise PathError(EMPTY_TREE, f"holds no files{rest}", where=printable(real))
    entries = _read_once(listing, read)
    _demand_unchanged(listing, list_again(listing, ignores, follow_links=follow_links))
    ignored, findings = listing.ignored, listing.findings
    del listing  # what follows needs room of its own
    entries.sort(key=attrgetter("path"))
    ordered = tuple(entries)
    del entries
    findings = (*findings, *collisions(entry.path for entry in ordered))
    return Fingerprint(name, tree_digest(ordered), ordered, ignores.texts, ignored, findings)


def _read_once(listing: Listing, read: _Read) -> list[Entry]:
    """Return the entry of each file; one that is reached by several links is read once."""
    if not listing.elsewhere:
        return read(listing)
    linked = {listing.states[place] for place in listing.elsewhere}
    first: dict[FileState, int] = {}
    places = [
        place
        for place, state in enumerate(listing.states)
        if state not in linked or first.setdefault(state, place) == place
    ]
    entries = dict(zip(places, read([listing[place] for place in places]), strict=True))
    return [
        entries[place] if place in entries else replace(entries[first[state]], path=path)
        for place, (path, state) in enumerate(zip(listing.paths, listing.states, strict=True))
    ]


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


def _demand_unchanged(before: Listing, differing: str | None) -> None:
    if differing is not None:
        raise ChangedError(
            CHANGED_WHILE_READ, "the tree changed while it was read", where=printable(f"{before.root}/{differing}")
        )


def collisions(paths: Iterable[str]) -> tuple[Finding, ...]:
    """Return a finding for each group of names of one folder that only some disks can tell apart."""
    names: dict[str, list[str]] = {}
    folders: set[str] = {""}
    for path in paths:
        here = path
        while here not in folders:
            above, _, name = here.rpartition("/")
            names.setdefault(above, []).append(name)
            if here != path:
                folders.add(here)
            here = above
    return tuple(
        _collision(group)
        for above in sorted(names)
        if len({_folded(name) for name in names[above]}) < len(names[above])
        for group in _groups(above, names[above])
    )


def _groups(above: str, names: Iterable[str]) -> Iterable[Sequence[str]]:
    """Return the paths of the names of one folder that can't be told apart, group by group."""
    groups: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        groups.setdefault(_folded(name), []).append(f"{above}/{name}" if above else name)
    return (group for _, group in sorted(groups.items()) if len(group) > 1)


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
