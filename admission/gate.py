"""The gate: from a question, the policies, the evidence and the clock to a decision. Pure.

The same function answers the webhook, `dbom admission review`, CI and audits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from admission.break_glass import find_break_glass, projection_of
from admission.decision import NOES, Decision, Judgement, Reason, Verdict, worst
from admission.documents import Node
from admission.judging import Judge
from admission.load_time import find_proofs
from admission.matching import Matching, place_of
from admission.policy import Mode, strictest
from admission.references.finding import find_references, pod_parts
from admission.references.kinds import is_read
from admission.references.reference import Pinning
from admission.references.relevance import RelevantPart
from admission.requirements.requirement import Notes
from dbom.errors import DocumentError
from dbom.model import Unknown
from dbom.names import PREDICATE_BREAK_GLASS
from dbom.printable import printable
from dbom.rules.admission import (
    EVIDENCE_LIMIT,
    KIND_UNKNOWN,
    NO_POLICY,
    NOT_COVERED,
    REFERENCE_OPAQUE,
    REFERENCE_UNPINNED,
)
from dbom.rules.everyday import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from admission.break_glass import Projection
    from admission.evidence import Evidence
    from admission.load_time import LoadTimeProof
    from admission.policy import Policy
    from admission.references.reference import ModelReference
    from admission.review import Question, Review
    from dbom.model import Digest

__all__ = ["LOADS_NOTHING", "decide"]

LOADS_NOTHING: Final = frozenset(
    {
        ("", "ConfigMap"),
        ("", "Endpoints"),
        ("", "LimitRange"),
        ("", "Namespace"),
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("", "ResourceQuota"),
        ("", "Secret"),
        ("", "Service"),
        ("", "ServiceAccount"),
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("networking.k8s.io", "Ingress"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("policy", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("storage.k8s.io", "StorageClass"),
    }
)
"""Kinds of Kubernetes' own that start no container. Of any other kind that isn't read, the gate can't tell."""


def decide(review: Review, policies: Sequence[Policy], evidence: Evidence, *, now: datetime) -> Decision:
    """Return the decision on a review. Never raises: what goes wrong in here is a no.

    `policies` are all that hold for the cluster; those that match the namespace must all pass, and the strictest of
    their modes decides whether a no denies.
    """
    try:
        return _Gate(review.question, policies, evidence, now).decision()
    except Exception as error:  # noqa: BLE001  nothing that an object holds may get past the gate by breaking it
        modes = {policy.mode for policy in policies}
        reason = Reason(
            INTERNAL, Verdict.CANT_TELL, f"the gate failed: {type(error).__name__}: {printable(str(error))}"
        )
        only_listens = bool(modes) and modes == {Mode.AUDIT}
        return Decision(
            Verdict.CANT_TELL,
            only_listens,
            strictest(tuple(modes)),
            (),
            (reason,),
            tuple((policy.name, policy.digest) for policy in policies),
            evidence.digest,
            now,
            synced_at=evidence.synced_at,
            until=now,
        )


class _Gate:
    """One question with all that its answer is made from."""

    def __init__(self, asked: Question, policies: Sequence[Policy], evidence: Evidence, now: datetime) -> None:
        self._asked, self._policies, self._evidence, self._now = asked, policies, evidence.at(now), now
        self._matching = Matching.of(policies, asked.namespace)
        self._notes = Notes()
        self._notes.until(self._evidence.until)
        self._proofs: list[LoadTimeProof] = []

    def decision(self) -> Decision:
        """Return the decision, and until when it holds."""
        decision = self._judgement()
        return replace(decision, until=self._notes.earliest)

    def _judgement(self) -> Decision:
        asked = self._asked
        if asked.operation in ("DELETE", "CONNECT") or (asked.group, asked.kind) in LOADS_NOTHING:
            return self._decided(Verdict.NOTHING_FOUND)
        if asked.part is None or not is_read(asked.group, asked.kind):
            message = f"{printable(asked.kind)} of the group '{printable(asked.group)}' is not a kind that is read"
            return self._decided(Verdict.CANT_TELL, Reason(KIND_UNKNOWN, Verdict.CANT_TELL, message))
        try:
            document = RelevantPart(asked.part).document(where=printable(asked.kind))
            references = find_references(document, group=asked.group, kind=asked.kind, where=printable(asked.kind))
        except DocumentError as error:
            return self._unread(error)
        if not references:
            return self._decided(Verdict.NOTHING_FOUND)
        parts = pod_parts(Node(document), asked.group, asked.kind)
        self._proofs = [proof for spec in parts for proof in find_proofs(spec)]
        if asked.is_unchanged:
            return self._decided(Verdict.UNCHANGED)
        judgements = tuple(self._judged(reference) for reference in references)
        decision = self._decided(worst(item.verdict for item in judgements), judgements=judgements)
        return decision if decision.allowed else self._excused(decision, parts)

    def _unread(self, error: DocumentError) -> Decision:
        if self._asked.is_unchanged:
            # It is there already, and must not be kept from being deleted (a finalizer goes by an update).
            return self._decided(Verdict.UNCHANGED)
        faults = error.faults or (error.what,)
        return self._decided(
            Verdict.REFUSED, *(Reason(error.rule, Verdict.REFUSED, printable(fault)) for fault in faults)
        )

    def _excused(self, decision: Decision, parts: Sequence[Node]) -> Decision:
        """Return a no as it is, or as one that break-glass lets in: every policy that enforces here must take it."""
        references = [item.reference for item in decision.judgements]
        projection = projection_of(parts, references, namespace=self._asked.namespace)
        enforcing = [policy for policy in self._matching.policies if policy.mode is Mode.ENFORCE]
        found = find_break_glass(decision, projection, enforcing, self._evidence, now=self._now)
        if found is None:
            self._wait_for(projection, enforcing)
            return decision
        self._notes.until(found.end)
        return replace(decision, allowed=True, break_glass=found)

    def _wait_for(self, projection: Projection | Unknown, enforcing: Sequence[Policy]) -> None:
        """Note that a no may end at any moment where there are statements that excuse it, but not now."""
        if isinstance(projection, Unknown):
            return
        if any(self._evidence.of(item).about(projection.digest, PREDICATE_BREAK_GLASS) for item in enforcing):
            self._notes.until(self._now)

    def _judged(self, reference: ModelReference) -> Judgement:
        proof = self._proof(reference)
        if proof is not None and self._matching.policies:
            return self._proven(reference, proof)
        reason = self._unjudged(reference)
        asked, location = self._matching.asked(reference), reference.target.location
        if location is None or not asked:
            return self._answered(reference, *filter(None, (reason,)))
        found: set[Digest] = set()
        reasons = [] if reason is None else [reason]
        for policy in asked:
            evidence = self._evidence.of(policy)
            judge = Judge(policy, evidence, reference.path, reference.role, self._now, self._notes)
            digest, against = judge.judge(location)
            found |= {digest} if digest is not None else set()
            reasons += against
        return self._answered(reference, *reasons, digest=next(iter(found)) if len(found) == 1 else None)

    def _unjudged(self, reference: ModelReference) -> Reason | None:
        """Return why a reference can't pass whatever its policies ask, or None where they decide."""
        target, path = reference.target, reference.path
        if not self._matching.policies:
            message = f"no policy matches the namespace '{printable(self._asked.namespace)}'"
            return Reason(NO_POLICY, Verdict.CANT_TELL, message, path)
        if target.location is None:
            is_opaque = reference.pinning is Pinning.OPAQUE
            said = "can't be told" if is_opaque else "is not pinned"
            message = f"the {reference.role} '{printable(reference.text)}' {said}: {printable(target.because)}"
            return Reason(REFERENCE_OPAQUE if is_opaque else REFERENCE_UNPINNED, Verdict.REFUSED, message, path)
        return None if self._matching.is_covered(reference) else self._uncovered(reference, target.location.base)

    def _uncovered(self, reference: ModelReference, place: str) -> Reason:
        return Reason(
            NOT_COVERED,
            Verdict.REFUSED if self._matching.is_enforced else Verdict.CANT_TELL,
            "no policy speaks of this place",
            reference.path,
            got=printable(place),
            expected=" or ".join(map(printable, self._matching.patterns)),
        )

    def _proof(self, reference: ModelReference) -> LoadTimeProof | None:
        """Return the load-time proof that covers what a reference loads, one that proves nothing where no other does.

        What whoever loads it checks by digest needs none.
        """
        held = reference.target.held
        if held is None or reference.pinning is Pinning.ENFORCED:
            return None
        covering = [proof for proof in self._proofs if proof.covers(held)]
        return min(covering, key=lambda proof: (bool(proof.because), -len(proof.held.path)), default=None)

    def _proven(self, reference: ModelReference, proof: LoadTimeProof) -> Judgement:
        found: set[Digest] = set()
        place = place_of(reference)
        reasons = [] if self._matching.is_covered(reference) else [self._uncovered(reference, place)]
        for policy in self._matching.asked(reference):
            evidence = self._evidence.of(policy)
            judge = Judge(policy, evidence, reference.path, reference.role, self._now, self._notes)
            digest, against = judge.judge_proof(proof)
            found |= {digest} if digest is not None else set()
            reasons += against
        judgement = self._answered(reference, *reasons, digest=next(iter(found), None))
        return replace(judgement, proven_by=proof.path) if found else judgement

    def _answered(self, reference: ModelReference, *reasons: Reason, digest: Digest | None = None) -> Judgement:
        reasons = (*reasons, *self._left_out(reference))
        verdict, mode = worst(reason.verdict for reason in reasons), self._matching.mode_of(reference)
        return Judgement(reference, verdict, digest, reasons, mode)

    def _left_out(self, reference: ModelReference) -> list[Reason]:
        """Return a reason for each policy of whose evidence something was left out: it could say no."""
        message = "the stores hold more evidence than is kept, and what was left out isn't known"
        return [
            Reason(EVIDENCE_LIMIT, Verdict.CANT_TELL, message, reference.path, policy.name)
            for policy in self._matching.asked(reference)
            if not self._evidence.of(policy).is_complete
        ]

    def _decided(self, verdict: Verdict, *reasons: Reason, judgements: tuple[Judgement, ...] = ()) -> Decision:
        modes = tuple(item.mode for item in judgements if isinstance(item.mode, Mode))
        mode = strictest(modes) if judgements else self._matching.mode
        is_denied = verdict in NOES and mode is Mode.ENFORCE
        return Decision(
            verdict,
            not (any(item.denies for item in judgements) if judgements else is_denied),
            mode if isinstance(mode, Mode) else Unknown("no policy matches the namespace"),
            judgements,
            reasons,
            tuple((policy.name, policy.digest) for policy in self._policies),
            self._evidence.digest,
            self._now,
            synced_at=self._evidence.synced_at,
        )
