"""The snapshots of an Iceberg table, read from its files alone (docs/formats/table-pins.md).

Source: the Apache Iceberg table specification, format versions 1 to 3: «Table Metadata», «Snapshots», «Manifest Lists»
and «Manifests».
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dbom.canonical import json_object
from dbom.errors import DocumentError, NameRefusedError, PathError, UndecidedError
from dbom.formats.avro import read_avro
from dbom.formats.table_snapshot import (
    MAX_MANIFEST_BYTES,
    TableFile,
    TableLayout,
    TablePin,
    TableSnapshot,
    demand_path,
    distinct_files,
)
from dbom.printable import printable
from dbom.rules.artifacts import SNAPSHOT_MISSING, TABLE_MALFORMED, TABLE_OUTSIDE, TABLE_UNDECIDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbom.canonical import Json, JsonObject
    from dbom.formats.avro import AvroRecord
    from dbom.formats.table_snapshot import TableReader

__all__ = ["MAX_MANIFESTS", "IcebergSnapshot", "find_snapshot", "is_iceberg", "read_snapshot"]

MAX_MANIFESTS: Final = 100_000
"""The most manifests of one snapshot."""

_FOLDER = "metadata"
_HINT = "version-hint.text"
_METADATA_NAME = re.compile(r"v?(?P<number>[0-9]{1,18})(?:-[^/]*?)?(?P<gz>\.gz)?\.metadata\.json(?P<gz2>\.gz)?")
_GZIP = 31
_FORMAT_VERSIONS = (1, 2, 3)
_DELETED = 2
_ALIASES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "abfss", "wasb": "wasbs", "": "file", "local": "file"}
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class IcebergSnapshot:
    """A snapshot found: its pin, the table's location as its metadata names it, and the files that the pin is made of.

    `manifest_list` is empty where a table of format version 1 names its manifests in the metadata itself.
    """

    pin: TablePin
    location: str
    manifest_list: str
    manifests: tuple[TableFile, ...]


def is_iceberg(reader: TableReader) -> bool:
    """Return whether the folder has what an Iceberg table has: numbered metadata files in `metadata/`."""
    return any(_METADATA_NAME.fullmatch(name) for name in reader.names(_FOLDER))


def find_snapshot(reader: TableReader, snapshot: int | None = None) -> IcebergSnapshot:
    """Return the snapshot with this id, or the current one.

    Which metadata is current is told by its number, the highest; a catalog may know better. Raises `UndecidedError`
    where two have that number and no version hint decides, `PathError` where there is no such snapshot,
    `DocumentError` for malformed metadata, `NameRefusedError` for files outside the table's folder.
    """
    path = f"{_FOLDER}/{_current_name(reader)}"
    where = f"{reader.where}/{printable(path)}"
    document = json_object(_unpacked(path, reader.read(path), where), where=where, limit=MAX_MANIFEST_BYTES)
    if document.get("format-version") not in _FORMAT_VERSIONS:
        raise DocumentError(
            TABLE_MALFORMED,
            "not Iceberg metadata of a version that is read",
            where=where,
            expected="format-version 1 to 3",
        )
    location = _text(document, "location", where).rstrip("/")
    identity, found = _chosen(document, snapshot, where)
    lists: list[TableFile] = []
    if "manifest-list" in found:
        lists.append(TableFile(_relative(_text(found, "manifest-list", where), location, where), -1))
        manifests = tuple(_listed(reader, lists[0].path, location))
    else:
        named = found.get("manifests")
        if not isinstance(named, list):
            raise DocumentError(TABLE_MALFORMED, "a snapshot that names no manifests", where=where)
        manifests = tuple(TableFile(_relative(_as_text(item, where), location, where), -1) for item in named)
    manifests = distinct_files(manifests, where)
    digest = _digest_of([*lists, *manifests], reader)
    pin = TablePin(TableLayout.ICEBERG, identity, digest)
    return IcebergSnapshot(pin, location, lists[0].path if lists else "", manifests)


def read_snapshot(reader: TableReader, found: IcebergSnapshot) -> TableSnapshot:
    """Return all files of a snapshot: manifest list, manifests, and the live data and delete files that they name.

    Raises as `find_snapshot`.
    """
    own = [TableFile(found.manifest_list, -1)] if found.manifest_list else []
    files = [*own, *found.manifests]
    live = (file for manifest in found.manifests for file in _live(reader, manifest, found.location))
    return TableSnapshot(
        found.pin,
        distinct_files((*files, *live), reader.where),
        tuple(sorted({file.path for file in files})),
    )


def _current_name(reader: TableReader) -> str:
    names = reader.names(_FOLDER)
    numbered = [(int(match["number"]), name) for name in names if (match := _METADATA_NAME.fullmatch(name))]
    where = f"{reader.where}/{_FOLDER}"
    if not numbered:
        raise PathError(SNAPSHOT_MISSING, "there is no Iceberg metadata here", where=where)
    highest = max(number for number, _ in numbered)
    latest = sorted(name for number, name in numbered if number == highest)
    hint = reader.read(f"{_FOLDER}/{_HINT}", limit=4096).decode(errors="replace").strip() if _HINT in names else ""
    if hint.isascii() and hint.isdigit() and int(hint[:19]) > highest:
        raise UndecidedError(
            TABLE_UNDECIDED,
            "the version hint names metadata that isn't here",
            where=where,
            got=printable(hint, limit=40),
        )
    if len(latest) > 1:
        latest = [
            name for name in latest if hint in (name, name.partition(".")[0], name.partition(".")[0][1:])
        ] or latest
    if len(latest) > 1:
        shown = ", ".join(printable(name) for name in latest[:_SHOWN])
        raise UndecidedError(TABLE_UNDECIDED, "two metadata files are the newest", where=where, got=shown)
    return latest[0]


def _unpacked(path: str, data: bytes, where: str) -> bytes:
    name = _METADATA_NAME.fullmatch(path.rpartition("/")[2])
    if name is None or not (name["gz"] or name["gz2"]):
        return data
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(data, MAX_MANIFEST_BYTES + 1)
    except zlib.error as error:
        raise DocumentError(TABLE_MALFORMED, "not readable as gzip", where=where) from error
    if len(plain) <= MAX_MANIFEST_BYTES and not unpacker.eof:
        raise DocumentError(TABLE_MALFORMED, "a gzip file that is cut off", where=where)
    return plain


def _chosen(document: JsonObject, wanted: int | None, where: str) -> tuple[int, JsonObject]:
    listed = document.get("snapshots")
    listed = [] if listed is None else listed
    if not isinstance(listed, list):
        raise DocumentError(TABLE_MALFORMED, "snapshots is not a list", where=where)
    snapshots: dict[int, JsonObject] = {}
    for item in listed:
        identity = item.get("snapshot-id") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(identity, int) or isinstance(identity, bool):
            raise DocumentError(TABLE_MALFORMED, "a snapshot without an id", where=where)
        if identity in snapshots:
            raise DocumentError(TABLE_MALFORMED, "two snapshots of one id", where=where, got=str(identity))
        snapshots[identity] = item
    current = document.get("current-snapshot-id")
    identity = wanted if wanted is not None else current if isinstance(current, int) else -1
    if identity in snapshots:
        return identity, snapshots[identity]
    if wanted is None and identity == -1:
        raise PathError(SNAPSHOT_MISSING, "the table has no snapshot yet", where=where)
    there = ", ".join(map(str, list(snapshots)[-_SHOWN:])) or "none"
    raise PathError(SNAPSHOT_MISSING, "no such snapshot", where=where, got=str(identity), expected=f"one of {there}")


def _listed(reader: TableReader, path: str, location: str) -> Iterator[TableFile]:
    where = f"{reader.where}/{printable(path)}"
    for number, record in enumerate(read_avro(reader.read(path), where=where), start=1):
        if number > MAX_MANIFESTS:
            raise DocumentError(TABLE_MALFORMED, f"more than {MAX_MANIFESTS} manifests", where=where)
        yield _file(record, "manifest_path", "manifest_length", location, where)


def _live(reader: TableReader, manifest: TableFile, location: str) -> Iterator[TableFile]:
    where = f"{reader.where}/{printable(manifest.path)}"
    data = reader.read(manifest.path)
    if manifest.size not in (-1, len(data)):
        raise DocumentError(
            TABLE_MALFORMED, "not as long as the manifest list says", where=where,
            got=f"{len(data)} bytes", expected=f"{manifest.size} bytes",
        )  # fmt: skip
    for entry in read_avro(data, where=where):
        status, file = entry.get("status"), entry.get("data_file")
        if not isinstance(status, int) or not 0 <= status <= _DELETED or not isinstance(file, dict):
            raise DocumentError(TABLE_MALFORMED, "an entry that isn't one of a manifest", where=where)
        if status != _DELETED:
            yield _file(file, "file_path", "file_size_in_bytes", location, where)


def _file(record: AvroRecord, path: str, size: str, location: str, where: str) -> TableFile:
    named, length = record.get(path), record.get(size)
    if not isinstance(named, str) or not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise DocumentError(TABLE_MALFORMED, f"an entry without {path} or {size}", where=where)
    return TableFile(_relative(named, location, where), length)


def _relative(path: str, location: str, where: str) -> str:
    """Return a path below the table's folder: the part after the location that the table's own metadata names."""
    scheme, full = _parts(path)
    scheme_of_table, root = _parts(location)
    if scheme != scheme_of_table or not root or not full.startswith(f"{root}/"):
        raise NameRefusedError(
            TABLE_OUTSIDE, "names a file outside the table's folder", where=where,
            got=printable(path), expected=f"below {printable(location)}/",
        )  # fmt: skip
    return demand_path(full.removeprefix(f"{root}/"), where)


def _parts(location: str) -> tuple[str, str]:
    """Return protocol and path of a location, in one form for those that have several (`file:/x`, `/x`, `s3a://…`)."""
    scheme, colon, rest = location.partition(":")
    if not colon or "/" in scheme:
        scheme, rest = "", location
    scheme = _ALIASES.get(scheme.lower(), scheme.lower())
    return scheme, "/" + rest.lstrip("/") if scheme == "file" else rest


def _digest_of(files: Iterable[TableFile], reader: TableReader) -> str:
    """Return the sha256 of the `sha256sum` lines of these files, sorted by path."""
    lines = (f"{reader.sha256(path)}  {path}\n" for path in sorted({file.path for file in files}))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _text(holder: JsonObject, key: str, where: str) -> str:
    return _as_text(holder.get(key), where, key)


def _as_text(value: Json, where: str, key: str = "a manifest") -> str:
    if not isinstance(value, str) or not value:
        raise DocumentError(TABLE_MALFORMED, f"{key} is not a text", where=where)
    return value
