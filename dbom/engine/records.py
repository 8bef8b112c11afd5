"""What stands in the records of a journal, as JSON and back (docs/formats/engine.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dbom.engine.segments import Segment
from dbom.errors import DocumentError
from dbom.model import COMPUTED, Basis, Known
from dbom.rules.artifacts import JOURNAL_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbom.canonical import Json, JsonObject
    from dbom.model import Entry

__all__ = ["FileRecord", "file_json", "files_of", "part_of", "segment_json"]

_HEX64 = re.compile(r"[0-9a-f]{64}")
_TEXTS = ("key", "first", "last", "sha256", "basis", "by")
_COUNTS = ("files", "size", "length")
_SHORT, _LONG = 2, 4


class FileRecord(NamedTuple):
    """What is remembered of one file: its sha256 as 32 bytes, and how that is known."""

    sha256: bytes
    known: Known


def file_json(key: bytes, entry: Entry) -> Json:
    """Return a file's row: its item's key and its sha256, both in hex, and how that is known unless it is computed."""
    how: list[Json] = [] if entry.known == COMPUTED else [str(entry.known.basis), entry.known.by]
    return [key.hex(), entry.sha256, *how]


def files_of(record: Json, where: str) -> Iterator[tuple[bytes, FileRecord]]:
    """Read a record of files. Raises `DocumentError`."""
    rows = record.get("files") if isinstance(record, dict) else None
    if not isinstance(rows, list):
        raise _malformed("neither files nor a part", where)
    for row in rows:
        if not isinstance(row, list) or len(row) not in (_SHORT, _LONG):
            raise _malformed("a file is not a row of 2 or 4", where)
        key, sha256, *how = (_text(value, where) for value in row)
        known = _known(how[0], how[1], where) if how else COMPUTED
        yield bytes.fromhex(_hex(key, where)), FileRecord(bytes.fromhex(_hex(sha256, where)), known)


def segment_json(segment: Segment) -> JsonObject:
    """Return what a journal says of a segment: all but its lines."""
    return {
        "key": segment.key,
        "first": segment.first,
        "last": segment.last,
        "files": segment.files,
        "size": segment.size,
        "length": segment.length,
        "sha256": segment.sha256,
        "basis": str(segment.known.basis),
        "by": segment.known.by,
    }


def part_of(record: JsonObject, where: str) -> tuple[str, tuple[Segment, ...]]:
    """Read a record of a part. Raises `DocumentError`."""
    segments = record.get("segments")
    if not isinstance(segments, list):
        raise _malformed("a part has no list of segments", where)
    return _text(record.get("part"), where), tuple(_segment(segment, where) for segment in segments)


def _segment(value: Json, where: str) -> Segment:
    if not isinstance(value, dict):
        raise _malformed("a segment is not an object", where)
    key, first, last, sha256, basis, by = (_text(value.get(name), where) for name in _TEXTS)
    files, size, length = (_count(value.get(name), where) for name in _COUNTS)
    return Segment(_hex(key, where), first, last, files, size, length, _hex(sha256, where), _known(basis, by, where))


def _text(value: Json, where: str) -> str:
    if not isinstance(value, str):
        raise _malformed("a text is missing", where)
    return value


def _count(value: Json, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _malformed("a count is not one", where)
    return value


def _hex(value: str, where: str) -> str:
    if _HEX64.fullmatch(value) is None:
        raise _malformed("a digest is not 64 hex digits", where)
    return value


def _known(basis: str, by: str, where: str) -> Known:
    if basis not in tuple(Basis):
        raise _malformed("a basis is none", where)
    return Known(Basis(basis), by)


def _malformed(what: str, where: str) -> DocumentError:
    return DocumentError(JOURNAL_MALFORMED, what, where=where)
