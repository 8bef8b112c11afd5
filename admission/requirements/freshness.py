"""`evidence`: how old the gate's copy of the stores may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final, Self

from admission.requirements.periods import PERIOD_PATTERN, read_period
from dbom.rules.admission import EVIDENCE_STALE

if TYPE_CHECKING:
    from datetime import datetime

    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["FreshnessRule"]

_AHEAD: Final = timedelta(minutes=5)
"""How far the clock may be ahead of ours by which the stores were read."""


@dataclass(frozen=True, slots=True)
class FreshnessRule:
    """The longest time since the stores were read: what was signed or revoked since isn't known."""

    KEY: ClassVar[str] = "evidence"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "required": ["notOlderThan"],
        "properties": {"notOlderThan": {"type": "string", "pattern": PERIOD_PATTERN}},
    }

    period: timedelta

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:  # noqa: ARG003  it names nobody
        """Read the length of time."""
        if not node.is_there:
            return None
        node.only("notOlderThan")
        node.get("notOlderThan").required()
        found = read_period(node.get("notOlderThan"))
        return None if found is None else cls(found)

    def judge(self, case: Case) -> list[Reason]:
        """Return that it can't be told where the stores were read too long ago, or nobody says when.

        When they are read, is told by another clock than ours, which may be ahead: by what is still "now", and no more.
        """
        read = case.evidence.synced_at
        expected = f"within {self.period}"
        if read is None:
            return [case.cant_tell(EVIDENCE_STALE, "nobody says when the stores were read", expected=expected)]
        if read > case.now + _AHEAD:
            case.until(read - _AHEAD)
            said = "the stores were read in the future, by the clock of whoever read them"
            return [case.cant_tell(EVIDENCE_STALE, said, got=_shown(read), expected=expected)]
        case.until(read + self.period)
        if case.now < read + self.period:
            return []
        return [
            case.cant_tell(EVIDENCE_STALE, "the stores were read too long ago", got=_shown(read), expected=expected)
        ]

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        return [f"The stores must have been read within {self.period}."]


def _shown(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
