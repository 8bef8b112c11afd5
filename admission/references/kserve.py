"""What KServe loads: an InferenceService's storage, and the arguments of its storage initializer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.environment import read_environment
from admission.references.places import is_path, uri_target
from admission.references.reference import ModelReference, Role, Target
from admission.references.words import read_words
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.documents import Node

__all__ = ["COMPONENTS", "component_references", "initializer_references"]

COMPONENTS: Final = (("predictor",), ("predictor", "workerSpec"), ("transformer",), ("explainer",))
"""The parts of an InferenceService that pods are made of, as paths in its specification."""

_INITIALIZER: Final = "storage-initializer"


def initializer_references(container: Node) -> list[ModelReference]:
    """Return what a storage initializer fetches: its arguments are pairs of a source and a folder.

    It is recognised by the last part of its image's name, which only ever adds references: whether it really puts
    there what it is told to is not known, so a path that it fills stays opaque.
    """
    image = container.get("image").text() or ""
    if image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0] != _INITIALIZER:
        return []
    words = [word for word in read_words(container, read_environment(container)) if not word.is_command]
    if not words or len(words) % 2:
        because = "a storage initializer takes pairs of a source and a folder, and these words are none"
        return [ModelReference(Role.MODEL, image, container.get("image").path, Target.opaque(because))]
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
    target = storage_target(uri)
    # KServe has the kubelet pull an image of an InferenceService; its initializer checks no digest.
    return Target.opaque("a program that fetches it checks no digest") if target.base.startswith("oci://") else target


def storage_target(uri: str) -> Target:
    """Return what a storage URI of KServe comes to."""
    if is_path(uri) or uri.startswith("pvc://"):
        return Target.opaque("it lies on a volume whose bytes nobody names")
    if "://" not in uri:
        return Target.opaque("it is not a storage URI")
    return uri_target(uri)


def component_references(component: Node) -> list[ModelReference]:
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
        found.append(ModelReference(Role.MODEL, text, uri.path, storage_target(text)))
    storage = node.get("storage")
    if storage.is_there:
        because = "a storage key is resolved by a secret of the cluster"
        found.append(ModelReference(Role.MODEL, "storage", storage.path, Target.opaque(because)))
    for item in node.get("storageUris").items():
        text = item.get("uri").required()
        found.append(ModelReference(Role.MODEL, text, item.get("uri").path, storage_target(text)))
    return found
