"""How the decisions of a review are shown, and the exit code that they come to."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from admission.decision import Verdict
from dbom.cli.output import json_result, write_result
from dbom.cli.reports.github import github_annotations
from dbom.cli.reports.junit import junit_document
from dbom.cli.reports.reported import Level, Problem, Reported
from dbom.cli.reports.sarif import sarif_document
from dbom.printable import printable
from dbom.rules.admission import OBJECT_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from admission.decision import Decision, Judgement, Reason
    from admission.files import Given
    from admission.review import Review
    from dbom.canonical import Json, JsonObject

__all__ = ["ReviewFormat", "exit_code", "reported", "reviewed_document", "reviewed_text", "write_review"]

_PRECEDENCE: Final = (1, 2, 3, 0)
_CODES: Final = {Verdict.REFUSED: 1, Verdict.CANT_TELL: 3}


class ReviewFormat(StrEnum):
    """How a review's result is written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    GITHUB = "github"


def write_review(
    given: Sequence[Given], decisions: Sequence[Decision], format_: ReviewFormat, output: Path | None
) -> None:
    """Write the decisions on what was given, in a form that a person or another tool reads."""
    results = [(item.review, decision) for item, decision in zip(given, decisions, strict=True)]
    match format_:
        case ReviewFormat.JSON:
            json_result("admission-review", reviewed_document(results), output)
        case ReviewFormat.SARIF:
            write_result(sarif_document(reported(given, decisions)), output)
        case ReviewFormat.JUNIT:
            write_result(junit_document("dbom admission review", reported(given, decisions)), output)
        case ReviewFormat.GITHUB:
            write_result(github_annotations(reported(given, decisions)), output)
        case ReviewFormat.TEXT:
            write_result(reviewed_text(results), output)


def exit_code(decisions: Sequence[Decision]) -> int:
    """Return the exit code of a review: refused before unreadable before can't tell before the rest."""
    return min((_code(decision) for decision in decisions), key=_PRECEDENCE.index, default=0)


def reviewed_text(results: Sequence[tuple[Review, Decision]]) -> str:
    """Return the decisions as text, with each reason, and a last line that counts them."""
    lines: list[str] = []
    for review, decision in results:
        lines.append(f"{decision.verdict:<13}  {review.described}  ({printable(review.where)})")
        if decision.break_glass is not None:
            lines.append(f"    {decision.break_glass.warning}")
        lines += [f"    {reason}" for reason in decision.reasons]
        for judgement in decision.judgements:
            lines += _judgement(judgement)
    hints = dict.fromkeys(reason.rule for _, decision in results for reason in decision.all_reasons)
    lines += [f"hint: {rule.hint} ({rule.id})" for rule in hints]
    lines.append(_summary(results))
    return "\n".join(lines)


def reviewed_document(results: Sequence[tuple[Review, Decision]]) -> JsonObject:
    """Return the decisions for JSON output."""
    objects: list[Json] = [
        {
            "object": review.described,
            "kind": printable(review.kind),
            "namespace": printable(review.namespace),
            "name": printable(review.name),
            "where": printable(review.where),
            **decision.to_json(),
        }
        for review, decision in results
    ]
    counts: JsonObject = dict(_counts(results))
    return {"objects": objects, "counts": counts, "exitCode": exit_code([decision for _, decision in results])}


def reported(given: Sequence[Given], decisions: Sequence[Decision]) -> list[Reported]:
    """Return the decisions for SARIF, JUnit and annotations: a problem for each reason, graver where it denies."""
    return [
        Reported(
            item.review.described,
            item.file,
            str(decision.verdict),
            tuple(
                Problem(reason.rule, _level(decision, reason), str(reason), reason.path)
                for reason in decision.all_reasons
            ),
            item.line,
        )
        for item, decision in zip(given, decisions, strict=True)
    ]


def _level(decision: Decision, reason: Reason) -> Level:
    return Level.ERROR if not decision.allowed or reason.verdict is Verdict.REFUSED else Level.WARNING


def _code(decision: Decision) -> int:
    if any(reason.rule is OBJECT_MALFORMED for reason in decision.reasons):
        return 2
    return _CODES.get(decision.verdict, 0)


def _judgement(judgement: Judgement) -> list[str]:
    reference = judgement.reference
    known = f" is {judgement.digest}" if judgement.digest is not None else ""
    how = f"proven by {judgement.proven_by}" if judgement.proven_by else str(reference.pinning)
    head = f"    {judgement.verdict}: {reference.role} {printable(reference.text)} ({how}){known}"
    return [head, f"        at {reference.path}", *(f"        {reason}" for reason in judgement.reasons)]


def _counts(results: Sequence[tuple[Review, Decision]]) -> dict[str, int]:
    return {str(verdict): sum(decision.verdict is verdict for _, decision in results) for verdict in Verdict}


def _summary(results: Sequence[tuple[Review, Decision]]) -> str:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in _counts(results).items() if count)
    denied = sum(not decision.allowed for _, decision in results)
    return f"{len(results)} reviewed: {counts or 'nothing'}; {denied} would be denied"
