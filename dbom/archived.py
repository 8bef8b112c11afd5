"""The members of an archive as items: each is read by itself, on this machine or another (docs/formats/remote.md)."""

from __future__ import annotations

import io
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol, Self

from dbom.errors import ChangedError, PathError
from dbom.hashing import FileState
from dbom.model import Entry
from dbom.printable import printable
from dbom.rules.artifacts import CHANGED_WHILE_READ, PATH_MISSING, PATH_UNREADABLE, SPECIAL_FILE
from dbom.storage.archives import ObjectFile
from dbom.storage.objects import source_of
from dbom.storage.packed import hash_member
from dbom.storage.ranges import RANGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from dbom.items import Progress
    from dbom.storage.objects import RemoteObject
    from dbom.storage.packed import Member

__all__ = ["Archive", "LocalArchive", "MemberItem", "RemoteArchive"]

_BUFFER = 256 * 1024


class Archive(Protocol):
    """Where an archive's bytes are. It can be pickled, so that another machine can read it."""

    @property
    def state(self) -> str:
        """Where it is, and all that would differ if its bytes did."""

    def opened(self, *, ahead: int = RANGE_BYTES) -> AbstractContextManager[IO[bytes]]:
        """Open it as it was listed; a remote one is fetched `ahead` bytes at once.

        Raises `ChangedError` where it is another, or becomes another meanwhile; `PathError` or `StoreError` where it
        can't be read.
        """


@dataclass(frozen=True, slots=True)
class LocalArchive:
    """An archive on a disk, which machines may share."""

    real: str
    listed: FileState

    @classmethod
    def of(cls, path: str) -> Self:
        """Look at the file at `path`. Raises `PathError` where there is none."""
        with _reading(path):
            real = os.path.realpath(path, strict=True)
            status = os.stat(real)  # noqa: PTH116  a path that isn't UTF-8 is one too
        if not stat.S_ISREG(status.st_mode):
            raise PathError(SPECIAL_FILE, "is no regular file", where=printable(path))
        return cls(real, FileState.of(status))

    @property
    def state(self) -> str:
        """Where it is, and all that would differ if its bytes did."""
        return f"{self.listed}:{self.real}"

    @contextmanager
    def opened(self, *, ahead: int = RANGE_BYTES) -> Iterator[IO[bytes]]:  # noqa: ARG002  a disk reads ahead by itself
        """Open it, and look before and after whether it is what was listed."""
        with _reading(self.real), open(self.real, "rb") as file:  # noqa: PTH123  a path that isn't UTF-8 is one too
            self._demand_same(file)
            yield file
            self._demand_same(file)

    def _demand_same(self, file: IO[bytes]) -> None:
        if _but_device(FileState.of(os.fstat(file.fileno()))) != _but_device(self.listed):
            what = "was written to or replaced while it was read"
            raise ChangedError(CHANGED_WHILE_READ, what, where=printable(self.real))


@dataclass(frozen=True, slots=True)
class RemoteArchive:
    """An archive in a store."""

    root: str
    item: RemoteObject

    @property
    def state(self) -> str:
        """Where it is, and all that would differ if its bytes did."""
        item = self.item
        return "\n".join((self.root, item.key, str(item.size), item.tag, item.version))

    @contextmanager
    def opened(self, *, ahead: int = RANGE_BYTES) -> Iterator[IO[bytes]]:
        """Open it; each range is of the very object that was listed."""
        source = source_of(self.root)
        yield io.BufferedReader(ObjectFile(source, self.item, ahead=min(ahead, RANGE_BYTES)), _BUFFER)
        source.demand_same(self.item)


@dataclass(frozen=True, slots=True)
class MemberItem:
    """One member of an archive that can be read by itself: its path in the tree, and the archive as it is shown."""

    path: str
    archive: Archive
    member: Member
    where: str

    @property
    def size(self) -> int:
        """Its size in bytes when unpacked, as the archive announces it."""
        return self.member.size

    @property
    def state(self) -> str:
        """The archive's state, and the member's place in it."""
        member = self.member
        place = (member.key, member.offset, member.packed, member.method, member.crc, member.flags)
        return "\n".join((self.archive.state, *map(str, place)))

    @property
    def listed(self) -> FileState | None:
        """The state of the archive where that is a file on a disk: one that is too young is in no journal."""
        return self.archive.listed if isinstance(self.archive, LocalArchive) else None

    def digest(self, progress: Progress | None = None) -> Entry:
        """Read it from its place and return its entry. Raises `ChangedError`, `PathError` or `StoreError`."""

        def tell(size: int) -> None:
            if progress is not None:
                progress.advance(size)

        with self.archive.opened(ahead=max(self.member.span, 1)) as file:
            return Entry(self.path, self.size, hash_member(file, self.member, self.where, tell))


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        rule = PATH_MISSING if isinstance(error, FileNotFoundError) else PATH_UNREADABLE
        raise PathError(rule, f"can't be read: {error.strerror}", where=printable(path)) from error


def _but_device(state: FileState) -> str:
    """Return inode, size and times: each machine gives a shared disk's device a number as it likes."""
    return str(state).partition(":")[2]
