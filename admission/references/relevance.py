"""The part of an object that decides what it loads: an update that leaves it as it is needs no new judgement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from admission.documents import Node
from admission.references.finding import CONTAINER_LISTS, READ_ANNOTATIONS
from admission.references.kinds import WORKLOADS

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["relevant_part"]

_NEVER_READ: Final = ("apiVersion", "kind", "metadata", "status")
_CONTAINER_KEYS: Final = (
    "image",
    "command",
    "args",
    "env",
    "envFrom",
    "volumeMounts",
    "volumeDevices",
    "workingDir",
    "lifecycle",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
)


def relevant_part(document: JsonObject, *, group: str, kind: str) -> str:
    """Return the part of an object that references are read from, as a text to compare.

    Of pods and workloads these are the annotations that are read, volumes and what containers start with; of serving
    resources everything but metadata and status, under whichever keys it stands. Labels, other annotations and owners
    are no part of it, and replica counts are none of a workload's.
    """
    root = Node(document)
    place = WORKLOADS.get((group, kind))
    if place is None:
        whole = {key: node.value for key, node in root.members() if key not in _NEVER_READ}
        part: Json = {"annotations": _annotations(root.get("metadata")), "whole": whole}
    else:
        path = tuple(place.split("."))
        spec = root.at(*path)
        part = {
            "annotations": [_annotations(root.at(*at, "metadata")) for at in ((), path[:-1])],
            "volumes": spec.get("volumes").value,
            "containers": [[_container(item) for item in spec.get(name).items()] for name in CONTAINER_LISTS],
            # What is malformed has no part that could be picked: then the whole of it counts.
            "whole": document if root.faults else None,
        }
    return json.dumps(part, sort_keys=True)


def _annotations(metadata: Node) -> Json:
    annotations = metadata.get("annotations")
    return [annotations.get(key).value for key in READ_ANNOTATIONS]


def _container(item: Node) -> Json:
    if not isinstance(item.value, dict):
        return item.value
    return {key: item.value[key] for key in _CONTAINER_KEYS if key in item.value}
