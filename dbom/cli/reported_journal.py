"""How the report on journals is shown: as text, JSON, Markdown or CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from admission.journal.reporting import BLIND_SPOTS
from dbom.names import schema_name
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

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


def shown_journal(told: Told, format_: JournalFormat) -> str:
    """Return the report in a format; the CSV is of the decisions alone."""
    match format_:
        case JournalFormat.JSON:
            document = {"schema": schema_name("admission-report"), **_document(told)}
            return json.dumps(document, indent=2, ensure_ascii=False)
        case JournalFormat.CSV:
            return _table(told.report)
        case JournalFormat.MARKDOWN:
            return "\n".join(_lines(told, head="## ", item="- "))
        case JournalFormat.TEXT:
            return "\n".join(_lines(told, head="", item="  "))


def _lines(told: Told, *, head: str, item: str) -> Iterator[str]:
    report = told.report
    sections = [
        (f"{_title(report)}", [_summary(report)]),
        ("Journals", [_chain(chain) for chain in report.chains]),
        ("Denied", _limited([_decided(one, report) for one in report.decisions if not one.allowed])),
        ("Allowed in spite of a no", _limited([_decided(one, report) for one in report.decisions if _is_spared(one)])),
        *((f"Reconciled with the {one.what}", _reconciled(one)) for one in told.reconciled),
        *([("Replay", _replayed(told.played))] if told.played is not None else []),
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
            yield from (f"{item}{_marked(line) if head else line}" for line in lines)


def _title(report: Report) -> str:
    window = report.window
    where = ", ".join(map(printable, window.namespaces)) or "all namespaces"
    since = "the beginning" if window.since is None else _shown(window.since)
    return f"Decisions in {where} from {since} to {'the end' if window.until is None else _shown(window.until)}"


def _summary(report: Report) -> str:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report.verdicts.items() if count)
    other = "".join(f"; {count} {_words(name)}" for name, count in report.counts.items())
    return f"{len(report.decisions)} decisions: {counts or 'none'}; {report.denied} denied{other}"


def _words(name: str) -> str:
    known = {"dryRuns": "only counted: dry runs", "late": "answered too late, with a no", "malformed": "malformed"}
    return known.get(name, printable(name))


def _chain(chain: Chain) -> str:
    records = sum(item.check.records for item in chain.files)
    state = "holds together" if chain.holds else f"BROKEN, {len(chain.all_faults)} faults"
    proven = chain.proven
    if proven is None:
        end = "its end isn't proven by a signed head"
    else:
        end = f"proven up to record {proven.head.number} by a head of {printable(proven.signer)}, {proven.time}"
    named = chain.replica or "a replica without a name"
    return f"{named}: {records} records in {len(chain.files)} files, {state}; {end} ({chain.name[:16]}…)"


def _is_spared(decided: Decided) -> bool:
    return decided.allowed and str(decided.verdict) in ("refused", "can't tell")


def _decided(item: Decided, report: Report | None = None) -> str:
    said = f"{_shown(item.at)} {item.described} by {printable(item.user)}: {item.verdict} (record {item.number})"
    reasons = _reasons(report.answers.get(item.answer, {})) if report is not None else []
    return "; ".join([said, *reasons])


def _reasons(answer: JsonObject) -> list[str]:
    """Return why, as a journal's answer says it."""
    references = answer.get("references")
    listed = references if isinstance(references, list) else []
    found: dict[str, None] = {}
    for holder in [answer, *(item for item in listed if isinstance(item, dict))]:
        reasons = holder.get("reasons")
        for item in reasons if isinstance(reasons, list) else ():
            if isinstance(item, dict):
                found[f"{printable(str(item.get('message')))} ({printable(str(item.get('rule')))})"] = None
    return list(found)


def _reconciled(item: Reconciled) -> list[str]:
    left = [f"{count} left out: {why}" for why, count in sorted(item.left_out.items())]
    return [f"{item.matched} agree; {len(item.findings)} don't, see the findings", *left]


def _replayed(played: tuple[Replayed, ...]) -> list[str]:
    outcomes: dict[str, int] = {}
    for item in played:
        outcomes[str(item.outcome)] = outcomes.get(str(item.outcome), 0) + 1
    lines = [", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())) or "nothing to replay"]
    for title, chosen in (
        ("would now be refused", [item for item in played if item.newly_denied]),
        ("would now be let in", [item for item in played if item.newly_allowed]),
    ):
        lines += [f"{len(chosen)} {title}"] if chosen else []
        lines += _limited(
            [f"{_decided(item.decided)}; now {item.decision.message}" for item in chosen if item.decision]
        )
    return lines + sorted({item.because for item in played if item.because})


def _limited(lines: list[str]) -> list[str]:
    more = [f"and {len(lines) - _MOST_LINES} more (all are in -f json)"] if len(lines) > _MOST_LINES else []
    return lines[:_MOST_LINES] + more


def _marked(line: str) -> str:
    return "".join(f"\\{char}" if char in "\\`*_[]<>|" else char for char in line)


def _document(told: Told) -> JsonObject:
    report, window = told.report, told.report.window
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
        "decisions": [{**_row(item), "answer": report.answers.get(item.answer)} for item in report.decisions],
        "reconciled": [_reconciled_document(item) for item in told.reconciled],
        "replayed": None if told.played is None else [_replay_document(item) for item in told.played],
        "findings": findings,
        "silences": [{"from": _instant(item.start), "to": _instant(item.end)} for item in report.silences],
        "blindSpots": list(BLIND_SPOTS),
        "exitCode": report.exit_code,
    }


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


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
