"""A file or a tree of files to its fingerprint (specified in docs/formats/tree.md)."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

from dbom.artifact import find_artifact
from dbom.forked import beside
from dbom.ignores import Ignores
from dbom.model import FROM_CACHE, Entry, Finding, Fingerprint, Kind, Severity, tree_digest
from dbom.printable import printable
from dbom.reading import digest_files, forks_help
from dbom.rules.artifacts import NAMES_COLLIDE

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

    from dbom.cache import Cache
    from dbom.hashing import Files, FileState, Onlooker
    from dbom.items import Progress
    from dbom.listing import Listing
    from dbom.reuse import Reuse

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
    blake3: bool = False,
    read: Callable[[Files], list[Entry]] | None = None,
    reuse: Reuse | None = None,
    onlooker: Onlooker | None = None,
    globs: bool = False,
    forked: bool = False,
) -> Fingerprint:
    """Read the file or folder at `path` in full and return what it is.

    `ignores` are the patterns of what to leave out of a tree (None: `names.DEFAULT_IGNORES`); they mean nothing for a
    file. `follow_links` reads links that lead out of the tree as what they point to, and notes each as a finding.
    `jobs` is the number of threads, 0 for what suits the files. `cache` knows the digests of files that haven't changed
    since they were read; without it, all is read. `blake3` adds that digest to each entry, and reads all for it. `read`
    is what gives the entries of files, in their order, where that aren't threads of this process. `reuse` is asked
    first which of them an earlier, verified statement vouches for. `onlooker` sees how each file
    begins that is read here. With `globs`, a path with `*` that names nothing is a pattern: its files are the tree.
    `forked` lets many small files be read by forked processes, where threads would be in each other's way: for a
    program that has nothing else going on.

    Raises `PathError` for what is missing, unreadable, special or empty, `NameRefusedError` for names and links that
    a manifest can't hold, `ChangedError` where anything changes meanwhile, `UsageError` for a malformed pattern.
    """
    artifact = find_artifact(path, Ignores.of(ignores), follow_links=follow_links, globs=globs)
    reading = read or partial(
        digest_files, jobs=jobs, progress=progress, blake3=blake3, onlooker=onlooker, forked=forked
    )
    if cache is not None and not blake3:
        reading = partial(cache.read, read=reading)
    if reuse is not None and not blake3:
        reading = partial(reuse.read, read=reading)
    entries = _read_once(artifact.listing, reading)
    # Where nothing was read, nothing had time to change.
    was_read = any(entry.known is not FROM_CACHE for entry in entries)
    if artifact.kind is Kind.FILE:
        if was_read:
            artifact.demand_unchanged()
        return Fingerprint.of_file(entries[0])
    summed = partial(
        _summed, artifact.name, artifact.ignores.texts, artifact.listing.ignored, artifact.listing.findings
    )
    if was_read and forked and forks_help(artifact.listing, jobs):
        with beside(artifact.demand_same_states) as settled:
            found = summed(entries)
            artifact.demand_same_shape()
            settled()
        return found
    if was_read:
        artifact.demand_unchanged()
    del artifact  # what follows needs the room of its listing
    return summed(entries)


def _summed(
    name: str, ignores: tuple[str, ...], ignored: tuple[str, ...], findings: tuple[Finding, ...], entries: list[Entry]
) -> Fingerprint:
    """Return what a tree is whose files have these entries, which are in any order."""
    ordered = tuple(sorted(entries, key=attrgetter("path")))
    findings = (*findings, *collisions(entry.path for entry in ordered))
    return Fingerprint(name, tree_digest(ordered), ordered, ignores, ignored, findings)


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
