"""The part of an object that decides what it loads: an update that leaves it as it is needs no new judgement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from admission.documents import Node
from admission.references.finding import CONTAINER_LISTS, POD_SPECS

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["relevant_part"]

_CONTAINER_KEYS: Final = (
    "image",
    "command",
    "args",
    "env",
    "envFrom",
    "volumeMounts",
    "volumeDevices",
    "workingDir",
)


def relevant_part(document: JsonObject, *, group: str, kind: str) -> str:
    """Return the part of an object that references are read from, as a text to compare.

    Of pods and workloads these are annotations, volumes and what containers start with; of serving resources the
    whole specification. Replica counts, labels, status and owners are no part of it.
    """
    root = Node(document)
    path = POD_SPECS.get((group, kind))
    if path is None:
        part: Json = {"annotations": root.at("metadata", "annotations").value, "spec": root.get("spec").value}
    else:
        spec = root.at(*path)
        part = {
            "annotations": [
                root.at("metadata", "annotations").value,
                root.at(*path[:-1], "metadata", "annotations").value if path[:-1] else None,
            ],
            "volumes": spec.get("volumes").value,
            "containers": [[_container(item) for item in spec.get(name).items()] for name in CONTAINER_LISTS],
            # What is malformed has no part that could be picked: then the whole of it counts.
            "whole": document if root.faults else None,
        }
    return json.dumps(part, sort_keys=True)


def _container(item: Node) -> Json:
    if not isinstance(item.value, dict):
        return item.value
    return {key: item.value[key] for key in _CONTAINER_KEYS if key in item.value}
