"""Where the members of a zip file, or of a tar file that isn't compressed, lie: each can then be read by itself.

What makes an archive unreadable as a whole is refused here, as in `archives`; what is wrong with a member's bytes, when
it is read.
"""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from lzma import LZMAError
from typing import IO, TYPE_CHECKING, cast

from dbom.storage.archives import (
    MALFORMED,
    BoundedFile,
    UnboundedError,
    demand_bounded,
    demand_single,
    refused_member,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Member", "hash_member", "tar_index", "zip_index"]

_CHUNK = 256 * 1024
_HEADER = struct.Struct("<4s2xH18xHH")  # of a local file: signature, flags, lengths of the name and of the extra field
_SIGNATURE = b"PK\3\4"
_UNREADABLE = 0x1 | 0x20 | 0x40  # encrypted, a patch, strongly encrypted (APPNOTE.TXT, 4.4.4)
_UTF_8 = 0x800
_STORED = -1


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its name, its size, and where its bytes lie.

    `offset` is that of the member's own header in a zip file, of its bytes in a tar file; `packed` is how many bytes
    it takes there. `method`, `crc` and `flags` are those of a zip's directory; in a tar file the method is -1.
    """

    key: str
    size: int
    offset: int
    packed: int
    method: int = _STORED
    crc: int = 0
    flags: int = 0

    @property
    def span(self) -> int:
        """How many bytes from `offset` on are likely to be needed."""
        return self.packed if self.method == _STORED else self.packed + _HEADER.size + 2 * len(self.key) + 256


def zip_index(file: IO[bytes], where: str) -> list[Member]:
    """Return the files of a zip archive in the order of their places. Raises `PathError` for one that can't be read."""
    size = file.seek(0, io.SEEK_END)
    try:
        with zipfile.ZipFile(cast("IO[bytes]", BoundedFile(file, size))) as archive:
            infos = archive.infolist()
            demand_single([info.orig_filename for info in infos], where)
            demand_bounded(len(infos), sum(info.file_size for info in infos), size, where)
            members = [_of_info(info, where) for info in infos if not (info.is_dir() and info.file_size == 0)]
            return sorted(members, key=lambda member: member.offset)
    except (zipfile.BadZipFile, UnboundedError, *MALFORMED) as error:
        raise refused_member(f"isn't a zip file that can be read: {error}", where) from error


def tar_index(file: IO[bytes], where: str) -> list[Member]:
    """Return the files of a tar archive that isn't compressed, in order, by reading their headers alone.

    Raises `PathError` for one that can't be read.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    skipping = _Skipping(file)
    found: dict[str, Member] = {}
    try:
        with tarfile.TarFile(fileobj=cast("IO[bytes]", skipping), mode="r", encoding="utf-8") as archive:
            while (info := archive.next()) is not None:
                # Or a hostile archive of empty members would fill the memory.
                archive.members = []  # type: ignore[attr-defined]  # documented nowhere, advised everywhere
                if info.isdir():
                    continue
                member = _of_tar(info, found, where)
                if member.key in found:
                    raise refused_member("stands in it twice", f"{where}/{member.key}")
                found[member.key] = member
                demand_bounded(len(found), 0, size, where)
            skipping.demand_end()
    except (tarfile.TarError, UnboundedError, *MALFORMED) as error:
        raise refused_member(f"isn't a tar file that can be read: {error}", where) from error
    return list(found.values())


def hash_member(file: IO[bytes], member: Member, where: str, tell: Callable[[int], object]) -> str:
    """Return the sha256 in hex of a member, read from its place in `file`; `tell` hears of bytes as they are read.

    Raises `PathError` where the bytes there aren't the ones that the archive announces.
    """
    place = f"{where}/{member.key}"
    hasher, count = hashlib.sha256(), 0
    try:
        content = _content(file, member)
        while data := content.read(min(_CHUNK, max(member.size - count, 0) + 1)):
            hasher.update(data)
            count += len(data)
            tell(len(data))
            if count > member.size:
                break
    except (zipfile.BadZipFile, zlib.error, LZMAError, *MALFORMED) as error:
        kind = "tar" if member.method == _STORED else "zip"
        raise refused_member(f"isn't a {kind} file that can be read: {error}", place) from error
    if count != member.size:
        raise refused_member(f"holds {count} bytes where {member.size} are announced", place)
    return hasher.hexdigest()


def _of_info(info: zipfile.ZipInfo, where: str) -> Member:
    # (The name as it stands there: zipfile turns some separators into slashes and cuts at a NUL.)
    name = f"{where}/{info.filename}"
    if info.flag_bits & _UNREADABLE:
        raise refused_member("is encrypted", name)
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        raise refused_member("is a link or a special file", name)
    return Member(
        info.orig_filename,
        info.file_size,
        info.header_offset,
        info.compress_size,
        info.compress_type,
        info.CRC,
        info.flag_bits,
    )


def _of_tar(info: tarfile.TarInfo, known: dict[str, Member], where: str) -> Member:
    name = info.name.removeprefix("./")
    if info.islnk():
        target = known.get(info.linkname.removeprefix("./"))
        if target is None:
            raise refused_member("is a link to what isn't there", f"{where}/{info.name}")
        return Member(name, target.size, target.offset, target.packed)
    if not info.isreg() or info.issparse():
        raise refused_member("is a link, a special file or a sparse one", f"{where}/{info.name}")
    return Member(name, info.size, info.offset_data, info.size)


def _content(file: IO[bytes], member: Member) -> IO[bytes]:
    """Return the unpacked bytes of a member as a stream, after comparing its own header with the directory's entry."""
    file.seek(member.offset)
    if member.method == _STORED:
        return cast("IO[bytes]", _Slice(file, member.size))
    head = file.read(_HEADER.size)
    if len(head) != _HEADER.size:
        raise EOFError("it is cut off")
    signature, _, name, extra = _HEADER.unpack(head)
    said = file.read(name).decode("utf-8" if member.flags & _UTF_8 else "cp437")
    if signature != _SIGNATURE or said != member.key:
        raise zipfile.BadZipFile("its own header isn't that of the directory")
    file.read(extra)
    info = zipfile.ZipInfo()
    info.compress_type, info.compress_size, info.file_size = member.method, member.packed, member.size
    info.CRC, info.flag_bits = member.crc, member.flags
    return cast("IO[bytes]", zipfile.ZipExtFile(file, "r", info))


class _Slice(io.RawIOBase):
    """The next bytes of a file, and no more."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__()
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data


class _Skipping(io.RawIOBase):
    """A file of which headers are read and contents skipped, in reads that are bounded, and with an end."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._ended = False

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise UnboundedError("it has a header longer than any honest one")
        data = self._file.read(size)
        self._ended = data == bytes(tarfile.BLOCKSIZE)
        return data

    def demand_end(self) -> None:
        """Refuse a file that has no end mark, or anything but zeros after it: `tarfile` takes both for an end."""
        if not self._ended:
            raise UnboundedError("it is cut off or damaged, the end mark is missing")
        while data := self._file.read(_CHUNK):
            if data.strip(b"\0"):
                raise UnboundedError("it goes on after its end mark")


_LONGEST_HEADER = 1024 * 1024
