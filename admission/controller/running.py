"""What runs in a cluster, judged again by the policies and the evidence of now. Nothing is stopped; it is told.

Only what changed is judged: an object, the policies, the evidence, or that a moment came which an answer ends at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from admission.decision import NOES
from admission.policy import Mode
from admission.review import Review
from dbom.errors import DbomError
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from admission.cached import CachedGate
    from dbom.canonical import JsonObject

__all__ = ["JUDGED", "Outcome", "RunningJudge", "kept_workload", "told_of"]

JUDGED: Final = (
    ("v1", "pods"),
    ("apps/v1", "deployments"),
    ("apps/v1", "statefulsets"),
    ("apps/v1", "daemonsets"),
    ("batch/v1", "jobs"),
    ("batch/v1", "cronjobs"),
)
"""What is judged again: pods, and the workloads that make them. Serving resources are seen by the pods they make."""

_KEPT: Final = ("name", "namespace", "uid", "annotations", "labels")
_ENDED: Final = ("Succeeded", "Failed")
_MAKERS: Final = {"Pod": ("DaemonSet", "Deployment", "Job", "StatefulSet"), "Job": ("CronJob",)}
"""By which kinds objects of a kind are made, of those that are judged: the way up has an end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gate would say of an object now. `made_by` is what made it, as it says itself: a uid, or kind/name.

    `mode` is empty where no policy judges it; `is_excused` where break-glass would let it in.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    made_by: str
    verdict: str
    mode: str
    rules: tuple[str, ...]
    policies: tuple[str, ...]
    message: str
    is_excused: bool = False

    @property
    def is_no(self) -> bool:
        """Whether a policy would say no to it, whatever its mode makes of that."""
        return bool(self.mode) and not self.is_excused and any(self.verdict == no for no in NOES)


def told_of(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Yield the noes of which somebody is told: not a pod of a workload that is a no itself, and told of.

    Anybody can write who made an object, so a maker counts only where it is there, and a no in the same namespace.
    """
    noes = [item for item in outcomes if item.is_no]
    makers = {(item.namespace, item.kind, key) for item in noes for key in (item.uid, f"{item.kind}/{item.name}")}
    for item in noes:
        kinds = _MAKERS.get(item.kind, ())
        if not item.made_by or not any((item.namespace, kind, item.made_by) in makers for kind in kinds):
            yield item


def kept_workload(item: JsonObject) -> JsonObject:
    """Return what is kept of a pod or a workload: what the gate reads, and what made it; of ended ones little."""
    metadata, status = item.get("metadata"), item.get("status")
    metadata = metadata if isinstance(metadata, dict) else {}
    kept: JsonObject = {key: metadata[key] for key in _KEPT if key in metadata}
    phase = status.get("phase") if isinstance(status, dict) else None
    if phase in _ENDED:
        return {"metadata": kept, "isEnded": True}
    return {
        **{key: item[key] for key in ("apiVersion", "kind", "spec") if key in item},
        "metadata": kept,
        "madeBy": _maker(metadata),
    }


def _maker(metadata: JsonObject) -> str:
    """Return the uid of what made an object; for a ReplicaSet, which isn't watched, its Deployment's kind and name."""
    owners, labels = metadata.get("ownerReferences"), metadata.get("labels")
    found = [one for one in owners if isinstance(one, dict)] if isinstance(owners, list) else []
    owner: JsonObject = next((one for one in found if one.get("controller")), {})
    suffix = labels.get("pod-template-hash") if isinstance(labels, dict) else None
    name = str(owner.get("name", ""))
    if owner.get("kind") == "ReplicaSet" and isinstance(suffix, str) and name.endswith(f"-{suffix}"):
        return f"Deployment/{name.removesuffix(f'-{suffix}')}"
    return str(owner.get("uid", ""))


_Place: TypeAlias = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class _Known:
    """What was said of an object, when, and until when that holds."""

    item: JsonObject
    outcome: Outcome
    at: datetime
    until: datetime | None

    def holds(self, item: JsonObject, now: datetime) -> bool:
        in_time = self.at <= now and (self.until is None or now < self.until)
        return in_time and (self.item is item or self.item == item)


class RunningJudge:
    """Judges collections of objects again and again. `judged` counts the objects that were really judged."""

    def __init__(self) -> None:
        self.judged = 0
        self._by = ""
        self._known: dict[_Place, _Known] = {}

    def judge(
        self,
        collections: Iterable[Mapping[tuple[str, str], JsonObject]],
        gate: CachedGate,
        *,
        by: str,
        excluded: frozenset[str],
        now: datetime,
    ) -> tuple[Outcome, ...]:
        """Return what the gate says of each object now, those of excluded namespaces left out.

        `by` tells apart policies and evidence that could give two answers.
        """
        before = self._known if by == self._by else {}
        found: dict[_Place, _Known] = {}
        for number, objects in enumerate(collections):
            for (namespace, name), item in sorted(objects.items()):
                if namespace in excluded or item.get("isEnded"):
                    continue
                known = before.get((number, namespace, name))
                if known is None or not known.holds(item, now):
                    known = _judged(item, namespace, name, gate, now)
                    self.judged += 1
                found[number, namespace, name] = known
        self._by, self._known = by, found
        return tuple(known.outcome for known in found.values())


def _judged(item: JsonObject, namespace: str, name: str, gate: CachedGate, now: datetime) -> _Known:
    metadata = item.get("metadata")
    uid = str(metadata.get("uid", "")) if isinstance(metadata, dict) else ""
    document: JsonObject = {key: item[key] for key in ("apiVersion", "kind", "metadata", "spec") if key in item}
    shown = (
        str(item.get("apiVersion", "")),
        str(item.get("kind", "")),
        namespace,
        name,
        uid,
        str(item.get("madeBy") or ""),
    )
    try:
        review = Review.of_object(document, where=f"{namespace}/{name}")
    except DbomError as error:
        outcome = Outcome(*shown, "can't tell", "", (error.rule.id,), (), printable(error.what))
        return _Known(item, outcome, now, None)
    decision = gate.decide(review, now=now)
    reasons = decision.all_reasons
    outcome = Outcome(
        *shown,
        str(decision.verdict),
        str(decision.mode) if isinstance(decision.mode, Mode) else "",
        tuple(dict.fromkeys(reason.rule.id for reason in reasons)),
        tuple(dict.fromkeys(reason.policy for reason in reasons if reason.policy)),
        decision.message,
        decision.break_glass is not None,
    )
    return _Known(item, outcome, now, decision.until)
