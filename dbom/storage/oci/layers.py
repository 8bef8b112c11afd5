"""A layer that is a tar archive, read to the files, folders and links that it would unpack to, without unpacking.

Nothing is written, so nothing can be written through a link. Packed sizes bound what is read: a layer that would unpack
to more than its packing can hold honestly is refused, as are members whose place isn't plain.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import sys
import tarfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, cast

from dbom.errors import MissingExtraError, NameRefusedError, PathError
from dbom.pathname import path_fault
from dbom.printable import printable
from dbom.rules.artifacts import NAME_REFUSED
from dbom.rules.everyday import EXTRA_MISSING
from dbom.rules.stores import LAYER_REFUSED
from dbom.storage.archives import MALFORMED, ForwardFile, UnboundedError
from dbom.storage.oci.blobs import HashedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbom.storage.oci.blobs import Reader

__all__ = ["FolderMember", "LinkMember", "Member", "PackedFile", "layer_members"]

_CHUNK: Final = 256 * 1024
_BUFFER: Final = 1024 * 1024
_MOST_MEMBERS: Final = 1_000_000
_GZIP, _ZSTD, _TAR = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b""
_RATIO: Final = {_TAR: 1, _GZIP: 1100, _ZSTD: 1100}
"""How many bytes one packed byte may become: for gzip what deflate can do (RFC 1951); zstd gets no more than that."""

_SLACK: Final = 64 * 1024 * 1024
_LONGEST_WINDOW: Final = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file in a layer: its size in bytes and the sha256 in hex, both computed."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LinkMember:
    """A symbolic link and what it points to, as it stands there."""

    target: str


@dataclass(frozen=True, slots=True)
class FolderMember:
    """A folder."""


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a layer. `hard` is the path of another file that this one is the same as, or empty."""

    path: str
    what: PackedFile | LinkMember | FolderMember
    hard: str = ""


def layer_members(file: IO[bytes], size: int, where: str, *, unpacked: str = "") -> Iterator[Member]:
    """Yield the members of a tar, tar+gzip or tar+zstd layer of `size` packed bytes, in its order.

    How it is packed is told by its first bytes. `unpacked` is the digest that the tar itself must have, where the
    manifest says. Raises `PathError` for what can't be read, `NameRefusedError` for names that no tree can hold,
    `MissingExtraError` for zstd where nothing here reads it.
    """
    buffered: io.BufferedReader = io.BufferedReader(cast("io.RawIOBase", file), _BUFFER)
    kind = next(magic for magic in (_GZIP, _ZSTD, _TAR) if buffered.peek(4).startswith(magic))
    tar = HashedFile(_opened(buffered, kind))
    forward = ForwardFile(tar, size * _RATIO[kind] + _SLACK, where)
    errors: tuple[type[BaseException], ...] = (
        tarfile.TarError,
        zlib.error,
        lzma.LZMAError,
        gzip.BadGzipFile,
        UnboundedError,
        *MALFORMED,
        *_zstd_errors(),
    )
    try:
        with tarfile.TarFile(fileobj=cast("IO[bytes]", forward), mode="r", encoding="utf-8") as archive:
            for count, member in enumerate(_raw_members(archive)):
                if count >= _MOST_MEMBERS:
                    raise _refused(f"has more than {_MOST_MEMBERS:,} members", where)
                if (found := _member(archive, member, where)) is not None:
                    yield found
        forward.demand_end()
    except errors as error:
        raise _refused(f"isn't a layer that can be read: {error}", where) from error
    finally:
        buffered.detach()  # or its end would close the blob, whose last bytes are still to be checked
    if unpacked and tar.digest != unpacked:
        raise _refused(f"unpacks to {tar.digest}, not to what the manifest says ({unpacked})", where)


def _raw_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := archive.next()) is not None:
        # Or a hostile archive of empty members would fill the memory.
        archive.members = []  # type: ignore[attr-defined]  # documented nowhere, advised everywhere
        yield member


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, where: str) -> Member | None:
    path = _path(member.name, where)
    if member.isdir():
        return Member(path, FolderMember()) if path else None
    if not path:
        raise _refused("has a member without a name", where)
    if member.name.endswith("/") or member.pax_headers.get("path", "").endswith("/"):
        raise _refused("is named as a folder and is none", f"{where}: {printable(path)}")
    if member.issym():
        return Member(path, LinkMember(member.linkname))
    if member.islnk():
        return Member(path, FolderMember(), hard=_path(member.linkname, where))
    place = f"{where}: {printable(path)}"
    if not member.isreg() or member.issparse():
        raise _refused("is a special file or a sparse one", place)
    content = archive.extractfile(member)
    if content is None:
        raise _refused("has no content", place)
    hasher, count = hashlib.sha256(), 0
    while data := content.read(_CHUNK):
        hasher.update(data)
        count += len(data)
    if count != member.size:
        raise _refused(f"holds {count} bytes where {member.size} are announced", place)
    return Member(path, PackedFile(count, hasher.hexdigest()))


def _path(name: str, where: str) -> str:
    """Return a member's path without `./` before it and `/` behind it; empty for the root itself."""
    path = name.rstrip("/") or name
    while path.startswith("./"):
        path = path[2:]
    if path in ("", "."):
        return ""
    fault = path_fault(path)
    if fault is not None:
        raise NameRefusedError(NAME_REFUSED, f"the name {fault}", where=f"{where}: {printable(name)}")
    return path


def _opened(file: io.BufferedReader, kind: bytes) -> Reader:
    if kind == _GZIP:
        return gzip.GzipFile(fileobj=file)
    return _opened_zstd(file) if kind == _ZSTD else file


def _opened_zstd(file: io.BufferedReader) -> Reader:
    if sys.version_info >= (3, 14):
        from compression.zstd import DecompressionParameter, ZstdFile  # noqa: PLC0415  only such layers need it

        return ZstdFile(file, options={DecompressionParameter.window_log_max: _LONGEST_WINDOW.bit_length() - 1})
    try:
        import zstandard  # noqa: PLC0415  only such layers need it
    except ImportError as error:
        raise MissingExtraError(
            EXTRA_MISSING,
            "a layer packed with zstd needs a package that isn't installed",
            hint="pip install 'dbom[oci]'",
        ) from error
    unpacking = zstandard.ZstdDecompressor(max_window_size=_LONGEST_WINDOW)
    return cast("Reader", unpacking.stream_reader(file, read_across_frames=True, closefd=False))


def _zstd_errors() -> tuple[type[BaseException], ...]:
    loaded = ((sys.modules.get(name), "ZstdError") for name in ("zstandard", "compression.zstd"))
    found = (getattr(module, name, None) for module, name in loaded if module is not None)
    return tuple(error for error in found if isinstance(error, type) and issubclass(error, BaseException))


def _refused(what: str, where: str) -> PathError:
    return PathError(LAYER_REFUSED, printable(what), where=printable(where))
