"""Folders of small files, such as stores of attestations: on a disk, or at any URL that fsspec opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from dbom.errors import StoreError
from dbom.rules.artifacts import STORE_UNREACHABLE
from dbom.storage.faults import MAX_ENTRY_BYTES, Refused
from dbom.storage.filesystems import open_filesystem, shown_url
from dbom.storage.local import LocalFolder
from dbom.storage.remote import RemoteFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_ENTRY_BYTES", "Folder", "Refused", "open_folder"]

_LOCAL_PROTOCOLS = frozenset({"file", "local", "memory"})


class Folder(Protocol):
    """A folder of small files. Names are relative, with `/` between segments.

    Whatever can't be reached, listed, read or written raises `StoreError`; a name that could lead out of the folder
    raises `NameRefusedError`.
    """

    @property
    def url(self) -> str:
        """Where it is, without credentials: fit to be shown."""

    def exists(self) -> bool:
        """Return whether the folder is there. Object stores have no folders, so there it is once it holds a file."""

    def names(self, *, refused: Refused | None = None) -> Iterator[str]:
        """List the files at any depth, ordered by the bytes of their names.

        With `refused`, a name that is refused and a folder further down that can't be listed are told to it, and the
        rest is listed; without it, the first of them is raised.
        """

    def read(self, name: str, *, limit: int = MAX_ENTRY_BYTES) -> bytes:
        """Return the bytes of a file, `StoreError` where they are more than `limit`."""

    def add(self, name: str, data: bytes) -> None:
        """Write a new file, whole or not at all. Nothing happens where it is there with the same bytes.

        Raises `MismatchError` where it is there with other bytes: nothing is ever overwritten.
        """

    def replace(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all, over the one that may be there."""


def open_folder(url_or_path: str, *, offline: bool = False) -> Folder:
    """Return the folder at a local path or an fsspec URL. It needs not be there yet.

    Raises `StoreError` where `offline` forbids its protocol, `MissingExtraError` where the protocol's package isn't
    installed, `UsageError` for an address that nothing can open.
    """
    protocol, separator, _ = url_or_path.partition("://")
    if not separator:
        return LocalFolder(Path(url_or_path))
    if protocol in ("file", "local"):
        return LocalFolder(Path(unquote(urlsplit(url_or_path).path)))
    if offline and protocol not in _LOCAL_PROTOCOLS:
        raise StoreError(
            STORE_UNREACHABLE,
            "not reached, since --offline forbids every use of a network",
            where=shown_url(url_or_path),
        )
    filesystem, root = open_filesystem(url_or_path)
    return RemoteFolder(filesystem, root, shown_url(url_or_path))
