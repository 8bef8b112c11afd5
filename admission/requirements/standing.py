"""Why no accepted statement stands where one is asked for: somebody else's, a broken one, or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.decision import Reason, Verdict
from admission.facts import BomFacts
from attest.verified import RejectionKind
from dbom.names import short_predicate
from dbom.printable import printable
from dbom.rules.admission import EVIDENCE_UNACCEPTED, EVIDENCE_UNDECIDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.requirements.requirement import Case
    from attest.verified import Rejection
    from dbom.rules import Rule

__all__ = ["named_predicate", "stated", "unstated"]

_MOST_SIDES: Final = 3


def stated(case: Case, types: Sequence[str], names: Sequence[str], missing: Rule, what: str) -> Reason | None:
    """Return why the artifact has no statement of one of these types by one of these authorities, or None.

    A BOM that describes another artifact than the statement's subject is none of it. `what` says what is looked for
    (`BOM statement about …`), `missing` is the rule where there is nothing at all.
    """
    about = [item for item in case.evidence.about(case.digest) if item.predicate_type in types]
    found = [item for item in about if not isinstance(item.facts, BomFacts) or item.facts.is_about(case.digest)]
    if any(item.authority in names for item in found):
        return None
    rejected = [
        item
        for item in case.evidence.rejected.get(case.digest, ())
        if item.statement is not None and item.statement.predicate_type in types
    ]
    others = [item.signer for item in found]
    expected = f"one by {', '.join(names)}"
    short = unstated(what, others, rejected, expected)
    return case.cant_tell(missing, f"no {what}", expected=expected) if short is None else case.placed(short)


def unstated(what: str, others: Sequence[str], rejected: Sequence[Rejection], expected: str) -> Reason | None:
    """Return what is wrong with the statements that there are, or None where there are none.

    `others` are the signers of those that hold and aren't accepted, `rejected` those that don't hold. The reason names
    neither policy nor path yet.
    """
    if others or any(item.kind is not RejectionKind.UNDECIDED for item in rejected):
        got = [f"one signed by {signer}" for signer in dict.fromkeys(others)]
        got += [f"a bundle that doesn't count ({item.kind}: {printable(item.reason)})" for item in rejected]
        sides = " and ".join(got[:_MOST_SIDES])
        return Reason(EVIDENCE_UNACCEPTED, Verdict.REFUSED, f"no accepted {what}", got=sides, expected=expected)
    if rejected:
        message = f"whether the {what} holds can't be told: {printable(rejected[0].reason)}"
        return Reason(EVIDENCE_UNDECIDED, Verdict.CANT_TELL, message)
    return None


def named_predicate(predicate_type: str) -> str:
    """Return a predicate type as a reader knows it: `BOM statement`, or its URI."""
    short = short_predicate(predicate_type)
    return f"{short if short != 'other' else printable(predicate_type)} statement"
