"""What the gate answers: for each reference and for the whole object, with every reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from admission.policy import Mode
from dbom.model import Unknown
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from admission.break_glass import BreakGlass
    from admission.references.reference import ModelReference
    from dbom.canonical import Json, JsonObject
    from dbom.model import Digest
    from dbom.rules import Rule

__all__ = ["NOES", "Decision", "Judgement", "Reason", "Verdict", "worst"]


class Verdict(StrEnum):
    """What can be said of an object or of one of its references, worst first.

    `NOTHING_FOUND` (it refers to no model) and `UNCHANGED` (an update that loads what was loaded before) are allowed,
    and are never counted as verified.
    """

    REFUSED = "refused"
    CANT_TELL = "can't tell"
    VERIFIED = "verified"
    UNCHANGED = "unchanged"
    NOTHING_FOUND = "nothing found"


NOES: Final = frozenset((Verdict.REFUSED, Verdict.CANT_TELL))
"""The verdicts that are denied where a policy enforces."""

_NO_POLICY: Final = Unknown("no policy matches")
_OVERHEAD: Final = 2_000
_PER_REASON: Final = 600
"""What a decision takes beside its texts, and what a reason or a judgement takes, in bytes."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something isn't verified: the rule, what it comes to, what was found, where, and under which policy.

    `got` and `expected` are the two sides where something was compared, empty where nothing was. `lineage` is the way
    to the ancestor that is to blame (`model m <- dataset d (trained on)`), empty where the artifact itself is.
    """

    rule: Rule
    verdict: Verdict
    message: str
    path: str = ""
    policy: str = ""
    got: str = ""
    expected: str = ""
    lineage: str = ""

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        sides = [f"{label} {side}" for label, side in (("got", self.got), ("expected", self.expected)) if side]
        way = f" [{self.lineage}]" if self.lineage else ""
        return f"{place}{self.message}{': ' + ', '.join(sides) if sides else ''}{way} ({self.rule.id})"

    def to_json(self) -> JsonObject:
        """Return the reason for JSON output."""
        document: JsonObject = {"rule": self.rule.id, "verdict": str(self.verdict), "message": self.message}
        keys = ("path", "policy", "got", "expected", "lineage")
        document.update({key: value for key in keys if (value := getattr(self, key))})
        return document


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found of one reference; `digest` is the artifact that its place is bound to, None where unknown.

    `mode` is what a no means here: the strictest of the policies that judge it, or why there is none. `proven_by` is
    the JSON path of the init container that proves the digest when the pod starts, empty where none does.
    """

    reference: ModelReference
    verdict: Verdict
    digest: Digest | None = None
    reasons: tuple[Reason, ...] = ()
    mode: Mode | Unknown = _NO_POLICY
    proven_by: str = ""

    @property
    def denies(self) -> bool:
        """Whether this alone denies the object: a no where a no is enforced."""
        return self.mode is Mode.ENFORCE and self.verdict in NOES

    def to_json(self) -> JsonObject:
        """Return the judgement for JSON output."""
        target = self.reference.target
        document: JsonObject = {
            "verdict": str(self.verdict),
            "role": str(self.reference.role),
            "path": self.reference.path,
            "reference": printable(self.reference.text),
            "pinning": str(self.reference.pinning),
        }
        if target.location is not None:
            document["location"] = printable(str(target.location))
        if target.because:
            document["because"] = printable(target.because)
        if self.digest is not None:
            document["digest"] = str(self.digest)
        if self.proven_by:
            document["provenBy"] = self.proven_by
        document["reasons"] = [reason.to_json() for reason in self.reasons]
        return document


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a review, and all that it was made from.

    `mode` is the strictest of those that judged anything, or why there is none. `policies` are the digests of all of
    them by name, `evidence` is the digest of all bundles that were read, `at` the clock. `reasons` are those about the
    object as a whole; each judgement has its own. `break_glass` is the statement by which a no is allowed, None where
    there is none. `synced_at` is when the evidence was read, None where nobody says; `until` the earliest moment at
    which the answer could be another one though nothing but the clock changes, None where it can't.
    """

    verdict: Verdict
    allowed: bool
    mode: Mode | Unknown
    judgements: tuple[Judgement, ...]
    reasons: tuple[Reason, ...]
    policies: tuple[tuple[str, str], ...]
    evidence: str
    at: datetime
    break_glass: BreakGlass | None = None
    synced_at: datetime | None = None
    until: datetime | None = None

    def of_moment(self, at: datetime) -> Decision:
        """Return the same decision as one of another moment, in which it holds as well."""
        made = (self.verdict, self.allowed, self.mode, self.judgements, self.reasons, self.policies, self.evidence)
        return Decision(*made, at, self.break_glass, self.synced_at, self.until)

    @property
    def size(self) -> int:
        """About how many bytes it takes to keep it, generously."""
        texts = len(self.message) + sum(
            len(item.reference.text) + len(item.reference.path) + len(item.reference.target.because)
            for item in self.judgements
        )
        return _OVERHEAD + _PER_REASON * (len(self.judgements) + len(self.all_reasons)) + 4 * texts

    @property
    def all_reasons(self) -> tuple[Reason, ...]:
        """Every reason once, the object's own first."""
        of_references = (reason for judgement in self.judgements for reason in judgement.reasons)
        return tuple(dict.fromkeys((*self.reasons, *of_references)))

    @property
    def message(self) -> str:
        """What a person is told who is denied, in one line: once where several policies say the same."""
        reasons = "; ".join(dict.fromkeys(map(str, self.all_reasons)))
        return f"dbom: {self.verdict}: {reasons}" if reasons else f"dbom: {self.verdict}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person is told who is allowed in spite of it, in warn mode or by break-glass."""
        warned = [reason for item in self.judgements if item.mode is Mode.WARN for reason in item.reasons]
        own = self.reasons if self.mode is Mode.WARN and self.verdict in NOES else ()
        lines = [f"dbom: {reason.verdict}: {reason}" for reason in dict.fromkeys((*own, *warned))]
        return (self.break_glass.warning, *lines) if self.break_glass is not None else tuple(lines)

    def to_json(self) -> JsonObject:
        """Return the decision for JSON output and for the record."""
        judgements: list[Json] = [judgement.to_json() for judgement in self.judgements]
        excused: JsonObject = {} if self.break_glass is None else {"breakGlass": self.break_glass.to_json()}
        return {
            "verdict": str(self.verdict),
            "allowed": self.allowed,
            "mode": str(self.mode) if isinstance(self.mode, Mode) else None,
            "references": judgements,
            "reasons": [reason.to_json() for reason in self.reasons],
            "policies": dict(self.policies),
            "evidence": self.evidence,
            "evidenceReadAt": None if self.synced_at is None else _instant(self.synced_at),
            "at": _instant(self.at),
            **excused,
        }


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some verdicts; verified where there is none."""
    return min(verdicts, key=list(Verdict).index, default=Verdict.VERIFIED)
