"""Tables by their snapshots: the pin of one in a tree, and the fingerprint of exactly its files.

What a pin is, and which files are a snapshot's, is specified in docs/formats/table-pins.md.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbom.content.checkpoints import read_checkpoint
from dbom.errors import ChangedError, DbomError, DocumentError, PathError, UndecidedError, UsageError
from dbom.formats import delta, iceberg
from dbom.formats.table_snapshot import TableLayout, TablePin, TableSnapshot
from dbom.members import is_member
from dbom.model import Finding, Fingerprint, Severity, manifest_bytes, tree_digest
from dbom.pins import Pins, may_be_table
from dbom.printable import printable
from dbom.rules.artifacts import (
    CHANGED_WHILE_READ,
    CHOICE_OF_FILES,
    SNAPSHOT_MISSING,
    TABLE_FILE_DIFFERS,
    TABLE_UNDECIDED,
)
from dbom.rules.everyday import USAGE
from dbom.storage.objects import open_sources
from dbom.table_folder import KnownTable, open_table
from dbom.tree import collisions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.formats.table_snapshot import TableReader
    from dbom.items import Progress
    from dbom.model import Entry

__all__ = ["CURRENT", "SnapshotFingerprint", "find_pins", "fingerprint_snapshot"]

CURRENT = "current"
"""The word for the newest snapshot, as far as the table's files tell it."""

_READERS = 8
_MAX_FAULTS = 20


@dataclass(frozen=True, slots=True)
class SnapshotFingerprint:
    """The fingerprint of the files of one snapshot, and its pin. A finding in the fingerprint says which it is."""

    fingerprint: Fingerprint
    pin: TablePin


def find_pins(source: str | os.PathLike[str], fingerprint: Fingerprint, *, offline: bool = False) -> Pins:
    """Return the pin of the table that the tree at `source` is, if it is one; this is its fingerprint.

    What is read for it must have the digests that stand in the fingerprint. What can't be told is a finding: the
    tree's digest is true all the same.
    """
    text = os.fspath(source)
    is_choice = any(finding.rule == CHOICE_OF_FILES.id for finding in fingerprint.findings)
    if is_choice or is_member(text) or not may_be_table(fingerprint):
        return Pins()
    pins: list[TablePin] = []
    findings: list[Finding] = []
    with open_sources():
        try:
            reader = KnownTable(open_table(text, offline=offline), {entry.path: entry for entry in fingerprint.entries})
        except DbomError as error:
            return Pins(findings=(_without_pin("a folder of metadata that can't be read again", error),))
        for layout in _layouts(reader):
            try:
                pins.append(_pin(layout, reader, None))
            except DbomError as error:
                findings.append(_without_pin(f"{layout} table without a pin", error))
    return Pins(tuple(pins), tuple(findings))


def _without_pin(what: str, error: DbomError) -> Finding:
    return Finding(error.rule.id, Severity.WARNING, printable(f"{what}: {error}", limit=1000))


def fingerprint_snapshot(
    source: str | os.PathLike[str],
    snapshot: str = CURRENT,
    *,
    computed: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
    offline: bool = False,
) -> SnapshotFingerprint:
    """Return the fingerprint of the tree of exactly those files that a snapshot of the table at `source` is made of.

    `snapshot` is an id (Delta: a version) or `current`. No ignore patterns are applied, and whatever else is in the
    folder isn't looked at. The other words are as in `fingerprinting.fingerprint`.

    Raises `UsageError` for another word and for a folder that is a table of two formats, `PathError` where there is no
    table, no such snapshot, or a file is missing, `DocumentError` for malformed metadata and files of another size than
    the table says, `NameRefusedError` for files outside the folder, `UndecidedError` where it can't be told which
    files are meant, `ChangedError` where they change meanwhile.
    """
    text, wanted = os.fspath(source), _number(snapshot)
    if is_member(text):
        raise UsageError(USAGE, "a snapshot of a table in an archive is not read", where=printable(text))
    with open_sources():
        reader = open_table(text, offline=offline)
        found = _snapshot(_one_layout(reader), reader, wanted)
        if not found.files:
            raise PathError(TABLE_FILE_DIFFERS, "the snapshot holds no files", where=reader.where)
        entries = reader.entries(found.files, computed=computed, jobs=jobs, progress=progress)
        entries.sort(key=lambda entry: entry.path)
        _demand_pinned(found, entries, reader.where)
        note = Finding(CHOICE_OF_FILES.id, Severity.NOTE, f"only the files of {found.pin}")
        findings = (note, *collisions(entry.path for entry in entries))
        print_of = Fingerprint(reader.name, tree_digest(entries), tuple(entries), findings=findings)
        return SnapshotFingerprint(print_of, found.pin)


def _number(snapshot: str) -> int | None:
    if snapshot == CURRENT:
        return None
    if not (snapshot.isascii() and snapshot.isdigit() and len(snapshot) <= len(str(2**63))):
        raise UsageError(USAGE, "not a snapshot", got=printable(snapshot), expected=f"an id, a version or {CURRENT}")
    return int(snapshot)


def _layouts(reader: TableReader) -> tuple[TableLayout, ...]:
    found = {TableLayout.ICEBERG: iceberg.is_iceberg(reader), TableLayout.DELTA: delta.is_delta(reader)}
    return tuple(layout for layout, is_there in found.items() if is_there)


def _one_layout(reader: TableReader) -> TableLayout:
    layouts = _layouts(reader)
    if not layouts:
        raise PathError(
            SNAPSHOT_MISSING, "there is no table here", where=reader.where,
            expected="metadata/*.metadata.json (Iceberg) or _delta_log/ (Delta)",
        )  # fmt: skip
    if len(layouts) > 1:
        raise UndecidedError(TABLE_UNDECIDED, "a table of two formats, so a snapshot is two things", where=reader.where)
    return layouts[0]


def _pin(layout: TableLayout, reader: TableReader, wanted: int | None) -> TablePin:
    if layout is TableLayout.ICEBERG:
        return iceberg.find_snapshot(reader, wanted).pin
    return delta.read_version(reader, wanted, read_checkpoint).pin


def _snapshot(layout: TableLayout, reader: TableReader, wanted: int | None) -> TableSnapshot:
    if layout is TableLayout.ICEBERG:
        return iceberg.read_snapshot(reader, iceberg.find_snapshot(reader, wanted))
    return delta.read_version(reader, wanted, read_checkpoint)


def _demand_pinned(found: TableSnapshot, entries: Sequence[Entry], where: str) -> None:
    """Raise where the files that were read aren't those that the table speaks of."""
    by_path = {entry.path: entry for entry in entries}
    faults = [
        f"{printable(file.path)}: got {by_path[file.path].size} bytes, expected {file.size}"
        for file in found.files
        if file.size not in (-1, by_path[file.path].size)
    ]
    if faults:
        raise DocumentError(
            TABLE_FILE_DIFFERS, f"{len(faults)} files of another size than the table says", where=where,
            faults=faults[:_MAX_FAULTS],
        )  # fmt: skip
    if found.manifests:
        lines = manifest_bytes([by_path[path] for path in found.manifests])
        if hashlib.sha256(lines).hexdigest() != found.pin.manifests:
            raise ChangedError(CHANGED_WHILE_READ, "the table's manifests changed while they were read", where=where)
