"""The policy objects of a cluster: which are good, and of those that aren't, which good one was there before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from admission.policy_sources import PolicySource
from dbom.errors import DocumentError
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dbom.canonical import Json, JsonObject

__all__ = ["ObservedPolicies", "PolicyState", "kept_policy", "observe_policies", "status_patch"]

_LONGEST_MESSAGE = 4096


@dataclass(frozen=True, slots=True)
class PolicyState:
    """What became of a policy object: `fault` is empty for a good one, `keeps_last` where an earlier one goes on.

    `not_handed` is why webhooks don't have the policies of now.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    fault: str = ""
    keeps_last: bool = False
    not_handed: str = ""

    @property
    def reason(self) -> str:
        """What became of it, in a word."""
        if self.fault:
            return "Refused"
        return "NotHandedOver" if self.not_handed else "InForce"

    @property
    def message(self) -> str:
        """What its owner is told."""
        if not self.fault:
            stuck = f"read, but webhooks don't have it yet: {self.not_handed}"[:_LONGEST_MESSAGE]
            return stuck if self.not_handed else "read, and handed to the webhooks"
        what = "its last good version stays in force" if self.keeps_last else "it is not in force"
        return f"{what}: {self.fault}"[:_LONGEST_MESSAGE]


@dataclass(frozen=True, slots=True)
class ObservedPolicies:
    """The policies that are in force, as they are written, and what became of each object."""

    sources: tuple[PolicySource, ...] = ()
    states: tuple[PolicyState, ...] = ()


def kept_policy(item: JsonObject) -> JsonObject:
    """Return what is kept of a policy object."""
    metadata = item.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    kept: JsonObject = {key: metadata[key] for key in ("name", "namespace", "uid", "generation") if key in metadata}
    return {key: item[key] for key in ("apiVersion", "kind", "spec", "status") if key in item} | {"metadata": kept}


def observe_policies(
    objects: Mapping[tuple[str, str], JsonObject], last: Mapping[str, PolicySource], *, own_namespace: str
) -> ObservedPolicies:
    """Read all policy objects; of a bad one, the last good version by `where` (in `last`) stays.

    One bad policy is nobody else's fault: the others count as they are.
    """
    sources: list[PolicySource] = []
    states: list[PolicyState] = []
    for (namespace, name), item in sorted(objects.items()):
        source, fault = PolicySource.of_object(item), ""
        try:
            source.policies(own_namespace=own_namespace)
        except DocumentError as error:
            fault = "; ".join(error.faults) or error.what
        good = source if not fault else last.get(source.where)
        sources += [good] if good is not None else []
        metadata = item.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        generation = metadata.get("generation")
        states.append(
            PolicyState(
                namespace,
                name,
                str(metadata.get("uid", "")),
                generation if isinstance(generation, int) else 0,
                printable(fault, limit=_LONGEST_MESSAGE) if fault else "",
                bool(fault) and good is not None,
            )
        )
    return ObservedPolicies(tuple(sources), tuple(states))


def status_patch(state: PolicyState, item: JsonObject, now: datetime) -> JsonObject | None:
    """Return the patch that says in the object's status what became of it, None where it is said already."""
    wanted: JsonObject = {
        "type": "Ready",
        "status": "True" if state.reason == "InForce" else "False",
        "reason": state.reason,
        "message": state.message,
        "observedGeneration": state.generation,
    }
    status = item.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    found = [entry for entry in conditions if isinstance(entry, dict)] if isinstance(conditions, list) else []
    said = next((entry for entry in found if entry.get("type") == "Ready"), {})
    if {key: said.get(key) for key in wanted} == wanted:
        return None
    since: Json = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    if said.get("status") == wanted["status"] and isinstance(said.get("lastTransitionTime"), str):
        since = said["lastTransitionTime"]
    others = [entry for entry in found if entry.get("type") != "Ready"]
    return {"status": {"conditions": [*others, {**wanted, "lastTransitionTime": since}]}}
