"""Decisions made again from their records: the same under the old inputs, or what new ones would have come to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from admission.cached import CachedGate
from admission.journal.inputs import Inputs
from admission.review import Review
from dbom.model import Finding, Severity, Unknown
from dbom.printable import printable
from dbom.rules.journals import REPLAY_DIFFERS, REPLAY_INPUT_MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from admission.decision import Decision
    from admission.evidence import Evidence
    from admission.journal.reading import Decided
    from admission.journal.reporting import Journals
    from admission.policy import Policy

__all__ = ["Library", "Outcome", "Replayed", "replay", "replay_findings"]

_MOST_GATES: Final = 8
"""How many are kept: replicas read evidence each at its own moments, and their decisions lie between one another."""


class Library(Protocol):
    """Whoever has policies and evidence to replay with."""

    @property
    def policies(self) -> Sequence[Policy]:
        """The policies at hand."""

    def evidence(self, read_at: datetime | None, digest: str) -> Evidence | Unknown:
        """Return the evidence as it was read at a moment, verified as of then; or why it can't be had.

        Where evidence with this digest is at hand it is that; else what comes nearest.
        """


class Outcome(StrEnum):
    """What a replay comes to: the same, another verdict under the same inputs, the answer of new ones, or nothing."""

    SAME = "same"
    DIFFERS = "differs"
    NEW = "under other policies"
    CANT_TELL = "can't tell"


@dataclass(frozen=True, slots=True)
class Replayed:
    """A decision with what it comes to now; `because` says why nothing does, or by what other inputs something does."""

    decided: Decided
    outcome: Outcome
    decision: Decision | None = None
    because: str = ""

    @property
    def newly_denied(self) -> bool:
        """Whether it was let in, and wouldn't be."""
        return self.decision is not None and self.decided.allowed and not self.decision.allowed

    @property
    def newly_allowed(self) -> bool:
        """Whether it was denied, and wouldn't be."""
        return self.decision is not None and not self.decided.allowed and self.decision.allowed


def replay(journals: Journals, library: Library) -> tuple[Replayed, ...]:
    """Return every decision of the journals made again, at the time of its record, with what the library has.

    Where its policies are those that a record names, so must its evidence be, and the verdict has to be the same. Where
    they are others, the answer is what they would have come to with the evidence of then; where it is other evidence,
    that is said. Decisions are made in the order of time, so that a library may go on from what it verified.
    """
    player = _Player(journals, library)
    return tuple(player.play(item) for item in journals.decisions)


def replay_findings(played: Sequence[Replayed]) -> list[Finding]:
    """Return a finding for each record that came to something else, and one for each input that is missing."""
    found: dict[str, Finding] = {}
    for item in played:
        decided = item.decided
        if item.outcome is Outcome.DIFFERS and item.decision is not None:
            said = f"{decided.verdict}, {_said(decided.allowed)}"
            now = f"{item.decision.verdict}, {_said(item.decision.allowed)}"
            what = f"record {decided.number}: {decided.described}: it says {said}; a replay comes to {now}"
            key = f"{decided.where} {decided.number}"
            found[key] = Finding(REPLAY_DIFFERS.id, Severity.ERROR, what, decided.where)
        elif item.outcome is Outcome.CANT_TELL:
            what = f"record {decided.number} and maybe more: {item.because}"
            found.setdefault(item.because, Finding(REPLAY_INPUT_MISSING.id, Severity.WARNING, what, decided.where))
    return list(found.values())


class _Player:
    """The gate of the moment: policies with the evidence that was met last."""

    def __init__(self, journals: Journals, library: Library) -> None:
        self._journals, self._library = journals, library
        self._policies = tuple(library.policies)
        self._digests = tuple(sorted((policy.name, policy.digest) for policy in self._policies))
        self._inputs: dict[str, Inputs | None] = {}
        self._gates: dict[tuple[datetime | None, str], CachedGate | Unknown] = {}
        self._newest: dict[str, datetime] = {}
        for found in map(self._read, journals.decisions):
            if found is not None and found.read_at is not None:
                newest = self._newest.get(found.evidence, found.read_at)
                self._newest[found.evidence] = max(newest, found.read_at)

    def play(self, decided: Decided) -> Replayed:
        inputs = self._read(decided)
        if inputs is None:
            return _unable(decided, f"the inputs {decided.inputs} aren't in the journals given")
        is_same = inputs.policies == self._digests
        # For other policies one reading of the same bundles is as good as another.
        gate = self._gate(inputs.read_at if is_same else self._newest.get(inputs.evidence), inputs.evidence)
        if isinstance(gate, Unknown):
            return _unable(decided, gate.reason)
        is_other = gate.evidence.digest != inputs.evidence
        if is_same and is_other:
            given = f"evidence {gate.evidence.digest}"
            return _unable(decided, f"the evidence {inputs.evidence} isn't at hand: what is given is {given}")
        review = self._review(decided)
        if isinstance(review, Unknown):
            return _unable(decided, review.reason)
        other = f"with the evidence {gate.evidence.digest}, which isn't that of then" if is_other else ""
        return self._compared(decided, gate.decide(review, now=decided.at), other, is_same=is_same)

    @staticmethod
    def _compared(decided: Decided, decision: Decision, other: str, *, is_same: bool) -> Replayed:
        if not is_same:
            return Replayed(decided, Outcome.NEW, decision, other)
        # What was answered instead of a decision that came too late is nothing that a replay could come to.
        is_equal = decision.verdict == decided.verdict and (decided.is_late or decision.allowed == decided.allowed)
        return Replayed(decided, Outcome.SAME if is_equal else Outcome.DIFFERS, decision)

    def _read(self, decided: Decided) -> Inputs | None:
        if decided.inputs not in self._inputs:
            data = self._journals.content(decided.inputs)
            self._inputs[decided.inputs] = None if data is None else Inputs.parse(data)
        return self._inputs[decided.inputs]

    def _gate(self, read_at: datetime | None, digest: str) -> CachedGate | Unknown:
        if not self._policies:
            return Unknown("no policies are given")
        asked = (read_at, digest)
        if asked not in self._gates:
            evidence = self._library.evidence(read_at, digest)
            if len(self._gates) >= _MOST_GATES:
                self._gates.clear()
            self._gates[asked] = evidence if isinstance(evidence, Unknown) else CachedGate(self._policies, evidence)
        return self._gates[asked]

    def _review(self, decided: Decided) -> Review | Unknown:
        part = self._journals.content(decided.part) if decided.part else None
        if decided.part and part is None:
            return Unknown(f"the object {decided.part} isn't in the journals given")
        old = part if decided.unchanged else None
        named = (decided.group, decided.kind, decided.namespace, decided.name, decided.operation)
        return Review(*named, part, old, decided.uid, decided.user, decided.subresource)


def _unable(decided: Decided, because: str) -> Replayed:
    return Replayed(decided, Outcome.CANT_TELL, None, printable(because, limit=500))


def _said(allowed: bool) -> str:  # noqa: FBT001  the value is what is said
    return "allowed" if allowed else "denied"
