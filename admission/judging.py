"""Judging one reference under one policy: who bound its place, what is signed about the artifact, and its ancestors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.decision import Reason, Verdict
from admission.policy import LicenseScope
from admission.spdx import accepts
from attest.verified import RejectionKind
from dbom.model import Digest, Unknown
from dbom.names import PREDICATE_BOM, short_predicate
from dbom.printable import printable
from dbom.rules.admission import (
    ANCESTOR_UNIDENTIFIED,
    ANCESTOR_UNSIGNED,
    ATTESTATION_MISSING,
    EVIDENCE_UNACCEPTED,
    EVIDENCE_UNDECIDED,
    LICENSE_DENIED,
    LICENSE_UNKNOWN,
    LINEAGE_UNFINISHED,
    LOCATION_CONFLICT,
    LOCATION_UNKNOWN,
    NO_INPUTS,
    PIN_CLAIMED,
    PIN_UNKNOWN,
)
from lineage.build import CONTENT_PREDICATES
from lineage.graph import EdgeStatus, Inputs
from lineage.query import ancestors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.attested import Attested
    from admission.evidence import Binding, PolicyEvidence
    from admission.policy import AncestorRule, LicenseRule, Policy, RequiredAttestation
    from attest.location import Location
    from attest.verified import Rejection
    from dbom.rules import Rule
    from lineage.query import Answer

__all__ = ["Judge"]

_MOST_SIDES: Final = 3


@dataclass(frozen=True, slots=True)
class Judge:
    """One policy with its evidence, asked about the place at one JSON path of an object."""

    policy: Policy
    evidence: PolicyEvidence
    path: str

    def judge(self, location: Location) -> tuple[Digest | None, list[Reason]]:
        """Return the artifact that a pinned place is bound to, and every reason against it."""
        rules = self.policy.rules_for(location.base)
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
        return digests[0], self._content(digests[0])

    def _unbound(self, location: Location, bound: Sequence[Binding], accepted: set[str]) -> Reason:
        """Return why no accepted statement binds this pin."""
        expected = f"one by {', '.join(sorted(accepted))}"
        rejected = self.evidence.rejected_places.get(str(location), ())
        others = [
            str(item.statement.signer)
            for item in self.evidence.bindings.get(location.base, ())
            if item.location == location
        ]
        if others or any(item.kind is not RejectionKind.UNDECIDED for item in rejected):
            return self._unaccepted(f"no accepted statement binds {_shown(location)}", others, rejected, expected)
        if rejected:
            return self._undecided(f"the statement about {_shown(location)}", rejected)
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

    def _content(self, digest: Digest) -> list[Reason]:
        reasons = [
            reason
            for required in self.policy.attestations
            if (reason := self._attested(required, digest, ATTESTATION_MISSING, "")) is not None
        ]
        rule, licenses = self.policy.ancestors, self.policy.licenses
        if licenses is not None:
            reasons += self._licensed(licenses, digest, self._bom_authorities(), "")
        if rule is None and (licenses is None or licenses.scope is LicenseScope.ARTIFACT):
            return reasons
        return reasons + self._ancestors(digest)

    def _bom_authorities(self) -> set[str]:
        named = {
            name
            for required in self.policy.attestations
            if required.predicate_type == PREDICATE_BOM
            for name in required.authorities
        }
        return named or {authority.name for authority in self.policy.authorities}

    def _attested(self, required: RequiredAttestation, digest: Digest, missing: Rule, whose: str) -> Reason | None:
        """Return why an artifact has no statement of a type by the authorities that may make it, or None."""
        return self._stated(
            (required.predicate_type,),
            required.authorities,
            digest,
            missing,
            f"{_named(required)} about {whose}{digest}",
        )

    def _stated(
        self, types: Sequence[str], names: Sequence[str], digest: Digest, missing: Rule, what: str
    ) -> Reason | None:
        found = [item for item in self.evidence.about(digest) if item.predicate_type in types]
        if any(item.authority in names for item in found):
            return None
        rejected = [
            item
            for item in self.evidence.rejected.get(digest, ())
            if item.statement is not None and item.statement.predicate_type in types
        ]
        others = [str(item.signer) for item in found]
        if others or any(item.kind is not RejectionKind.UNDECIDED for item in rejected):
            return self._unaccepted(f"no accepted {what}", others, rejected, f"one by {', '.join(names)}")
        if rejected:
            return self._undecided(f"the {what}", rejected)
        return self._reason(missing, Verdict.CANT_TELL, f"no {what}", expected=f"one by {', '.join(names)}")

    def _licensed(self, rule: LicenseRule, digest: Digest, names: set[str], whose: str) -> list[Reason]:
        """Return what speaks against an artifact's licences: each licence in each accepted BOM must be allowed."""
        boms = [item for item in self.evidence.about(digest, PREDICATE_BOM) if item.authority in names]
        described = [item.facts for item in boms if item.facts is not None]
        described = [item for item in described if isinstance(item.artifact, Unknown) or item.artifact == digest]
        licences = list(dict.fromkeys(licence for item in described for licence in item.licenses_or_none()))
        answers = [(licence, accepts(licence, allow=rule.allow, deny=rule.deny)) for licence in licences]
        reasons = [
            self._reason(
                LICENSE_DENIED,
                Verdict.REFUSED,
                f"{whose}{digest} is under a licence that isn't allowed",
                got=printable(licence),
                expected=_expected(rule, licence),
            )
            for licence, answer in answers
            if answer is False
        ]
        unknown = [answer.reason for _, answer in answers if isinstance(answer, Unknown)]
        unknown += [item.licenses.reason for item in described if isinstance(item.licenses, Unknown)]
        if not described:
            unknown.append("no accepted BOM describes it")
        elif not licences and not unknown:
            unknown.append("its BOM names none")
        if unknown and not rule.allows_unknown:
            message = f"the licence of {whose}{digest} isn't known: {printable(unknown[0])}"
            reasons.append(self._reason(LICENSE_UNKNOWN, Verdict.CANT_TELL, message))
        return reasons

    def _ancestors(self, digest: Digest) -> list[Reason]:
        rule, licenses, graph = self.policy.ancestors, self.policy.licenses, self.evidence.graph
        node = graph.node(digest)
        reasons: list[Reason] = []
        if rule is not None and not rule.allows_no_inputs and (node is None or node.inputs is not Inputs.DECLARED):
            message = f"no accepted statement says what {digest} was made from"
            reasons.append(
                self._reason(NO_INPUTS, Verdict.CANT_TELL, message, expected=f"one by {', '.join(rule.builders)}")
            )
        if node is None:
            return reasons
        answer = ancestors(graph, digest)
        if answer.truncated:
            message = f"the ancestors of {digest} are too many to look at each"
            reasons.append(self._reason(LINEAGE_UNFINISHED, Verdict.CANT_TELL, message))
        reasons += self._unidentified(answer)
        names = set(rule.authorities) if rule is not None else {item.name for item in self.policy.authorities}
        for ancestor in sorted(key for key in answer.verified if isinstance(key, Digest)):
            found = graph.node(ancestor)
            whose = f"the ancestor {printable(found.name)} " if found is not None and found.name else "the ancestor "
            if rule is not None:
                reasons += self._signed(rule, ancestor, whose)
            if licenses is not None and licenses.scope is LicenseScope.ANCESTORS:
                reasons += self._licensed(licenses, ancestor, names, whose)
        return reasons

    def _signed(self, rule: AncestorRule, ancestor: Digest, whose: str) -> list[Reason]:
        if rule.attestations:
            found = [self._attested(item, ancestor, ANCESTOR_UNSIGNED, whose) for item in rule.attestations]
        else:
            what = f"statement about {whose}{ancestor}"
            found = [self._stated(CONTENT_PREDICATES, rule.authorities, ancestor, ANCESTOR_UNSIGNED, what)]
        return [reason for reason in found if reason is not None]

    def _unidentified(self, answer: Answer) -> list[Reason]:
        """Return a reason for each parent that an accepted statement names without a digest."""
        trusted = answer.verified | {answer.start}
        edges = [e for e in answer.graph.edges if e.status is EdgeStatus.MISSING and e.child in trusted]
        pairs = dict.fromkeys((edge.child, edge.parent) for edge in edges)
        licenses = self.policy.licenses
        if self.policy.ancestors is None and licenses is not None and licenses.allows_unknown:
            return []
        return [
            self._reason(
                ANCESTOR_UNIDENTIFIED,
                Verdict.CANT_TELL,
                f"{child} comes from {printable(str(parent))}, without a digest",
            )
            for child, parent in pairs
        ]

    def _unaccepted(self, what: str, signers: Sequence[str], rejected: Sequence[Rejection], expected: str) -> Reason:
        got = [f"one signed by {signer}" for signer in dict.fromkeys(signers)]
        got += [f"a bundle that doesn't count ({item.kind}: {printable(item.reason)})" for item in rejected]
        return self._reason(
            EVIDENCE_UNACCEPTED, Verdict.REFUSED, what, got=" and ".join(got[:_MOST_SIDES]), expected=expected
        )

    def _undecided(self, what: str, rejected: Sequence[Rejection]) -> Reason:
        message = f"whether {what} holds can't be told: {printable(rejected[0].reason)}"
        return self._reason(EVIDENCE_UNDECIDED, Verdict.CANT_TELL, message)

    def _reason(self, rule: Rule, verdict: Verdict, message: str, *, got: str = "", expected: str = "") -> Reason:
        return Reason(rule, verdict, message, self.path, self.policy.name, got, expected)


def _shown(location: Location) -> str:
    return printable(str(location))


def _named(required: RequiredAttestation) -> str:
    short = short_predicate(required.predicate_type)
    return f"{short if short != 'other' else printable(required.predicate_type)} statement"


def _signers(bindings: Sequence[Binding], digest: Digest) -> str:
    found: list[Attested] = [item.statement for item in bindings if item.digest == digest]
    return " and ".join(sorted({str(item.signer) for item in found}))


def _expected(rule: LicenseRule, licence: str) -> str:
    if rule.allow:
        return f"one of {', '.join(rule.allow)}"
    return f"none of {', '.join(rule.deny)}" if licence else ""
