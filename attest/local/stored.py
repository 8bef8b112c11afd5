"""The files of a log, written so that they last and locked so that one program writes at a time."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from dbom.errors import PathError, SigningError
from dbom.printable import printable
from dbom.rules.attestations import LOCAL_LOCKED
from dbom.rules.local import LOG_UNWRITABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["PATIENCE", "flush_folder", "locked", "replace_file", "write_at", "write_new"]

PATIENCE: Final = 10.0
"""How many seconds a writer waits for another."""

_FIRST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.02


def write_at(path: Path, offset: int, data: bytes) -> None:
    """Cut the file at `offset`, write `data` there and wait until it is on disk. Raises `PathError`."""
    with _unwritable(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            # Cutting nothing off would still cost the disk some work.
            if os.fstat(descriptor).st_size != offset:
                os.ftruncate(descriptor, offset)
            _write_all(descriptor, offset, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that isn't there yet, for this user alone, and wait until it is on disk. Raises `PathError`."""
    with _unwritable(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, 0, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that whatever happens it holds the old bytes or the new, and the new once this returns.

    Raises `PathError`. Not for two writers at once.
    """
    temporary = path.with_name(f"{path.name}.new")
    _write_over(temporary, data)
    with _unwritable(path):
        temporary.replace(path)
    flush_folder(path.parent)


def _write_over(path: Path, data: bytes) -> None:
    """Write a new file; one that a crash left in its place holds nothing that counts."""
    try:
        write_new(path, data)
    except PathError as error:
        if not isinstance(error.__cause__, FileExistsError):
            raise
        with _unwritable(path):
            path.unlink()
        write_new(path, data)


def flush_folder(folder: Path) -> None:
    """Wait until a folder's names are on disk. Raises `PathError`."""
    with _unwritable(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def locked(path: Path, *, shared: bool = False, make: bool = False, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock file at `path`, alone or with other readers; a thread of this process counts like a program.

    With `make`, a lock file that is missing is made. Raises `SigningError` where it isn't to be had within `patience`
    seconds, `PathError` where it can't be opened.
    """
    with _unwritable(path):
        descriptor = os.open(path, os.O_CLOEXEC | (os.O_RDWR | os.O_CREAT if make else os.O_RDONLY), 0o600)
    try:
        _wait_for(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, path, patience)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, how: int, path: Path, patience: float) -> None:
    deadline, pause = time.monotonic() + patience, _FIRST_PAUSE
    while not _taken(descriptor, how):
        if time.monotonic() >= deadline:
            where = printable(str(path.parent))
            raise SigningError(LOCAL_LOCKED, "another program is writing to this log", where=where)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _taken(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_all(descriptor: int, offset: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        # A disk that is nearly full takes a part first and refuses the next call.
        written = os.pwrite(descriptor, view, offset)
        offset, view = offset + written, view[written:]


@contextmanager
def _unwritable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PathError(LOG_UNWRITABLE, f"can't be written: {error.strerror}", where=printable(str(path))) from error
