"""Seldon Core: the inference graphs of SeldonDeployment (v1) and the Models of v2.

Followed: seldon-core 1.18 `operator/apis/machinelearning.seldon.io/v1/seldondeployment_types.go` (`modelUri` of every
unit of a graph, however deep, and of explainers; `componentSpecs`) and 2.9
`operator/apis/mlops/v1alpha1/model_types.go`, `server_types.go`. Its initializer (rclone) takes pairs as KServe's
does, and is read with it; it knows no object versions. Seldon fills `/mnt/models` in the containers of units that
name a `modelUri`. Pipelines and Experiments join models that others load.

Not to be told: what a unit without `modelUri` loads, whose image may hold a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.program import Program, Resource
from admission.references.programs.kserve import MODELS
from admission.references.reference import ModelReference, Role, Target
from admission.references.stores import stored_target

if TYPE_CHECKING:
    from admission.documents import Node

__all__ = ["PROGRAM"]

_V1: Final = "machinelearning.seldon.io"
_V2: Final = "mlops.seldon.io"
_DEEPEST: Final = 64
_PARAMETERS: Final = ("model_uri", "modelUri")


def _deployment(root: Node) -> list[ModelReference]:
    found: list[ModelReference] = []
    for predictor in root.at("spec", "predictors").items():
        found += _unit(predictor.get("graph"), 0)
        found += _stored(predictor.at("explainer", "modelUri"))
    return found


def _unit(unit: Node, depth: int) -> list[ModelReference]:
    """Return what a unit of a graph and the units below it load."""
    found = _stored(unit.get("modelUri"))
    for parameter in unit.get("parameters").items():
        if parameter.get("name").text() in _PARAMETERS:
            found += _stored(parameter.get("value"))
    children = list(unit.get("children").items())
    if children and depth == _DEEPEST:
        unit.get("children").fault(f"deeper than {_DEEPEST} units")
        return found
    return [*found, *(below for child in children for below in _unit(child, depth + 1))]


def _stored(uri: Node) -> list[ModelReference]:
    text = uri.text()
    if not text:
        return []
    has_scheme = "://" in text and not text.startswith("pvc://")
    target = stored_target(text) if has_scheme else Target.opaque("it lies on a volume whose bytes nobody names")
    return [ModelReference(Role.MODEL, text, uri.path, target)]


def _filled(root: Node, _: Node) -> tuple[str, ...]:
    return (MODELS,) if _deployment(root) else ()


PROGRAM: Final = Program(
    "Seldon Core",
    "seldon-core 1.18 seldondeployment_types.go, 2.9 operator/apis/mlops/v1alpha1",
    resources={
        (_V1, "SeldonDeployment"): Resource(("spec.predictors[].componentSpecs[].spec",), _deployment, _filled),
        (_V2, "Model"): Resource(reads=lambda root: _stored(root.at("spec", "storageUri"))),
        (_V2, "Server"): Resource(("spec.podSpec",)),
        (_V2, "ServerConfig"): Resource(("spec.podSpec",)),
        (_V2, "Pipeline"): Resource(),
        (_V2, "Experiment"): Resource(),
    },
)
