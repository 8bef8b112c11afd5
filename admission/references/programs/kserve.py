"""What KServe loads: an InferenceService's storage, and the arguments of its storage initializer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.places import is_path, uri_target
from admission.references.program import Program, Resource
from admission.references.reference import ModelReference, Role, Target
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.documents import Node
    from admission.references.container import Container

__all__ = ["PROGRAM"]

_COMPONENTS: Final = ("spec.predictor", "spec.predictor.workerSpec", "spec.transformer", "spec.explainer")
_INITIALIZER: Final = "storage-initializer"


def _starts(container: Container) -> bool:
    # Its image alone tells it, which only ever adds references: whether it really puts there what it is told to is not
    # known, so a path that it fills stays opaque.
    return not container.is_hook and container.image_name == _INITIALIZER


def _loads(container: Container) -> list[ModelReference]:
    """Return what a storage initializer fetches: its arguments are pairs of a source and a folder."""
    words = [word for word in container.words if not word.is_command]
    if not words or len(words) % 2:
        because = "a storage initializer takes pairs of a source and a folder, and these words are none"
        path = container.node.get("image").path
        return [ModelReference(Role.MODEL, container.image, path, Target.opaque(because))]
    return [
        ModelReference(
            Role.MODEL,
            word.text if isinstance(word.value, Unknown) else word.value,
            word.path,
            Target.opaque(word.value.reason) if isinstance(word.value, Unknown) else _fetched(word.value),
        )
        for word in words[::2]
    ]


def _fetched(uri: str) -> Target:
    target = _storage_target(uri)
    # KServe has the kubelet pull an image of an InferenceService; its initializer checks no digest.
    return Target.opaque("a program that fetches it checks no digest") if target.base.startswith("oci://") else target


def _storage_target(uri: str) -> Target:
    """Return what a storage URI of KServe comes to."""
    if is_path(uri) or uri.startswith("pvc://"):
        return Target.opaque("it lies on a volume whose bytes nobody names")
    if "://" not in uri:
        return Target.opaque("it is not a storage URI")
    return uri_target(uri)


def _service(root: Node) -> list[ModelReference]:
    if not root.at("spec", "predictor").is_there:
        root.at("spec", "predictor").fault("missing")
    return [reference for path in _COMPONENTS for reference in _component(root.at(*path.split(".")))]


def _component(component: Node) -> list[ModelReference]:
    """Return what a predictor, transformer or explainer fetches from storage, whatever its framework is called."""
    found = _stored(component)
    for _, node in component.members():
        if isinstance(node.value, dict):
            found += _stored(node)
    return found


def _stored(node: Node) -> list[ModelReference]:
    found: list[ModelReference] = []
    uri = node.get("storageUri")
    if text := uri.text():
        found.append(ModelReference(Role.MODEL, text, uri.path, _storage_target(text)))
    storage = node.get("storage")
    if storage.is_there:
        because = "a storage key is resolved by a secret of the cluster"
        found.append(ModelReference(Role.MODEL, "storage", storage.path, Target.opaque(because)))
    for item in node.get("storageUris").items():
        text = item.get("uri").required()
        found.append(ModelReference(Role.MODEL, text, item.get("uri").path, _storage_target(text)))
    return found


PROGRAM: Final = Program(
    "KServe",
    "kserve 0.15 pkg/apis/serving/v1beta1, python/storage-initializer",
    _starts,
    _loads,
    {("serving.kserve.io", "InferenceService"): Resource(_COMPONENTS, _service)},
)
