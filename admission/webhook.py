"""What the webhook says to a request body: parse, decide, record, answer. No transport."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from admission.cached import CachedGate, VerdictCache
from admission.decision import Verdict
from admission.journal.deciding import decision_entry
from admission.policy import Mode
from admission.review import Review, response_document
from admission.typed_review import read_uid
from dbom.errors import DocumentError, PathError
from dbom.model import Unknown
from dbom.names import schema_name
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from admission.decision import Decision
    from admission.evidence import Evidence
    from admission.journal import Journal
    from admission.policy import Policy
    from dbom.canonical import JsonObject

__all__ = ["Answered", "Webhook"]

_LONGEST_MESSAGE = 4000


@dataclass(frozen=True, slots=True)
class Answered:
    """An HTTP status, the JSON body to send, and what the log says of it."""

    status: int
    body: bytes
    log: JsonObject


@dataclass(frozen=True, slots=True)
class Webhook:
    """Policies and evidence, ready before the request comes; a journal where one is kept; and the clock.

    `cache` may be shared with the webhook of the policies and evidence before these: no answer of theirs is given here.
    """

    policies: Sequence[Policy]
    evidence: Evidence
    now: Callable[[], datetime]
    journal: Journal | None = None
    cache: VerdictCache = field(default_factory=VerdictCache)
    _gate: CachedGate = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_gate", CachedGate(self.policies, self.evidence, self.cache))

    def answer(self, body: bytes, is_late: Callable[[], bool] = lambda: False) -> Answered:
        """Return the answer to an AdmissionReview: 200 with the decision in it.

        What can't be read as one is refused in the same form where it has a uid, else with 400. A decision that is late
        by then (a no was said instead) is not recorded as one that was given.
        """
        try:
            review = Review.parse(body)
        except DocumentError as error:
            return self._malformed(body, error)
        decision = self._gate.decide(review, now=self.now())
        if is_late():
            return self.gave_up(body, "the decision came too late")
        unrecorded = self._record(review, decision, body)
        allowed = decision.allowed and not (unrecorded and self._enforces)
        message = decision.message if not unrecorded or not decision.allowed else f"dbom: {unrecorded}"
        answer = response_document(
            review.uid,
            allowed=allowed,
            message=message[:_LONGEST_MESSAGE],
            warnings=decision.warnings,
            annotations=_annotations(decision, review.uid if self.journal is not None and not unrecorded else ""),
        )
        log = _log_line(review, decision, allowed=allowed)
        if unrecorded:
            log["unrecorded"] = unrecorded
        return Answered(200, answer, log)

    def gave_up(self, body: bytes, because: str) -> Answered:
        """Return the no that is said where a decision doesn't come in time."""
        try:
            review = Review.parse(body)
        except DocumentError as error:
            return self._malformed(body, error)
        if self.journal is not None:
            self.journal.count("late")
        answer = response_document(
            review.uid, allowed=False, message=f"dbom: {Verdict.CANT_TELL}: {because}", warnings=(), annotations={}
        )
        return Answered(200, answer, {"event": "decision", "uid": review.uid, "allowed": False, "error": because})

    def _malformed(self, body: bytes, error: DocumentError) -> Answered:
        """Return the answer to what can't be read: a no, unless all policies promise never to block."""
        uid = read_uid(body)
        if not uid:
            return _unreadable(error)
        if self.journal is not None:
            self.journal.count("malformed")
        allowed = bool(self.policies) and all(policy.mode is Mode.AUDIT for policy in self.policies)
        faults = "; ".join(dict.fromkeys((error.what, *error.faults)))
        message = f"dbom: {Verdict.REFUSED}: {printable(faults, limit=_LONGEST_MESSAGE)} ({error.rule.id})"
        answer = response_document(
            uid, allowed=allowed, message=message[:_LONGEST_MESSAGE], warnings=(), annotations={}, code=400
        )
        log: JsonObject = {"event": "malformed", "uid": printable(uid), "allowed": allowed, "rule": error.rule.id}
        return Answered(200, answer, {**log, "error": printable(faults, limit=_LONGEST_MESSAGE)})

    @property
    def _enforces(self) -> bool:
        return any(policy.mode is Mode.ENFORCE for policy in self.policies)

    def _record(self, review: Review, decision: Decision, body: bytes) -> str:
        """Record a decision; return why it could not be, or nothing. A dry run is only counted, as it must be."""
        if self.journal is None:
            return ""
        if review.dry_run:
            self.journal.count("dryRuns")
            return ""
        try:
            self.journal.append(decision_entry(review, decision, request=body, allowed=decision.allowed))
        except (PathError, DocumentError) as error:
            return f"the decision could not be recorded: {error.what}"
        return ""


def _unreadable(error: DocumentError) -> Answered:
    document: JsonObject = {
        "schema": schema_name("error"),
        "error": printable(str(error), limit=_LONGEST_MESSAGE),
        "rule": error.rule.id,
        "hint": error.hint,
        "faults": [printable(fault) for fault in error.faults],
    }
    return Answered(
        400, json.dumps(document).encode(), {"event": "malformed", "error": document["error"], "rule": error.rule.id}
    )


def _annotations(decision: Decision, recorded: str) -> dict[str, str]:
    """Return what the audit log keeps; `recorded` is the uid of the record, by which the two are reconciled."""
    rules = ",".join(dict.fromkeys(reason.rule.id for reason in decision.all_reasons))
    found = {"verdict": str(decision.verdict)}
    if recorded:
        found["record"] = printable(recorded)
    # The API server puts the webhook's name before these keys.
    return {**found, "rules": rules} if rules else found


def _log_line(review: Review, decision: Decision, *, allowed: bool) -> JsonObject:
    return {
        "event": "decision",
        "uid": printable(review.uid),
        "operation": review.operation,
        "kind": printable(review.kind),
        "namespace": printable(review.namespace),
        "name": printable(review.name),
        "verdict": str(decision.verdict),
        "allowed": allowed,
        "mode": None if isinstance(decision.mode, Unknown) else str(decision.mode),
        "dryRun": review.dry_run,
        "rules": [reason.rule.id for reason in decision.all_reasons],
        "reasons": [printable(str(reason), limit=500) for reason in decision.all_reasons[:10]],
        "references": [printable(item.reference.text) for item in decision.judgements[:10]],
    }
