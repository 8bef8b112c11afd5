"""What runs in a cluster, judged again by the policies and the evidence of now. Nothing is stopped; it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.decision import NOES
from admission.policy import Mode
from admission.review import Review
from dbom.errors import DbomError
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from admission.cached import CachedGate
    from dbom.canonical import JsonObject

__all__ = ["JUDGED", "Outcome", "judge_running", "kept_workload"]

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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gate would say of an object now. `is_made` says that another object made it (a pod of a workload).

    `mode` is empty where no policy judges it; `is_excused` where break-glass would let it in.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    is_made: bool
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


def kept_workload(item: JsonObject) -> JsonObject:
    """Return what is kept of a pod or a workload: what the gate reads, and if it was made; of ended ones little."""
    metadata, status = item.get("metadata"), item.get("status")
    metadata = metadata if isinstance(metadata, dict) else {}
    kept: JsonObject = {key: metadata[key] for key in _KEPT if key in metadata}
    owners = metadata.get("ownerReferences")
    is_made = isinstance(owners, list) and any(isinstance(one, dict) and one.get("controller") for one in owners)
    phase = status.get("phase") if isinstance(status, dict) else None
    if phase in _ENDED:
        return {"metadata": kept, "isEnded": True}
    return {
        **{key: item[key] for key in ("apiVersion", "kind", "spec") if key in item},
        "metadata": kept,
        "isMade": is_made,
    }


def judge_running(
    collections: Iterable[Mapping[tuple[str, str], JsonObject]],
    gate: CachedGate,
    *,
    excluded: frozenset[str],
    now: datetime,
) -> tuple[Outcome, ...]:
    """Return what the gate says of each object now, those of excluded namespaces left out.

    Objects of one kind and content are judged once, as far as the gate's cache holds.
    """
    return tuple(
        _outcome(item, namespace, name, gate, now)
        for objects in collections
        for (namespace, name), item in sorted(objects.items())
        if namespace not in excluded and not item.get("isEnded")
    )


def _outcome(item: JsonObject, namespace: str, name: str, gate: CachedGate, now: datetime) -> Outcome:
    metadata = item.get("metadata")
    uid = str(metadata.get("uid", "")) if isinstance(metadata, dict) else ""
    document: JsonObject = {key: item[key] for key in ("apiVersion", "kind", "metadata", "spec") if key in item}
    shown = (str(item.get("apiVersion", "")), str(item.get("kind", "")), namespace, name, uid, bool(item.get("isMade")))
    try:
        review = Review.of_object(document, where=f"{namespace}/{name}")
    except DbomError as error:
        return Outcome(*shown, "can't tell", "", (error.rule.id,), (), printable(error.what))
    decision = gate.decide(review, now=now)
    reasons = decision.all_reasons
    return Outcome(
        *shown,
        str(decision.verdict),
        str(decision.mode) if isinstance(decision.mode, Mode) else "",
        tuple(dict.fromkeys(reason.rule.id for reason in reasons)),
        tuple(dict.fromkeys(reason.policy for reason in reasons if reason.policy)),
        decision.message,
        decision.break_glass is not None,
    )
