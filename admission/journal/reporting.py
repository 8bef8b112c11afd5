"""What gates decided in a namespace between two moments, by their journals, and what they couldn't see."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from admission.decision import NOES, Verdict
from admission.journal.chains import Chain, chains_of, foreign_files
from admission.journal.inputs import Inputs
from admission.journal.reading import Decided, journal_files, read_file
from dbom.canonical import json_object
from dbom.errors import DocumentError, PathError
from dbom.model import Finding, Severity
from dbom.printable import printable
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.journals import HEAD_UNPROVEN, JOURNAL_GAP, JOURNAL_TAIL_LOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from admission.journal.checking import Fault
    from admission.journal.heads import ProvenHead
    from admission.journal.reading import JournalFile, Span
    from dbom.canonical import JsonObject

__all__ = ["BLIND_SPOTS", "Journals", "Report", "Silence", "Window", "read_journals", "report_on"]

BLIND_SPOTS: Final = (
    "static pods, which the API server doesn't ask about",
    "pods that were there before the webhook was",
    "namespaces that the webhook's configuration excludes (kube-system and its own, at least)",
    "what was let in while no webhook configuration was there, or while it didn't answer under failurePolicy Ignore",
    "kubectl exec and attach, and whatever a container fetches without its object saying so",
)
"""What no journal can show, whatever it holds."""


@dataclass(frozen=True, slots=True)
class Window:
    """Of which time and namespaces a report is: from `since` to before `until`; all namespaces where none is named."""

    since: datetime | None = None
    until: datetime | None = None
    namespaces: tuple[str, ...] = ()

    def holds(self, decided: Decided) -> bool:
        """Return whether a decision belongs to it."""
        return self.is_within(decided.at) and (not self.namespaces or decided.namespace in self.namespaces)

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Return whether a time, both ends included, has a moment in common with it."""
        return (self.since is None or self.since <= end) and (self.until is None or start < self.until)

    def is_within(self, moment: datetime) -> bool:
        """Return whether a moment belongs to it."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which no gate was there, by the journals at hand."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{_shown(self.start)} to {_shown(self.end)}"


@dataclass(frozen=True, slots=True)
class Journals:
    """Journals that were read: their chains, and the decisions of the window in the order of time."""

    chains: tuple[Chain, ...]
    decisions: tuple[Decided, ...]
    faults: tuple[Fault, ...]

    @property
    def begin(self) -> datetime | None:
        """When the first of the gates at hand was started."""
        return min((span.start for chain in self.chains for item in chain.files for span in item.spans), default=None)

    def content(self, digest: str) -> bytes | None:
        """Return a content by its digest, None where no file holds it."""
        files = (item for chain in self.chains for item in chain.files)
        return next((found for item in files if (found := item.content(digest)) is not None), None)


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to "what did these gates decide, and what couldn't they see".

    `answers` are what was found and why, `inputs` what it was made from, each by the digest that decisions name.
    `findings` with the severity ERROR say what is false, those with WARNING what can't be told; the rest are remarks.
    `counts` are of the window's time and of all namespaces.
    """

    window: Window
    chains: tuple[Chain, ...]
    decisions: tuple[Decided, ...]
    answers: Mapping[str, JsonObject]
    inputs: Mapping[str, Inputs]
    findings: tuple[Finding, ...]
    silences: tuple[Silence, ...]
    counts: dict[str, int]

    @property
    def verdicts(self) -> dict[str, int]:
        """How many decisions came to each verdict."""
        found = Counter(item.verdict for item in self.decisions)
        return {str(verdict): found[verdict] for verdict in Verdict}

    @property
    def denied(self) -> int:
        """How many were denied."""
        return sum(not item.allowed for item in self.decisions)

    @property
    def spared(self) -> tuple[Decided, ...]:
        """Those that were let in though the verdict was a no: in audit or warn mode, or by break-glass."""
        return tuple(item for item in self.decisions if item.allowed and item.verdict in NOES)

    @property
    def exit_code(self) -> int:
        """1 where something is false, 3 where something can't be told, else 0."""
        severities = {item.severity for item in self.findings}
        return 1 if Severity.ERROR in severities else 3 if Severity.WARNING in severities else 0


def read_journals(paths: Iterable[Path], window: Window) -> Journals:
    """Return the journals that files and folders hold, of any replicas, in any order.

    Nothing is raised for what they hold. Raises `PathError` where one is missing or can't be read, or there is none.
    """
    given = list(paths)
    files: list[JournalFile] = [read_file(path, window.holds) for path in journal_files(given)]
    if not files:
        where = ", ".join(printable(str(path)) for path in given)
        raise PathError(PATH_UNREADABLE, "there is no journal", where=where)
    chains = chains_of(files)
    kept = [(chain.name, item) for chain in chains for item in _as_told(chain)]
    # Of a record that two files of a chain hold, one counts; those of a fork both do.
    once = {
        (name, item.number, item.at, item.uid, item.request, item.verdict, item.allowed): item for name, item in kept
    }
    decisions = sorted(once.values(), key=lambda item: (item.at, item.where, item.number))
    return Journals(tuple(chains), tuple(decisions), tuple(foreign_files(files)))


def _as_told(chain: Chain) -> list[Decided]:
    """Return the decisions of a chain with what was answered: something else than was recorded, where that was late."""
    late = {number: allowed for member in chain.files for number, allowed in member.late.items()}
    decisions = [item for member in chain.files for item in member.decisions]
    return [
        replace(item, allowed=late[item.number], is_late=True) if item.number in late else item for item in decisions
    ]


def report_on(
    journals: Journals, window: Window, *, heads: Sequence[ProvenHead] | None, more: Iterable[Finding] = ()
) -> Report:
    """Return the report; `heads` are those that were proven, None where nobody said whom to expect.

    `more` are findings of what the journals were held against.
    """
    counts: Counter[str] = Counter()
    findings = [_finding(fault) for fault in journals.faults]
    for chain in journals.chains:
        chain.check_heads(item for item in heads or () if item.chain == chain.name)
        findings += [_finding(fault) for fault in chain.all_faults]
        findings += [item for item in chain.gaps if _matters(item, chain, window)]
        findings += _remarks(chain, window)
        for item in chain.files:
            counts.update(item.counts(window.is_within))
    known = {chain.name for chain in journals.chains}
    findings += [_unknown_head(item) for item in _newest(heads or ()) if item.chain not in known]
    if heads is not None:
        findings += [_unproven(chain) for chain in journals.chains if chain.proven is None and chain.files[-1].last]
    silences = _silences([span for chain in journals.chains for item in chain.files for span in item.spans], window)
    answers = {item: _answer(journals.content(item)) for item in {found.answer for found in journals.decisions}}
    return Report(
        window,
        journals.chains,
        journals.decisions,
        answers,
        _inputs(journals),
        (*findings, *more),
        silences,
        dict(sorted(counts.items())),
    )


def _inputs(journals: Journals) -> dict[str, Inputs]:
    contents = {item: journals.content(item) for item in {found.inputs for found in journals.decisions}}
    read = {digest: Inputs.parse(data) for digest, data in contents.items() if data is not None}
    return {digest: found for digest, found in read.items() if found is not None}


def _answer(data: bytes | None) -> JsonObject:
    try:
        return {} if data is None else json_object(data, where="")
    except DocumentError:
        return {}


def _finding(fault: Fault) -> Finding:
    return Finding(fault.rule.id, Severity.ERROR, f"record {fault.number}: {fault.what}", fault.where)


def _matters(gap: Finding, chain: Chain, window: Window) -> bool:
    """Return whether what isn't given could belong to the window."""
    first, last = chain.files[0].first, chain.files[-1].last
    if "come before" in gap.message:
        return first is None or window.since is None or window.since < first.at
    return last is None or window.until is None or window.until > last.at


def _remarks(chain: Chain, window: Window) -> list[Finding]:
    found: list[Finding] = []
    for item in chain.files:
        where, rule = item.check.where, JOURNAL_GAP.id
        for stop in item.stops:
            if not window.overlaps(stop.after, stop.before):
                continue
            what = f"record {stop.number}: the gate before ended without notice, after {_shown(stop.after)}"
            found.append(Finding(rule, Severity.NOTE, what, where))
        back = item.check.backwards
        found += [Finding(rule, Severity.NOTE, f"record {number}: the clock was set back", where) for number in back]
        if item.has_torn_end:
            what = "it ends with half a line: it is being written, or the gate ended without notice"
            found.append(Finding(rule, Severity.NOTE, what, where))
        elif item is chain.files[-1] and item.check.is_open and not item.is_continued:
            found.append(Finding(rule, Severity.NOTE, "no end record: the gate runs, or ended without notice", where))
    return found


def _newest(heads: Sequence[ProvenHead]) -> list[ProvenHead]:
    found: dict[str, ProvenHead] = {}
    for item in heads:
        found[item.chain] = max(found.get(item.chain, item), item, key=lambda known: known.head.number)
    return list(found.values())


def _unproven(chain: Chain) -> Finding:
    what = "no head of it that you expect is there: whether its end was cut off can't be told"
    return Finding(HEAD_UNPROVEN.id, Severity.WARNING, what, chain.files[-1].check.where)


def _unknown_head(item: ProvenHead) -> Finding:
    named = f"record {item.head.number} of a journal that isn't given"
    what = f"a head of the replica '{printable(item.replica)}' names {named}"
    return Finding(JOURNAL_TAIL_LOST.id, Severity.WARNING, what, printable(item.where))


def _silences(spans: Sequence[Span], window: Window) -> tuple[Silence, ...]:
    """Return when no gate was there, between the first and the last moment of the window that is known of."""
    if not spans:
        return ()
    at = window.since or min(span.start for span in spans)
    end = window.until or max(span.end for span in spans)
    found: list[Silence] = []
    for span in sorted(spans, key=lambda item: item.start):
        if span.start > at and at < end:
            found.append(Silence(at, min(span.start, end)))
        at = max(at, span.end)
    if at < end:
        found.append(Silence(at, end))
    return tuple(found)


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
