"""What kind of file this is, told by its bytes and never by its name."""

from __future__ import annotations

import io
import pickletools
import re
from enum import StrEnum
from typing import TYPE_CHECKING

from dbom.formats.safetensors import MAX_HEADER_BYTES

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["HEAD_BYTES", "FileFormat", "recognise", "recognise_file", "recognise_head"]

HEAD_BYTES = 65_536
"""How much of a file's beginning, and of its end, is looked at."""


class FileFormat(StrEnum):
    """A format that dbom tells apart. `OPAQUE_PICKLE` runs code when it is loaded: it is named and never loaded."""

    SAFETENSORS = "safetensors"
    GGUF = "gguf"
    ONNX = "onnx"
    OPAQUE_PICKLE = "pickle"
    HDF5 = "hdf5"
    NUMPY = "numpy"
    PARQUET = "parquet"
    ARROW_FILE = "arrow-file"
    ARROW_STREAM = "arrow-stream"
    IMAGE = "image"
    AUDIO = "audio"
    ZIP = "zip"
    COMPRESSED = "compressed"
    JSON = "json"
    TEXT = "text"
    EMPTY = "empty"
    UNKNOWN = "unknown"

    @property
    def holds_weights(self) -> bool:
        """Whether only models are stored in it."""
        return self in {FileFormat.SAFETENSORS, FileFormat.GGUF, FileFormat.ONNX}

    @property
    def holds_data(self) -> bool:
        """Whether it is one of the formats that data comes in, and models don't."""
        return self in _DATA


_DATA = frozenset(
    {
        FileFormat.PARQUET,
        FileFormat.ARROW_FILE,
        FileFormat.ARROW_STREAM,
        FileFormat.IMAGE,
        FileFormat.AUDIO,
        FileFormat.TEXT,
    }
)

_MAGIC: tuple[tuple[bytes, FileFormat], ...] = (
    (b"GGUF", FileFormat.GGUF),
    (b"\x89HDF\r\n\x1a\n", FileFormat.HDF5),
    (b"\x93NUMPY", FileFormat.NUMPY),
    (b"ARROW1\x00\x00", FileFormat.ARROW_FILE),
    (b"\xff\xff\xff\xff", FileFormat.ARROW_STREAM),
    (b"\x89PNG\r\n\x1a\n", FileFormat.IMAGE),
    (b"\xff\xd8\xff", FileFormat.IMAGE),
    (b"GIF87a", FileFormat.IMAGE),
    (b"GIF89a", FileFormat.IMAGE),
    (b"II*\x00", FileFormat.IMAGE),
    (b"MM\x00*", FileFormat.IMAGE),
    (b"fLaC", FileFormat.AUDIO),
    (b"OggS", FileFormat.AUDIO),
    (b"ID3", FileFormat.AUDIO),
    (b"\x1f\x8b", FileFormat.COMPRESSED),
    (b"BZh", FileFormat.COMPRESSED),
    (b"\xfd7zXZ\x00", FileFormat.COMPRESSED),
    (b"\x28\xb5\x2f\xfd", FileFormat.COMPRESSED),
)
_RIFF = {b"WEBP": FileFormat.IMAGE, b"WAVE": FileFormat.AUDIO}
_MAGIC_STARTS = tuple(magic for magic, _ in _MAGIC)
_PICKLE_PROTOCOLS = range(2, 6)
_PICKLE_STARTS = frozenset(ord(opcode.code) for opcode in pickletools.opcodes)
_MANY_OPCODES = 50
_TOLD_BY_THEIR_END = (b"PAR1", b"PK\x03\x04", b"\x80")  # of all others the end says nothing, and isn't read
_MAX_IR_VERSION = 32
_JSON_START = re.compile(r'\s*(?:\{\s*["}]|\[\s*(?:[\[{"\]0-9-]|true|false|null))')
_LAST_ASCII = 0x7E
_START_BYTES = 512  # enough for every mark, header and name that a format begins with
_HEADER_START = 24
_CONTROL = frozenset(range(0x20)) - frozenset(b"\t\n\r\f\x1b")
_CONTROL_BYTES = bytes(sorted(_CONTROL))
_CONTROLS = re.compile(b"[" + re.escape(_CONTROL_BYTES) + b"]")


def recognise_file(file: BinaryIO, size: int) -> FileFormat:
    """Read the beginning and the end of a seekable file and say what it is; leaves the position anywhere."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    found = recognise_head(head, size)
    if found is not None:
        return found
    file.seek(max(0, size - HEAD_BYTES))
    return recognise(head, file.read(HEAD_BYTES), size)


def recognise_head(head: bytes | memoryview, size: int) -> FileFormat | None:
    """Say what a file of `size` bytes is by its first `HEAD_BYTES`, or None where its end must be seen as well."""
    if len(head) < min(size, HEAD_BYTES):
        return None
    window = head[:HEAD_BYTES]
    if size > HEAD_BYTES and bytes(window[:4]).startswith(_TOLD_BY_THEIR_END):
        return None
    return recognise(window, window, size)


def recognise(head: bytes | memoryview, tail: bytes | memoryview, size: int) -> FileFormat:
    """Say what a file of `size` bytes is by its first and last `HEAD_BYTES`; `UNKNOWN` where nothing fits."""
    if not size or not head:
        return FileFormat.UNKNOWN if size else FileFormat.EMPTY
    start = bytes(head[:_START_BYTES])
    return (
        _by_magic(start, head, tail)
        or (FileFormat.SAFETENSORS if _is_safetensors(start) else None)
        or (FileFormat.OPAQUE_PICKLE if _is_pickle(start, head, tail, size) else None)
        or (FileFormat.ONNX if _is_onnx(start) else None)
        or _text_format(head, is_whole=size <= len(head))
    )


def _by_magic(start: bytes, head: bytes | memoryview, tail: bytes | memoryview) -> FileFormat | None:
    if start.startswith(b"PAR1") and bytes(tail[-4:]) == b"PAR1":
        return FileFormat.PARQUET
    if start.startswith(b"RIFF"):
        return _RIFF.get(start[8:12], FileFormat.UNKNOWN)
    if start.startswith(b"PK\x03\x04"):
        return FileFormat.OPAQUE_PICKLE if b"data.pkl" in bytes(head) + bytes(tail) else FileFormat.ZIP
    if not start.startswith(_MAGIC_STARTS):
        return None
    return next(found for magic, found in _MAGIC if start.startswith(magic))


def _is_safetensors(head: bytes) -> bool:
    """Look for the header after its length of eight bytes; whether it holds, its reader says.

    Of random bytes one file in 256 has the brace that opens a header, and next to none a length that a header can have,
    or a first key of plain text behind the brace.
    """
    if head[8:9] != b"{" or not any(byte in _CONTROL or byte > _LAST_ASCII for byte in head[:8]):
        return False
    key = head[9:_HEADER_START]
    is_text = len(key) == _HEADER_START - 9 and key.startswith(b'"') and key.isascii() and not _CONTROL & set(key)
    return is_text or int.from_bytes(head[:8], "little") <= MAX_HEADER_BYTES


def _is_pickle(start: bytes, head: bytes | memoryview, tail: bytes | memoryview, size: int) -> bool:
    """Binary pickles by their mark and end; the old text protocols by opcodes that can be followed, without running."""
    ends = bytes(tail[-1:]) == b"."
    if start[0] == 0x80 and len(head) > 1 and start[1] in _PICKLE_PROTOCOLS:  # noqa: PLR2004  opcode PROTO
        return ends or size > len(head)
    # Most files are told apart by a look at either end: the opcodes needn't be followed.
    if start[0] not in _PICKLE_STARTS or (size <= len(head) and not ends):
        return False
    count = 0
    stream = io.BytesIO(head)
    try:
        for count, _ in enumerate(pickletools.genops(stream), start=1):  # noqa: B007  counted for the case below
            pass
    except (ValueError, IndexError, KeyError, OverflowError):
        return size > len(head) and count >= _MANY_OPCODES
    return stream.tell() == size and count > 1


def _is_onnx(head: bytes) -> bool:
    """Tell a protobuf ModelProto: field 1, a small `ir_version`, then field 2, the producer's printable name."""
    if len(head) < 4 or head[0] != 0x08 or not 0 < head[1] <= _MAX_IR_VERSION or head[2] != 0x12:  # noqa: PLR2004
        return False
    name = head[4 : 4 + head[3]]
    return 0 < len(name) == head[3] and name.isascii() and name.decode().isprintable()


def _text_format(head: bytes | memoryview, *, is_whole: bool) -> FileFormat:
    # No byte of a longer UTF-8 character is a control character, so the bytes tell, before anything is decoded.
    if _CONTROLS.search(head[:_START_BYTES]) is not None:
        return FileFormat.UNKNOWN
    data = bytes(head)
    if len(data.translate(None, _CONTROL_BYTES)) != len(data):
        return FileFormat.UNKNOWN
    try:
        text = (data if is_whole else _without_cut_character(data)).decode("utf-8-sig")
    except UnicodeDecodeError:
        return FileFormat.UNKNOWN
    return FileFormat.JSON if _JSON_START.match(text) else FileFormat.TEXT


def _without_cut_character(data: bytes) -> bytes:
    """Drop a UTF-8 character that the end of the window cut off: at most three bytes."""
    for back in range(1, min(3, len(data)) + 1):
        if data[-back] >= 0xC0:  # noqa: PLR2004  the first byte of a longer character
            return data[:-back]
        if data[-back] < 0x80:  # noqa: PLR2004  a whole character
            break
    return data
