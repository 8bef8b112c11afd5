"""When each entry of a log was taken: a file beside the log, 8 bytes for each entry (seconds since 1970, big-endian).

The log itself says no time. An entry is acknowledged once its time is on disk; a time that a crash left out is filled
in by the next writer with its own, which is later than the entry and so never vouches for more than was so.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from attest.local.stored import write_at, write_new
from dbom.errors import PathError, SigningError
from dbom.printable import printable
from dbom.rules.attestations import LOCAL_LOG_DAMAGED, LOCAL_STATE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EntryTimes"]

_SIZE: Final = 8


class EntryTimes:
    """The times of a log's entries, in the file `path`. One writer at a time, which the caller sees to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            write_new(path, b"")
        except PathError as error:
            if not isinstance(error.__cause__, FileExistsError):
                raise
        self._count = self._stat() // _SIZE

    def record(self, index: int, seconds: int) -> None:
        """Say that the entry at `index`, and those before it whose time isn't there, were taken at `seconds`.

        Raises `PathError`.
        """
        missing = index + 1 - self._count
        if missing > 0:
            write_at(self._path, self._count * _SIZE, seconds.to_bytes(_SIZE, "big") * missing)
            self._count += missing

    def at(self, index: int) -> int:
        """Return when the entry at `index` was taken. Raises `SigningError` where that isn't there, `PathError`."""
        try:
            with self._path.open("rb") as file:
                data = os.pread(file.fileno(), _SIZE, index * _SIZE)
        except OSError as error:
            where = printable(str(self._path))
            raise PathError(LOCAL_STATE, f"can't be read: {error.strerror}", where=where) from error
        if len(data) != _SIZE:
            where = printable(str(self._path))
            raise SigningError(LOCAL_LOG_DAMAGED, f"the time of entry {index} is gone", where=where)
        return int.from_bytes(data, "big")

    def _stat(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError as error:
            where = printable(str(self._path))
            raise PathError(LOCAL_STATE, f"can't be read: {error.strerror}", where=where) from error
