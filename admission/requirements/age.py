"""`age`: when statements about the artifact must have been signed, by trusted time alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final, Self

from admission.requirements.described import accepted
from admission.requirements.periods import PERIOD_PATTERN, read_period, shown_period
from admission.requirements.standing import named_predicate
from attest.verified import TimeBasis
from dbom.rules.admission import STATEMENT_TOO_OLD, TIME_UNPROVEN

if TYPE_CHECKING:
    from admission.attested import Attested
    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["AgeRule", "StatementAge"]

_MOMENT_PATTERN: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2})$"


@dataclass(frozen=True, slots=True)
class StatementAge:
    """How old the newest statement of a type by `authorities` may be.

    No older than `period`, and not signed before `after`; at least one of the two is given.
    """

    predicate_type: str
    authorities: tuple[str, ...]
    period: timedelta | None = None
    after: datetime | None = None

    def earliest(self, now: datetime) -> datetime:
        """Return the moment from which statements count."""
        bounds = [bound for bound in (self.after, now - self.period if self.period else None) if bound is not None]
        return max(bounds)

    def judge(self, case: Case) -> list[Reason]:
        """Return why no statement is known to be young enough."""
        found = accepted(case, self.predicate_type, self.authorities)
        times = sorted(at for item in found if (at := proven_time(case, item)) is not None)
        earliest = self.earliest(case.now)
        what = f"{named_predicate(self.predicate_type)} about {case.named}"
        expected = f"at {_shown(earliest)} or later"
        if times and times[-1] >= earliest:
            if self.period is not None:
                case.until(times[-1] + self.period)
            return []
        undated = [item for item in found if proven_time(case, item) is None]
        if undated or not found:
            got = str(undated[0].time) if undated else "no statement"
            return [case.cant_tell(TIME_UNPROVEN, f"when a {what} was signed isn't known", got=got, expected=expected)]
        message = f"the newest {what} is too old"
        return [case.refused(STATEMENT_TOO_OLD, message, got=_shown(times[-1]), expected=expected)]

    def __str__(self) -> str:
        asked = [f"no older than {shown_period(self.period)}"] if self.period else []
        asked += [f"signed at {_shown(self.after)} or later"] if self.after else []
        return f"a {named_predicate(self.predicate_type)} by {' or '.join(self.authorities)}, {' and '.join(asked)}"


@dataclass(frozen=True, slots=True)
class AgeRule:
    """Each of these must hold of the artifact. A new signature about it doesn't make it younger, only looked at again.

    A time counts where it is trusted, and where it can't be much younger than the signature: a time stamp only ever
    says that a signature was there *by* then. So the authority must show an SCT, which only authorities of short-lived
    certificates give: nobody can sign in advance and have the time stamped later.
    """

    KEY: ClassVar[str] = "age"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["predicateType"],
            "properties": {
                "predicateType": {"type": "string", "minLength": 1},
                "authorities": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
                "notOlderThan": {"type": "string", "pattern": PERIOD_PATTERN},
                "signedAfter": {"type": "string", "pattern": _MOMENT_PATTERN},
            },
        },
    }

    ages: tuple[StatementAge, ...]

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:
        """Read the list."""
        if not node.is_there:
            return None
        ages = tuple(_read(item, names) for item in node.items())
        if not ages:
            node.fault("an empty list asks for nothing")
        return cls(ages)

    def judge(self, case: Case) -> list[Reason]:
        """Return why a statement isn't known to be young enough, for each that is asked for."""
        return [reason for item in self.ages for reason in item.judge(case)]

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        return [f"About the artifact there must be {item}, by trusted time." for item in self.ages]


def proven_time(case: Case, item: Attested) -> datetime | None:
    """Return when a statement was signed, to within the life of a short certificate; None where that isn't known."""
    if item.time.basis is not TimeBasis.TRUSTED:
        return None
    authority = next((known for known in case.policy.authorities if known.name == item.authority), None)
    if authority is None or authority.key_pem is not None or not authority.must_show.sct:
        return None
    return item.time.at


def _read(node: Node, names: Names) -> StatementAge:
    node.only("predicateType", "authorities", "notOlderThan", "signedAfter")
    whose, after = node.get("authorities"), node.get("signedAfter").moment()
    period = read_period(node.get("notOlderThan"))
    if not node.get("notOlderThan").is_there and not node.get("signedAfter").is_there:
        node.fault("asks for nothing: expected notOlderThan, signedAfter or both")
    return StatementAge(
        node.get("predicateType").required(), names.at(whose) if whose.is_there else names.everybody, period, after
    )


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
