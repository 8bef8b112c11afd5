"""llm-d: the ModelService resource, and what its chart makes of `modelArtifacts.uri`.

Followed are llm-d-model-service 0.0.10 (`docs/userguide/model-artifacts.md`: `hf://`, `pvc://`, `oci://IMAGE::PATH`)
and the chart llm-d-modelservice 0.4.11 (`pvc+hf://` besides; the pods that it renders hold vLLM beside a routing proxy,
and are read like any other pod). Its leader-worker sets are workloads like others.

What can't be told: what a base configuration (`baseConfigMapRef`) adds to the pods, since it is another object. The
controller mounts what the URI names at `/model-cache`, and puts the template's values (`{{ .MountedModelPath }}`) into
the words of the containers: words that are nothing but such a value name no second model.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from admission.references.finding import find_references
from admission.references.places import image_target, uri_target
from admission.references.program import Program, Resource
from admission.references.reference import ModelReference, Role, Target
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from admission.documents import Node

__all__ = ["PROGRAM"]

_ROLES: Final = ("decode", "prefill")
_LISTS: Final = ("initContainers", "containers")
_OWN: Final = re.compile(r"\{\{-?\s*\.(?:HFModelName|MountedModelPath|ModelPath)\s*-?\}\}")
_CLAIMS: Final = ("pvc://", "pvc+hf://")


def _service(root: Node) -> list[ModelReference]:
    """Return what a ModelService names: its artifact, and what the words of its containers name besides."""
    uri = root.at("spec", "modelArtifacts", "uri")
    found: list[ModelReference] = []
    if text := uri.text():
        found.append(ModelReference(Role.MODEL, text, uri.path, _artifact(text)))
    for role in _ROLES:
        for key in _LISTS:
            for node in root.at("spec", role, key).items():
                if isinstance(node.value, dict):
                    found += _besides(node)
    return found


def _artifact(uri: str) -> Target:
    """Return what the URI of an artifact comes to."""
    if uri.startswith(_CLAIMS):
        return Target.opaque("it lies on a volume whose bytes nobody names")
    if uri.startswith("oci://"):
        # The controller mounts it as an image volume; behind `::` stands the path in it.
        return image_target(uri.removeprefix("oci://").partition("::")[0])
    if uri.startswith("hf://"):
        return uri_target(uri)
    return Target.opaque("it is none of hf://, pvc://, pvc+hf:// and oci://")


def _besides(node: Node) -> list[ModelReference]:
    """Return what a container names other than by the values that the controller puts in.

    A base configuration may complete its words, so that what they leave out isn't left to the program.
    """
    place = "spec.containers[0]"
    try:
        found = find_references({"spec": {"containers": [node.value]}}, group="", kind="Pod", where=node.path)
    except DocumentError as error:
        node.faults.extend(fault.replace(place, node.path, 1) for fault in error.faults)
        return []
    named = [replace(item, path=item.path.replace(place, node.path, 1)) for item in found]
    return [
        item
        for item in named
        if item.role is not Role.UNSEEN and item.path != node.get("image").path and not _is_own(item)
    ]


def _is_own(reference: ModelReference) -> bool:
    return _OWN.fullmatch(reference.text.partition("=")[2] or reference.text) is not None


PROGRAM: Final = Program(
    "llm-d",
    "llm-d-model-service 0.0.10 docs/userguide/model-artifacts.md; llm-d-modelservice 0.4.11 templates",
    resources={("llm-d.ai", "ModelService"): Resource((), _service)},
)
