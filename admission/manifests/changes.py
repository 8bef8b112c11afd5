"""Which updates are the webhook's business, in CEL, so that the API server can tell (matchConditions, since 1.30).

What an update leaves as it is loads what was loaded before, and the gate lets it pass. Asking all the same would have a
dead webhook stop what a cluster needs to recover: a Deployment that is scaled down updates its ReplicaSet, and a Job
that has finished takes finalizers off its pods. So the webhook is asked about an update only where something changes
that the gate reads (`admission.references.relevance`): an annotation that is read; of a workload its pod template; of
any other kind everything but metadata and status. That is more than the gate reads, never less: tests compare them.

No expression here fails: a field is asked for before it is read, and a condition that fails is a refusal.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from admission.references.finding import READ_ANNOTATIONS
from admission.references.kinds import WORKLOADS
from admission.references.relevance import NEVER_READ

if TYPE_CHECKING:
    from dbom.canonical import Json

__all__ = ["ASKED", "UNCHANGED", "match_conditions"]

_MOST_MEMBERS: Final = 64
"""With more members than that, both objects' together, an update is asked about unseen: looking would cost too much."""


def _annotations_differ() -> str:
    return f"{_texts(READ_ANNOTATIONS)}.exists(key, {_differ('.?metadata.?annotations[?key]')})"


def _differ(path: str) -> str:
    return f"object{path} != oldObject{path}"


def _templates_differ() -> str:
    """Return the expression for workloads with a template in their specification, else for the rest.

    A Pod and a PodTemplate are compared like any other kind: they are little more than what runs.
    """
    templates: dict[str, list[str]] = {}
    for (group, kind), path in WORKLOADS.items():
        first, *rest = path.split(".")
        if rest and first == "spec":
            templates.setdefault(f".?{first}.?{rest[0]}", []).append(f"{group}/{kind}")
    found = _rest_differs()
    for path, kinds in templates.items():
        found = f"(request.kind.group + '/' + request.kind.kind in {_texts(kinds)} ? {_differ(path)} : {found})"
    return found


def _rest_differs() -> str:
    of_none = f"!(key in {_texts(NEVER_READ)})"
    return (
        f"(object.size() + oldObject.size() > {_MOST_MEMBERS}"
        f" || object.exists(key, {of_none} && (!(key in oldObject) || object[key] != oldObject[key]))"
        f" || oldObject.exists(key, {of_none} && !(key in object)))"
    )


def _texts(items: tuple[str, ...] | list[str]) -> str:
    return json.dumps([*items]).replace('"', "'")


ASKED: Final = f"request.operation != 'UPDATE' || {_annotations_differ()} || {_templates_differ()}"
"""True of what the webhook is to be asked about; over `request`, `object` and `oldObject`."""

UNCHANGED: Final = f"!({ASKED})"
"""True of the updates that it isn't."""


def match_conditions() -> Json:
    """Return the `matchConditions` of a webhook."""
    return [{"name": "what-is-judged-changes", "expression": ASKED}]
