"""Journals held against what others saw: an API server's audit log, or the pods that run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from admission.decision import Verdict
from admission.journal.audit_log import AuditEvent, time_of
from admission.journal.records import canonical
from admission.references.kinds import plural_of, read_kinds
from admission.review import Review
from dbom.canonical import json_object, load_json
from dbom.errors import DocumentError
from dbom.model import Finding, Severity
from dbom.printable import printable
from dbom.rules.journals import AUDIT_LOG_MALFORMED, EVENT_UNRECORDED, POD_UNDECIDED, RECORD_UNASKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from admission.journal.reading import Decided
    from admission.journal.reporting import Journals, Window
    from dbom.canonical import JsonObject

__all__ = ["EXCLUDED", "Reconciled", "reconcile_events", "reconcile_pods"]

EXCLUDED: Final = ("kube-system", "dbom-system")
"""The namespaces that the webhook's configuration excludes as it is installed."""

_SLACK: Final = timedelta(seconds=15)
_UNDER_WAY: Final = timedelta(seconds=2)
"""A request that was decided on so shortly before a log ends may have ended after it."""

_SECOND: Final = timedelta(seconds=1)
_MIRROR: Final = ("kubernetes.io/config.mirror", "kubernetes.io/config.source")


@dataclass(slots=True)
class Reconciled:
    """What came of holding journals against something: how many agree, how many were left out and why, and findings."""

    what: str
    matched: int = 0
    left_out: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    findings: list[Finding] = field(default_factory=list)


def reconcile_events(
    decisions: Sequence[Decided],
    events: Iterable[AuditEvent],
    window: Window,
    *,
    excluded: Sequence[str] = EXCLUDED,
) -> Reconciled:
    """Return how an audit log and the decisions of a window agree.

    An event is on a decision whose uid it carries (the webhook's annotation `record`); without one, on those about the
    same object by the same user at about the same time. Only requests that were let in must have a record, but for the
    updates of which the API server says that it didn't ask.
    """
    found, kinds = Reconciled("audit log"), _kinds()
    pending = _Pending(decisions)
    first: datetime | None = None
    last: datetime | None = None
    for event in events:
        first = event.received if first is None else min(first, event.received)
        last = event.ended if last is None else max(last, event.ended)
        if not window.is_within(event.received) or (window.namespaces and event.namespace not in window.namespaces):
            continue
        kind = kinds.get((event.group, event.resource))
        if kind is None or not event.is_asked_about:
            continue
        if event.is_dry_run:
            found.left_out["dry runs"] += 1
        elif event.namespace in excluded:
            found.left_out["in excluded namespaces"] += 1
        elif (answered := pending.claim(event, kind)) is not None and (answered or not event.is_let_in):
            found.matched += 1
        elif answered is None and event.is_unchanged:
            found.left_out["updates that leave what is judged as it was (the webhook isn't asked)"] += 1
        elif event.is_let_in:
            found.findings.append(_unrecorded(event, is_denied=answered is False))
        else:
            found.left_out["refused without a record (by others, or before the webhook)"] += 1
    if first is not None and last is not None:
        found.findings += [_unasked(item) for item in pending.unclaimed(first, last - _UNDER_WAY)]
    return found


def reconcile_pods(
    journals: Journals,
    document: bytes,
    window: Window,
    *,
    where: str,
    excluded: Sequence[str] = EXCLUDED,
) -> Reconciled:
    """Return which pods of a list run by a decision that let in this pod with this content.

    Nothing can be expected of pods that are older than the journals, or were made outside the window. Raises
    `DocumentError` for no list.
    """
    found = Reconciled("pods")
    # That an update left a pod as it was says nothing of how it came.
    pods = [
        item
        for item in journals.decisions
        if item.allowed and item.kind == "Pod" and not item.group and item.verdict is not Verdict.UNCHANGED
    ]
    meanings = {item.part: _meaning(journals.content(item.part)) for item in pods}
    allowed = {(item.namespace, item.name, meanings[item.part]) for item in pods if meanings[item.part]}
    named = {(item.namespace, item.name) for item in pods if item.name}
    for pod in _pods(document, where):
        review = Review.of_object(pod, where=where)
        if window.namespaces and review.namespace not in window.namespaces:
            continue
        metadata = pod.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        meaning = _meaning(review.part)
        if any((review.namespace, name, meaning) in allowed for name in ("", review.name)):
            found.matched += 1
        elif review.namespace in excluded:
            found.left_out["in excluded namespaces"] += 1
        elif _is_static(metadata):
            found.left_out["static pods"] += 1
        elif _is_older(metadata, journals.begin):
            found.left_out["older than the journals"] += 1
        elif _is_outside(metadata, window):
            found.left_out["made at another time than is asked about"] += 1
        else:
            found.findings.append(_undecided(review, is_named=(review.namespace, review.name) in named, where=where))
    return found


def _meaning(part: bytes | None) -> bytes:
    """Return a part so that it is the same whoever wrote it: kubectl orders and indents what the API server doesn't."""
    try:
        return b"" if part is None else canonical(json_object(part, where=""))
    except DocumentError:
        return b""


def _kinds() -> dict[tuple[str, str], str]:
    """Return the kinds that the webhook is registered for, by group and resource."""
    return {(group, plural_of(group, kind)): kind for group, kind in read_kinds()}


class _Pending:
    """Decisions that no event was found for yet."""

    def __init__(self, decisions: Sequence[Decided]) -> None:
        self._by_uid: dict[str, list[Decided]] = defaultdict(list)
        self._by_place: dict[tuple[str, str, str, str], list[Decided]] = defaultdict(list)
        self._claimed: set[tuple[str, int]] = set()
        self._all = decisions
        for item in decisions:
            if item.uid:
                self._by_uid[item.uid].append(item)
            self._by_place[item.namespace, item.group, item.kind, item.subresource].append(item)

    def claim(self, event: AuditEvent, kind: str) -> bool | None:
        """Take the decisions that an event is on; return whether one of them let it in, None where there is none."""
        items = self._by_uid.get(event.record, []) if event.record else self._alike(event, kind)
        self._claimed.update((item.where, item.number) for item in items)
        return any(item.allowed for item in items) if items else None

    def unclaimed(self, first: datetime, last: datetime) -> list[Decided]:
        return [
            item for item in self._all if first <= item.at <= last and (item.where, item.number) not in self._claimed
        ]

    def _alike(self, event: AuditEvent, kind: str) -> list[Decided]:
        place = (event.namespace, event.group, kind, event.subresource)
        return [
            item
            for item in self._by_place.get(place, ())
            if item.user == event.user
            and item.operation in event.operations
            and (not item.name or not event.name or item.name == event.name)
            and event.received - _SLACK <= item.at <= event.ended + _SLACK
        ]


def _unrecorded(event: AuditEvent, *, is_denied: bool) -> Finding:
    if is_denied:
        why = "let in, and its record says that it was denied"
    elif event.failed_open:
        why = "let in because the webhook didn't answer (failurePolicy Ignore)"
    else:
        why = "no record of it"
    what = f"{event.described} at {event.received.isoformat()}: {why}"
    return Finding(EVENT_UNRECORDED.id, Severity.ERROR, what, event.where)


def _unasked(item: Decided) -> Finding:
    what = f"record {item.number}: {item.described} at {item.at.isoformat()}: not in the audit log"
    return Finding(RECORD_UNASKED.id, Severity.ERROR, what, item.where)


def _undecided(review: Review, *, is_named: bool, where: str) -> Finding:
    why = "what was let in under its name has other content" if is_named else "no decision let it in"
    what = f"pod {printable(review.namespace)}/{printable(review.name)}: {why}"
    return Finding(POD_UNDECIDED.id, Severity.ERROR, what, where)


def _pods(document: bytes, where: str) -> list[JsonObject]:
    found = load_json(document, where=where)
    items = found.get("items") if isinstance(found, dict) else None
    pods = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    if not isinstance(items, list) or len(pods) != len(items):
        raise DocumentError(AUDIT_LOG_MALFORMED, "not a list of objects", where=where, expected="kind: List or PodList")
    # Items of a PodList carry no kind of their own.
    return [{"apiVersion": "v1", "kind": "Pod", **item} for item in pods if item.get("kind", "Pod") == "Pod"]


def _is_static(metadata: JsonObject) -> bool:
    annotations = metadata.get("annotations")
    return isinstance(annotations, dict) and (_MIRROR[0] in annotations or annotations.get(_MIRROR[1], "api") != "api")


def _is_older(metadata: JsonObject, since: datetime | None) -> bool:
    made = time_of(metadata.get("creationTimestamp"))
    return since is not None and made is not None and made < since - _SLACK


def _is_outside(metadata: JsonObject, window: Window) -> bool:
    """Return whether a pod was surely made outside a window; the API server tells full seconds."""
    made = time_of(metadata.get("creationTimestamp"))
    if made is None:
        return False
    is_before = window.since is not None and made + _SECOND <= window.since
    return is_before or (window.until is not None and made >= window.until)
