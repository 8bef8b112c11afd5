"""The record of a decision: what it was made from, what was said, and all that is needed to make it again."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from admission.journal.contents import Content
from admission.journal.records import DECISION, canonical, instant
from admission.journal.writing import Entry
from admission.policy import Mode
from dbom.printable import printable

if TYPE_CHECKING:
    from datetime import datetime

    from admission.decision import Decision
    from admission.review import Review
    from dbom.canonical import JsonObject

__all__ = ["answer_content", "decision_entry", "inputs_content"]

_LONGEST_NAME: Final = 512
_MOST_ANSWERS: Final = 1024
_LARGEST_KEPT: Final = 16 * 1024
"""Of larger decisions, in bytes, nothing is kept: a thousand of them would be all the memory that a gate has."""
_ANSWERS: Final[dict[tuple[int, int, int], tuple[object, Content]]] = {}
"""Answers given lately, by the identity of what they were made from, which is kept beside so that it stays theirs.

A cached decision is given again and again with the very same values in it; what it reads as is found once.
"""


def decision_entry(review: Review, decision: Decision, *, request: bytes, allowed: bool) -> Entry:
    """Return what is recorded of a decision on the request with these bytes, where `allowed` is what is answered.

    It must be durable before a yes where a policy enforces. Raises `DocumentError` for what JSON can't hold.
    """
    answer, inputs = answer_content(decision), inputs_content(decision.policies, decision.evidence, decision.synced_at)
    part = None if review.part is None else Content.of(review.part)
    facts: JsonObject = {
        "allowed": allowed,
        "answer": answer.digest,
        "group": review.group,
        "inputs": inputs.digest,
        "mode": str(decision.mode) if isinstance(decision.mode, Mode) else None,
        "name": _shown(review.name),
        "namespace": review.namespace,
        "objectKind": review.kind,
        "operation": review.operation,
        "part": None if part is None else {"digest": part.digest, "kept": part.is_kept, "size": len(part.data)},
        "request": hashlib.sha256(request).hexdigest(),
        "subresource": _shown(review.subresource),
        "uid": _shown(review.uid),
        "unchanged": review.question.is_unchanged,
        "user": _shown(review.user),
        "verdict": str(decision.verdict),
    }
    contents = tuple(item for item in (inputs, part, answer) if item is not None)
    return Entry(DECISION, decision.at, canonical(facts), contents, durable=decision.mode is Mode.ENFORCE)


def answer_content(decision: Decision) -> Content:
    """Return what was found and why: references with their findings, reasons, break-glass."""
    made = (decision.judgements, decision.reasons, decision.break_glass)
    key = (id(made[0]), id(made[1]), id(made[2]))
    known = _ANSWERS.get(key)
    if known is not None:
        return known[1]
    document = decision.to_json()
    kept: JsonObject = {key: document[key] for key in ("breakGlass", "reasons", "references") if key in document}
    found = Content.of_json(kept)
    if decision.size <= _LARGEST_KEPT:
        if len(_ANSWERS) >= _MOST_ANSWERS:
            _ANSWERS.clear()
        _ANSWERS[key] = (made, found)
    return found


@lru_cache(maxsize=256)
def inputs_content(policies: tuple[tuple[str, str], ...], evidence: str, synced_at: datetime | None) -> Content:
    """Return what a decision was made from beside the object and the clock.

    These are policies by name with their digests (each is over the policy and all the roots and keys that it uses), the
    digest of the evidence, and when that was read.
    """
    read = None if synced_at is None else instant(synced_at)
    return Content.of_json({"evidence": evidence, "evidenceReadAt": read, "policies": dict(policies)})


def _shown(text: str) -> str:
    return printable(text, limit=_LONGEST_NAME)
