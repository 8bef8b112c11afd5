"""KAITO: workspaces that serve or tune a model, sets of them, and RAG engines.

Followed: kaito 0.8 `api/v1beta1/workspace_types.go`, `ragengine_types.go`, `api/v1alpha1/inferenceset_types.go` and
`multiroleinference_types.go`. A preset with an owner (`org/name`) is a repository of the hub, without a commit; an
adapter's or an input's image is one that the kubelet pulls; `output` is written, not read. A preset's own image and
claim are read beside its name, since newer releases ignore the image.

Not to be told: what a preset without an owner means (the release decides), and the arguments in the ConfigMap
`config`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.places import image_target, uri_target
from admission.references.program import Program, Resource
from admission.references.reference import ModelReference, Role, Target
from admission.references.stores import stored_target

if TYPE_CHECKING:
    from admission.documents import Node

__all__ = ["PROGRAM"]

_GROUP: Final = "kaito.sh"
_PRESET: Final = "KAITO's release decides which weights this preset means"
_CLAIM: Final = "it lies on a volume whose bytes nobody names"
_ARGUMENTS: Final = "a ConfigMap holds more arguments, which may name any model"


def _workspace(root: Node) -> list[ModelReference]:
    return [*_inference(root.get("inference")), *_tuning(root.get("tuning"))]


def _inference(inference: Node) -> list[ModelReference]:
    found = [*_preset(inference.get("preset")), *_config(inference)]
    for adapter in inference.get("adapters").items():
        found += _source(adapter.get("source"), Role.ADAPTER)
    return found


def _tuning(tuning: Node) -> list[ModelReference]:
    return [
        *_preset(tuning.get("preset")),
        *_config(tuning),
        *_source(tuning.get("input"), Role.DATASET),
    ]


def _preset(preset: Node) -> list[ModelReference]:
    options = preset.get("presetOptions")
    return [
        *_named(preset.get("name")),
        *_image(options.get("image"), Role.MODEL),
        *_opaque(options.get("modelWeightsPVC"), Role.MODEL, _CLAIM),
    ]


def _named(name: Node) -> list[ModelReference]:
    text = name.text()
    if not text:
        return []
    target = uri_target(text) if "/" in text else Target.opaque(_PRESET)
    return [ModelReference(Role.MODEL, text, name.path, target)]


def _config(holder: Node) -> list[ModelReference]:
    return _opaque(holder.get("config"), Role.MODEL, _ARGUMENTS)


def _source(source: Node, role: Role) -> list[ModelReference]:
    found = _image(source.get("image"), role)
    for url in source.get("urls").items():
        text = url.text() or ""
        target = stored_target(text) if "://" in text else Target.opaque("it is not a URL")
        found.append(ModelReference(role, text, url.path, target))
    volume = source.get("volumeSource")
    if volume.at("image", "reference").is_there:
        return [*found, *_image(volume.at("image", "reference"), role)]
    if volume.is_there:
        found.append(ModelReference(role, source.get("name").text() or "", volume.path, Target.opaque(_CLAIM)))
    return found


def _image(image: Node, role: Role) -> list[ModelReference]:
    text = image.text()
    return [ModelReference(role, text, image.path, image_target(text))] if text else []


def _opaque(node: Node, role: Role, because: str) -> list[ModelReference]:
    text = node.text()
    return [ModelReference(role, text, node.path, Target.opaque(because))] if text else []


def _engine(root: Node) -> list[ModelReference]:
    local = root.at("spec", "embedding", "local")
    return [*_named(local.get("modelID")), *_image(local.get("image"), Role.MODEL)]


PROGRAM: Final = Program(
    "KAITO",
    "kaito 0.8 api/v1beta1/workspace_types.go, ragengine_types.go",
    resources={
        (_GROUP, "Workspace"): Resource(("inference.template.spec",), _workspace),
        (_GROUP, "InferenceSet"): Resource(
            ("spec.template.inference.template.spec",),
            lambda root: _inference(root.at("spec", "template", "inference")),
        ),
        (_GROUP, "MultiRoleInference"): Resource(
            reads=lambda root: [*_preset(root.at("spec", "model")), *_config(root.at("spec", "model"))]
        ),
        (_GROUP, "RAGEngine"): Resource(reads=_engine),
    },
)
