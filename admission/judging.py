"""Judging one reference under one policy: who bound its place, and what the requirements say of what is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from admission.decision import Reason, Verdict
from admission.requirements.load_time_proof import LoadTimeRule
from admission.requirements.requirement import Case, Notes
from admission.requirements.standing import unstated
from dbom.printable import printable
from dbom.rules.admission import (
    LOCATION_CONFLICT,
    LOCATION_UNKNOWN,
    NO_LOAD_TIME_PROOF,
    NOT_COVERED,
    PIN_CLAIMED,
    PIN_UNKNOWN,
    PROOF_NOT_TAKEN,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from admission.evidence import Binding, PolicyEvidence
    from admission.load_time import LoadTimeProof
    from admission.policy import Policy
    from admission.references.reference import Role
    from attest.location import Location
    from dbom.model import Digest
    from dbom.rules import Rule

__all__ = ["Judge"]

_MOST_SIDES: Final = 3


@dataclass(frozen=True, slots=True)
class Judge:
    """One policy with its evidence, asked about the place at one JSON path of an object, at one moment.

    `notes` gathers the earliest time bound that a verdict looked at.
    """

    policy: Policy
    evidence: PolicyEvidence
    path: str
    role: Role
    now: datetime
    notes: Notes

    def judge(self, location: Location) -> tuple[Digest | None, list[Reason]]:
        """Return the artifact that a pinned place is bound to, and every reason against it."""
        rules = self.policy.rules_for(location.base)
        if not rules:
            return None, [self._unspoken(location)]
        usable = [rule for rule in rules if location.enforced or rule.allows_claimed]
        if not usable:
            return None, [
                self._reason(
                    PIN_CLAIMED,
                    Verdict.REFUSED,
                    f"{_shown(location)} is not checked by whoever loads it",
                    got="a claimed pin",
                    expected="an enforced one",
                )
            ]
        accepted = {name for rule in usable for name in rule.authorities}
        bound = [item for item in self.evidence.bindings.get(location.base, ()) if item.statement.authority in accepted]
        here = [item for item in bound if item.location == location]
        digests = sorted({item.digest for item in here})
        if not digests:
            return None, [self._unbound(location, bound, accepted)]
        if len(digests) > 1:
            sides = " and ".join(f"{digest} by {_signers(here, digest)}" for digest in digests[:_MOST_SIDES])
            message = f"{_shown(location)} is bound to {len(digests)} artifacts: {sides}"
            return None, [self._reason(LOCATION_CONFLICT, Verdict.REFUSED, message)]
        return digests[0], self.required(digests[0], location)

    def judge_proof(self, proof: LoadTimeProof) -> tuple[Digest | None, list[Reason]]:
        """Return the artifact that is proven when the pod starts, and every reason against it."""
        rule = self.policy.find(LoadTimeRule)
        if rule is None:
            return None, [self._reason(PROOF_NOT_TAKEN, Verdict.REFUSED, f"{proof.path} would prove {proof.digest}")]
        because = rule.against(proof)
        if because:
            message = f"{proof.path} proves nothing: {printable(because)}"
            return None, [self._reason(NO_LOAD_TIME_PROOF, Verdict.REFUSED, message)]
        return proof.digest, self.required(proof.digest, None)

    def _unspoken(self, location: Location) -> Reason:
        """Return why a place that the policy judges, and whose content nobody may state, can't pass."""
        if not self.policy.authorities:
            message = f"the policy names nobody whose statements count about {_shown(location)}"
            return self._reason(LOCATION_UNKNOWN, Verdict.CANT_TELL, message)
        return self._reason(
            NOT_COVERED,
            Verdict.REFUSED,
            f"the policy says of nobody that they may state what lies in {printable(location.base)}",
            expected=" or ".join(printable(rule.pattern) for rule in self.policy.locations),
        )

    def _unbound(self, location: Location, bound: Sequence[Binding], accepted: set[str]) -> Reason:
        """Return why no accepted statement binds this pin."""
        expected = f"one by {', '.join(sorted(accepted))}"
        rejected = self.evidence.rejected_places.get(str(location), ())
        others = [
            item.statement.signer for item in self.evidence.bindings.get(location.base, ()) if item.location == location
        ]
        short = unstated(f"statement that binds {_shown(location)}", others, rejected, expected)
        if short is not None:
            return replace(short, path=self.path, policy=self.policy.name)
        if bound:
            pins = sorted({item.location.pin for item in bound})
            more = f" (and {len(pins) - _MOST_SIDES} more)" if len(pins) > _MOST_SIDES else ""
            return self._reason(
                PIN_UNKNOWN,
                Verdict.REFUSED,
                f"{printable(location.base)} is known, and these are not bytes that were signed for it",
                got=printable(location.pin),
                expected=" or ".join(printable(pin) for pin in pins[:_MOST_SIDES]) + more,
            )
        return self._reason(LOCATION_UNKNOWN, Verdict.CANT_TELL, f"nothing is known of {_shown(location)}")

    def required(self, digest: Digest, location: Location | None) -> list[Reason]:
        """Return what the policy's requirements say against an artifact, each reason once."""
        case = self._case(digest, location)
        reasons = [reason for requirement in self.policy.requirements for reason in requirement.judge(case)]
        return list(dict.fromkeys(reasons))

    def _case(self, digest: Digest, location: Location | None) -> Case:
        return Case(self.policy, self.evidence, digest, location, self.path, self.role, self.now, notes=self.notes)

    def _reason(self, rule: Rule, verdict: Verdict, message: str, *, got: str = "", expected: str = "") -> Reason:
        return Reason(rule, verdict, message, self.path, self.policy.name, got, expected)


def _shown(location: Location) -> str:
    return printable(str(location))


def _signers(bindings: Sequence[Binding], digest: Digest) -> str:
    return " and ".join(sorted({item.statement.signer for item in bindings if item.digest == digest}))
