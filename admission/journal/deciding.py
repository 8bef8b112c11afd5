"""The record of a decision: what it was made from, what was said, and all that is needed to make it again."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Self

from admission.journal.contents import Content
from admission.journal.entries import Entry
from admission.journal.records import DECISION, LATE, canonical, instant
from admission.policy import Mode
from dbom.printable import printable

if TYPE_CHECKING:
    from datetime import datetime

    from admission.decision import Decision
    from admission.journal.records import Head
    from admission.review import Review
    from dbom.canonical import JsonObject

__all__ = ["answer_content", "decision_entry", "inputs_content", "late_entry"]

_LONGEST_NAME: Final = 512
_MOST_KEPT: Final = 1024
_LARGEST_KEPT: Final = 16 * 1024
"""Of larger decisions, in bytes, nothing is kept: a thousand of them would be all the memory that a gate has."""
# Texts that canonical JSON and `printable` leave as they are.
_PLAIN: Final = re.compile(r"[0-9A-Za-z ._:/@-]{0,512}")
_VARYING: Final = ("name", "request", "subresource", "uid", "user")
_BLANK: Final = "\x00"


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The record of a decision but for what is new each time: the pieces between that, and the contents it names.

    It is known by the identity of its decision, which is kept so that no other value gets that identity.
    """

    decision: Decision
    asked: tuple[object, ...]
    pieces: tuple[str, ...]
    inputs: Content
    answer: Content

    @classmethod
    def of(cls, review: Review, decision: Decision, *, allowed: bool) -> Self:
        answer = answer_content(decision)
        inputs = inputs_content(decision.policies, decision.evidence, decision.synced_at)
        part = _part(review)
        facts: JsonObject = {
            "allowed": allowed,
            "answer": answer.digest,
            "group": review.group,
            "inputs": inputs.digest,
            "mode": str(decision.mode) if isinstance(decision.mode, Mode) else None,
            "namespace": review.namespace,
            "objectKind": review.kind,
            "operation": review.operation,
            "part": None if part is None else {"digest": part.digest, "kept": part.is_kept, "size": len(part.data)},
            "unchanged": review.is_unchanged,
            "verdict": str(decision.verdict),
            **dict.fromkeys(_VARYING, _BLANK),
        }
        pieces, rest = [], canonical(facts).decode()
        for key in _VARYING:
            # No text can hold a key with its quotes: a quote within a text has a backslash before it.
            before, rest = rest.split(f'"{key}":"\\u0000"')
            pieces.append(f'{before}"{key}":')
        return cls(decision, _asked(review, allowed=allowed), (*pieces, rest), inputs, answer)

    def facts(self, name: str, request: str, subresource: str, uid: str, user: str) -> bytes:
        """Return the facts with these texts, which are JSON already, in canonical JSON."""
        first, second, third, fourth, fifth, last = self.pieces
        told = f"{first}{name}{second}{request}{third}{subresource}{fourth}{uid}{fifth}{user}{last}"
        return told.encode()


_PREPARED: Final[dict[int, _Prepared]] = {}
_ANSWERS: Final[dict[tuple[int, int, int], tuple[object, Content]]] = {}
"""Answers given lately, by the identity of what they were made from, which is kept beside so that it stays theirs.

A cached decision is given again and again with the very same values in it; what it reads as is found once.
"""


def decision_entry(
    review: Review, decision: Decision, *, request: bytes, allowed: bool, at: datetime | None = None
) -> Entry:
    """Return what is recorded of a decision on the request with these bytes, where `allowed` is what is answered.

    `at` is when it is given, where that is another moment than the one for which it was made. The record must be
    durable before a yes where a policy enforces. Raises `DocumentError` for what JSON can't hold.
    """
    prepared, part = _prepared(review, decision, allowed=allowed), _part(review)
    told = f'"{hashlib.sha256(request).hexdigest()}"'
    name, subresource, uid, user = review.name, review.subresource, review.uid, review.user
    if _PLAIN.fullmatch(name + subresource + uid + user):
        facts = prepared.facts(f'"{name}"', told, f'"{subresource}"', f'"{uid}"', f'"{user}"')
    else:
        facts = prepared.facts(_written(name), told, *map(_written, (subresource, uid, user)))
    contents = (prepared.inputs, prepared.answer) if part is None else (prepared.inputs, part, prepared.answer)
    return Entry(DECISION, at or decision.at, facts, contents, durable=decision.mode is Mode.ENFORCE)


def late_entry(head: Head, *, uid: str, at: datetime, allowed: bool) -> Entry:
    """Return what follows the record of a decision that came too late, where `allowed` is what was answered instead."""
    return Entry.of(LATE, at, {"allowed": allowed, "number": head.number, "uid": printable(uid, limit=_LONGEST_NAME)})


def _prepared(review: Review, decision: Decision, *, allowed: bool) -> _Prepared:
    found = _PREPARED.get(id(decision))
    if found is None or found.asked != _asked(review, allowed=allowed):
        found = _Prepared.of(review, decision, allowed=allowed)
        if decision.size <= _LARGEST_KEPT:
            if len(_PREPARED) >= _MOST_KEPT:
                _PREPARED.clear()
            _PREPARED[id(decision)] = found
    return found


def _asked(review: Review, *, allowed: bool) -> tuple[object, ...]:
    part, unchanged = review.part_digest, review.is_unchanged
    return (part, review.group, review.kind, review.namespace, review.operation, unchanged, allowed)


def _part(review: Review) -> Content | None:
    digest = review.part_digest
    return None if digest is None or review.part is None else Content(digest.hex(), review.part)


def _written(text: str) -> str:
    return canonical(printable(text, limit=_LONGEST_NAME)).decode()


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
        if len(_ANSWERS) >= _MOST_KEPT:
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
