"""How the result of a verification is shown: as text, and as JSON (schema dbom.dev/verify/v1)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dbom.model import Severity
from dbom.names import short_predicate
from dbom.printable import printable
from dbom.rules import rule_by_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.identity import Identity, KeyIdentity
    from attest.verification import Uncounted, Verification
    from attest.verified import VerifiedStatement
    from dbom.canonical import JsonObject
    from dbom.model import Finding

__all__ = ["hint_lines", "summary_line", "verification_document", "verification_text"]

_MESSAGE_LIMIT = 2000
_PATHS_SHOWN = 20
_LINES_SHOWN = 20
_GRAVEST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


def verification_text(result: Verification) -> str:
    """Return a verification as lines for a person: verdict first, then why, then what counts and what doesn't."""
    if result.error is not None:
        return f"error      {result.where}: {_shown(str(result.error))} ({result.error.rule.id})"
    unchecked = "" if result.bytes_checked else "  (bytes not checked)"
    unchecked += f"  (not covered: {_paths(len(result.uncovered))})" if result.uncovered else ""
    named = "" if result.where == str(result.digest) else f"{result.where}  "
    lines = [f"{result.verdict:<9}  {named}{result.digest}{unchecked}"]
    ordered = sorted(result.findings, key=lambda finding: _GRAVEST_FIRST.index(finding.severity))
    lines.extend(_bounded([_finding_line(finding) for finding in ordered], "findings"))
    if result.difference is not None:
        lines.extend(f"  {line}" for line in result.difference.lines(limit=_PATHS_SHOWN))
    lines.extend(_bounded([_counted_line(item) for item in result.counted], "statements that count"))
    said = {(place, finding.message) for finding in result.findings for place in (finding.rule, finding.where)}
    uncounted = [
        f"  not counted: {_shown(item.answer.result.where)}: {_shown(item.reason)} ({item.rule})"
        for item in result.uncounted
        if not {(item.rule, item.reason), (item.answer.result.where, item.reason)} & said
    ]
    lines.extend(_bounded(uncounted, "bundles that don't count"))
    return "\n".join(lines)


def hint_lines(results: Sequence[Verification]) -> list[str]:
    """Return what to do about each rule that made a verdict no yes, once however often it was broken."""
    hints: dict[str, str] = {}
    for result in results:
        if result.error is not None:
            hints[result.error.rule.id] = result.error.hint
        for finding in result.reasons:
            hints.setdefault(finding.rule, _hint(finding.rule))
    return [f"  hint: {hint} ({rule})" for rule, hint in hints.items() if hint]


@cache
def _hint(rule_id: str) -> str:
    rule = rule_by_id(rule_id)
    return "" if rule is None else rule.hint


def summary_line(results: Sequence[Verification]) -> str:
    """Return one line that counts several results."""
    verdicts = [str(result.verdict) if result.error is None else "not checked" for result in results]
    names = ("verified", "refused", "undecided", "not checked")
    return ", ".join(f"{verdicts.count(name)} {name}" for name in names if name in verdicts)


def verification_document(results: Sequence[Verification]) -> JsonObject:
    """Return verifications as the JSON that `dbom verify -f json` writes."""
    counts = {name: sum(str(r.verdict) == name and r.error is None for r in results) for name in _VERDICTS}
    failed = sum(result.error is not None for result in results)
    return {"results": [_document(result) for result in results], "summary": {**counts, "notChecked": failed}}


_VERDICTS = ("verified", "refused", "undecided")


def _bounded(lines: list[str], what: str) -> list[str]:
    """Return at most as many lines as a person reads: whoever fills a shared store mustn't fill the terminal."""
    rest = len(lines) - _LINES_SHOWN
    return [*lines[:_LINES_SHOWN], f"  … and {rest} more {what} (-f json names each)"] if rest > 0 else lines


def _paths(count: int) -> str:
    return "1 path" if count == 1 else f"{count} paths"


def _finding_line(finding: Finding) -> str:
    label = {Severity.ERROR: "because", Severity.WARNING: "warning", Severity.NOTE: "note"}[finding.severity]
    return f"  {label}: {_shown(finding.message)} ({finding.rule}, {_shown(finding.where)})"


def _counted_line(item: VerifiedStatement) -> str:
    kind = short_predicate(item.statement.predicate_type)
    log = f", log index {item.log_index}" if item.log_index is not None else ", no log"
    local = ", a local identity: only as good as the machine it is on" if "self-asserted" in str(item.time) else ""
    return f"  {kind:<10}  signed by {item.signer}, {item.time}{log}{local}"


def _document(result: Verification) -> JsonObject:
    if result.error is not None:
        return {
            "artifact": result.where,
            "verdict": None,
            "error": _shown(str(result.error)),
            "rule": result.error.rule.id,
            "hint": result.error.hint,
            "exitCode": result.exit_code,
        }
    difference = result.difference
    return {
        "artifact": result.where,
        "verdict": str(result.verdict),
        "kind": None if result.digest is None else str(result.digest.kind),
        "digest": None if result.digest is None else str(result.digest),
        "bytesChecked": result.bytes_checked,
        "notCovered": [_shown(path) for path in result.uncovered],
        "statements": [_counted(item) for item in result.counted],
        "notCounted": [_uncounted(item) for item in result.uncounted],
        "findings": [_finding(finding) for finding in result.findings],
        "difference": None
        if difference is None
        else {
            "added": [_shown(path) for path in difference.added],
            "removed": [_shown(path) for path in difference.removed],
            "changed": [_shown(path) for path in difference.changed],
        },
        "exitCode": result.exit_code,
    }


def _finding(finding: Finding) -> JsonObject:
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "message": _shown(finding.message),
        "where": _shown(finding.where),
        "hint": _hint(finding.rule),
    }


def _counted(item: VerifiedStatement) -> JsonObject:
    return {
        "predicateType": printable(item.statement.predicate_type),
        "signer": _signer(item.signer),
        "authority": item.authority,
        "trustedRootSha256": item.root or None,
        "time": {
            "basis": str(item.time.basis),
            "at": None if item.time.at is None else item.time.at.isoformat().replace("+00:00", "Z"),
            "by": item.time.by or None,
        },
        "logIndex": item.log_index,
        "shown": {"log": item.shown.log, "sct": item.shown.sct, "time": item.shown.time},
        "bundleSha256": item.bundle_sha256,
        "where": _shown(item.where),
    }


def _uncounted(item: Uncounted) -> JsonObject:
    statement, signer = item.answer.statement, item.answer.result.signer
    got, expected = item.sides
    return {
        "rule": item.rule,
        "reason": _shown(item.reason),
        "got": None if got is None else _shown(got),
        "expected": None if expected is None else _shown(expected),
        "source": str(item.answer.source),
        "predicateType": None if statement is None else printable(statement.predicate_type),
        "claimedSigner": None if signer is None else _signer(signer),
        "bundleSha256": item.answer.result.bundle_sha256 or None,
        "where": _shown(item.answer.result.where),
    }


def _signer(signer: Identity | KeyIdentity) -> JsonObject:
    subject = getattr(signer, "subject", None)
    if subject is None:
        return {"key": str(signer)}
    return {"identity": printable(subject), "issuer": printable(str(getattr(signer, "issuer", "")))}


def _shown(text: str) -> str:
    return printable(text, limit=_MESSAGE_LIMIT)
