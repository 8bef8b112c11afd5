"""What the webhook says to a request body: parse, decide, record, answer. No transport."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from admission.cached import CachedGate, VerdictCache
from admission.decision import Verdict
from admission.journal.deciding import decision_entry, late_entry
from admission.policy import Mode
from admission.prepared import LONGEST_MESSAGE, Answers, message_of
from admission.references.kinds import is_read
from admission.review import Review, response_document
from admission.typed_review import JUDGED, read_uid
from dbom.errors import DocumentError, PathError
from dbom.names import schema_name
from dbom.printable import printable
from dbom.rules.admission import REVIEW_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from admission.cached import Key
    from admission.decision import Decision
    from admission.evidence import Evidence
    from admission.journal import Entry, Head, Journal
    from admission.policy import Policy
    from dbom.canonical import JsonObject
    from dbom.errors import DbomError

__all__ = ["Answered", "Webhook"]

_LARGEST_EXPLAINED: Final = 1024 * 1024
"""Up to this size it is said what is wrong with a review that can't be read: that takes long, and much memory."""


# What `printable` leaves as it is.
_PLAIN: Final = re.compile(r"[0-9A-Za-z .:_/-]{0,300}")


class Answered(msgspec.Struct, frozen=True):
    """An HTTP status, the JSON body to send, what the log says of it, and the decision that is told, if one is."""

    status: int
    body: bytes
    log: JsonObject
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Policies and evidence, ready before the request comes; a journal where one is kept; and the clock.

    `cache` may be shared with the webhook of the policies and evidence before these: no answer of theirs is given here.
    `missing` says why there is nothing to decide by yet: all is refused then, since without policies all would pass.
    """

    policies: Sequence[Policy]
    evidence: Evidence
    now: Callable[[], datetime]
    journal: Journal | None = None
    cache: VerdictCache = field(default_factory=VerdictCache)
    missing: str = ""
    _gate: CachedGate = field(init=False, repr=False)
    _answers: Answers = field(init=False, repr=False, default_factory=Answers)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_gate", CachedGate(self.policies, self.evidence, self.cache))

    def answer(self, body: bytes, is_late: Callable[[], bool] = lambda: False) -> Answered:
        """Return the answer to an AdmissionReview: 200 with the decision in it.

        What can't be read as one is refused in the same form where it has a uid, else with 400. A decision that is late
        by then (a no was said instead) is not recorded as one that was given.
        """
        review = self.read(body)
        if isinstance(review, Answered):
            return review
        decision = self.decide(review)
        if is_late():
            return self.gave_up(review, "the decision came too late")
        try:
            entry = self.entry(review, decision, body)
            if entry is not None and self.journal is not None:
                self.journal.append(entry)
        except (PathError, DocumentError) as error:
            return self.unrecorded(review, decision, error)
        return self.answered(review, decision)

    def read(self, body: bytes) -> Review | Answered:
        """Return what is asked, or the answer to what can't be read."""
        try:
            return self._demanded(_parsed(body))
        except DocumentError as error:
            return self._malformed(body, error)

    def glance(self, body: bytes) -> Review | Answered | None:
        """Return what `read` does where that is quick; None for what has to be read slowly, to name its faults."""
        review = Review.glance(body)
        return None if review is None else self._demanded(review)

    def _demanded(self, review: Review) -> Review | Answered:
        return self.gave_up(review, self.missing) if self.missing and _is_judged(review) else review

    def recalled(self, review: Review, now: datetime) -> Decision | None:
        """Return the decision that was made before and holds now, None where there is none. Quick."""
        return self._gate.recalled(review, now=now)

    def key(self, review: Review) -> Key:
        """Return by what the decision on a review is known: the same for all that have one answer."""
        return self._gate.key(review)

    def decide(self, review: Review) -> Decision:
        """Return the decision. Never raises."""
        return self._gate.decide(review, now=self.now())

    def entry(self, review: Review, decision: Decision, body: bytes, at: datetime | None = None) -> Entry | None:
        """Return what is to be recorded before the answer; None for a dry run, which is only counted.

        `at` is when it is given, where that is another moment than the one for which it was made. Raises
        `DocumentError` for what JSON can't hold.
        """
        if self.journal is None:
            return None
        if review.dry_run:
            self.journal.count("dryRuns")
            return None
        return decision_entry(review, decision, request=body, allowed=decision.allowed, at=at)

    def belied(self, review: Review, head: Head) -> Entry:
        """Return what is to be recorded after a decision that was recorded at `head`, and came too late to be told."""
        return late_entry(head, uid=review.uid, at=self.now(), allowed=self._lets_in_late(review))

    def answered(self, review: Review, decision: Decision) -> Answered:
        """Return the answer to a decision that is recorded, if it has to be."""
        recorded = self.journal is not None and not review.dry_run
        prepared = self._answers.of(decision, recorded=recorded)
        named = (review.uid, review.kind, review.namespace, review.name)
        uid, kind, namespace, name = named if _PLAIN.fullmatch("".join(named)) else map(printable, named)
        log: JsonObject = {
            "event": "decision",
            "uid": uid,
            "operation": review.operation,
            "kind": kind,
            "namespace": namespace,
            "name": name,
            "dryRun": review.dry_run,
            **prepared.log,
        }
        return Answered(200, prepared.body(review.uid), log, decision)

    def unrecorded(self, review: Review, decision: Decision, error: DbomError) -> Answered:
        """Return the answer to a decision that can't be recorded: a no, unless no policy enforces."""
        because = f"the decision could not be recorded: {error.what}"
        allowed = decision.allowed and not (self._enforces and review.operation in JUDGED)
        message = (
            f"dbom: {because} ({error.rule.id}) [hint: {error.hint}]" if decision.allowed else message_of(decision)
        )
        annotations = {"verdict": str(decision.verdict), "unrecorded": error.rule.id}
        answer = response_document(
            review.uid,
            allowed=allowed,
            message=message[:LONGEST_MESSAGE],
            warnings=(*decision.warnings, f"dbom: {because}") if allowed else decision.warnings,
            annotations=annotations,
        )
        found = self.answered(review, decision)
        return Answered(200, answer, {**found.log, "allowed": allowed, "unrecorded": because}, decision)

    def gave_up(self, asked: Review | bytes, because: str) -> Answered:
        """Return what is said where no decision comes in time.

        That is a no, unless all policies promise never to block, or no policy has a say in such an operation. Of what
        wasn't even read in time, the uid is looked for and no more.
        """
        if isinstance(asked, bytes):
            uid, allowed = read_uid(asked), self._only_listens
            if not uid:
                return _unreadable(DocumentError(REVIEW_MALFORMED, because, where="request"))
        else:
            uid, allowed = asked.uid, self._lets_in_late(asked)
        if self.journal is not None:
            self.journal.count("late")
        message = f"dbom: {Verdict.CANT_TELL}: {because}"
        answer = response_document(
            uid,
            allowed=allowed,
            message=message,
            warnings=(message,) if allowed else (),
            annotations={"verdict": str(Verdict.CANT_TELL), "late": because},
        )
        log: JsonObject = {"event": "decision", "uid": printable(uid), "allowed": allowed, "error": because}
        return Answered(200, answer, log)

    def _malformed(self, body: bytes, error: DocumentError) -> Answered:
        """Return the answer to what can't be read: a no, unless all policies promise never to block."""
        uid = read_uid(body)
        if not uid:
            return _unreadable(error)
        if self.journal is not None:
            self.journal.count("malformed")
        allowed = self._only_listens
        faults = printable("; ".join(dict.fromkeys((error.what, *error.faults))), limit=LONGEST_MESSAGE)
        message = f"dbom: {Verdict.REFUSED}: {faults[: LONGEST_MESSAGE - 500]} ({error.rule.id}) [hint: {error.hint}]"
        answer = response_document(
            uid, allowed=allowed, message=message, warnings=(message,) if allowed else (), annotations={}, code=400
        )
        log: JsonObject = {"event": "malformed", "uid": printable(uid), "allowed": allowed, "rule": error.rule.id}
        return Answered(200, answer, {**log, "error": faults})

    def _lets_in_late(self, review: Review) -> bool:
        return self._only_listens or review.operation not in JUDGED

    @property
    def _enforces(self) -> bool:
        return any(policy.mode is Mode.ENFORCE for policy in self.policies)

    @property
    def _only_listens(self) -> bool:
        return bool(self.policies) and all(policy.mode is Mode.AUDIT for policy in self.policies)


def _is_judged(review: Review) -> bool:
    """Return whether a policy has a say: not in what is deleted, nor in an update of what is there as it is."""
    is_as_before = review.question.is_unchanged and is_read(review.group, review.kind)
    return review.operation in JUDGED and not is_as_before


def _parsed(body: bytes) -> Review:
    if len(body) <= _LARGEST_EXPLAINED:
        return Review.parse(body)
    review = Review.glance(body)
    if review is None:
        raise DocumentError(REVIEW_MALFORMED, "no AdmissionReview, and too large to say why", where="request")
    return review


def _unreadable(error: DocumentError) -> Answered:
    document: JsonObject = {
        "schema": schema_name("error"),
        "error": printable(str(error), limit=LONGEST_MESSAGE),
        "rule": error.rule.id,
        "hint": error.hint,
        "faults": [printable(fault) for fault in error.faults],
    }
    return Answered(
        400, json.dumps(document).encode(), {"event": "malformed", "error": document["error"], "rule": error.rule.id}
    )
