"""Answers that are written already, but for what is new each time: the uid, which stands in them once or twice."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from admission.review import response_document
from dbom.model import Unknown
from dbom.printable import printable

if TYPE_CHECKING:
    from admission.decision import Decision
    from admission.policy import Mode
    from dbom.canonical import Json, JsonObject

__all__ = ["LONGEST_MESSAGE", "Answers", "Prepared", "message_of"]

LONGEST_MESSAGE: Final = 4000
"""The longest message of a no, in characters: enough to read, and little in an event or an audit log."""

_LARGEST: Final = 64 * 1024
_MOST_BYTES: Final = 16 * 1024 * 1024
_PLAIN_UID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
# In JSON no text can hold this with its quotes: a quote within a text has a backslash before it.
_BLANK: Final = "\x00"
_WRITTEN_BLANK: Final = b'"\\u0000"'


@dataclass(frozen=True, slots=True)
class Prepared:
    """The answer to a decision and what the log says of it, without what belongs to one review."""

    pieces: tuple[bytes, ...]
    log: JsonObject

    @classmethod
    def of(cls, decision: Decision, *, recorded: bool) -> Self:
        """Prepare the answer to a decision that is given as it is."""
        written = response_document(
            _BLANK,
            allowed=decision.allowed,
            message=message_of(decision),
            warnings=decision.warnings,
            annotations=_annotations(decision, recorded=recorded),
        )
        return cls(tuple(written.split(_WRITTEN_BLANK)), _log_of(decision))

    def body(self, uid: str) -> bytes:
        """Return the answer to the review with this uid."""
        if _PLAIN_UID.fullmatch(uid):
            said = f'"{uid}"'.encode()
            return said.join(self.pieces)
        head, *rest = self.pieces
        told = json.dumps(uid, ensure_ascii=False).encode("utf-8", "backslashreplace")
        shown = json.dumps(printable(uid), ensure_ascii=False).encode()
        return b"".join((head, told, shown.join(rest)))


class Answers:
    """The answers prepared lately, by what they were made from, which is kept beside so that it stays theirs.

    Those of large decisions aren't kept: a thousand of them would be all the memory that a gate has.
    """

    def __init__(self) -> None:
        self._size = 0
        self._known: dict[tuple[object, ...], tuple[object, Prepared]] = {}

    def of(self, decision: Decision, *, recorded: bool) -> Prepared:
        """Return the answer to a decision: a cached one has the very same values in it each time."""
        made = (decision.judgements, decision.reasons, decision.break_glass, decision.mode)
        key = (id(made[0]), id(made[1]), id(made[2]), id(made[3]), decision.verdict, decision.allowed, recorded)
        found = self._known.get(key)
        if found is not None:
            return found[1]
        prepared = Prepared.of(decision, recorded=recorded)
        size = decision.size
        if size <= _LARGEST:
            if self._size + size > _MOST_BYTES:
                self._known.clear()
                self._size = 0
            self._size += size
            self._known[key] = (made, prepared)
        return prepared


def message_of(decision: Decision) -> str:
    """Return what a person is told: every reason with its rule, and what to do about the first of them."""
    reasons = decision.all_reasons
    hint = f" [hint: {reasons[0].rule.hint}]" if reasons else ""
    return decision.message[: LONGEST_MESSAGE - len(hint)] + hint


def _annotations(decision: Decision, *, recorded: bool) -> dict[str, str]:
    """Return what the audit log keeps; `record` is the uid of the record, by which the two are reconciled."""
    rules = ",".join(dict.fromkeys(reason.rule.id for reason in decision.all_reasons))
    found = {"verdict": str(decision.verdict)}
    if recorded:
        found["record"] = _BLANK
    # The API server puts the webhook's name before these keys.
    return {**found, "rules": rules} if rules else found


def _log_of(decision: Decision) -> JsonObject:
    reasons = decision.all_reasons
    rules: list[Json] = [*dict.fromkeys(reason.rule.id for reason in reasons)]
    said: list[Json] = [printable(str(reason), limit=500) for reason in reasons[:10]]
    references: list[Json] = [printable(item.reference.text) for item in decision.judgements[:10]]
    mode: Mode | Unknown = decision.mode
    return {
        "verdict": str(decision.verdict),
        "allowed": decision.allowed,
        "mode": None if isinstance(mode, Unknown) else str(mode),
        "rules": rules,
        "reasons": said,
        "references": references,
    }
