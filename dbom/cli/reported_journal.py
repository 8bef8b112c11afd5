"""How the report on journals is shown: as text, JSON, Markdown or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from admission.journal.reporting import BLIND_SPOTS
from dbom.cli.decided import Said, counted, grouped, shown, told
from dbom.names import schema_name
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from admission.decision import Decision
    from admission.journal.chains import Chain
    from admission.journal.reading import Decided
    from admission.journal.reconciling import Reconciled
    from admission.journal.replaying import Replayed
    from admission.journal.reporting import Report
    from dbom.canonical import Json, JsonObject

__all__ = ["JournalFormat", "Told", "shown_journal"]

_MOST_LINES: Final = 200
_COLUMNS: Final = (
    *("at", "namespace", "operation", "group", "kind", "subresource", "name", "user", "verdict", "allowed", "mode"),
    *("uid", "request", "where", "number"),
)


class JournalFormat(StrEnum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Told:
    """The report, what journals were held against, and what was replayed, None where nothing was."""

    report: Report
    reconciled: tuple[Reconciled, ...] = ()
    played: tuple[Replayed, ...] | None = None


def shown_journal(whole: Told, format_: JournalFormat) -> str:
    """Return the report in a format; the CSV is of the decisions alone."""
    match format_:
        case JournalFormat.JSON:
            document = {"schema": schema_name("admission-report"), **_document(whole)}
            # An answer stands there as it was written, by whom we don't know: in ASCII it moves no cursor.
            return json.dumps(document, indent=2)
        case JournalFormat.CSV:
            return _table(whole.report)
        case JournalFormat.MARKDOWN:
            return "\n".join(_lines(whole, head="## ", item="- "))
        case JournalFormat.TEXT:
            return "\n".join(_lines(whole, head="", item="  "))


def _lines(whole: Told, *, head: str, item: str) -> Iterator[str]:
    report = whole.report
    sections = [
        (f"{_title(report)}", _summary(report)),
        ("Journals", [_chain(chain) for chain in report.chains]),
        ("Decided by", _limited(_inputs(report))),
        ("Denied", _limited(_decided(report, [one for one in report.decisions if not one.allowed]))),
        ("Allowed in spite of a no", _limited(_decided(report, report.spared))),
        *((f"Reconciled with the {one.what}", _reconciled(one)) for one in whole.reconciled),
        *([("Replay", _limited(_replayed(whole.played)))] if whole.played is not None else []),
        ("Findings", [f"{one.severity}: {one.where}: {one.message} ({one.rule})" for one in report.findings]),
        ("No gate was there", _limited([str(one) for one in report.silences])),
        ("What no journal shows", list(BLIND_SPOTS)),
    ]
    for number, (title, lines) in enumerate(sections):
        if lines:
            yield from ([""] if number else [])
            yield f"{head}{title}"
            if head:
                yield ""
            for line in lines:
                text = line.lstrip("\t")
                yield "  " * (len(line) - len(text)) + item + (_marked(text) if head else text)


def _title(report: Report) -> str:
    window = report.window
    where = ", ".join(map(printable, window.namespaces)) or "all namespaces"
    since = "the beginning" if window.since is None else shown(window.since)
    return f"Decisions in {where} from {since} to {'the end' if window.until is None else shown(window.until)}"


def _summary(report: Report) -> list[str]:
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in report.verdicts.items() if count)
    lines = [f"{counted(len(report.decisions), 'decision')}: {verdicts or 'none'}"]
    if report.denied or report.spared:
        lines.append(f"{report.denied} denied, {len(report.spared)} allowed in spite of a no")
    beside = ", ".join(_only_counted(name, count) for name, count in report.counts.items())
    return [*lines, f"only counted, in all namespaces: {beside}"] if beside else lines


def _only_counted(name: str, count: int) -> str:
    if name == "dryRuns":
        return counted(count, "dry run")
    known = {"late": "answered too late, with a no", "malformed": "malformed"}
    return f"{count} {known.get(name, printable(name))}"


def _chain(chain: Chain) -> str:
    records = counted(sum(item.check.records for item in chain.files), "record")
    files = counted(len(chain.files), "file")
    first, last = chain.files[0].first, chain.files[-1].last
    time = f", {shown(first.at)} to {shown(last.at)}" if first is not None and last is not None else ""
    state = "holds together" if chain.holds else f"BROKEN, {counted(len(chain.all_faults), 'fault')}"
    proven = chain.proven
    if proven is None:
        end = "its end isn't proven by a signed head"
    else:
        end = f"proven up to record {proven.head.number} by a head of {printable(proven.signer)}, {proven.time}"
    named = chain.replica or "a replica without a name"
    return f"{named}: {records} in {files}{time}, {state}; {end} ({chain.name[:16]}…)"


def _inputs(report: Report) -> list[str]:
    """Return which policies were in force, and from when the evidence was: whoever has both can decide again."""
    lines: list[str] = []
    for policies, group in _by_policies(report).items():
        lines += [f"{printable(name)} sha256:{printable(digest)}" for name, digest in policies] or ["no policy"]
        lines.append(f"\t{counted(len(group), 'decision')}, {shown(group[0].at)} to {shown(group[-1].at)}")
        read = sorted(found.read_at for item in group if (found := report.inputs[item.inputs]).read_at is not None)
        if read:
            lines.append(f"\tevidence as it was read {shown(read[0])} to {shown(read[-1])}")
    return lines


def _by_policies(report: Report) -> dict[tuple[tuple[str, str], ...], list[Decided]]:
    found: dict[tuple[tuple[str, str], ...], list[Decided]] = {}
    for item in report.decisions:
        inputs = report.inputs.get(item.inputs)
        if inputs is not None:
            found.setdefault(inputs.policies, []).append(item)
    return found


def _decided(report: Report, decisions: Sequence[Decided]) -> list[str]:
    return grouped((item, told(item, report.answers.get(item.answer, {}))) for item in decisions)


def _reconciled(item: Reconciled) -> list[str]:
    differ = len(item.findings)
    left = [f"{count} left out: {why}" for why, count in sorted(item.left_out.items())]
    agree = f"{item.matched} agree"
    return [f"{agree}; {differ} {'does' if differ == 1 else 'do'} not, see the findings" if differ else agree, *left]


def _replayed(played: tuple[Replayed, ...]) -> list[str]:
    outcomes = Counter(str(item.outcome) for item in played)
    lines = [", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())) or "nothing to replay"]
    lines += sorted({item.because for item in played if item.because})
    for title, chosen in (
        ("would now be denied", [item for item in played if item.newly_denied]),
        ("would now be let in", [item for item in played if item.newly_allowed]),
    ):
        lines += [f"{len(chosen)} {title}"] if chosen else []
        now = grouped((item.decided, _now(item.decided, item.decision)) for item in chosen if item.decision)
        lines += [f"\t{line}" for line in now]
    return lines


def _now(decided: Decided, decision: Decision) -> Said:
    """Return what a replay says, and what was said."""
    was = f"{decided.verdict}, {'allowed' if decided.allowed else 'denied'}"
    now = told(decided, decision.to_json())
    return Said(f"{decision.verdict}; it was {was}", now.reasons, now.excuse)


def _limited(lines: list[str]) -> list[str]:
    more = [f"and {len(lines) - _MOST_LINES} lines more (all are in -f json)"] if len(lines) > _MOST_LINES else []
    return lines[:_MOST_LINES] + more


def _marked(line: str) -> str:
    return "".join(f"\\{char}" if char in "\\`*_[]<>|" else char for char in line)


def _document(whole: Told) -> JsonObject:
    report, window = whole.report, whole.report.window
    findings: list[Json] = [
        {"rule": item.rule, "severity": str(item.severity), "message": item.message, "where": item.where}
        for item in report.findings
    ]
    return {
        "since": _instant(window.since),
        "until": _instant(window.until),
        "namespaces": list(window.namespaces),
        "verdicts": dict(report.verdicts),
        "denied": report.denied,
        "counts": dict(report.counts),
        "journals": [_chain_document(chain) for chain in report.chains],
        "decisions": [_decision_document(item, report) for item in report.decisions],
        "reconciled": [_reconciled_document(item) for item in whole.reconciled],
        "replayed": None if whole.played is None else [_replay_document(item) for item in whole.played],
        "findings": findings,
        "silences": [{"from": _instant(item.start), "to": _instant(item.end)} for item in report.silences],
        "blindSpots": list(BLIND_SPOTS),
        "exitCode": report.exit_code,
    }


def _decision_document(item: Decided, report: Report) -> JsonObject:
    found = report.inputs.get(item.inputs)
    inputs: JsonObject | None = None
    if found is not None:
        inputs = {"policies": dict(found.policies), "evidence": found.evidence, "readAt": _instant(found.read_at)}
    return {**_row(item), "late": item.is_late, "inputs": inputs, "answer": report.answers.get(item.answer)}


def _chain_document(chain: Chain) -> JsonObject:
    proven = chain.proven
    head: JsonObject | None = None
    if proven is not None:
        head = {"number": proven.head.number, "digest": proven.head.digest, "by": proven.signer, "time": proven.time}
    return {
        "replica": chain.replica,
        "chain": chain.name,
        "files": [item.check.where for item in chain.files],
        "records": sum(item.check.records for item in chain.files),
        "holds": chain.holds,
        "head": chain.files[-1].check.head,
        "number": chain.last_number,
        "provenHead": head,
    }


def _reconciled_document(item: Reconciled) -> JsonObject:
    return {"with": item.what, "agree": item.matched, "differ": len(item.findings), "leftOut": dict(item.left_out)}


def _replay_document(item: Replayed) -> JsonObject:
    decision = item.decision
    document: JsonObject = {"number": item.decided.number, "where": item.decided.where, "outcome": str(item.outcome)}
    if decision is not None:
        document |= {"verdict": str(decision.verdict), "allowed": decision.allowed}
        document["reasons"] = [reason.to_json() for reason in decision.all_reasons]
    return {**document, "because": item.because} if item.because else document


def _row(item: Decided) -> JsonObject:
    row: JsonObject = {}
    for column in _COLUMNS:
        value = _instant(item.at) if column == "at" else getattr(item, column)
        row[column] = value if isinstance(value, bool | int) else printable(str(value), limit=600)
    return row


def _table(report: Report) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for item in report.decisions:
        writer.writerow([_cell(value) for value in _row(item).values()])
    return out.getvalue()


def _cell(value: Json) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
