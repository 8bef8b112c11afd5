"""Files on a disk that several machines share, listed by one of them and read by another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from dbom.errors import ChangedError, PathError
from dbom.hashing import FileState, LocalItem
from dbom.printable import printable
from dbom.rules.artifacts import CHANGED_WHILE_READ, PATH_UNREADABLE

if TYPE_CHECKING:
    from dbom.items import Item, Progress
    from dbom.model import Entry

__all__ = ["SharedItem", "shared"]


class SharedItem(NamedTuple):
    """One file on a disk that several machines share, listed by one of them and read by another.

    It is a `LocalItem` but for the device, whose number each machine gives as it likes.
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
        return LocalItem(*self).state

    def digest(self, progress: Progress | None = None) -> Entry:
        """Read it and return its entry. Raises `ChangedError` or `PathError`."""
        place = printable(self.real)
        try:
            here = FileState.of(os.lstat(self.real))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ChangedError(CHANGED_WHILE_READ, "went away after it was listed", where=place) from error
        except OSError as error:
            raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=place) from error
        if _but_device(here) != _but_device(self.listed):
            raise ChangedError(CHANGED_WHILE_READ, "was written to or replaced", where=place)
        return LocalItem(self.path, self.real, here).digest(progress)


def shared(item: Item) -> Item:
    """Return an item that another machine can read: a local file without its device, any other as it is."""
    return SharedItem(*item) if isinstance(item, LocalItem) else item


def _but_device(state: FileState) -> str:
    """Return inode, size and times; the device comes first in a state's text."""
    return str(state).partition(":")[2]
