"""Folders of small files, local or at any fsspec URL: list, read with a bound, add without ever overwriting.

This is the one home of fsspec. Local folders are handled by plain system calls, so that adding and replacing are atomic
and survive a crash.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from dbom.errors import MismatchError, MissingExtraError, NameRefusedError, StoreError, UsageError
from dbom.printable import printable
from dbom.rules.artifacts import (
    STORE_CONFLICT,
    STORE_ENTRY_TOO_LARGE,
    STORE_NAME_REFUSED,
    STORE_UNREACHABLE,
    STORE_URL_REFUSED,
)
from dbom.rules.everyday import EXTRA_MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fsspec import AbstractFileSystem

__all__ = ["MAX_ENTRY_BYTES", "Folder", "LocalFolder", "RemoteFolder", "open_folder"]

MAX_ENTRY_BYTES = 64 * 1024 * 1024
"""The largest entry that is read unless a caller says otherwise, in bytes."""

_TEMPORARY_PREFIX = ".dbom-tmp-"

_LOCAL_PROTOCOLS = frozenset({"file", "local", "memory"})

_EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "az": "azure",
    "abfs": "azure",
    "abfss": "azure",
    "adl": "azure",
    "hf": "hf",
}

# fsspec's backends let some errors of their client libraries through that aren't OSErrors.
_SERVICE_ERRORS = (
    ("aiohttp", "ClientError"),
    ("azure.core.exceptions", "AzureError"),
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("httpx", "HTTPError"),
)


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

    def names(self) -> Iterator[str]:
        """List the files at any depth, ordered by the bytes of their names."""

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
            STORE_UNREACHABLE, "not reached, since --offline forbids every use of a network", where=_shown(url_or_path)
        )
    return _open_remote(url_or_path, protocol)


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

    def names(self) -> Iterator[str]:
        """List the files at any depth; links to files count, links to folders are not followed.

        Folders whose names begin with `..` are left out: Kubernetes keeps the versions of a mounted ConfigMap there and
        links each file to the current one.
        """
        found: list[str] = []
        for folder, folders, files in os.walk(self._path, onerror=self._unlisted):
            folders[:] = [name for name in folders if not name.startswith("..")]
            relative = Path(folder).relative_to(self._path)
            found.extend((relative / name).as_posix() for name in files if not name.startswith(_TEMPORARY_PREFIX))
        return iter(_ordered(found, self.url))

    def read(self, name: str, *, limit: int = MAX_ENTRY_BYTES) -> bytes:
        """Return the bytes of a file; a pipe or a device in its place is neither read nor waited for."""
        return _within(self._head(name, limit + 1), limit, f"{self.url}/{name}")

    def add(self, name: str, data: bytes) -> None:
        """Write a new file: to a temporary name, to the disk, then linked to its name, which fails if it is taken."""
        path = self._path / _checked(name, self.url)
        try:
            temporary = _written_beside(path, data)
            try:
                added = _linked(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise _unreachable("can't be written", str(path), error) from error
        if not added and self._head(name, len(data) + 1) != data:
            raise _conflict(str(path))

    def replace(self, name: str, data: bytes) -> None:
        """Write a file over the one that may be there, through a temporary name on the same disk."""
        path = self._path / _checked(name, self.url)
        try:
            temporary = _written_beside(path, data)
            try:
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise _unreachable("can't be written", str(path), error) from error

    def _head(self, name: str, size: int) -> bytes:
        path = self._path / _checked(name, self.url)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise StoreError(STORE_UNREACHABLE, "is not a regular file", where=printable(str(path)))
                return file.read(size)
        except OSError as error:
            raise _unreachable("can't be read", str(path), error) from error

    def _unlisted(self, error: OSError) -> None:
        raise _unreachable("can't be listed", str(error.filename), error) from error


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
        except _service_errors() as error:
            raise _unreachable("can't be reached", self._url, error) from error

    def names(self) -> Iterator[str]:
        """List the objects below the prefix; keys that end in `/` stand for folders and don't count."""
        try:
            self._filesystem.invalidate_cache()
            found = self._filesystem.find(self._root)
        except _service_errors() as error:
            raise _unreachable("can't be listed", self._url, error) from error
        keys = [str(key) for key in found if not str(key).endswith("/")]
        return iter(_ordered([self._name(key) for key in keys], self._url))

    def read(self, name: str, *, limit: int = MAX_ENTRY_BYTES) -> bytes:
        """Return the bytes of an object."""
        return _within(self._head(name, limit + 1), limit, f"{self._url}/{name}")

    def add(self, name: str, data: bytes) -> None:
        """Write a new object, by the store's own create-only request."""
        key = self._key(name)
        try:
            self._write(key, data, mode="create")
        except FileExistsError:
            if self._head(name, len(data) + 1) != data:
                raise _conflict(f"{self._url}/{name}") from None
        except _service_errors() as error:
            raise _unreachable("can't be written", f"{self._url}/{name}", error) from error

    def replace(self, name: str, data: bytes) -> None:
        """Write an object over the one that may be there."""
        key = self._key(name)
        try:
            self._write(key, data, mode="overwrite")
        except _service_errors() as error:
            raise _unreachable("can't be written", f"{self._url}/{name}", error) from error

    def _head(self, name: str, size: int) -> bytes:
        key = self._key(name)
        try:
            with self._filesystem.open(key, "rb") as file:
                return bytes(file.read(size))
        except _service_errors() as error:
            raise _unreachable("can't be read", f"{self._url}/{name}", error) from error

    def _name(self, key: str) -> str:
        if not key.startswith(f"{self._root}/"):
            raise _name_refused(key, self._url, "is not below the folder that was listed")
        return key.removeprefix(f"{self._root}/")

    def _key(self, name: str) -> str:
        return f"{self._root}/{_checked(name, self._url)}"

    def _write(self, key: str, data: bytes, *, mode: str) -> None:
        try:
            self._filesystem.pipe_file(key, data, mode=mode)
        except FileNotFoundError:
            # Only a store with real folders says so. (On an object store, making folders first could make a bucket.)
            self._filesystem.makedirs(key.rpartition("/")[0], exist_ok=True)
            self._filesystem.pipe_file(key, data, mode=mode)


def _open_remote(url: str, protocol: str) -> RemoteFolder:
    import fsspec  # noqa: PLC0415  only who names a URL pays for it

    if "::" in url:
        raise UsageError(STORE_URL_REFUSED, "chained URLs are not taken", where=_shown(url))
    try:
        filesystem, root = fsspec.core.url_to_fs(url)
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        hint = f"pip install 'dbom[{extra}]'" if extra else f"install fsspec's package for {printable(protocol)}://"
        raise MissingExtraError(
            EXTRA_MISSING,
            f"{printable(protocol)}:// needs a package that isn't installed",
            where=_shown(url),
            hint=hint,
        ) from error
    except ValueError as error:
        raise UsageError(STORE_URL_REFUSED, "not an address of a store", where=_shown(url)) from error
    except _service_errors() as error:
        raise _unreachable("can't be opened", _shown(url), error) from error
    return RemoteFolder(filesystem, root, _shown(url))


def _shown(url: str) -> str:
    """Return a URL without what may be a secret: user, password, query and fragment."""
    parts = urlsplit(url)
    return printable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/"))


def _service_errors() -> tuple[type[BaseException], ...]:
    """Return what the backends may raise: OSError and the base errors of those client libraries that are loaded."""
    loaded = ((sys.modules.get(module), name) for module, name in _SERVICE_ERRORS)
    found = (getattr(module, name, None) for module, name in loaded if module is not None)
    return (OSError, *(error for error in found if isinstance(error, type) and issubclass(error, Exception)))


def _checked(name: str, where: str) -> str:
    segments = name.split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise _name_refused(name, where, "has an empty, . or .. segment, or a leading slash")
    if "\0" in name:
        raise _name_refused(name, where, "holds a NUL")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _name_refused(name, where, "is not UTF-8") from None
    return name


def _ordered(names: list[str], where: str) -> list[str]:
    return sorted((_checked(name, where) for name in names), key=str.encode)


def _within(data: bytes, limit: int, where: str) -> bytes:
    if len(data) > limit:
        raise StoreError(
            STORE_ENTRY_TOO_LARGE, "is too large to be read", where=printable(where), expected=f"at most {limit} bytes"
        )
    return data


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


def _unreachable(what: str, where: str, error: BaseException) -> StoreError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return StoreError(STORE_UNREACHABLE, f"{what}: {printable(str(reason))}", where=printable(where))


def _conflict(where: str) -> MismatchError:
    return MismatchError(STORE_CONFLICT, "is there already with other bytes", where=printable(where))


def _name_refused(name: str, where: str, fault: str) -> NameRefusedError:
    return NameRefusedError(STORE_NAME_REFUSED, f"the name {printable(name)} {fault}", where=printable(where))
