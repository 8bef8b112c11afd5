"""Every place in an object from which a model would be loaded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.documents import Node
from admission.references.kserve import COMPONENTS, component_references, initializer_references
from admission.references.mounts import read_volumes
from admission.references.places import image_target, is_path, uri_target
from admission.references.reference import ModelReference, Role, Target
from admission.references.servers import container_references
from dbom.errors import DocumentError
from dbom.names import POD_ANNOTATION_PREFIX
from dbom.printable import printable
from dbom.rules.admission import OBJECT_MALFORMED

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

__all__ = [
    "MODEL_ANNOTATION",
    "POD_SPECS",
    "READ_ANNOTATIONS",
    "SERVING_KINDS",
    "find_references",
    "is_read",
    "pod_parts",
]

MODEL_ANNOTATION: Final = POD_ANNOTATION_PREFIX + "model"
"""The annotation that may add references to be checked, and never vouches for any."""

POD_SPECS: Final = {
    ("", "Pod"): ("spec",),
    ("", "PodTemplate"): ("template", "spec"),
    ("", "ReplicationController"): ("spec", "template", "spec"),
    ("apps", "Deployment"): ("spec", "template", "spec"),
    ("apps", "StatefulSet"): ("spec", "template", "spec"),
    ("apps", "DaemonSet"): ("spec", "template", "spec"),
    ("apps", "ReplicaSet"): ("spec", "template", "spec"),
    ("batch", "Job"): ("spec", "template", "spec"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template", "spec"),
}
"""Where the pod specification stands, by API group and kind."""

SERVING_KINDS: Final = (("serving.kserve.io", "InferenceService"),)
CONTAINER_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
READ_ANNOTATIONS: Final = (MODEL_ANNOTATION, "internal.serving.kserve.io/storage-initializer-sourceuri")
"""The annotations that references are read from."""

_SEPARATORS = re.compile(r"[,\s]+")


def is_read(group: str, kind: str) -> bool:
    """Return whether objects of this kind are read."""
    return (group, kind) in POD_SPECS or (group, kind) in SERVING_KINDS


def find_references(document: JsonObject, *, group: str, kind: str, where: str) -> tuple[ModelReference, ...]:
    """Return every reference to a model in an object of a kind that is read, in the order of the object.

    Raises `DocumentError` with every fault where the object isn't what its kind says.
    """
    root = Node(document)
    found: list[ModelReference] = []
    for path in _annotated_paths(group, kind):
        found += _annotated(root.at(*path, "annotations"))
    for spec in pod_parts(root, group, kind):
        found += _in_pod(spec)
    if (group, kind) in SERVING_KINDS:
        for path in COMPONENTS:
            found += component_references(root.at("spec", *path))
    faults = sorted(set(root.faults))
    if faults:
        raise DocumentError(
            OBJECT_MALFORMED, f"not a {printable(kind)} that can be read: {faults[0]}", where=where, faults=faults
        )
    return tuple(found)


def pod_parts(root: Node, group: str, kind: str) -> list[Node]:
    """Return the parts of an object that are pod specifications; what must be there and isn't is a fault."""
    if (group, kind) in SERVING_KINDS:
        _expect(root.at("spec", "predictor"))
        return [part for path in COMPONENTS if (part := root.at("spec", *path)).is_there]
    spec = root.at(*POD_SPECS[group, kind])
    _expect(spec)
    containers = spec.get("containers")
    if containers.value in (None, []):
        containers.fault("a pod has at least one container")
    return [spec]


def _expect(node: Node) -> None:
    if not node.is_there:
        node.fault("missing")


def _annotated_paths(group: str, kind: str) -> list[tuple[str, ...]]:
    paths: list[tuple[str, ...]] = [("metadata",)]
    spec = POD_SPECS.get((group, kind), ())
    if spec and spec[:-1]:
        paths.append((*spec[:-1], "metadata"))
    return paths


def _annotated(annotations: Node) -> list[ModelReference]:
    found: list[ModelReference] = []
    for key in READ_ANNOTATIONS:
        node = annotations.get(key)
        for text in filter(None, _SEPARATORS.split(node.text() or "")):
            target = Target.opaque("an annotation has no volumes to look in") if is_path(text) else _place(text)
            found.append(ModelReference(Role.ANNOTATED, text, node.path, target))
    return found


def _place(text: str) -> Target:
    # Without a scheme, a digest makes it an image and nothing else does: `org/name` is the hub's.
    return image_target(text) if "://" not in text and "@sha256:" in text else uri_target(text)


def _in_pod(spec: Node) -> list[ModelReference]:
    volumes = read_volumes(spec)
    found: list[ModelReference] = []
    for volume in spec.get("volumes").items():
        image = volume.at("image")
        if image.is_there:
            text, target = image.get("reference").text() or "", volumes[volume.get("name").text() or ""].target
            found.append(ModelReference(Role.VOLUME, text, image.get("reference").path, target))
    for container in _containers(spec):
        found += initializer_references(container)
        found += container_references(container, volumes)
    return found


def _containers(spec: Node) -> list[Node]:
    containers = [item for name in CONTAINER_LISTS for item in spec.get(name).items()]
    for container in containers:
        if not isinstance(container.value, dict):
            container.fault("not a container")
    inline = [
        node
        for key, node in spec.members()
        if key not in CONTAINER_LISTS and isinstance(node.value, dict) and _looks_like_container(node)
    ]
    return [*(item for item in containers if isinstance(item.value, dict)), *inline]


def _looks_like_container(node: Node) -> bool:
    # KServe writes its model container inline (`predictor.model`), under a key that names the framework.
    value = node.value if isinstance(node.value, dict) else {}
    return any(key in value for key in ("args", "command", "env", "image", "storageUri"))
