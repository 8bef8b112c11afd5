"""The members of a zip or tar file, read as the files that they would be after unpacking, without unpacking.

An archive is a stranger's input: members are streamed in flat memory, each length is checked, and one that would unpack
to more than deflate can pack honestly is refused.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Protocol, cast

from dbom.errors import PathError
from dbom.printable import printable
from dbom.rules.artifacts import ARCHIVE_REFUSED
from dbom.storage.objects import RemoteObject
from dbom.storage.ranges import RANGE_BYTES, whole_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbom.storage.objects import Source

__all__ = [
    "MALFORMED",
    "BoundedFile",
    "ForwardFile",
    "ObjectFile",
    "UnboundedError",
    "demand_bounded",
    "demand_single",
    "is_packed",
    "refused_member",
    "tar_members",
    "zip_members",
]

_CHUNK = 256 * 1024
_MOST_MEMBERS = 1_000_000
_MOST_RATIO = 1100
"""Deflate packs at most 1032 bytes into one (RFC 1951); what claims more repeats itself or is a bomb."""

_SLACK = 64 * 1024 * 1024
_LONGEST_HEADER = 1024 * 1024
_ENCRYPTED = 0x1
_LONGEST_DIRECTORY = 256 * 1024 * 1024
MALFORMED = (EOFError, NotImplementedError, OverflowError, ValueError)
"""What the readers of archives raise for a damaged one, beside their own errors."""

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}


class ObjectFile(io.RawIOBase):
    """One remote object as a file that can be read and sought in, fetched range by range, `ahead` bytes at once."""

    def __init__(self, source: Source, item: RemoteObject, *, ahead: int = RANGE_BYTES) -> None:
        super().__init__()
        self._ahead = ahead
        self._source = source
        self._item = item
        self._position = 0
        self._start = 0
        self._held = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position."""
        self._position = {0: 0, 1: self._position, 2: self._item.size}[whence] + offset
        return self._position

    def readinto(self, buffer: object) -> int:
        """Read into a buffer what is held, after fetching the range that begins here where nothing is."""
        view = memoryview(cast("bytearray", buffer)).cast("B")
        if self._position >= self._item.size:
            return 0
        if not self._start <= self._position < self._start + len(self._held):
            self._hold()
        offset = self._position - self._start
        data = self._held[offset : offset + len(view)]
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _hold(self) -> None:
        stop = min(self._position + self._ahead, self._item.size)
        where = self._source.shown(self._item.key)
        self._held = whole_range(
            lambda start, stop: self._source.fetch(self._item, start, stop), self._position, stop, where
        )
        self._start = self._position


def zip_members(file: IO[bytes], where: str) -> Iterator[tuple[RemoteObject, str]]:
    """Yield each file of a zip archive with its sha256 in hex. Raises `PathError` for one that can't be read."""
    size = file.seek(0, io.SEEK_END)
    try:
        with zipfile.ZipFile(cast("IO[bytes]", BoundedFile(file, size))) as archive:
            members = archive.infolist()
            demand_single([member.orig_filename for member in members], where)
            demand_bounded(len(members), sum(member.file_size for member in members), size, where)
            for member in sorted(members, key=lambda member: member.header_offset):
                yield from _zip_member(archive, member, where)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, UnboundedError, *MALFORMED) as error:
        raise refused_member(f"isn't a zip file that can be read: {error}", where) from error


def tar_members(file: IO[bytes], where: str) -> Iterator[tuple[RemoteObject, str]]:
    """Yield each file of a tar archive, packed or not, with its sha256 in hex. Raises `PathError` as for zip files."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    forward = ForwardFile(_unpacked(file), size * _MOST_RATIO + _SLACK, where)
    digests: dict[str, tuple[int, str]] = {}
    try:
        with tarfile.TarFile(fileobj=cast("IO[bytes]", forward), mode="r", encoding="utf-8") as archive:
            while (member := archive.next()) is not None:
                # Or a hostile archive of empty members would fill the memory.
                archive.members = []  # type: ignore[attr-defined]  # documented nowhere, advised everywhere
                if (found := _tar_member(archive, member, digests, where)) is not None:
                    if found[0].key in digests:
                        raise refused_member("stands in it twice", f"{where}/{found[0].key}")
                    digests[found[0].key] = (found[0].size, found[1])
                    demand_bounded(len(digests), 0, size, where)
                    yield found
            forward.demand_end()
    except (tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, UnboundedError, *MALFORMED) as error:
        raise refused_member(f"isn't a tar file that can be read: {error}", where) from error


def _zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> Iterator[tuple[RemoteObject, str]]:
    name = f"{where}/{member.filename}"
    if member.is_dir() and member.file_size == 0:
        return
    if member.flag_bits & _ENCRYPTED:
        raise refused_member("is encrypted", name)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise refused_member("is a link or a special file", name)
    hasher, count = hashlib.sha256(), 0
    with archive.open(member) as content:
        while data := content.read(_CHUNK):
            hasher.update(data)
            count += len(data)
    if count != member.file_size:
        raise refused_member(f"holds {count} bytes where {member.file_size} are announced", name)
    # (The name as it stands there: zipfile turns some separators into slashes and cuts at a NUL.)
    yield RemoteObject(member.orig_filename, count), hasher.hexdigest()


def _tar_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, known: dict[str, tuple[int, str]], where: str
) -> tuple[RemoteObject, str] | None:
    place = f"{where}/{member.name}"
    name = member.name.removeprefix("./")
    if member.isdir():
        return None
    if member.islnk():
        target = known.get(member.linkname.removeprefix("./"))
        if target is None:
            raise refused_member("is a link to what isn't there", place)
        return RemoteObject(name, target[0]), target[1]
    if not member.isreg() or member.issparse():
        raise refused_member("is a link, a special file or a sparse one", place)
    content = archive.extractfile(member)
    if content is None:
        raise refused_member("has no content", place)
    hasher, count = hashlib.sha256(), 0
    while data := content.read(_CHUNK):
        hasher.update(data)
        count += len(data)
    if count != member.size:
        raise refused_member(f"holds {count} bytes where {member.size} are announced", place)
    return RemoteObject(name, count), hasher.hexdigest()


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class UnboundedError(OSError):
    """More was asked for, or came, than an honest archive needs."""


class BoundedFile(io.RawIOBase):
    """A file whose single reads are bounded: a zip's directory is read at once, at the length that it claims."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__()
        self._file = file
        self._size = size

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position."""
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        """Read on, within bounds."""
        wanted = self._size - self._file.tell() if size < 0 else size
        if wanted > _LONGEST_DIRECTORY:
            raise UnboundedError("it has a directory longer than any honest one")
        return self._file.read(wanted)


class ForwardFile(io.RawIOBase):
    """A stream that only goes forward (and one byte back, as `tarfile` looks), in reads that are bounded."""

    def __init__(self, stream: _Reader, most: int, where: str) -> None:
        super().__init__()
        self._stream = stream
        self._most = most
        self._where = where
        self._position = 0
        self._last = b""
        self._back = False
        self._ended = False

    def tell(self) -> int:
        """Return the position."""
        return self._position - self._back

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go forward to a position."""
        if whence != io.SEEK_SET or offset < self._position - len(self._last):
            raise UnboundedError("it can't be read from its beginning to its end")
        self._back = offset < self._position
        while self._position < offset:
            if not self._take(min(_CHUNK, offset - self._position)):
                break
        return offset

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        if not 0 <= size <= _LONGEST_HEADER:
            raise UnboundedError("it has a header longer than any honest one")
        head = self._last if self._back and size else b""
        self._back = self._back and not size
        parts = [head]
        left = size - len(head)
        while left > 0 and (data := self._take(left)):
            parts.append(data)
            left -= len(data)
        data = b"".join(parts)
        self._ended = data == bytes(tarfile.BLOCKSIZE)
        return data

    def demand_end(self) -> None:
        """Refuse a stream that has no end mark, or anything but zeros after it: `tarfile` takes both for an end."""
        if not self._ended:
            raise UnboundedError("it is cut off or damaged, the end mark is missing")
        while data := self._take(_CHUNK):
            if data.strip(b"\0"):
                raise UnboundedError("it goes on after its end mark")

    def _take(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._position += len(data)
        self._last = data[-1:] or self._last
        if self._position > self._most:
            raise UnboundedError("it unpacks to far more than an honest archive could")
        return data


def is_packed(file: IO[bytes]) -> bool:
    """Return whether a tar file is compressed as a whole, so that it can only be read from its beginning."""
    return bool(_packing(file))


def _packing(file: IO[bytes]) -> str:
    file.seek(0)
    head = file.read(6)
    file.seek(0)
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")


def _unpacked(file: IO[bytes]) -> _Reader:
    kind = _packing(file)
    if kind == "gzip":
        return gzip.GzipFile(fileobj=file)
    if kind == "bzip2":
        return bz2.BZ2File(file)
    return lzma.LZMAFile(file) if kind == "xz" else file


def demand_single(names: list[str], where: str) -> None:
    """Raise `PathError` where a name stands twice: an archive then has no single reading."""
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise refused_member("stands in it twice", f"{where}/{twice}")


def demand_bounded(members: int, unpacked: int, size: int, where: str) -> None:
    """Raise `PathError` for more members or bytes than an honest archive of `size` bytes has."""
    if members > _MOST_MEMBERS:
        raise refused_member(f"has more than {_MOST_MEMBERS:,} members", where)
    if unpacked > size * _MOST_RATIO + _SLACK:
        raise refused_member("would unpack to far more than an honest archive could", where)


def refused_member(what: str, where: str) -> PathError:
    """Return the error that says what is wrong with an archive or a member of it."""
    return PathError(ARCHIVE_REFUSED, printable(what), where=printable(where))
