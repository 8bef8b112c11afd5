"""Bytes to digests: files read once, in flat memory, each checked not to have changed under the read."""

from __future__ import annotations

import errno
import hashlib
import os
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from dbom.errors import CancelledError, ChangedError, PathError, UsageError
from dbom.model import Entry
from dbom.printable import printable
from dbom.rules.artifacts import CHANGED_WHILE_READ, EXTRA_MISSING, PATH_UNREADABLE
from dbom.rules.everyday import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbom.items import Progress

__all__ = [
    "CHUNK",
    "FileState",
    "Files",
    "Hasher",
    "LocalItem",
    "Onlooker",
    "Stop",
    "changed_error",
    "demand_same",
    "digest_item",
    "hash_file",
    "hash_item",
    "hash_with",
    "new_blake3",
    "open_listed",
    "thread_buffers",
    "unreadable_error",
]

CHUNK = 256 * 1024
"""Bytes read at once, into a buffer that each thread uses again and again: more gains nothing, and less costs."""

_STATE = struct.Struct("=QQQqq")
_SIZE = struct.Struct("=16xQ16x")
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_local = threading.local()


class Hasher(Protocol):
    """Whatever bytes are fed to and a digest comes from: sha256, or another algorithm beside it."""

    def update(self, data: memoryview, /) -> object:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far, in hex."""


class Onlooker(Protocol):
    """Whoever wants to see how files begin while they are read, so that nobody need open them again for it."""

    def see(self, path: str, head: memoryview, size: int) -> None:
        """See the first bytes of the file of `size` bytes at `path` in its tree: all, or up to `CHUNK`; never none.

        It may be called from any thread, and `head` holds these bytes only until it returns.
        """

    def told(self, paths: Sequence[str]) -> bytes:
        """Return what was seen of these files, for another onlooker of the same kind in another process."""

    def hear(self, paths: Sequence[str], told: bytes) -> None:
        """Take over what another saw of these files."""


class Stop(Protocol):
    """Whoever says that a reading isn't wanted any more: a `threading.Event`, for one."""

    def is_set(self) -> bool:
        """Return whether to stop."""


class FileState(bytes):
    """What the operating system says of a file that would differ if somebody wrote to it or put another in its place.

    Device, inode, size, modification and change time; times are in nanoseconds, their real resolution is the file
    system's. It is kept as 40 bytes, since a listing holds one for each of a million files.
    """

    __slots__ = ()

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Take the state from a stat result."""
        return cls(_STATE.pack(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))

    @property
    def size(self) -> int:
        """The size in bytes."""
        return int(_SIZE.unpack(self)[0])

    @property
    def newest_ns(self) -> int:
        """The later of modification and change time, in nanoseconds since 1970."""
        return int(max(_STATE.unpack(self)[3:]))

    def __str__(self) -> str:
        return ":".join(map(str, _STATE.unpack(self)))


class LocalItem(NamedTuple):
    """One file of a tree on a local disk, as an `Item`: a tuple, since a million of them are made.

    `path` is its path in the tree, `real` the path without links where its bytes are, `listed` the state it was listed
    in.
    """

    path: str
    real: str
    listed: FileState

    @property
    def size(self) -> int:
        """Its size in bytes, as it was listed."""
        return self.listed.size

    @property
    def state(self) -> str:
        """Where it is, and all that would differ if its bytes did."""
        return f"{self.listed}:{self.real}"

    def digest(self, progress: Progress | None = None) -> Entry:
        """Read it and return its entry. Raises `ChangedError` or `PathError`."""
        return hash_item(self, progress=progress)


class Files(Protocol):
    """Some items by their places: a list of them, or a listing that makes each when it is asked for."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __getitem__(self, place: int, /) -> LocalItem:
        """Return one of them."""

    def __iter__(self) -> Iterator[LocalItem]:
        """Give all of them."""


def hash_item(
    item: LocalItem,
    *,
    progress: Progress | None = None,
    stop: Stop | None = None,
    blake3: bool = False,
    onlooker: Onlooker | None = None,
) -> Entry:
    """Read `item` once and return its entry, with BLAKE3 beside its sha256 where that is asked for.

    `onlooker` sees how it begins.

    Raises as `hash_file`, and `UsageError` where the package `blake3` is missing.
    """
    sha256, *more = digest_item(item, progress=progress, stop=stop, blake3=blake3, onlooker=onlooker)
    return Entry(item.path, item.size, sha256, blake3="".join(more))


def digest_item(
    item: LocalItem,
    *,
    progress: Progress | None = None,
    stop: Stop | None = None,
    blake3: bool = False,
    onlooker: Onlooker | None = None,
) -> list[str]:
    """Read `item` once and return its digests in hex: sha256, then BLAKE3 where that is asked for.

    Raises as `hash_item`.
    """
    hashers: list[Hasher] = [hashlib.sha256()]
    if blake3:
        hashers.append(new_blake3())
    hasher: Hasher = _Both(*hashers) if blake3 else hashers[0]
    see = None if onlooker is None else lambda head: onlooker.see(item.path, head, item.size)
    _read(item.real, item.listed, hasher, progress=progress, stop=stop, see=see)
    return [hasher.hexdigest() for hasher in hashers]


def hash_with(item: LocalItem, also: Hasher, *, progress: Progress | None = None) -> str:
    """Read `item` once, feed it to `also` as well, and return its sha256 in hex. Raises as `hash_file`."""
    sha256 = hashlib.sha256()
    _read(item.real, item.listed, _Both(sha256, also), progress=progress)
    return sha256.hexdigest()


def hash_file(path: str, listed: FileState, *, progress: Progress | None = None, stop: Stop | None = None) -> str:
    """Return the sha256 in hex of the file at `path`, a path without links that was listed in the state `listed`.

    A file that was replaced by a link or a pipe since then is neither followed nor waited for. Raises `ChangedError`
    where it isn't what was listed or changes under the read, `PathError` where it can't be read.
    """
    sha256 = hashlib.sha256()
    _read(path, listed, sha256, progress=progress, stop=stop)
    return sha256.hexdigest()


def new_blake3() -> Hasher:
    """Return a new BLAKE3 of one thread. Raises `UsageError` where the package is missing."""
    try:
        from blake3 import blake3  # noqa: PLC0415  an extra
    except ImportError as error:
        raise UsageError(EXTRA_MISSING, "BLAKE3 needs the package blake3", hint="pip install 'dbom[blake3]'") from error
    hasher: Hasher = blake3()
    return hasher


def thread_buffers() -> list[memoryview]:
    """Return this thread's buffer of `CHUNK` bytes, as the list that `os.readv` and `os.preadv` take."""
    held: list[memoryview] | None = getattr(_local, "buffers", None)
    if held is None:
        held = _local.buffers = [memoryview(bytearray(CHUNK))]
    return held


def changed_error(path: str, what: str) -> ChangedError:
    """Return the error that says what became of the file at `path` since it was listed."""
    return ChangedError(CHANGED_WHILE_READ, what, where=printable(path))


def unreadable_error(path: str, error: OSError) -> PathError:
    """Return the error that says why the operating system doesn't let `path` be read."""
    return PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=printable(path))


@dataclass(frozen=True, slots=True)
class _Both:
    """Two algorithms fed by one read."""

    first: Hasher
    second: Hasher

    def update(self, data: memoryview, /) -> None:
        self.first.update(data)
        self.second.update(data)

    def hexdigest(self) -> str:
        return self.first.hexdigest()


def _read(
    path: str,
    listed: FileState,
    hasher: Hasher,
    *,
    progress: Progress | None,
    stop: Stop | None = None,
    see: Callable[[memoryview], None] | None = None,
) -> None:
    """Feed the file to `hasher`; `see` is shown the first bytes."""
    descriptor = open_listed(path)
    try:
        # A file of one chunk is checked once, behind the read.
        size = listed.size
        if size >= CHUNK:
            demand_same(path, listed, descriptor)
        for read in _whole(descriptor, size) or _chunks(descriptor, path, listed):
            if stop is not None and stop.is_set():
                raise CancelledError(CANCELLED, "reading was stopped", where=printable(path))
            if see is not None:
                see(read)
                see = None
            hasher.update(read)
            if progress is not None:
                progress.advance(len(read))
        demand_same(path, listed, descriptor)
    finally:
        os.close(descriptor)


def open_listed(path: str) -> int:
    """Open a file that was listed: a link in its place isn't followed, a pipe isn't waited for."""
    try:
        # Without O_NONBLOCK, opening a pipe that took the file's place would wait for its writer.
        return os.open(path, _FLAGS)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            raise changed_error(path, "was removed or replaced after it was listed") from error
        raise unreadable_error(path, error) from error


def demand_same(path: str, listed: FileState, descriptor: int) -> None:
    """Raise `ChangedError` where the open file isn't in the state that it was listed in."""
    if FileState.of(os.fstat(descriptor)) != listed:
        raise changed_error(path, "was written to or replaced while it was read")


def _whole(descriptor: int, size: int) -> tuple[memoryview, ...]:
    """Return the bytes of a small file as one chunk, or nothing where one read doesn't give all that were listed."""
    if not 0 < size < CHUNK:
        return ()
    buffers = thread_buffers()
    try:
        return (buffers[0][:size],) if os.preadv(descriptor, buffers, 0) == size else ()
    except OSError:
        return ()


def _chunks(descriptor: int, path: str, listed: FileState) -> Iterator[memoryview]:
    buffers = thread_buffers()
    view, size, count = buffers[0], listed.size, 0
    while True:
        try:
            read = os.readv(descriptor, buffers)
        except OSError as error:
            demand_same(path, listed, descriptor)
            raise unreadable_error(path, error) from error
        count += read
        if count > size:
            raise changed_error(path, "grew while it was read")
        if read:
            yield view[:read]
        # A short read that brings the last byte is the end: a file that has more isn't in the state it was listed in.
        if read == 0 or (read < CHUNK and count == size):
            break
    if count != size:
        raise changed_error(path, "shrank while it was read")
