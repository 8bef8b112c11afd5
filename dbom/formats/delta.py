"""The versions of a Delta table, read from its log alone (docs/formats/table-pins.md).

Source: the Delta Transaction Log Protocol (PROTOCOL.md of delta-io/delta): «Delta Log Entries», «Checkpoints», «Action
Reconciliation», «Deletion Vectors».
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

from dbom.canonical import canonical_json, json_object
from dbom.errors import DbomError, DocumentError, NameRefusedError, PathError, UndecidedError
from dbom.formats.table_snapshot import (
    MAX_MANIFEST_BYTES,
    MAX_TABLE_FILES,
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
    from collections.abc import Callable, Iterable, Iterator

    from dbom.canonical import Json, JsonObject
    from dbom.formats.table_snapshot import TableReader

__all__ = ["ReadCheckpoint", "is_delta", "read_version"]

ReadCheckpoint: TypeAlias = "Callable[[bytes, str], Iterable[JsonObject]]"
"""What gives the actions of a checkpoint's bytes; the second argument says where they are from."""

_LOG = "_delta_log"
_COMMIT = re.compile(r"(?P<version>[0-9]{20})\.json")
_CHECKPOINT = re.compile(r"(?P<version>[0-9]{20})\.checkpoint(?:\.(?P<part>[0-9]{10})\.(?P<parts>[0-9]{10}))?\.parquet")
_CHECKPOINT_V2 = re.compile(r"(?P<version>[0-9]{20})\.checkpoint\.[0-9a-fA-F-]{36}\.(?:json|parquet)")
_LAST_CHECKPOINT = "_last_checkpoint"
_FEATURES = frozenset(
    {
        "columnMapping",
        "deletionVectors",
        "timestampNtz",
        "typeWidening",
        "typeWidening-preview",
        "v2Checkpoint",
        "vacuumProtocolCheck",
        "variantShredding-preview",
        "variantType",
        "variantType-preview",
    }
)
"""The reader features that leave the log's meaning as it is: they are about columns, values, and what is read here."""

_LAST_PLAIN_READER = 2
_FEATURE_READER = 3
_UUID_LENGTH = 20
_MAX_PARTS = 100_000
_SHOWN = 8

# RFC 32/Z85, the order of the digits of ZeroMQ's base 85, to that of RFC 1924, which Python has.
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_TO_B85 = str.maketrans(_Z85, _B85)


def is_delta(reader: TableReader) -> bool:
    """Return whether the folder has what a Delta table has: numbered commits or checkpoints in `_delta_log/`."""
    names = reader.names(_LOG)
    return any(
        _COMMIT.fullmatch(name) or _CHECKPOINT.fullmatch(name) or _CHECKPOINT_V2.fullmatch(name) for name in names
    )


def read_version(reader: TableReader, version: int | None, read_checkpoint: ReadCheckpoint) -> TableSnapshot:
    """Return the data files and deletion vectors of this version, or of the latest one, with the pin.

    Raises `PathError` where there is no such version, `UndecidedError` where the log has gaps or a feature that isn't
    known, `DocumentError` for a malformed log, `NameRefusedError` for files outside the table's folder.
    """
    log = _Log.of(reader)
    wanted = log.latest() if version is None else version
    checkpoint, commits = log.segment(wanted)
    state = _State(reader.where)
    for name in checkpoint:
        where = log.place(name)
        state.replay(read_checkpoint(reader.read(f"{_LOG}/{name}"), where), where)
    for name in commits:
        where = log.place(name)
        state.replay(_actions(reader.read(f"{_LOG}/{name}"), where), where)
    state.demand_known(f"{reader.where}/{_LOG}")
    files = distinct_files(state.all_files(), reader.where)
    return TableSnapshot(TablePin(TableLayout.DELTA, wanted, state.digest()), files)


@dataclass(frozen=True, slots=True)
class _Log:
    """The names of a log: commits by version, complete checkpoints by version, the versions of other checkpoints."""

    where: str
    commits: dict[int, str]
    checkpoints: dict[int, tuple[str, ...]]
    others: frozenset[int]
    hinted: int

    @classmethod
    def of(cls, reader: TableReader) -> _Log:
        names = reader.names(_LOG)
        commits = {int(match["version"]): name for name in names if (match := _COMMIT.fullmatch(name))}
        parts: dict[tuple[int, int], list[str]] = {}
        for name in sorted(names):
            if match := _CHECKPOINT.fullmatch(name):
                parts.setdefault((int(match["version"]), int(match["parts"] or 1)), []).append(name)
        complete = {
            version: tuple(found)
            for (version, count), found in sorted(parts.items(), reverse=True)
            if len(found) == count <= _MAX_PARTS
        }
        others = frozenset(int(match["version"]) for name in names if (match := _CHECKPOINT_V2.fullmatch(name)))
        hinted = _hinted(reader) if _LAST_CHECKPOINT in names else -1
        return cls(f"{reader.where}/{_LOG}", commits, complete, others, hinted)

    def latest(self) -> int:
        found = max([*self.commits, *self.checkpoints, *self.others], default=-1)
        if self.hinted > found:
            raise UndecidedError(
                TABLE_UNDECIDED, "the last checkpoint is not here", where=self.where, got=f"version {self.hinted}"
            )
        return found

    def segment(self, version: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the parts of the newest checkpoint up to this version, and the commits after it."""
        latest = self.latest()
        if not 0 <= version <= latest:
            raise PathError(
                SNAPSHOT_MISSING, "no such version", where=self.where, got=str(version), expected=f"0 to {latest}"
            )
        start = max((number for number in self.checkpoints if number <= version), default=-1)
        missing = next((number for number in range(start + 1, version + 1) if number not in self.commits), None)
        if missing is None:
            return self.checkpoints.get(start, ()), tuple(self.commits[n] for n in range(start + 1, version + 1))
        raise self._gap(start, missing, version)

    def _gap(self, start: int, missing: int, version: int) -> DbomError:
        got = f"no commit {missing}"
        if any(start < number <= version for number in self.others):
            what = "only a checkpoint of version 2 holds this version, which isn't read here"
            return UndecidedError(TABLE_UNDECIDED, what, where=self.where, got=got)
        if missing == 0:
            what = "the commits up to this version were cleaned up"
            return PathError(SNAPSHOT_MISSING, what, where=self.where, got=got)
        return UndecidedError(TABLE_UNDECIDED, "the log has a gap before this version", where=self.where, got=got)

    def place(self, name: str) -> str:
        return f"{self.where}/{name}"


def _hinted(reader: TableReader) -> int:
    where = f"{reader.where}/{_LOG}/{_LAST_CHECKPOINT}"
    version = json_object(reader.read(f"{_LOG}/{_LAST_CHECKPOINT}"), where=where, limit=MAX_MANIFEST_BYTES).get(
        "version"
    )
    if not isinstance(version, int) or isinstance(version, bool):
        raise DocumentError(TABLE_MALFORMED, "version is not a number", where=where)
    return version


def _actions(commit: bytes, where: str) -> Iterator[JsonObject]:
    for number, line in enumerate(commit.split(b"\n"), start=1):
        if line.strip():
            yield json_object(line, where=f"{where}, line {number}", limit=MAX_MANIFEST_BYTES)


@dataclass(frozen=True, slots=True)
class _Added:
    """A file that the table is made of, as far as it decides what the table holds."""

    size: int
    partition: JsonObject
    vector: JsonObject | None


@dataclass(slots=True)
class _State:
    """What the log comes to, action by action («Action Reconciliation»): the files by path and deletion vector."""

    where: str
    files: dict[tuple[str, str], _Added] = field(default_factory=dict)
    protocol: JsonObject | None = None

    def replay(self, actions: Iterable[JsonObject], where: str) -> None:
        """Take one commit or checkpoint. In a commit, what is removed goes before what is added."""
        added: dict[tuple[str, str], _Added] = {}
        for action in actions:
            if (protocol := _inner(action, "protocol", where)) is not None:
                self.protocol = protocol
            if (remove := _inner(action, "remove", where)) is not None:
                self.files.pop(_key(remove, where), None)
            if (add := _inner(action, "add", where)) is not None:
                added[_key(add, where)] = _added(add, where)
        self.files |= added
        if len(self.files) > MAX_TABLE_FILES:
            raise DocumentError(TABLE_MALFORMED, f"more than {MAX_TABLE_FILES} files in a version", where=where)

    def demand_known(self, where: str) -> None:
        """Raise `UndecidedError` where the protocol may give the log another meaning than is known here."""
        protocol = self.protocol
        if protocol is None:
            raise DocumentError(TABLE_MALFORMED, "a log without a protocol", where=where)
        version, features = protocol.get("minReaderVersion"), protocol.get("readerFeatures")
        if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= _FEATURE_READER:
            raise UndecidedError(TABLE_UNDECIDED, "a protocol that isn't known here", where=where)
        if version <= _LAST_PLAIN_READER:
            return
        named = {str(name) for name in features} if isinstance(features, list) else {"none named"}
        if unknown := sorted(named - _FEATURES):
            shown = ", ".join(printable(name, limit=60) for name in unknown[:_SHOWN])
            raise UndecidedError(TABLE_UNDECIDED, "features that aren't known here", where=where, got=shown)

    def all_files(self) -> Iterator[TableFile]:
        """Give data files and the files of deletion vectors."""
        for (path, _), added in self.files.items():
            yield TableFile(path, added.size)
            vector = None if added.vector is None else _vector_path(added.vector, self.where)
            if vector is not None:
                yield TableFile(vector, -1)

    def digest(self) -> str:
        """Return the sha256 of the lines of docs/formats/table-pins.md, one a file, sorted by path."""
        sha256 = hashlib.sha256()
        for (path, _), added in sorted(self.files.items(), key=lambda item: item[0]):
            line: JsonObject = {"path": path, "size": added.size, "partitionValues": added.partition}
            if added.vector is not None:
                line["deletionVector"] = added.vector
            sha256.update(canonical_json(line) + b"\n")
        return sha256.hexdigest()


def _inner(action: JsonObject, key: str, where: str) -> JsonObject | None:
    value = action.get(key)
    if value is not None and not isinstance(value, dict):
        raise DocumentError(TABLE_MALFORMED, f"{key} is not an object", where=where)
    return value


def _key(action: JsonObject, where: str) -> tuple[str, str]:
    vector = _vector(action, where)
    return _path(action.get("path"), where), "" if vector is None else canonical_json(vector).decode()


def _added(action: JsonObject, where: str) -> _Added:
    size, partition = action.get("size"), action.get("partitionValues")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise DocumentError(TABLE_MALFORMED, "an added file without a size", where=where)
    values = {} if partition is None else partition
    if not isinstance(values, dict) or not all(value is None or isinstance(value, str) for value in values.values()):
        raise DocumentError(TABLE_MALFORMED, "partitionValues that aren't texts", where=where)
    return _Added(size, values, _vector(action, where))


def _vector(action: JsonObject, where: str) -> JsonObject | None:
    """Return what identifies a deletion vector («Deletion Vector Descriptor Schema», uniqueId), with its size."""
    vector = _inner(action, "deletionVector", where)
    if vector is None:
        return None
    kind, path = vector.get("storageType"), vector.get("pathOrInlineDv")
    offset, size = vector.get("offset"), vector.get("sizeInBytes")
    if kind not in ("u", "i", "p") or not isinstance(path, str):
        raise DocumentError(TABLE_MALFORMED, "a deletion vector without a place", where=where)
    for number in (offset, size):
        if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
            raise DocumentError(TABLE_MALFORMED, "a deletion vector whose place is no number", where=where)
    found: JsonObject = {"storageType": kind, "pathOrInlineDv": path}
    return found | {key: value for key, value in (("offset", offset), ("sizeInBytes", size)) if value is not None}


def _vector_path(vector: JsonObject, where: str) -> str | None:
    """Return the file of a deletion vector, None for one that stands in the log itself."""
    kind, text = vector["storageType"], str(vector["pathOrInlineDv"])
    if kind == "i":
        return None
    if kind == "p":
        return _path(text, where)
    prefix, encoded = text[:-_UUID_LENGTH], text[-_UUID_LENGTH:]
    try:
        name = uuid.UUID(bytes=base64.b85decode(encoded.translate(_TO_B85)))
    except (ValueError, binascii.Error) as error:
        raise DocumentError(
            TABLE_MALFORMED, "a deletion vector without a name", where=where, got=printable(text)
        ) from error
    return demand_path(f"{prefix}/deletion_vector_{name}.bin" if prefix else f"deletion_vector_{name}.bin", where)


def _path(value: Json, where: str) -> str:
    """Return the path of a file: the log has it as a relative URI (RFC 2396), percent-encoded."""
    if not isinstance(value, str) or not value:
        raise DocumentError(TABLE_MALFORMED, "a file without a path", where=where)
    head = value.partition("/")[0]
    if value.startswith("/") or (":" in head and re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", value)):
        raise NameRefusedError(TABLE_OUTSIDE, "names a file by an absolute address", where=where, got=printable(value))
    return demand_path(unquote(value, errors="surrogateescape"), where)
