"""What the controller says in the cluster: Events on what would be refused now, PolicyReports, status of policies.

It says it once: an Event's name is made of what it is about and what it says, so that the same is refused as a
duplicate, whoever wrote it. PolicyReports (wgpolicyk8s.io/v1alpha2) are written where that kind is there.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from admission.controller.client import collection
from admission.controller.naming import CONTROLLER, MANAGED, REPORT
from admission.controller.policies import status_patch
from dbom.names import API_VERSION, POLICY_KIND
from dbom.rules.cluster import NO_LONGER_PASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from admission.controller.client import Api
    from admission.controller.policies import PolicyState
    from admission.controller.running import Outcome
    from dbom.canonical import JsonObject

__all__ = ["Reporter"]

MOST_EVENTS: Final = 200
"""How many Events are written in one go; the others follow."""

MOST_RESULTS: Final = 500
_LONGEST_NOTE: Final = 1000
_REPORTS: Final = "wgpolicyk8s.io/v1alpha2"
_RESULTS: Final = {"verified": "pass", "unchanged": "pass", "refused": "fail", "nothing found": "skip"}


@dataclass(slots=True)
class Reporter:
    """Writes into the cluster, while `demand` doesn't raise: it says whether we lead."""

    api: Api
    demand: Callable[[], None]
    instance: str
    _told: dict[str, str] = field(default_factory=dict)
    _reports: dict[str, str] = field(default_factory=dict)

    def tell_outcomes(self, outcomes: Sequence[Outcome], now: datetime) -> int:
        """Write an Event on each object that would be refused now and wasn't told; return how many.

        A pod that a workload made is told of at the workload. Raises `UndecidedError` where the API server is away.
        """
        noes = [item for item in outcomes if item.is_no and not item.is_made]
        told, written = {item.uid for item in noes}, 0
        self._told = {uid: message for uid, message in self._told.items() if uid in told}
        for item in noes:
            if written >= MOST_EVENTS:
                break
            if self._told.get(item.uid) == item.message:
                continue
            note = f"{NO_LONGER_PASSES.title} (mode {item.mode or 'none'}): {item.message}"
            about: JsonObject = {
                "apiVersion": item.api_version,
                "kind": item.kind,
                "namespace": item.namespace,
                "name": item.name,
                "uid": item.uid,
            }
            reason = "ProvenanceRefused" if item.verdict == "refused" else "ProvenanceUnknown"
            self._event(about, reason, note, now)
            self._told[item.uid] = item.message
            written += 1
        return written

    def tell_policies(
        self, states: Iterable[PolicyState], objects: Mapping[tuple[str, str], JsonObject], now: datetime
    ) -> None:
        """Write into each policy's status what became of it, and an Event on a bad one. Raises as `tell_outcomes`."""
        for state in states:
            patch = status_patch(state, objects.get((state.namespace, state.name), {}), now)
            if patch is None:
                continue
            path = collection(API_VERSION, "provenancepolicies", state.namespace, state.name, "status")
            self.demand()
            answer = self.api.patch(path, patch)
            if answer.is_missing:
                continue  # It was deleted meanwhile.
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
        by_namespace: defaultdict[str, list[Outcome]] = defaultdict(list)
        for item in outcomes:
            by_namespace[item.namespace].append(item)
        written = 0
        for namespace in sorted({*by_namespace, *self._reports}):
            content = _report(by_namespace.get(namespace, []))
            digest = hashlib.sha256(repr(content).encode()).hexdigest()
            if self._reports.get(namespace) == digest:
                continue
            if not self._write_report(namespace, content, now):
                return written
            self._reports[namespace] = digest
            written += 1
        return written

    def _write_report(self, namespace: str, content: JsonObject, now: datetime) -> bool:
        """Return whether it was written: it isn't where the cluster has no such kind."""
        path = collection(_REPORTS, "policyreports", namespace, REPORT)
        found = self.api.get(path)
        stamp: JsonObject = {"seconds": int(now.timestamp()), "nanos": 0}
        results = content["results"]
        dated = (
            [{**item, "timestamp": stamp} for item in results if isinstance(item, dict)]
            if isinstance(results, list)
            else []
        )
        document: JsonObject = {
            "apiVersion": _REPORTS,
            "kind": "PolicyReport",
            **content,
            "metadata": {"name": REPORT, "namespace": namespace, "labels": {**MANAGED}},
            "results": [*dated],
        }
        self.demand()
        if not found.is_missing:
            document["metadata"] = found.demanded().get("metadata")
            self.api.update(path, document).demanded()
            return True
        answer = self.api.create(collection(_REPORTS, "policyreports", namespace), document)
        if answer.is_missing:
            return False
        answer.demanded()
        return True

    def _event(self, about: JsonObject, reason: str, note: str, now: datetime) -> None:
        namespace = str(about["namespace"])
        moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        named = hashlib.sha256(f"{about['uid']}\n{reason}\n{note}".encode()).hexdigest()[:16]
        document: JsonObject = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"dbom.{named}", "namespace": namespace, "labels": {**MANAGED}},
            "involvedObject": about,
            "reason": reason,
            "message": note if len(note) <= _LONGEST_NOTE else f"{note[: _LONGEST_NOTE - 1]}…",
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
        # It was said already, or its namespace is being deleted.
        if not (answer.is_conflict or answer.is_missing or answer.status == 403):  # noqa: PLR2004  of HTTP
            answer.demanded()


def _report(outcomes: Sequence[Outcome]) -> JsonObject:
    """Return scope-less content of a report: noes first, so that the bound leaves out what matters least."""
    counted = Counter(_result(item) for item in outcomes)
    ordered = sorted(outcomes, key=lambda item: (not item.is_no, item.kind, item.name))
    return {
        "summary": {key: counted.get(key, 0) for key in ("pass", "fail", "warn", "error", "skip")},
        "results": [_entry(item) for item in ordered[:MOST_RESULTS]],
    }


def _entry(item: Outcome) -> JsonObject:
    about: JsonObject = {
        "apiVersion": item.api_version,
        "kind": item.kind,
        "namespace": item.namespace,
        "name": item.name,
        "uid": item.uid,
    }
    return {
        "source": "dbom",
        "policy": ",".join(item.policies) or "none",
        "rule": ",".join(item.rules) or "none",
        "result": _result(item),
        "scored": item.mode == "enforce",
        "message": item.message[:_LONGEST_NOTE],
        "resources": [about],
    }


def _result(item: Outcome) -> str:
    if item.verdict == "refused" and item.mode != "enforce":
        return "warn"
    return _RESULTS.get(item.verdict, "error")
