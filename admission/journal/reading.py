"""Reading journals: the files of any number of replicas, put together into chains, with every fault at its place."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from admission.decision import Verdict
from admission.journal.checking import ChainCheck, Fault
from admission.journal.contents import Content
from admission.journal.files import family_of
from admission.journal.records import CONTENT, CONTINUED, CONTINUES, COUNTS, DECISION, END, LATE, START
from dbom.errors import PathError
from dbom.printable import printable
from dbom.rules.admission import JOURNAL_BROKEN
from dbom.rules.artifacts import PATH_UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from admission.journal.checking import Stop
    from admission.journal.records import Record
    from dbom.canonical import Json, JsonObject

__all__ = ["Decided", "JournalFile", "Span", "journal_files", "read_file"]

_TEXTS: Final = (
    *("uid", "user", "operation", "group", "objectKind", "subresource", "namespace", "name"),
    *("request", "inputs", "answer"),
)
_NOT_JOURNALS: Final = (".lock", ".new", ".torn", ".heads.jsonl")


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it was recorded: what was asked by whom, what was answered, and by digest what it rests on.

    Where it came too late (`is_late`), `allowed` is what was answered instead, and not what it said.
    """

    where: str
    number: int
    at: datetime
    verdict: Verdict
    allowed: bool
    mode: str
    unchanged: bool
    part: str
    uid: str
    user: str
    operation: str
    group: str
    kind: str
    subresource: str
    namespace: str
    name: str
    request: str
    inputs: str
    answer: str
    is_late: bool = field(default=False, kw_only=True)

    @classmethod
    def of(cls, record: Record, where: str) -> Self | None:
        """Return what a record of a decision says, None where it isn't as the format demands."""
        facts, part, verdict = record.facts, record.facts.get("part"), record.facts.get("verdict")
        texts = [value for key in _TEXTS if isinstance(value := facts.get(key), str)]
        digest = part.get("digest") if isinstance(part, dict) else "" if part is None else None
        allowed, unchanged, mode = facts.get("allowed"), facts.get("unchanged"), facts.get("mode")
        if len(texts) != len(_TEXTS) or not isinstance(digest, str) or not isinstance(mode, str | None):
            return None
        if not isinstance(allowed, bool) or not isinstance(unchanged, bool) or verdict not in set(Verdict):
            return None
        answer = (Verdict(str(verdict)), allowed, mode or "", unchanged, digest)
        return cls(where, record.number, record.at, *answer, *texts)

    @property
    def described(self) -> str:
        """What was asked about, in a few words."""
        sub = f"/{self.subresource}" if self.subresource else ""
        return printable(f"{self.operation} {self.kind}{sub} {self.namespace}/{self.name}")


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a gate was there, from its start record to its end record, or to the last before a crash."""

    start: datetime
    end: datetime
    is_clean: bool


@dataclass(slots=True)
class JournalFile:
    """One file, checked by itself; `decisions` and `contents` are what was asked for.

    `late` are the decisions of its chain, by number, that came too late to be told, with what was answered instead.
    `first` is None where not one record can be read. `chain` is empty where that isn't known.
    """

    path: Path
    check: ChainCheck
    replica: str = ""
    chain: str = ""
    decisions: list[Decided] = field(default_factory=list)
    contents: dict[str, JsonObject] = field(default_factory=dict)
    late: dict[int, bool] = field(default_factory=dict)
    counted: list[tuple[datetime, dict[str, int]]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    starts: list[JsonObject] = field(default_factory=list)
    has_torn_end: bool = False

    def counts(self, is_within: Callable[[datetime], bool]) -> dict[str, int]:
        """Return what was only counted at such moments, by its name."""
        found: dict[str, int] = {}
        for moment, counts in self.counted:
            for name, count in counts.items() if is_within(moment) else ():
                found[name] = found.get(name, 0) + count
        return found

    @property
    def first(self) -> Record | None:
        """Its first record."""
        return self.check.first

    @property
    def last(self) -> Record | None:
        """Its last record."""
        return self.check.last

    @property
    def is_continued(self) -> bool:
        """Whether another file follows, by its own last record."""
        return self.last is not None and self.last.kind == CONTINUES

    @property
    def faults(self) -> list[Fault]:
        """Where it doesn't hold together."""
        return self.check.faults

    @property
    def stops(self) -> list[Stop]:
        """Where a gate ended without notice."""
        return self.check.stops

    def content(self, digest: str) -> bytes | None:
        """Return a content that it holds, None where it isn't there."""
        facts = self.contents.get(digest)
        found = None if facts is None else Content.of_facts(facts)
        return None if found is None else found.data


def journal_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files that paths come to: a folder's at any depth, a journal's full ones beside the one that is named.

    Raises `PathError` for what is missing.
    """
    found: dict[Path, None] = {}
    for path in paths:
        try:
            inside = [path] if path.is_file() else _files_in(path)
            beside = sorted(path.parent.iterdir()) if path.is_file() and family_of(path) == path else []
        except OSError as error:
            what = f"can't be read: {error.strerror}"
            raise PathError(PATH_UNREADABLE, what, where=printable(str(path))) from error
        inside += [item for item in beside if family_of(item) == path]
        found.update({item: None for item in inside if item.is_file() and not item.name.endswith(_NOT_JOURNALS)})
    return list(found)


def _files_in(folder: Path) -> list[Path]:
    """Return the files of a folder: a volume of journals has a folder for each replica. Raises `OSError`."""

    def stop(error: OSError) -> None:
        raise error

    return [Path(place, name) for place, _, names in sorted(os.walk(folder, onerror=stop)) for name in sorted(names)]


def read_file(path: Path, wanted: Callable[[Decided], bool]) -> JournalFile:
    """Return a file of a journal, checked, with the decisions that are wanted and what they rest on.

    Nothing is raised for what it holds. Raises `PathError` where it can't be read.
    """
    where = printable(str(path))
    found = JournalFile(path, ChainCheck(where))
    contents: dict[str, JsonObject] = {}
    tally = _Tally(found)
    try:
        for line, is_whole in _lines(path):
            if not is_whole:
                found.has_torn_end = True
                break
            record = found.check.feed(line)
            if record is None:
                continue
            if record.kind == CONTENT:
                contents[str(record.facts.get("digest"))] = record.facts
            elif record.kind == DECISION:
                _take(found, record, wanted)
            elif record.kind == LATE:
                _take_late(found, record)
            tally.take(record)
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=where) from error
    found.check.finish()
    tally.finish()
    _name(found)
    rests_on = {digest for item in found.decisions for digest in (item.inputs, item.answer, item.part)}
    found.contents = {digest: facts for digest, facts in contents.items() if digest in rests_on}
    return found


def _lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    with path.open("rb") as file:
        for line in file:
            yield line.removesuffix(b"\n"), line.endswith(b"\n")


def _take(found: JournalFile, record: Record, wanted: Callable[[Decided], bool]) -> None:
    decided = Decided.of(record, found.check.where)
    if decided is None:
        what = "a decision without all that one says"
        found.check.faults.append(Fault(JOURNAL_BROKEN, found.check.where, record.number, what))
    elif wanted(decided):
        found.decisions.append(decided)


def _take_late(found: JournalFile, record: Record) -> None:
    number, allowed = record.facts.get("number"), record.facts.get("allowed")
    if type(number) is int and isinstance(allowed, bool) and number < record.number:
        found.late[number] = allowed
    else:
        what = "it says of no record before it what was answered instead"
        found.check.faults.append(Fault(JOURNAL_BROKEN, found.check.where, record.number, what))


def _name(found: JournalFile) -> None:
    """Tell which chain, and whose, a file says that it is of."""
    first = found.first
    if first is None or first.kind not in (START, CONTINUED):
        return
    found.replica = printable(_text(first.facts.get("replica")))
    found.chain = first.digest if first.kind == START and first.number <= 1 else _text(first.facts.get("chain"))


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


class _Tally:
    """When a gate was there, and what it counted, from the records of one file."""

    def __init__(self, found: JournalFile) -> None:
        self._found = found
        self._start: datetime | None = None
        self._last: datetime | None = None

    def take(self, record: Record) -> None:
        if record.kind in (START, CONTINUED):
            self._close(is_clean=False)
            self._start = record.at
            if record.kind == START:
                self._found.starts.append(record.facts)
        self._last = record.at
        if record.kind == COUNTS:
            counts = {key: value for key, value in record.facts.items() if type(value) is int and value > 0}
            self._found.counted.append((record.at, counts))
        elif record.kind in (END, CONTINUES):
            self._close(is_clean=True)

    def finish(self) -> None:
        self._close(is_clean=False)

    def _close(self, *, is_clean: bool) -> None:
        if self._start is not None and self._last is not None:
            self._found.spans.append(Span(self._start, self._last, is_clean))
        self._start = None
