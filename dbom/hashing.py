"""Bytes to digests: files read once, in flat memory, each checked not to have changed under the read."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from dbom.errors import CancelledError, ChangedError, PathError
from dbom.printable import printable
from dbom.rules.artifacts import CHANGED_WHILE_READ, PATH_UNREADABLE
from dbom.rules.everyday import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Executor, Future

    from dbom.items import Progress

__all__ = ["FileState", "hash_file", "hash_files"]

_CHUNK = 256 * 1024
_BATCH_FILES = 256
_BATCH_BYTES = 8 * 1024 * 1024

_buffers = threading.local()


@dataclass(frozen=True, slots=True)
class FileState:
    """What the operating system says of a file that would differ if somebody wrote to it or put another in its place.

    Times are in nanoseconds; their real resolution is the file system's.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Take the state from a stat result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def hash_files(
    files: Mapping[str, FileState], executor: Executor, *, progress: Progress | None = None
) -> dict[str, str]:
    """Return the sha256 in hex of each of `files`, given by its real path and the state in which it was listed.

    Big files go first and alone, small ones in batches. Memory is one buffer a thread. Raises `ChangedError` where a
    file isn't what was listed or changes under the read, `PathError` where it can't be read.
    """
    if progress is not None:
        progress.expect(sum(state.size for state in files.values()))
    stop = threading.Event()
    futures = [executor.submit(_hash_batch, batch, stop, progress) for batch in _batches(files)]
    try:
        return _gathered(futures)
    except BaseException:
        stop.set()
        for future in futures:
            future.cancel()
        raise


def hash_file(
    path: str, listed: FileState, *, progress: Progress | None = None, stop: threading.Event | None = None
) -> str:
    """Return the sha256 in hex of the file at `path`, a path without links that was listed in the state `listed`.

    A file that was replaced by a link or a pipe since then is neither followed nor waited for.
    """
    descriptor = _opened(path)
    try:
        _demand_same(path, listed, os.fstat(descriptor))
        digest = _digest(descriptor, path, listed.size, progress, stop)
        _demand_same(path, listed, os.fstat(descriptor))
    finally:
        os.close(descriptor)
    return digest


def _batches(files: Mapping[str, FileState]) -> Iterable[Sequence[tuple[str, FileState]]]:
    batch: list[tuple[str, FileState]] = []
    held = 0
    for path, state in sorted(files.items(), key=lambda item: (-item[1].size, item[0])):
        if batch and (len(batch) == _BATCH_FILES or held + state.size > _BATCH_BYTES):
            yield batch
            batch, held = [], 0
        batch.append((path, state))
        held += state.size
    if batch:
        yield batch


def _hash_batch(
    batch: Sequence[tuple[str, FileState]], stop: threading.Event, progress: Progress | None
) -> list[tuple[str, str]]:
    return [(path, hash_file(path, state, progress=progress, stop=stop)) for path, state in batch]


def _gathered(futures: Sequence[Future[list[tuple[str, str]]]]) -> dict[str, str]:
    return {path: digest for future in futures for path, digest in future.result()}


def _opened(path: str) -> int:
    try:
        # Without O_NONBLOCK, opening a pipe that took the file's place would wait for its writer.
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            raise _changed(path, "was removed or replaced after it was listed") from error
        raise _unreadable(path, error) from error


def _demand_same(path: str, listed: FileState, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _changed(path, "is no longer a regular file")
    if FileState.of(status) != listed:
        raise _changed(path, "was written to or replaced while it was read")


def _digest(descriptor: int, path: str, size: int, progress: Progress | None, stop: threading.Event | None) -> str:
    buffer = _buffer()
    hasher = hashlib.sha256()
    count = 0
    while read := _read(descriptor, path, buffer):
        if stop is not None and stop.is_set():
            raise CancelledError(CANCELLED, "reading was stopped", where=printable(path))
        hasher.update(buffer[:read])
        count += read
        if count > size:
            raise _changed(path, "grew while it was read")
        if progress is not None:
            progress.advance(read)
    if count != size:
        raise _changed(path, "shrank while it was read")
    return hasher.hexdigest()


def _read(descriptor: int, path: str, buffer: memoryview) -> int:
    try:
        return os.readv(descriptor, [buffer])
    except OSError as error:
        raise _unreadable(path, error) from error


def _buffer() -> memoryview:
    held: memoryview | None = getattr(_buffers, "view", None)
    if held is None:
        held = _buffers.view = memoryview(bytearray(_CHUNK))
    return held


def _changed(path: str, what: str) -> ChangedError:
    return ChangedError(CHANGED_WHILE_READ, what, where=printable(path))


def _unreadable(path: str, error: OSError) -> PathError:
    return PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=printable(path))
