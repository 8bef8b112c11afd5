"""The folder of a table, on a disk or in a store: its metadata in bounded portions, and chosen files of it hashed."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from dbom.errors import ChangedError, DocumentError, NameRefusedError, PathError
from dbom.executors import open_executor
from dbom.formats.table_snapshot import MAX_MANIFEST_BYTES
from dbom.hashing import FileState, LocalItem, demand_same, open_listed, unreadable_error
from dbom.keys import artifact_name
from dbom.members import demand_online, is_url, local_path
from dbom.printable import printable
from dbom.reading import digest_files
from dbom.rules.artifacts import (
    CHANGED_WHILE_READ,
    LINK_REFUSED,
    PATH_MISSING,
    PATH_UNREADABLE,
    SPECIAL_FILE,
    TABLE_FILE_DIFFERS,
    TABLE_MALFORMED,
)
from dbom.storage.objects import RemoteItem, place_of, source_of
from dbom.storage.ranges import whole_range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbom.formats.table_snapshot import TableFile, TableReader
    from dbom.items import Progress
    from dbom.model import Entry
    from dbom.storage.objects import Place, RemoteObject, Source

__all__ = ["KnownTable", "LocalTable", "RemoteTable", "open_table"]

_READERS = 8
_MAX_FAULTS = 20


def open_table(source: str, *, offline: bool = False) -> LocalTable | RemoteTable:
    """Return the table's folder at a path or a URL; within `open_sources`, which ends its connections.

    Raises `PathError` where nothing is there, and as `place_of` for an address.
    """
    if source.startswith(("file://", "local://")):
        return LocalTable.at(local_path(source))
    if not is_url(source):
        return LocalTable.at(source)
    demand_online(source, offline=offline)
    return RemoteTable.at(place_of(source))


@dataclass(frozen=True, slots=True)
class KnownTable:
    """A table in a tree that has been fingerprinted: only what is in the fingerprint is there, with those digests."""

    inner: TableReader
    files: Mapping[str, Entry]

    @property
    def where(self) -> str:
        """The folder, fit to be shown."""
        return self.inner.where

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files in a folder."""
        return _children(self.files, folder)

    def read(self, path: str, *, limit: int = MAX_MANIFEST_BYTES) -> bytes:
        """Return the bytes of a file."""
        expected = self.sha256(path)
        data = self.inner.read(path, limit=limit)
        if hashlib.sha256(data).hexdigest() != expected:
            raise ChangedError(CHANGED_WHILE_READ, "has changed since it was read", where=printable(path))
        return data

    def sha256(self, path: str) -> str:
        """Return the sha256 of a file, in hex."""
        entry = self.files.get(path)
        if entry is None:
            raise _missing([path], self.where)
        return entry.sha256


@dataclass(frozen=True, slots=True)
class LocalTable:
    """A table on a disk. Links within its folder are read as what they lead to; those out of it are refused."""

    root: str

    @classmethod
    def at(cls, path: str) -> Self:
        """Find the folder. Raises `PathError` where nothing is there."""
        try:
            return cls(os.path.realpath(path, strict=True))
        except (OSError, ValueError) as error:
            raise PathError(PATH_MISSING, "there is nothing here", where=printable(path)) from error

    @property
    def where(self) -> str:
        """The folder, fit to be shown."""
        return printable(self.root)

    @property
    def name(self) -> str:
        """The folder's name, as a statement carries it."""
        return artifact_name(Path(self.root).name, self.where)

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files in a folder."""
        try:
            with os.scandir(Path(self.root, folder)) as children:
                return tuple(sorted(child.name for child in children if child.is_file()))
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise PathError(PATH_UNREADABLE, f"can't be listed: {error.strerror}", where=self.where) from error

    def read(self, path: str, *, limit: int = MAX_MANIFEST_BYTES) -> bytes:
        """Return the bytes of a file."""
        item = self._item(path)
        _demand_small(item.size, limit, f"{self.where}/{printable(path)}")
        try:
            with os.fdopen(open_listed(item.real), "rb") as file:
                data = file.read(item.size)
                demand_same(item.real, item.listed, file.fileno())
        except OSError as error:
            raise unreadable_error(item.real, error) from error
        return data

    def sha256(self, path: str) -> str:
        """Return the sha256 of a file, in hex."""
        return self._item(path).digest().sha256

    def entries(
        self,
        files: Sequence[TableFile],
        *,
        computed: bool = False,  # noqa: ARG002  a disk attests nothing
        jobs: int = 0,
        progress: Progress | None = None,
    ) -> list[Entry]:
        """Return the entry of each file, in any order. Raises `PathError` (DBOM-194) for those that are missing."""
        items, missing = [], []
        for file in files:
            try:
                items.append(self._item(file.path))
            except PathError as error:
                if error.rule is not TABLE_FILE_DIFFERS:
                    raise
                missing.append(file.path)
        if missing:
            raise _missing(missing, self.where)
        entries = digest_files(items, jobs=jobs, progress=progress)
        for item in items:
            if self._item(item.path) != item:
                raise ChangedError(CHANGED_WHILE_READ, "was replaced while it was read", where=printable(item.path))
        return entries

    def _item(self, path: str) -> LocalItem:
        where = f"{self.where}/{printable(path)}"
        try:
            real = os.path.realpath(Path(self.root, path), strict=True)
            status = Path(real).lstat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _missing([path], self.where) from error
        except OSError as error:
            raise unreadable_error(os.path.join(self.root, path), error) from error  # noqa: PTH118  shown as it is
        if not real.startswith(self.root.rstrip("/") + "/"):
            raise NameRefusedError(LINK_REFUSED, "the link leads out of the tree", where=where, got=printable(real))
        if not stat.S_ISREG(status.st_mode):
            raise PathError(SPECIAL_FILE, "is not a regular file", where=where)
        return LocalItem(path, real, FileState.of(status))


@dataclass(frozen=True, slots=True)
class RemoteTable:
    """A table in a store: its objects, as they were listed once."""

    place: Place
    source: Source
    objects: Mapping[str, RemoteObject] = field(repr=False)

    @classmethod
    def at(cls, place: Place) -> Self:
        """List what is below a place."""
        source = source_of(place.root)
        prefix = place.key.rstrip("/") + "/" if place.key else ""
        found = {item.key.removeprefix(prefix): item for item in source.below(prefix) if item.key.startswith(prefix)}
        return cls(place, source, found)

    @property
    def where(self) -> str:
        """The folder, fit to be shown."""
        return self.source.shown(self.place.key).rstrip("/")

    @property
    def name(self) -> str:
        """The folder's name, as a statement carries it."""
        whole = self.place.key.rstrip("/") or urlsplit(self.place.root).netloc
        return artifact_name(whole.rpartition("/")[2], self.where)

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files in a folder."""
        return _children(self.objects, folder)

    def read(self, path: str, *, limit: int = MAX_MANIFEST_BYTES) -> bytes:
        """Return the bytes of a file."""
        item = self._object(path)
        where = self.source.shown(item.key)
        _demand_small(item.size, limit, where)
        if item.streamed:
            data = b"".join(self.source.stream(item))
        else:
            data = whole_range(lambda start, stop: self.source.fetch(item, start, stop), 0, item.size, where)
        self.source.demand_same(item)
        return data

    def sha256(self, path: str) -> str:
        """Return the sha256 of a file, in hex."""
        return RemoteItem(path, self.place.root, self._object(path), computed=True).digest().sha256

    def entries(
        self, files: Sequence[TableFile], *, computed: bool = False, jobs: int = 0, progress: Progress | None = None
    ) -> list[Entry]:
        """Return the entry of each file, in any order. Raises `PathError` (DBOM-194) for those that are missing."""
        missing = [file.path for file in files if file.path not in self.objects]
        if missing:
            raise _missing(missing, self.where)
        from dbom.engine import digest_items  # noqa: PLC0415  only who names a URL pays for it

        items = [RemoteItem(file.path, self.place.root, self.objects[file.path], computed) for file in files]
        with open_executor(jobs or _READERS) as threads:
            return list(digest_items(items, threads, progress=progress, readers=1))

    def _object(self, path: str) -> RemoteObject:
        item = self.objects.get(path)
        if item is None:
            raise _missing([path], self.where)
        return item


def _children(paths: Mapping[str, object], folder: str) -> tuple[str, ...]:
    prefix = f"{folder}/"
    names = (path.removeprefix(prefix) for path in paths if path.startswith(prefix))
    return tuple(sorted(name for name in names if name and "/" not in name))


def _demand_small(size: int, limit: int, where: str) -> None:
    if size > limit:
        raise DocumentError(
            TABLE_MALFORMED, "larger than is read", where=where, got=f"{size} bytes", expected=f"at most {limit}"
        )


def _missing(paths: Sequence[str], where: str) -> PathError:
    shown = [printable(path) for path in paths[:_MAX_FAULTS]]
    if len(paths) == 1:
        return PathError(TABLE_FILE_DIFFERS, f"a file of the table is not here: {shown[0]}", where=where)
    return PathError(TABLE_FILE_DIFFERS, f"{len(paths)} files of the table are not here", where=where, faults=shown)
