"""Reading the small files that people name: keys, trust roots, bundles, BOMs. Whole, bounded, and never waiting."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from dbom.errors import PathError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_MISSING, PATH_UNREADABLE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_file"]


def read_file(path: Path, *, limit: int, what: str = "file") -> bytes:
    """Return the bytes of a regular file; `what` it is stands in messages.

    A pipe or a device is neither read nor waited for. Raises `PathError` for it, for what is missing, unreadable, or
    larger than `limit` bytes.
    """
    where = printable(str(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise PathError(PATH_UNREADABLE, f"can't be read as a {what}: not a regular file", where=where)
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise PathError(PATH_MISSING, f"there is no such {what}", where=where) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PathError(PATH_UNREADABLE, f"can't be read: {reason}", where=where) from error
    if len(data) > limit:
        raise PathError(PATH_UNREADABLE, f"too large for a {what}", where=where, expected=f"at most {limit} bytes")
    return data
