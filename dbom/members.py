"""The members of an archive, wherever the archive is, to a fingerprint: `zip://PATH/IN/IT::URL` and `tar://…::URL`."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from dbom.archived import LocalArchive, MemberItem, RemoteArchive
from dbom.errors import NameRefusedError, PathError, StoreError, UsageError
from dbom.executors import open_executor
from dbom.globs import choice_note, glob_pattern
from dbom.keys import artifact_name, demand_files, list_keys, tree_of
from dbom.model import Entry, Fingerprint
from dbom.printable import printable
from dbom.rules.artifacts import (
    KEY_IS_FOLDER_TOO,
    LENGTH_UNKNOWN,
    PATH_MISSING,
    STORE_UNREACHABLE,
    URL_REFUSED,
)
from dbom.storage.archives import is_packed, tar_members, zip_members
from dbom.storage.filesystems import shown_url
from dbom.storage.objects import RemoteObject, place_of, source_of
from dbom.storage.packed import tar_index, zip_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Executor

    from dbom.archived import Archive
    from dbom.engine.journal import Journal
    from dbom.ignores import Ignores
    from dbom.items import Progress
    from dbom.storage.packed import Member

__all__ = ["demand_online", "fingerprint_members", "is_member", "is_url", "local_path"]

_READERS = {"zip": zip_members, "tar": tar_members}
_AHEAD = 64 * 1024  # of a remote archive whose headers alone are read


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
    url: str,
    ignores: Ignores,
    *,
    progress: Progress | None = None,
    offline: bool = False,
    executor: Executor | None = None,
    journal: Journal | None = None,
    jobs: int = 0,
) -> Fingerprint:
    """Return the fingerprint of one member, of a folder of members, or of all: the one that they have when unpacked.

    The archive is a path or a URL. With an `executor` or a `journal`, the members that are wanted are read each by
    itself, on `executor` or on `jobs` threads. Otherwise, and for a tar file that is compressed as a whole, which is
    one stream, all of it is read here from beginning to end.

    Raises `PathError` for an archive that has no single reading, or none that is bounded.
    """
    kind, _, rest = url.partition("://")
    inner, separator, outer = rest.partition("::")
    if not separator or not outer or "::" in outer:
        raise UsageError(
            URL_REFUSED, "names no archive", where=printable(url), expected=f"{kind}://PATH::ARCHIVE, one archive deep"
        )
    where = f"{shown_url(outer) if is_url(outer) else printable(outer)}!"
    archive = _archive(outer, offline=offline)
    index = None if executor is None and journal is None else _index(kind, archive, where)
    if index is None:
        found, read = _streamed(kind, archive, where, progress)
    else:
        found = [RemoteObject(member.key, member.size) for member in index]
        members = {member.key: member for member in index}

        def read(chosen: Mapping[str, str]) -> Iterator[Entry]:
            items = (MemberItem(path, archive, members[key], where) for path, key in chosen.items())
            return _on_workers(items, executor, journal, progress, jobs)

    chosen = inner.strip("/")
    if any(item.key == chosen for item in found):
        return _of_file(chosen, found, read, where)
    return _of_tree(chosen, found, read, ignores, where=where, archive=outer)


def _streamed(
    kind: str, archive: Archive, where: str, progress: Progress | None
) -> tuple[list[RemoteObject], Callable[[Mapping[str, str]], Iterator[Entry]]]:
    """Read all of an archive from its beginning; return what is in it, and a function to the entries of some of it."""
    found: list[RemoteObject] = []
    entries: dict[str, tuple[int, str]] = {}
    with archive.opened() as file:
        for item, digest in _READERS[kind](file, where):
            found.append(item)
            entries[item.key] = (item.size, digest)
            if progress is not None:
                progress.expect(item.size)
                progress.advance(item.size)
    return found, lambda chosen: (Entry(path, *entries[key]) for path, key in chosen.items())


def _index(kind: str, archive: Archive, where: str) -> list[Member] | None:
    """Return where the members lie, or None where no member can be read by itself."""
    with archive.opened(ahead=_AHEAD) as file:
        if kind == "zip":
            return zip_index(file, where)
        return None if is_packed(file) else tar_index(file, where)


def _on_workers(
    items: Iterable[MemberItem],
    executor: Executor | None,
    journal: Journal | None,
    progress: Progress | None,
    jobs: int,
) -> Iterator[Entry]:
    from dbom.engine.window import digest_items  # noqa: PLC0415  only who asks for it pays for it

    with ExitStack() as opened:
        workers = executor or opened.enter_context(open_executor(jobs))
        yield from digest_items(items, workers, journal=journal, progress=progress)


def _of_file(
    inner: str, found: list[RemoteObject], read: Callable[[Mapping[str, str]], Iterator[Entry]], where: str
) -> Fingerprint:
    if any(item.key.startswith(f"{inner}/") for item in found):
        raise NameRefusedError(KEY_IS_FOLDER_TOO, "is a file and a folder", where=f"{where}/{printable(inner)}")
    name = artifact_name(inner.rpartition("/")[2], where)
    (entry,) = read({name: inner})
    return Fingerprint.of_file(entry)


def _of_tree(
    inner: str,
    found: list[RemoteObject],
    read: Callable[[Mapping[str, str]], Iterator[Entry]],
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
    entries = read({path: item.key for path, item in listing.files.items()})
    tree = tree_of(artifact_name(name, where), entries, listing, ignores)
    return replace(tree, findings=(choice_note(glob.removeprefix(prefix)), *tree.findings)) if glob else tree


def _archive(outer: str, *, offline: bool) -> Archive:
    if outer.startswith(("file://", "local://")) or not is_url(outer):
        return LocalArchive.of(local_path(outer) if is_url(outer) else outer)
    demand_online(outer, offline=offline)
    place = place_of(outer)
    source = source_of(place.root)
    item = source.find(place.key)
    where = source.shown(place.key)
    if item is None:
        raise PathError(PATH_MISSING, "there is nothing here", where=where)
    if item.streamed:
        raise StoreError(LENGTH_UNKNOWN, "archives are read in ranges, which this server doesn't offer", where=where)
    return RemoteArchive(place.root, item)
