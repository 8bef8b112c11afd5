"""A prefix of anything that fsspec opens, as a folder of small files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.storage.faults import (
    MAX_ENTRY_BYTES,
    Refused,
    checked_name,
    conflict,
    name_refused,
    ordered_names,
    unreachable,
    within,
)
from dbom.storage.filesystems import service_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fsspec import AbstractFileSystem

__all__ = ["RemoteFolder"]


class RemoteFolder:
    """A prefix of anything that fsspec opens."""

    def __init__(self, filesystem: AbstractFileSystem, root: str, url: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        self._url = url

    @property
    def url(self) -> str:
        """The URL without credentials."""
        return self._url

    def exists(self) -> bool:
        """Return whether anything is there."""
        try:
            return bool(self._filesystem.exists(self._root))
        except service_errors() as error:
            raise unreachable("can't be reached", self._url, error) from error

    def names(self, *, refused: Refused | None = None) -> Iterator[str]:
        """List the objects below the prefix; keys that end in `/` stand for folders and don't count."""
        try:
            self._filesystem.invalidate_cache()
            found = self._filesystem.find(self._root)
        except service_errors() as error:
            raise unreachable("can't be listed", self._url, error) from error
        keys = [str(key) for key in found if not str(key).endswith("/")]
        return iter(ordered_names([self._name(key) for key in keys], self._url, refused))

    def read(self, name: str, *, limit: int = MAX_ENTRY_BYTES) -> bytes:
        """Return the bytes of an object."""
        return within(self._head(name, limit + 1), limit, f"{self._url}/{name}")

    def add(self, name: str, data: bytes) -> None:
        """Write a new object, by the store's own create-only request."""
        key = self._key(name)
        try:
            self._write(key, data, mode="create")
        except FileExistsError:
            if self._head(name, len(data) + 1) != data:
                raise conflict(f"{self._url}/{name}") from None
        except service_errors() as error:
            raise unreachable("can't be written", f"{self._url}/{name}", error) from error

    def replace(self, name: str, data: bytes) -> None:
        """Write an object over the one that may be there."""
        key = self._key(name)
        try:
            self._write(key, data, mode="overwrite")
        except service_errors() as error:
            raise unreachable("can't be written", f"{self._url}/{name}", error) from error

    def _head(self, name: str, size: int) -> bytes:
        key = self._key(name)
        try:
            with self._filesystem.open(key, "rb") as file:
                return bytes(file.read(size))
        except service_errors() as error:
            raise unreachable("can't be read", f"{self._url}/{name}", error) from error

    def _name(self, key: str) -> str:
        if not key.startswith(f"{self._root}/"):
            raise name_refused(key, self._url, "is not below the folder that was listed")
        return key.removeprefix(f"{self._root}/")

    def _key(self, name: str) -> str:
        return f"{self._root}/{checked_name(name, self._url)}"

    def _write(self, key: str, data: bytes, *, mode: str) -> None:
        try:
            self._filesystem.pipe_file(key, data, mode=mode)
        except FileNotFoundError:
            # Only a store with real folders says so. (On an object store, making folders first could make a bucket.)
            self._filesystem.makedirs(key.rpartition("/")[0], exist_ok=True)
            self._filesystem.pipe_file(key, data, mode=mode)
