"""What the controller says in the cluster: Events on what would be refused now, PolicyReports, status of policies.

It says it once: an Event's name is made of what it is about and what it says, so that the same is refused as a
duplicate, whoever wrote it. PolicyReports (wgpolicyk8s.io/v1alpha2) are written where that kind is there. What the API
server refuses of one object or namespace keeps nobody else from hearing of theirs.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from admission.controller.client import collection
from admission.controller.naming import CONTROLLER, MANAGED, REPORT
from admission.controller.policies import status_patch
from admission.controller.running import told_of
from dbom.errors import UndecidedError
from dbom.names import API_VERSION, POLICY_KIND
from dbom.rules.cluster import CLUSTER_REFUSED, NO_LONGER_PASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from admission.controller.client import Api
    from admission.controller.policies import PolicyState
    from admission.controller.running import Outcome
    from dbom.canonical import Json, JsonObject

__all__ = ["Reporter"]

MOST_EVENTS: Final = 200
"""How many Events are written in one go; the others follow."""

MOST_RESULTS: Final = 500
_LONGEST_NOTE: Final = 1000
_REPORTS: Final = "wgpolicyk8s.io/v1alpha2"
_POLICIES: Final = "provenancepolicies"
_PAGE: Final = "50"
_RESULTS: Final = {"verified": "pass", "unchanged": "pass", "refused": "fail", "nothing found": "skip"}


class _Refusals:
    """Goes on where the API server refuses one of several writes; what it refused first is raised in the end."""

    def __init__(self) -> None:
        self._first: UndecidedError | None = None

    def tried(self, work: Callable[[], None]) -> bool:
        """Return whether `work` wasn't refused. Raises at once where the API server is away."""
        try:
            work()
        except UndecidedError as error:
            if error.rule is not CLUSTER_REFUSED:
                raise
            self._first = self._first or error
            return False
        return True

    def demand_none(self) -> None:
        if self._first is not None:
            raise self._first


@dataclass(slots=True)
class Reporter:
    """Writes into the cluster, while `demand` doesn't raise: it says whether we lead.

    `told` and `reported` count the Events on objects and the PolicyReports that were written so far.
    """

    api: Api
    demand: Callable[[], None]
    instance: str
    told: int = 0
    reported: int = 0
    _told: dict[str, str] = field(default_factory=dict)
    _reports: dict[str, str] = field(default_factory=dict)
    _is_listed: bool = False

    def forget(self) -> None:
        """Know no longer what was written: somebody else may have written since."""
        self._told, self._reports, self._is_listed = {}, {}, False

    def tell_outcomes(self, outcomes: Sequence[Outcome], now: datetime) -> bool:
        """Write an Event on each object that would be refused now and wasn't told, so many in one go.

        Return whether that is all. A pod of a workload that would be refused is told of there. Raises `UndecidedError`
        where the API server is away, or refuses some.
        """
        noes, refusals, tried = list(told_of(outcomes)), _Refusals(), 0
        uids = {item.uid for item in noes}
        self._told = {uid: message for uid, message in self._told.items() if uid in uids}
        untold = [item for item in noes if self._told.get(item.uid) != item.message]
        refused: set[str] = set()
        for item in untold:
            if tried >= MOST_EVENTS:
                return False
            if item.namespace in refused:
                continue  # A quota of one namespace's takes no time of the others'.
            if refusals.tried(partial(self._tell, item, now)):
                self._told[item.uid] = item.message
                tried += 1
            else:
                refused.add(item.namespace)
        refusals.demand_none()
        return True

    def _tell(self, item: Outcome, now: datetime) -> None:
        note = f"{NO_LONGER_PASSES.title} (mode {item.mode or 'none'}): {item.message}"
        reason = "ProvenanceRefused" if item.verdict == "refused" else "ProvenanceUnknown"
        self.told += self._event(_about(item), reason, note, now)

    def tell_policies(
        self, states: Iterable[PolicyState], objects: Mapping[tuple[str, str], JsonObject], now: datetime
    ) -> None:
        """Write into each policy's status what became of it, and an Event on a bad one. Raises as `tell_outcomes`."""
        refusals = _Refusals()
        for state in states:
            patch = status_patch(state, objects.get((state.namespace, state.name), {}), now)
            if patch is not None:
                refusals.tried(partial(self._tell_policy, state, patch, now))
        refusals.demand_none()

    def _tell_policy(self, state: PolicyState, patch: JsonObject, now: datetime) -> None:
        self.demand()
        answer = self.api.patch(collection(API_VERSION, _POLICIES, state.namespace, state.name, "status"), patch)
        if answer.is_missing:
            return  # It was deleted meanwhile.
        answer.demanded()
        if state.fault:
            about: JsonObject = {
                "apiVersion": API_VERSION,
                "kind": POLICY_KIND,
                "namespace": state.namespace,
                "name": state.name,
                "uid": state.uid,
            }
            self._event(about, "PolicyRefused", state.message, now)

    def write_reports(self, outcomes: Sequence[Outcome], now: datetime) -> int:
        """Write the PolicyReport of each namespace where it differs; return how many. Raises as `tell_outcomes`."""
        if not self._is_listed and not self._list():
            return 0
        by_namespace: defaultdict[str, list[Outcome]] = defaultdict(list)
        for item in outcomes:
            by_namespace[item.namespace].append(item)
        refusals, before = _Refusals(), self.reported
        for namespace in sorted({*by_namespace, *self._reports}):
            content = _report(by_namespace.get(namespace, []))
            digest = hashlib.sha256(repr(content).encode()).hexdigest()
            if self._is_listed and self._reports.get(namespace) != digest:
                refusals.tried(partial(self._write_report, namespace, content, digest, now))
        # Of a namespace in which nothing runs there is no more to say.
        self._reports = {name: said for name, said in self._reports.items() if name in by_namespace or not said}
        refusals.demand_none()
        return self.reported - before

    def _list(self) -> bool:
        """Learn of which namespaces there are reports of ours; return whether there is such a kind.

        One that was written before, of what no longer runs, would else say it for ever.
        """
        path, more = collection(_REPORTS, "policyreports"), ""
        while True:
            answer = self.api.get(path, limit=_PAGE, **({"continue": more} if more else {}))
            if answer.is_kind_missing:
                return False
            document = answer.demanded()
            items, metadata = document.get("items"), document.get("metadata")
            for item in items if isinstance(items, list) else ():
                about = item.get("metadata") if isinstance(item, dict) else None
                if isinstance(about, dict) and about.get("name") == REPORT:
                    self._reports.setdefault(str(about.get("namespace")), "")
            more = str(metadata.get("continue") or "") if isinstance(metadata, dict) else ""
            if not more:
                self._is_listed = True
                return True

    def _write_report(self, namespace: str, content: JsonObject, digest: str, now: datetime) -> None:
        """Write a report, unless its namespace is on its way out; where the kind is gone, all begins anew."""
        path = collection(_REPORTS, "policyreports", namespace, REPORT)
        document = _dated(content, namespace, now)
        found = self.api.get(path)
        self.demand()
        if found.is_missing:
            answer = self.api.create(collection(_REPORTS, "policyreports", namespace), document)
        else:
            answer = self.api.update(path, {**document, "metadata": found.demanded().get("metadata")})
        if answer.is_kind_missing:
            self._reports, self._is_listed = {}, False
            return
        if not answer.is_namespace_ending:
            answer.demanded()
            self.reported += 1
        self._reports[namespace] = digest

    def _event(self, about: JsonObject, reason: str, note: str, now: datetime) -> bool:
        """Return whether an Event was written: not where it was said already, or the namespace is being deleted."""
        namespace = str(about["namespace"])
        moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        named = hashlib.sha256(f"{about['uid']}\n{reason}\n{note}".encode()).hexdigest()[:16]
        document: JsonObject = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"dbom.{named}", "namespace": namespace, "labels": {**MANAGED}},
            "involvedObject": about,
            "reason": reason,
            "message": _cut(note),
            "type": "Warning",
            "source": {"component": CONTROLLER},
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
            "reportingComponent": CONTROLLER,
            "reportingInstance": self.instance,
        }
        self.demand()
        answer = self.api.create(collection("v1", "events", namespace), document)
        if answer.is_conflict or answer.is_namespace_ending:
            return False
        answer.demanded()
        return True


def _about(item: Outcome) -> JsonObject:
    """Return an object as Events and reports refer to it."""
    return {
        "apiVersion": item.api_version,
        "kind": item.kind,
        "namespace": item.namespace,
        "name": item.name,
        "uid": item.uid,
    }


def _dated(content: JsonObject, namespace: str, now: datetime) -> JsonObject:
    """Return a report that is new, each of its results with the time."""
    stamp: JsonObject = {"seconds": int(now.timestamp()), "nanos": 0}
    results = content["results"]
    dated: list[Json] = (
        [{**item, "timestamp": stamp} for item in results if isinstance(item, dict)]
        if isinstance(results, list)
        else []
    )
    metadata: JsonObject = {"name": REPORT, "namespace": namespace, "labels": {**MANAGED}}
    return {"apiVersion": _REPORTS, "kind": "PolicyReport", **content, "metadata": metadata, "results": dated}


def _report(outcomes: Sequence[Outcome]) -> JsonObject:
    """Return scope-less content of a report: noes first, so that the bound leaves out what matters least."""
    counted = Counter(_result(item) for item in outcomes)
    ordered = sorted(outcomes, key=lambda item: (not item.is_no, item.kind, item.name))
    return {
        "summary": {key: counted.get(key, 0) for key in ("pass", "fail", "warn", "error", "skip")},
        "results": [_entry(item) for item in ordered[:MOST_RESULTS]],
    }


def _entry(item: Outcome) -> JsonObject:
    return {
        "source": "dbom",
        "policy": ",".join(item.policies) or "none",
        "rule": ",".join(item.rules) or "none",
        "result": _result(item),
        "scored": item.mode == "enforce",
        "message": _cut(item.message),
        "resources": [_about(item)],
    }


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_NOTE else f"{text[: _LONGEST_NOTE - 1]}…"


def _result(item: Outcome) -> str:
    if item.verdict == "refused" and item.mode != "enforce":
        return "warn"
    return _RESULTS.get(item.verdict, "error")
