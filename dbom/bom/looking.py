"""What the files of an artifact say of it: formats, tables, weights, card and configuration.

Files are read again after the fingerprint was taken. Small ones must still have the digest that they had, large ones
the size; else the facts would be about other bytes than the digest.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from dbom.bom.facts import Weights
from dbom.content.tables import TOO_LARGE, TableFacts, TableFormat, read_table
from dbom.errors import ChangedError, DocumentError, PathError
from dbom.formats.recognition import FileFormat, recognise_file
from dbom.formats.safetensors import read_safetensors
from dbom.model import Finding, Kind, Severity, Unknown
from dbom.printable import printable
from dbom.rules.artifacts import CHANGED_WHILE_READ, PATH_UNREADABLE
from dbom.rules.documents import CARD_UNREADABLE, TABLE_UNREADABLE

if TYPE_CHECKING:
    from dbom.formats.glances import Glances
    from dbom.formats.huggingface import Card, Configuration, DeclaredParent
    from dbom.formats.safetensors import SafetensorsHeader
    from dbom.model import Entry, Fingerprint

__all__ = ["MAX_LOOKED_AT", "MAX_TABLES", "Sight", "look"]

MAX_LOOKED_AT = 100_000
"""The most files of a tree whose format is told; of a larger tree nothing is told that rests on all of them."""

MAX_TABLES = 200
"""The most tables of a tree that are read."""

MAX_CARD_BYTES = 4 * 1024 * 1024
"""The largest card or configuration that is read, in bytes."""

_Fact_co = TypeVar("_Fact_co", covariant=True)


class _Reader(Protocol[_Fact_co]):
    """A reader of something that a repository declares."""

    def __call__(self, data: bytes, *, where: str) -> _Fact_co | None: ...


_TABLES = {
    FileFormat.PARQUET: TableFormat.PARQUET,
    FileFormat.ARROW_FILE: TableFormat.ARROW_FILE,
    FileFormat.ARROW_STREAM: TableFormat.ARROW_STREAM,
    FileFormat.JSON: TableFormat.JSON,
    FileFormat.TEXT: TableFormat.CSV,
}
_DECLARATIONS = ("README.md", "config.json", "adapter_config.json")
_TABLE_NAMES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather")


@dataclass(slots=True)
class Sight:
    """What was seen. `formats` and `tables` are by path, in the fingerprint's order.

    `is_whole` says that every file was looked at.
    """

    is_whole: bool = True
    formats: dict[str, FileFormat] = field(default_factory=dict)
    tables: dict[str, TableFacts] = field(default_factory=dict)
    headers: dict[str, SafetensorsHeader] = field(default_factory=dict)
    card: Card | None = None
    configuration: Configuration | None = None
    adapter: DeclaredParent | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def weights(self) -> Weights | None:
        """The weights of all safetensors files together; None where there are none, not all seen, or names repeat.

        Files that share tensor names are variants of one model, not shards, and a sum over them would be false.
        """
        names = [tensor.name for header in self.headers.values() for tensor in header.tensors]
        if not names or not self.is_whole or len(set(names)) != len(names):
            return None
        totals: dict[str, int] = {}
        for header in self.headers.values():
            for dtype, count in header.parameters().items():
                totals[dtype] = totals.get(dtype, 0) + count
        return Weights(dict(sorted(totals.items())), len(names), len(self.headers))


def look(path: Path, fingerprint: Fingerprint, glances: Glances | None = None) -> Sight:
    """Look at the files of the artifact at `path`; those that `glances` tells the kind of aren't opened for it.

    Raises `DocumentError` for malformed weights, `PathError` for what can't be read any more, `ChangedError` where
    files are not those of the fingerprint. A malformed card or table is a finding.
    """
    sight = Sight(is_whole=len(fingerprint.entries) <= MAX_LOOKED_AT)
    is_tree = fingerprint.kind is Kind.TREE
    seen = glances.formats if glances is not None else {}
    for entry in fingerprint.entries[:MAX_LOOKED_AT]:
        _look_at(f"{path}/{entry.path}" if is_tree else str(path), entry, seen.get(entry.path), sight)
    if is_tree:
        _look_at_declarations(path, {entry.path: entry for entry in fingerprint.entries}, sight)
    return sight


def _look_at(path: str, entry: Entry, seen: FileFormat | None, sight: Sight) -> None:
    found = seen if seen not in (None, FileFormat.SAFETENSORS) else _open(path, entry, sight)
    sight.formats[entry.path] = found
    if found in _TABLES:
        _look_at_table(Path(path), entry, found, sight)


def _open(path: str, entry: Entry, sight: Sight) -> FileFormat:
    """Say what a file is, and keep the header of one that holds tensors."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  a Path for each of many small files costs as much as reading it
            found = recognise_file(file, entry.size)
            size = os.fstat(file.fileno()).st_size
            if size != entry.size:
                raise ChangedError(
                    CHANGED_WHILE_READ, "has changed since it was read", where=printable(entry.path),
                    got=f"{size} bytes", expected=f"{entry.size} bytes",
                )  # fmt: skip
            if found is FileFormat.SAFETENSORS:
                file.seek(0)
                sight.headers[entry.path] = read_safetensors(file, size, where=printable(entry.path))
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=printable(entry.path)) from error
    return found


def _look_at_table(path: Path, entry: Entry, found: FileFormat, sight: Sight) -> None:
    is_named_so = entry.path.lower().endswith(_TABLE_NAMES) or found not in (FileFormat.TEXT, FileFormat.JSON)
    if len(sight.tables) >= MAX_TABLES:
        table: TableFacts | Unknown = Unknown(f"not read: only {MAX_TABLES} tables are")
    else:
        table = read_table(path, _TABLES[found])
    if isinstance(table, TableFacts):
        sight.tables[entry.path] = table
    elif is_named_so or table.reason.startswith(TOO_LARGE):
        sight.findings.append(Finding(TABLE_UNREADABLE.id, Severity.WARNING, table.reason, entry.path))


def _look_at_declarations(root: Path, entries: dict[str, Entry], sight: Sight) -> None:
    if entries.keys().isdisjoint(_DECLARATIONS):
        return
    from dbom.formats.huggingface import read_adapter, read_card, read_configuration  # noqa: PLC0415  it loads YAML

    if "README.md" in entries:
        sight.card = _declared(root, entries["README.md"], read_card, sight)
    if "config.json" in entries:
        sight.configuration = _declared(root, entries["config.json"], read_configuration, sight)
    if "adapter_config.json" in entries:
        sight.adapter = _declared(root, entries["adapter_config.json"], read_adapter, sight)


def _declared(root: Path, entry: Entry, read: _Reader[_Fact_co], sight: Sight) -> _Fact_co | None:
    where = printable(entry.path)
    try:
        with (root / entry.path).open("rb") as file:
            data = file.read(MAX_CARD_BYTES + 1)
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=where) from error
    if len(data) > MAX_CARD_BYTES:
        _note(sight, f"larger than {MAX_CARD_BYTES} bytes", entry)
        return None
    digits = hashlib.sha256(data).hexdigest()
    if digits != entry.sha256:
        raise ChangedError(
            CHANGED_WHILE_READ, "has changed since it was read", where=where, got=digits, expected=entry.sha256
        )
    try:
        return read(data, where=where)
    except DocumentError as error:
        _note(sight, error.what, entry)
        return None


def _note(sight: Sight, what: str, entry: Entry) -> None:
    sight.findings.append(Finding(CARD_UNREADABLE.id, Severity.WARNING, what, entry.path))
