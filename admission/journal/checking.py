"""The law of the chain, line by line: what is changed, left out, moved or of another chain is a fault."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from admission.journal.contents import Content
from admission.journal.records import (
    CONTENT,
    CONTINUED,
    CONTINUES,
    COUNTS,
    DECISION,
    END,
    GENESIS,
    LATE,
    START,
    Record,
    line_digest,
)
from dbom.errors import EvidenceError
from dbom.rules.admission import JOURNAL_BROKEN
from dbom.rules.journals import JOURNAL_GAP

if TYPE_CHECKING:
    from datetime import datetime

    from dbom.rules import Rule

__all__ = ["ChainCheck", "Fault", "JournalSummary", "Stop", "check_journal"]

_KINDS: Final = frozenset((START, DECISION, LATE, CONTENT, COUNTS, END, CONTINUES, CONTINUED))
_BEGINS: Final = (START, CONTINUED)
_MOST_FAULTS: Final = 1000
_BACKWARDS_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """A place in a file where the chain doesn't hold: the number of the record, and what is wrong."""

    rule: Rule
    where: str
    number: int
    what: str

    def __str__(self) -> str:
        return f"{self.where}: record {self.number}: {self.what}"

    def error(self) -> EvidenceError:
        """Return the fault as an error."""
        return EvidenceError(self.rule, f"record {self.number}: {self.what}", where=self.where)


@dataclass(frozen=True, slots=True)
class Stop:
    """A gate that ended without notice: between the last record of it and the start record `number` of the next."""

    number: int
    after: datetime
    before: datetime


@dataclass(frozen=True, slots=True)
class JournalSummary:
    """What a journal that holds together says: its records, its head, and before which a gate ended without notice."""

    records: int
    decisions: int
    head: str
    unclean_stops: tuple[int, ...] = ()
    is_open: bool = False


@dataclass(slots=True)
class ChainCheck:
    """The lines of one file, fed one by one. `first` and `next_number` are None before a record was read.

    After a fault it goes on from the record at hand, so that each fault is named once, and later ones too.
    """

    where: str
    head: str = GENESIS
    next_number: int = 0
    first: Record | None = None
    last: Record | None = None
    is_open: bool = False
    records: int = 0
    decisions: int = 0
    faults: list[Fault] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    backwards: list[int] = field(default_factory=list)
    digests: dict[int, str] = field(default_factory=dict)
    contents: set[str] = field(default_factory=set)
    _torn: bytes | None = None

    def feed(self, line: bytes) -> Record | None:
        """Take the next line (without its line feed) and return it as a record, None where it isn't one."""
        record = Record.parse(line)
        if record is None:
            self._take_torn()
            self._torn = line
            return None
        self._check_link(record)
        self._check_place(record)
        self._check_clock(record)
        self.first = self.first or record
        self.last, self.head, self.next_number = record, record.digest, record.number + 1
        self.digests[record.number] = record.digest
        self.records += 1
        self.decisions += record.kind == DECISION
        self.is_open = record.kind != END
        return record

    def finish(self) -> None:
        """Note a fault where the last line of the file isn't a record."""
        self._take_torn()

    def _take_torn(self) -> None:
        if self._torn is not None:
            self._fault("not a record, and the next record doesn't name it as torn")
            self.next_number += 1
            self.head, self._torn = line_digest(self._torn), None

    def _check_link(self, record: Record) -> None:
        if self._torn is not None:
            if record.kind == START and record.facts.get("torn") is True:
                self.head, self._torn = line_digest(self._torn), None
                self.next_number += 1
                self.records += 1
            else:
                self._take_torn()
        elif record.kind == START and record.facts.get("torn") is not False:
            self._fault("it names a torn line before it, and there is none", number=record.number)
        if self.first is None and record.kind == CONTINUED:
            return
        if record.number != self.next_number:
            self._misnumbered(record)
        elif record.previous != self.head:
            self._fault(f"it follows {record.previous[:64]!r}, expected {self.head}", number=record.number)

    def _misnumbered(self, record: Record) -> None:
        if record.number > self.next_number:
            last = record.number - 1
            missing = f"record {last}" if last == self.next_number else f"records {self.next_number} to {last}"
            self._fault(f"{missing} before it: not there", rule=JOURNAL_GAP, number=record.number)
        else:
            self._fault(f"out of order: its number is {record.number}, expected {self.next_number}")

    def _check_place(self, record: Record) -> None:
        kind, before = record.kind, self.last
        if kind not in _KINDS or (kind not in _BEGINS and before is not None and not self.is_open):
            self._fault(f"a record of the kind {kind[:40]!r} has no place here", number=record.number)
        elif before is None and kind not in _BEGINS and not self.faults:
            self._fault("the file begins in the middle", rule=JOURNAL_GAP, number=record.number)
        elif before is not None and (kind == CONTINUED or before.kind == CONTINUES):
            self._fault("a file is continued here, and this is one file", number=record.number)
        elif kind == START and before is not None and self.is_open:
            self.stops.append(Stop(record.number, before.at, record.at))
        if kind == CONTENT:
            content = Content.of_facts(record.facts)
            if content is None:
                self._fault("a content that isn't what its digest says", number=record.number)
            else:
                self.contents.add(content.digest)

    def _check_clock(self, record: Record) -> None:
        if self.last is not None and (self.last.at - record.at).total_seconds() > _BACKWARDS_SECONDS:
            self.backwards.append(record.number)

    def _fault(self, what: str, *, rule: Rule = JOURNAL_BROKEN, number: int | None = None) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(Fault(rule, self.where, self.next_number if number is None else number, what))


def check_journal(data: bytes, *, where: str) -> JournalSummary:
    """Return what one file of a journal holds, or raise `EvidenceError` at the first record that doesn't fit.

    What was cut off at its end can't be seen here: that is what heads are signed for.
    """
    check, lines = ChainCheck(where), data.split(b"\n")
    for line in lines[:-1]:
        check.feed(line)
        if check.faults:
            break
    else:
        check.finish()
        if lines[-1] and not check.faults:
            raise Fault(JOURNAL_BROKEN, where, check.next_number, "the last line is cut off").error()
    if check.faults:
        raise check.faults[0].error()
    stops = tuple(stop.number for stop in check.stops)
    return JournalSummary(check.records, check.decisions, check.head, stops, check.is_open)
