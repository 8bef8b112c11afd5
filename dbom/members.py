"""The members of an archive, wherever the archive is, to a fingerprint: `zip://PATH/IN/IT::URL` and `tar://…::URL`."""

from __future__ import annotations

import io
import os
import re
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote

from dbom.errors import ChangedError, NameRefusedError, PathError, StoreError, UsageError
from dbom.globs import choice_note, glob_pattern
from dbom.hashing import FileState
from dbom.keys import artifact_name, demand_files, list_keys, tree_of
from dbom.model import Entry, Fingerprint
from dbom.printable import printable
from dbom.rules.artifacts import (
    CHANGED_WHILE_READ,
    KEY_IS_FOLDER_TOO,
    LENGTH_UNKNOWN,
    PATH_MISSING,
    PATH_UNREADABLE,
    STORE_UNREACHABLE,
    URL_REFUSED,
)
from dbom.storage.archives import ObjectFile, tar_members, zip_members
from dbom.storage.filesystems import shown_url
from dbom.storage.objects import place_of, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbom.ignores import Ignores
    from dbom.items import Progress
    from dbom.storage.objects import RemoteObject

__all__ = ["demand_online", "fingerprint_members", "is_member", "is_url", "local_path"]

_READERS = {"zip": zip_members, "tar": tar_members}
_BUFFER = 256 * 1024


def is_url(source: str) -> bool:
    """Return whether a text is a URL rather than a path."""
    protocol, separator, _ = source.partition("://")
    return bool(separator) and protocol.isalnum()


def local_path(url: str) -> str:
    """Return the path that a `file://` URL names: all of it, since a path knows no query and no fragment."""
    return unquote("/" + url.partition("://")[2].partition("/")[2])


def is_member(url: str) -> bool:
    """Return whether a URL speaks of what is in an archive."""
    return url.partition("://")[0] in _READERS and "://" in url


def demand_online(url: str, *, offline: bool) -> None:
    """Raise `StoreError` where `offline` forbids what the URL needs."""
    if offline and not url.startswith("memory://"):
        raise StoreError(
            STORE_UNREACHABLE, "not reached, since --offline forbids every use of a network", where=shown_url(url)
        )


def fingerprint_members(
    url: str, ignores: Ignores, *, progress: Progress | None = None, offline: bool = False
) -> Fingerprint:
    """Return the fingerprint of one member, of a folder of members, or of all: the one that they have when unpacked.

    The archive is a path or a URL. Raises `PathError` for one that has no single reading, or none that is bounded.
    """
    kind, _, rest = url.partition("://")
    inner, separator, outer = rest.partition("::")
    if not separator or not outer or "::" in outer:
        raise UsageError(
            URL_REFUSED, "names no archive", where=printable(url), expected=f"{kind}://PATH::ARCHIVE, one archive deep"
        )
    where = f"{shown_url(outer) if is_url(outer) else printable(outer)}!"
    found: list[RemoteObject] = []
    digests: dict[str, str] = {}
    with _archive_file(outer, offline=offline) as file:
        for item, digest in _READERS[kind](file, where):
            found.append(item)
            digests[item.key] = digest
            if progress is not None:
                progress.expect(item.size)
                progress.advance(item.size)
    chosen = inner.strip("/")
    if chosen in digests:
        return _of_file(chosen, found, digests, where)
    return _of_tree(chosen, found, digests, ignores, where=where, archive=outer)


def _of_file(inner: str, found: list[RemoteObject], digests: Mapping[str, str], where: str) -> Fingerprint:
    if any(item.key.startswith(f"{inner}/") for item in found):
        raise NameRefusedError(KEY_IS_FOLDER_TOO, "is a file and a folder", where=f"{where}/{printable(inner)}")
    (single,) = (item for item in found if item.key == inner)
    name = artifact_name(inner.rpartition("/")[2], where)
    return Fingerprint.of_file(Entry(name, single.size, digests[inner]))


def _of_tree(
    inner: str,
    found: list[RemoteObject],
    digests: Mapping[str, str],
    ignores: Ignores,
    *,
    where: str,
    archive: str,
) -> Fingerprint:
    glob = inner if "*" in inner else ""
    fixed = re.split(r"[*?]", inner, maxsplit=1)[0].rpartition("/")[0] if glob else inner
    prefix = f"{fixed}/" if fixed else ""
    wanted = glob_pattern(glob.removeprefix(prefix)) if glob else None
    below = (item for item in found if item.key.startswith(prefix))
    listing = list_keys(below, prefix, where, ignores, wanted=wanted)
    demand_files(listing, f"{where}/{printable(inner)}".rstrip("/"))
    name = (fixed or archive.partition("?")[0].rstrip("/")).rpartition("/")[2]
    entries = (Entry(path, item.size, digests[item.key]) for path, item in listing.files.items())
    tree = tree_of(artifact_name(name, where), entries, listing, ignores)
    return replace(tree, findings=(choice_note(glob.removeprefix(prefix)), *tree.findings)) if glob else tree


@contextmanager
def _archive_file(outer: str, *, offline: bool) -> Iterator[IO[bytes]]:
    if outer.startswith(("file://", "local://")) or not is_url(outer):
        with _local_file(local_path(outer) if is_url(outer) else outer) as file:
            yield file
        return
    demand_online(outer, offline=offline)
    place = place_of(outer)
    source = source_of(place.root)
    item = source.find(place.key)
    where = source.shown(place.key)
    if item is None:
        raise PathError(PATH_MISSING, "there is nothing here", where=where)
    if item.streamed:
        raise StoreError(LENGTH_UNKNOWN, "archives are read in ranges, which this server doesn't offer", where=where)
    yield io.BufferedReader(ObjectFile(source, item), _BUFFER)
    source.demand_same(item)


@contextmanager
def _local_file(path: str) -> Iterator[IO[bytes]]:
    try:
        with Path(path).open("rb") as file:
            before = FileState.of(os.fstat(file.fileno()))
            yield file
            if FileState.of(os.fstat(file.fileno())) != before:
                raise ChangedError(CHANGED_WHILE_READ, "was written to while it was read", where=printable(path))
    except OSError as error:
        rule = PATH_MISSING if isinstance(error, FileNotFoundError) else PATH_UNREADABLE
        raise PathError(rule, f"can't be read: {error.strerror}", where=printable(path)) from error
