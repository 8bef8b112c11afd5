"""A folder on a local disk: what is written is whole and on the disk before anybody sees its name."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.errors import StoreError
from dbom.printable import printable
from dbom.rules.artifacts import STORE_UNREACHABLE
from dbom.storage.faults import (
    MAX_ENTRY_BYTES,
    Refused,
    checked_name,
    conflict,
    ordered_names,
    unreachable,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LocalFolder"]

_TEMPORARY_PREFIX = ".dbom-tmp-"


class LocalFolder:
    """A folder on a local disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def url(self) -> str:
        """The path, as it was given."""
        return str(self._path)

    def exists(self) -> bool:
        """Return whether the folder is there."""
        return self._path.is_dir()

    def names(self, *, refused: Refused | None = None) -> Iterator[str]:
        """List the files at any depth; links to files count, links to folders are not followed.

        Folders whose names begin with `..` are left out: Kubernetes keeps the versions of a mounted ConfigMap there and
        links each file to the current one.
        """
        found: list[str] = []

        def unlisted(error: OSError) -> None:
            fault = unreachable("can't be listed", str(error.filename), error)
            if refused is None or Path(error.filename) == self._path:
                raise fault from error
            refused(fault)

        for folder, folders, files in os.walk(self._path, onerror=unlisted):
            folders[:] = [name for name in folders if not name.startswith("..")]
            relative = Path(folder).relative_to(self._path)
            found.extend((relative / name).as_posix() for name in files if not name.startswith(_TEMPORARY_PREFIX))
        return iter(ordered_names(found, self.url, refused))

    def read(self, name: str, *, limit: int = MAX_ENTRY_BYTES) -> bytes:
        """Return the bytes of a file; a pipe or a device in its place is neither read nor waited for."""
        return within(self._head(name, limit + 1), limit, f"{self.url}/{name}")

    def add(self, name: str, data: bytes) -> None:
        """Write a new file: to a temporary name, to the disk, then linked to its name, which fails if it is taken."""
        path = self._path / checked_name(name, self.url)
        try:
            temporary = _written_beside(path, data)
            try:
                added = _linked(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise unreachable("can't be written", str(path), error) from error
        if not added and self._head(name, len(data) + 1) != data:
            raise conflict(str(path))

    def replace(self, name: str, data: bytes) -> None:
        """Write a file over the one that may be there, through a temporary name on the same disk."""
        path = self._path / checked_name(name, self.url)
        try:
            temporary = _written_beside(path, data)
            try:
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise unreachable("can't be written", str(path), error) from error

    def _head(self, name: str, size: int) -> bytes:
        path = self._path / checked_name(name, self.url)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise StoreError(STORE_UNREACHABLE, "is not a regular file", where=printable(str(path)))
                return file.read(size)
        except OSError as error:
            raise unreachable("can't be read", str(path), error) from error


def _written_beside(path: Path, data: bytes) -> Path:
    """Write `data` to the disk under a temporary name in the folder of `path`, which is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{_TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    # Opened like any new file, so that its rights are those that the person's umask gives.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _linked(temporary: Path, path: Path) -> bool:
    """Give the temporary file its name; return False, and change nothing, where the name is taken."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        # A disk without hard links: two writers at once could both pass, with the same content-addressed bytes.
        if path.exists():
            return False
        temporary.replace(path)
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
