"""Decisions of a journal as lines for a person: what was said for one reason stands together.

A line may begin with tabs, one for each step in. Nothing that a journal holds can bring one: it is printable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from admission.journal.reading import Decided
    from dbom.canonical import Json, JsonObject

__all__ = ["Said", "counted", "grouped", "shown", "told"]

_MOST: Final = 20
"""How many decisions are listed that were made for one reason; the others are counted."""

_LONGEST: Final = 800


@dataclass(frozen=True, slots=True)
class Said:
    """What was said: how it came out, why, and by whose word it was let in all the same."""

    outcome: str
    reasons: tuple[str, ...]
    excuse: str = ""


def told(decided: Decided, answer: JsonObject) -> Said:
    """Return what a decision and the answer that belongs to it say."""
    mode = f"mode {printable(decided.mode)}" if decided.mode else "no policy judges it"
    late = f", too late: {'allowed' if decided.allowed else 'denied'} without it" if decided.is_late else ""
    return Said(f"{decided.verdict} ({mode}){late}", _reasons(answer), _excuse(answer.get("breakGlass")))


def grouped(decisions: Iterable[tuple[Decided, Said]]) -> list[str]:
    """Return the lines for decisions, those of which the same was said together, in the order of the first of each."""
    groups: dict[Said, list[Decided]] = {}
    for decided, said in decisions:
        groups.setdefault(said, []).append(decided)
    lines: list[str] = []
    for said, found in groups.items():
        lines.append(f"{said.outcome}{': ' + said.excuse if said.excuse else ''}")
        lines += [f"\t{reason}" for reason in said.reasons]
        lines += [
            f"\t\t{shown(item.at)} {item.described} by {printable(item.user)} (record {item.number})"
            for item in found[:_MOST]
        ]
        if len(found) > _MOST:
            lines.append(f"\t\tand {len(found) - _MOST} more, the last at {shown(found[-1].at)} (all are in -f json)")
    return lines


def shown(moment: datetime) -> str:
    """Return a moment, to the second."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def counted(number: int, what: str) -> str:
    """Return a number of things: `1 file`, `2 files`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _reasons(answer: JsonObject) -> tuple[str, ...]:
    """Return why, as an answer says it: the object's own reasons, and those of its references, each once."""
    references = answer.get("references")
    listed = references if isinstance(references, list) else []
    found: dict[str, None] = {}
    for holder in [answer, *(item for item in listed if isinstance(item, dict))]:
        reasons = holder.get("reasons")
        found.update({_reason(item): None for item in _objects(reasons)})
    return tuple(found)


def _reason(item: JsonObject) -> str:
    """Return a reason in the words in which a user was told it, but for the place in the object."""
    sides = [f"{key} {_text(item, key)}" for key in ("got", "expected") if item.get(key)]
    way = f" [{_text(item, 'lineage')}]" if item.get("lineage") else ""
    return f"{_text(item, 'message')}{': ' + ', '.join(sides) if sides else ''}{way} ({_text(item, 'rule')})"


def _excuse(found: Json | None) -> str:
    if not isinstance(found, dict):
        return ""
    who, until, why = (_text(found, key) for key in ("by", "until", "reason"))
    return f"let in by break-glass of {who} until {until}: {why}"


def _objects(value: Json | None) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(item: JsonObject, key: str) -> str:
    return printable(str(item.get(key)), limit=_LONGEST)
