"""How the decisions of a review are shown, and the exit code that they come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.decision import Verdict
from dbom.printable import printable
from dbom.rules.admission import OBJECT_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.decision import Decision, Judgement
    from admission.review import Review
    from dbom.canonical import Json, JsonObject

__all__ = ["exit_code", "reviewed_document", "reviewed_text"]

_PRECEDENCE: Final = (1, 2, 3, 0)
_CODES: Final = {Verdict.REFUSED: 1, Verdict.CANT_TELL: 3}


def exit_code(decisions: Sequence[Decision]) -> int:
    """Return the exit code of a review: refused before unreadable before can't tell before the rest."""
    return min((_code(decision) for decision in decisions), key=_PRECEDENCE.index, default=0)


def reviewed_text(results: Sequence[tuple[Review, Decision]]) -> str:
    """Return the decisions as text, with each reason, and a last line that counts them."""
    lines: list[str] = []
    for review, decision in results:
        lines.append(f"{decision.verdict:<13}  {review.described}  ({printable(review.where)})")
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


def _code(decision: Decision) -> int:
    if any(reason.rule is OBJECT_MALFORMED for reason in decision.reasons):
        return 2
    return _CODES.get(decision.verdict, 0)


def _judgement(judgement: Judgement) -> list[str]:
    reference = judgement.reference
    known = f" is {judgement.digest}" if judgement.digest is not None else ""
    head = f"    {judgement.verdict}: {reference.role} {printable(reference.text)} ({reference.pinning}){known}"
    return [head, f"        at {reference.path}", *(f"        {reason}" for reason in judgement.reasons)]


def _counts(results: Sequence[tuple[Review, Decision]]) -> dict[str, int]:
    return {str(verdict): sum(decision.verdict is verdict for _, decision in results) for verdict in Verdict}


def _summary(results: Sequence[tuple[Review, Decision]]) -> str:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in _counts(results).items() if count)
    denied = sum(not decision.allowed for _, decision in results)
    return f"{len(results)} reviewed: {counts or 'nothing'}; {denied} would be denied"
