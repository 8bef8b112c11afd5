"""The journal: one hash chain of what this gate decided, from its start to its end.

The format is specified in docs/formats/journal.md: lines of canonical JSON, each with its number and the sha256 of the
line before it. `check_journal` is the whole of what a reader must do.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from dbom.canonical import canonical_json, json_object
from dbom.errors import DocumentError, EvidenceError, PathError
from dbom.rules.admission import JOURNAL_BROKEN, JOURNAL_UNWRITABLE

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from dbom.canonical import JsonObject

__all__ = ["FORMAT", "GENESIS", "Journal", "JournalSummary", "check_journal"]

FORMAT: Final = "dbom.dev/journal/v1"
GENESIS: Final = "0" * 64
START: Final = "start"
DECISION: Final = "decision"
END: Final = "end"


@dataclass(frozen=True, slots=True)
class JournalSummary:
    """What a journal that holds together says: its records, its head, and before which a gate ended without notice."""

    records: int
    decisions: int
    head: str
    unclean_stops: tuple[int, ...] = ()
    is_open: bool = False


@dataclass(slots=True)
class Journal:
    """An open journal. Records are appended by one process; `record` may be called from several threads."""

    path: Path
    _descriptor: int
    _number: int
    _head: str
    _size: int
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, path: Path, *, at: datetime, facts: JsonObject) -> Self:
        """Open a journal and write the start record, with `facts` about this gate.

        A journal that is there already is checked and continued; a last line that a crash left half is closed as it is
        and named in the start record. Raises `PathError` where it can't be written, `EvidenceError` where it is broken.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise PathError(JOURNAL_UNWRITABLE, f"can't be opened: {error.strerror}", where=str(path)) from error
        try:
            data = path.read_bytes()
            whole, torn = _split(data)
            summary = check_journal(whole, where=str(path))
            number, head = summary.records, summary.head
            if torn:
                os.write(descriptor, b"\n")
                number, head = number + 1, _digest(torn)
            journal = cls(path, descriptor, number, head, os.fstat(descriptor).st_size)
            journal.record(START, at=at, facts={**facts, "torn": bool(torn)}, durable=True)
        except BaseException:
            os.close(descriptor)
            raise
        return journal

    def record(self, kind: str, *, at: datetime, facts: JsonObject, durable: bool) -> str:
        """Append a record and return its digest; `durable` waits until the disk has it.

        Raises `PathError` where it can't be written; what was written of it is taken back, so that the chain goes on.
        """
        with self._lock:
            line = canonical_json(
                {
                    "format": FORMAT,
                    "number": self._number,
                    "previous": self._head,
                    "kind": kind,
                    "at": at.isoformat().replace("+00:00", "Z"),
                    "facts": facts,
                }
            )
            try:
                if os.fstat(self._descriptor).st_size != self._size:
                    raise PathError(JOURNAL_UNWRITABLE, "somebody else writes to it", where=str(self.path))
                _write_whole(self._descriptor, line + b"\n")
                if durable:
                    os.fsync(self._descriptor)
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
                raise PathError(
                    JOURNAL_UNWRITABLE, f"can't be written: {error.strerror}", where=str(self.path)
                ) from error
            self._size += len(line) + 1
            self._number += 1
            self._head = _digest(line)
            return self._head

    def close(self, *, at: datetime) -> None:
        """Write the end record and close the file."""
        try:
            self.record(END, at=at, facts={}, durable=True)
        finally:
            os.close(self._descriptor)


def check_journal(data: bytes, *, where: str) -> JournalSummary:
    """Return what a journal holds, or raise `EvidenceError` at the first record that doesn't fit.

    What was cut off at its end can't be seen here: keep the head somewhere else.
    """
    head, decisions, unclean, is_open = GENESIS, 0, [], False
    lines = data.split(b"\n")
    if lines[-1]:
        raise _broken(where, len(lines), "the last line is cut off")
    for number, line in enumerate(lines[:-1]):
        record = _parsed(line)
        if record is None:
            following = _parsed(lines[number + 1])
            if following is None or not _says_torn(following):
                raise _broken(where, number, "not a record, and the next record doesn't name it as torn")
            head = _digest(line)
            continue
        if record.get("number") != number or record.get("format") != FORMAT:
            raise _broken(where, number, f"its number is {record.get('number')!r}, expected {number}")
        if record.get("previous") != head:
            raise _broken(where, number, f"it follows {record.get('previous')!r}, expected {head}")
        kind = record.get("kind")
        if kind not in (START, DECISION, END) or (kind != START and not is_open):
            raise _broken(where, number, f"a record of the kind {kind!r} has no place here")
        if kind == START and is_open:
            unclean.append(number)
        decisions += kind == DECISION
        is_open = kind != END
        head = _digest(line)
    return JournalSummary(len(lines) - 1, decisions, head, tuple(unclean), is_open)


def _parsed(line: bytes) -> JsonObject | None:
    """Return a line as a record, or None where it isn't canonical JSON of an object."""
    try:
        record = json_object(line, where="")
        return record if canonical_json(record) == line else None
    except DocumentError:
        return None


def _says_torn(record: JsonObject) -> bool:
    facts = record.get("facts")
    return record.get("kind") == START and isinstance(facts, dict) and facts.get("torn") is True


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Return the whole lines, and what a crash left of one."""
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


def _write_whole(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _broken(where: str, number: int, what: str) -> EvidenceError:
    return EvidenceError(JOURNAL_BROKEN, f"record {number}: {what}", where=where)
