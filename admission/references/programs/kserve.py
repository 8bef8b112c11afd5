"""KServe's own kinds but LLMInferenceService: what an InferenceService, its runtimes and its caches name.

Followed: kserve 0.15 to 0.17, `pkg/apis/serving/v1beta1/predictor.go` and `component.go` (`storageUri`,
`storageUris`, `storage`; the frameworks' old keys), `pkg/apis/serving/v1alpha1` (ServingRuntime,
ClusterStorageContainer, InferenceGraph, TrainedModel, the LocalModel kinds), `pkg/utils/storage.go` (an `oci://`
becomes a modelcar, an image that the kubelet pulls) and `python/storage/kserve_storage` (`hf://ORG/NAME:REVISION`; an
object version is dropped). The group's older name `serving.kubeflow.org` is read alike.

KServe fills `/mnt/models` and the mount paths of `storageUris`: a path there is no reference of its own.

Not to be told: what a runtime (`runtime`, or the one that KServe chooses by model format) adds, and what a storage
key leads to. The pods that KServe makes are judged as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.container import Container
from admission.references.generic import generic_references
from admission.references.places import image_target, is_path, uri_target
from admission.references.program import Program, Resource
from admission.references.reference import ModelReference, Role, Target
from admission.references.stores import stored_target

if TYPE_CHECKING:
    from admission.documents import Node

__all__ = ["MODELS", "PROGRAM", "storage_reference", "storage_target"]

MODELS: Final = "/mnt/models"
"""The folder that KServe fills."""

_GROUPS: Final = ("serving.kserve.io", "serving.kubeflow.org")
_SPECS: Final = ("spec", "spec.default", "spec.canary")
_PARTS: Final = ("predictor", "predictor.workerSpec", "transformer", "explainer")
_COMPONENTS: Final = tuple(f"{spec}.{part}" for spec in _SPECS for part in _PARTS)
_STORAGE_URI: Final = "STORAGE_URI"
_LIST_KEYS: Final = ("containers", "initContainers", "ephemeralContainers")
_FRAMEWORKS: Final = (
    "model",
    "sklearn",
    "xgboost",
    "tensorflow",
    "pytorch",
    "triton",
    "onnx",
    "huggingface",
    "pmml",
    "lightgbm",
    "paddle",
)


def storage_target(uri: str) -> Target:
    """Return what a storage URI of KServe comes to, where KServe itself reads it."""
    if is_path(uri) or uri.startswith("pvc://"):
        return Target.opaque("it lies on a volume whose bytes nobody names")
    if "://" not in uri:
        return Target.opaque("it is not a storage URI")
    if uri.startswith("oci://"):
        return image_target(uri.removeprefix("oci://"))
    return uri_target(uri) if uri.startswith("hf://") else stored_target(uri)


def storage_reference(node: Node, role: Role = Role.MODEL) -> list[ModelReference]:
    """Return the reference that a storage URI is, none where it isn't there or empty."""
    text = node.text()
    return [ModelReference(role, text, node.path, storage_target(text))] if text else []


def _service(root: Node) -> list[ModelReference]:
    if not any(root.at(*f"{spec}.predictor".split(".")).is_there for spec in _SPECS):
        root.at("spec", "predictor").fault("missing")
    found: list[ModelReference] = []
    for path in _COMPONENTS:
        found += _component(root.at(*path.split(".")))
    return found


def _component(component: Node) -> list[ModelReference]:
    """Return what a predictor, transformer or explainer fetches from storage, whatever its framework is called."""
    own = [*_stored(component), *_fetched_for(component)]
    found = list(own)
    for key, node in component.members():
        if not isinstance(node.value, dict):
            continue
        inner = _stored(node)
        found += inner
        if key in _FRAMEWORKS and not (own or inner) and not generic_references(Container.read(node, {})):
            because = "it names no model, so the runtime decides which is loaded"
            found.append(ModelReference(Role.UNSEEN, key, node.path, Target.opaque(because)))
    return found


def _fetched_for(component: Node) -> list[ModelReference]:
    """Return what KServe fetches for custom containers, whatever they start: their `STORAGE_URI`."""
    found: list[ModelReference] = []
    for node in component.get("containers").items():
        container = Container.read(node, {}) if isinstance(node.value, dict) else None
        uri = container and container.environment.variables.get(_STORAGE_URI)
        if container and uri and uri.value != "":
            # (As the generic reader words it, so that it is one reference where both find it.)
            found.append(container.reference(Role.MODEL, uri.value, uri.path, written=_STORAGE_URI))
    return found


def _stored(node: Node) -> list[ModelReference]:
    found = storage_reference(node.get("storageUri"))
    for item in node.get("storageUris").items():
        text = item.get("uri").required()
        found.append(ModelReference(Role.MODEL, text, item.get("uri").path, storage_target(text)))
    storage = node.get("storage")
    if storage.is_there:
        because = "a storage key is resolved by a secret of the cluster"
        named = [storage.get(key) for key in ("path", "key") if storage.get(key).text()]
        at = named[0] if named else storage
        found.append(
            ModelReference(Role.MODEL, at.text() or "" if named else "storage", at.path, Target.opaque(because))
        )
    return found


def _filled(_: Node, spec: Node) -> tuple[str, ...]:
    """Return the folders that KServe fills in the pods of a component."""
    holders = [spec, *(node for key, node in spec.members() if key not in _LIST_KEYS and isinstance(node.value, dict))]
    kept = ("storageUri", "storage", "storageUris")
    named = any(isinstance(item.value, dict) and any(item.get(key).is_there for key in kept) for item in holders)
    if not (named or _is_custom(spec)):
        return ()
    uris = [item for holder in holders for item in holder.get("storageUris").items()]
    return (MODELS, *(path for item in uris if (path := item.get("mountPath").text())))


def _is_custom(spec: Node) -> bool:
    """Return whether a custom predictor's container says what KServe is to fetch for it (`STORAGE_URI`)."""
    containers = spec.get("containers").items()
    return any(
        variable.get("name").text() == _STORAGE_URI for item in containers for variable in item.get("env").items()
    )


def _always_filled(_: Node, __: Node) -> tuple[str, ...]:
    return (MODELS,)


def _at(*path: str) -> Resource:
    """Return how a kind is read that names one storage URI."""
    return Resource(reads=lambda root: storage_reference(root.at(*path)))


def _local_models(root: Node) -> list[ModelReference]:
    models = root.at("spec", "localModels").items()
    return [found for model in models for found in storage_reference(model.get("sourceModelUri"))]


_RUNTIME: Final = Resource(("spec", "spec.workerSpec"), fills=_always_filled)
_KINDS: Final = {
    "InferenceService": Resource(_COMPONENTS, _service, _filled),
    "ServingRuntime": _RUNTIME,
    "ClusterServingRuntime": _RUNTIME,
    "ClusterStorageContainer": Resource(),
    "InferenceGraph": Resource(),
    "TrainedModel": _at("spec", "model", "storageUri"),
    "LocalModelCache": _at("spec", "sourceModelUri"),
    "LocalModelNamespaceCache": _at("spec", "sourceModelUri"),
    "LocalModelNode": Resource(reads=_local_models),
}

PROGRAM: Final = Program(
    "KServe",
    "kserve 0.15 to 0.17 pkg/apis/serving, pkg/utils/storage.go",
    resources={(group, kind): resource for group in _GROUPS for kind, resource in _KINDS.items()},
)
