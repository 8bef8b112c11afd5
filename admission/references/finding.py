"""Every place in an object from which a model would be loaded."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from admission.documents import Node
from admission.references.accelerators import CONTAINER_LISTS, unseen_models
from admission.references.container import Container
from admission.references.downloads import download_references
from admission.references.generic import generic_references
from admission.references.kinds import WORKLOADS, resource_of, there
from admission.references.mounts import FILLED, read_volumes
from admission.references.places import image_target, is_path, uri_target
from admission.references.program import Addition, Resource, known_programs, read_volume
from admission.references.reference import ModelReference, Pinning, Role, Target
from dbom.errors import DocumentError
from dbom.names import POD_ANNOTATION_PREFIX
from dbom.printable import printable
from dbom.rules.admission import OBJECT_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from admission.references.mounts import Volume
    from dbom.canonical import Json, JsonObject

__all__ = [
    "MODEL_ANNOTATION",
    "OWN_COMMANDS",
    "READ_ANNOTATIONS",
    "find_references",
    "pod_parts",
]

MODEL_ANNOTATION: Final = POD_ANNOTATION_PREFIX + "model"
"""The annotation that may add references to be checked, and never vouches for any."""

OWN_COMMANDS: Final = "ray.io/overwrite-container-cmd"
"""The annotation by which KubeRay leaves the commands of a cluster's containers to their images, where it is true."""

_NAMING_ANNOTATIONS: Final = (MODEL_ANNOTATION, "internal.serving.kserve.io/storage-initializer-sourceuri")
READ_ANNOTATIONS: Final = (*_NAMING_ANNOTATIONS, OWN_COMMANDS)
"""The annotations that are read: those that name models, and those that say what is started."""

_MOST_ITEMS: Final = 2000
_MOST_CONTAINERS: Final = 1000
_COUNTED: Final = ("command", "args", "env", "volumeMounts")
_SEPARATORS = re.compile(r"[,\s]+")


def find_references(document: JsonObject, *, group: str, kind: str, where: str) -> tuple[ModelReference, ...]:
    """Return every reference to a model in an object of a kind that is read, in the order of the object.

    Raises `DocumentError` with every fault where the object isn't what its kind says.
    """
    root = Node(document)
    found: list[ModelReference] = []
    for metadata in _annotated_places(root, group, kind):
        found += _annotated(metadata.get("annotations"))
    resource = resource_of(group, kind) or Resource()
    for spec in pod_parts(root, group, kind):
        found += [
            item
            for item in _in_pod(spec, resource.fills(root, spec), resource.completes, resource.adds(root, spec))
            if item.target != FILLED
        ]
    own = resource.reads(root)
    found += own
    if not any(item.role is Role.MODEL for item in own):
        # (What a resource names itself is what its pods load, wherever in them the accelerator is asked for.)
        specs = pod_parts(root, group, kind)
        for spec in specs:
            found += unseen_models(spec, found, _containers(spec), is_alone=len(specs) == 1)
    faults = sorted(set(root.faults))
    if faults:
        raise DocumentError(
            OBJECT_MALFORMED, f"not a {printable(kind)} that can be read: {faults[0]}", where=where, faults=faults
        )
    return tuple(dict.fromkeys(found))


def pod_parts(root: Node, group: str, kind: str) -> list[Node]:
    """Return the parts of an object that are pod specifications; what must be there and isn't is a fault."""
    path = WORKLOADS.get((group, kind))
    if path is None:
        resource = resource_of(group, kind)
        return [] if resource is None else [spec for pattern in resource.pods for spec in there(root, pattern)]
    spec = root.at(*path.split("."))
    _expect(spec)
    containers = spec.get("containers")
    if containers.value in (None, []):
        containers.fault("a pod has at least one container")
    return [spec]


def _expect(node: Node) -> None:
    if not node.is_there:
        node.fault("missing")


def _annotated_places(root: Node, group: str, kind: str) -> list[Node]:
    """Return the metadata of an object and of the pod templates in it."""
    path = WORKLOADS.get((group, kind))
    resource = resource_of(group, kind)
    patterns = [path] if path is not None else resource.pods if resource is not None else ()
    templates = [pattern.rpartition(".")[0] for pattern in patterns if pattern.lower().endswith("template.spec")]
    return [root.get("metadata"), *(node.get("metadata") for at in templates for node in there(root, at))]


def _annotated(annotations: Node) -> list[ModelReference]:
    found: list[ModelReference] = []
    for key in _NAMING_ANNOTATIONS:
        node = annotations.get(key)
        for text in filter(None, _SEPARATORS.split(node.text() or "")):
            target = Target.opaque("an annotation has no volumes to look in") if is_path(text) else _place(text)
            found.append(ModelReference(Role.ANNOTATED, text, node.path, target))
    return found


def _place(text: str) -> Target:
    # Without a scheme, a digest makes it an image and nothing else does: `org/name` is the hub's.
    return image_target(text) if "://" not in text and "@sha256:" in text else uri_target(text)


def _in_pod(
    spec: Node, filled: tuple[str, ...], completed: tuple[str, ...], additions: Mapping[str, Addition]
) -> list[ModelReference]:
    volumes = read_volumes(spec)
    found: list[ModelReference] = []
    for volume in spec.get("volumes").items():
        image = volume.at("image")
        if image.is_there:
            text, target = image.get("reference").text() or "", volumes[volume.get("name").text() or ""].target
            found.append(ModelReference(Role.VOLUME, text, image.get("reference").path, target))
        elif (own := read_volume(volume)) is not None:
            found.append(own)
    containers = _containers(spec)
    if len(containers) > _MOST_CONTAINERS:
        because = f"its pod has more than {_MOST_CONTAINERS} containers"
        found.append(ModelReference(Role.MODEL, "containers", spec.get("containers").path, Target.opaque(because)))
    for node in containers[:_MOST_CONTAINERS]:
        found += _in_container(_added_to(node, additions), volumes, filled, completed)
    return found


def _added_to(node: Node, additions: Mapping[str, Addition]) -> Node:
    """Return a container with what a controller adds to it; its own variables stay as they are."""
    added = additions.get(node.get("name").text() or "") if additions else None
    if added is None or not isinstance(node.value, dict):
        return node
    changed = dict(node.value)
    if added.command and not node.get("command").value and not node.get("args").value:
        changed["command"] = [*added.command]
    own = changed.get("env")
    known = {item.get("name").value for item in node.get("env").items()}
    variables: list[Json] = [
        {"name": name, "value": text} for name, text in added.variables.items() if name not in known
    ]
    if variables and (own is None or isinstance(own, list)):
        changed["env"] = [*(own or []), *variables]
    return Node(changed, node.path, node.faults)


def _in_container(
    node: Node, volumes: Mapping[str, Volume], filled: tuple[str, ...], completed: tuple[str, ...]
) -> list[ModelReference]:
    """Return what a container's words and environment would load, and what of them can't be told."""
    counted = (node.get(key).value for key in _COUNTED)
    if sum(len(value) for value in counted if isinstance(value, list)) > _MOST_ITEMS:
        because = f"it has more than {_MOST_ITEMS} words, variables and mounts"
        return [ModelReference(Role.MODEL, node.get("image").text() or "", node.path, Target.opaque(because))]
    is_completed = node.get("name").text() in completed
    started = Container.started(node, volumes, filled)
    if is_completed:
        started = [replace(each, is_completed=True) for each in started]
    return [reference for container in started for reference in _loaded(container)]


def _loaded(container: Container) -> list[ModelReference]:
    programs = [program for program in known_programs() if program.starts(container)]
    downloads = download_references(container)
    if programs:
        found = [reference for program in programs for reference in program.loads(container)]
        known = {reference.path for reference in found}
        found += [item for item in downloads if item.path not in known]
    else:
        # A tool that is known knows better what its words mean: `--model` may be one of another hub.
        known = {reference.path for reference in downloads}
        generic = generic_references(container)
        found = [item for item in generic if item.path not in known or item.pinning is Pinning.OPAQUE] + downloads
    return [_doubted(item, container) for item in found]


def _doubted(reference: ModelReference, container: Container) -> ModelReference:
    """Return a reference as it is, or opaque where other words of its script might change what it means."""
    if reference.target.location is None or reference.path != container.script or not container.untold:
        return reference
    because = f"other words beside it can't be told: {container.untold}"
    return replace(reference, target=Target.opaque(because))


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
