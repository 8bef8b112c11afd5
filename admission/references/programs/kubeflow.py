"""Kubeflow's trainer and training operator: jobs, runtimes, and the initializers that fetch models and data sets.

Followed: trainer 2.1 `pkg/apis/trainer/v1alpha1/trainjob_types.go`, `trainingruntime_types.go`, `pkg/initializers`
(`hf://` is a repository at its newest commit, a data set's one of the hub's data sets; an object version is dropped),
training-operator 1.9 `pkg/apis/kubeflow.org/v1` (replicas by any key, in any case), its SDK's `train()` (an
initializer whose options hold JSON) and mpi-operator 0.6. Notebooks' pods are read as well.

Not to be told: what the runtime of a TrainJob adds. The pods that are made are judged as well.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.arguments import json_value
from admission.references.generic import generic_references, script_references
from admission.references.options import Option, loosely, read_options, untold
from admission.references.program import Program, Resource
from admission.references.reference import ModelReference, Role, Target
from admission.references.stores import stored, stored_target
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.documents import Node
    from admission.references.container import Container

__all__ = ["PROGRAM"]

_TRAINER: Final = "trainer.kubeflow.org"
_OPERATOR: Final = "kubeflow.org"
_TEMPLATE: Final = "template.spec.replicatedJobs[].template.spec.template.spec"
_TRAIN_JOB: Final = (
    "spec",
    "spec.initializer",
    f"spec.runtimePatches[].trainingRuntimeSpec.{_TEMPLATE}",
    "spec.podTemplateOverrides[].spec",
    "spec.podSpecOverrides[]",
)
_JOBS: Final = {
    "PyTorchJob": "pytorchReplicaSpecs",
    "TFJob": "tfReplicaSpecs",
    "MPIJob": "mpiReplicaSpecs",
    "XGBoostJob": "xgbReplicaSpecs",
    "PaddleJob": "paddleReplicaSpecs",
    "JAXJob": "jaxReplicaSpecs",
    "MXJob": "mxReplicaSpecs",
}
_INITIALIZERS: Final = {"dataset-initializer": Role.DATASET, "model-initializer": Role.MODEL}
_VARIABLE: Final = "STORAGE_URI"
_PARAMETERS: Final = {"model-provider-parameters": Role.MODEL, "dataset-provider-parameters": Role.DATASET}
_FOLDERS: Final = {"model-uri": Role.MODEL, "model-dir": Role.MODEL, "dataset-dir": Role.DATASET}
_NAMING: Final = loosely((*_PARAMETERS, *_FOLDERS))
_OF_SDK: Final = loosely((*_PARAMETERS, "model-provider", "dataset-provider"))
_SDK_IMAGES: Final = ("trainer-huggingface",)
_HUB: Final = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?", re.ASCII)
_NEWEST: Final = "no revision is read, so the newest is loaded"


def _fetched_target(role: Role, uri: str) -> Target:
    """Return what a storage URI comes to for Kubeflow's initializers."""
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme in ("pvc", "file"):
        return Target.opaque("it lies on a volume whose bytes nobody names")
    if scheme != "hf":
        return stored_target(uri)
    rest = rest.rstrip("/")
    name = "/".join(rest.split("/")[:2]) if role is Role.DATASET else rest
    if _HUB.fullmatch(name) is None:
        return Target.opaque("it is not hf://ORG/NAME")
    return Target.unpinned(f"hf://datasets/{name}" if role is Role.DATASET else f"hf://{name}", _NEWEST)


def _train_job(root: Node) -> list[ModelReference]:
    initializer = root.at("spec", "initializer")
    found: list[ModelReference] = []
    for key, role in (("dataset", Role.DATASET), ("model", Role.MODEL)):
        uri = initializer.get(key).get("storageUri")
        if text := uri.text():
            found.append(ModelReference(role, text, uri.path, _fetched_target(role, text)))
    return found


def _role(container: Container) -> Role | None:
    return None if container.is_hook else _INITIALIZERS.get(container.image_name)


def _starts(container: Container) -> bool:
    is_sdk = container.image_name in _SDK_IMAGES and not container.is_hook
    return _role(container) is not None or is_sdk or bool(read_options(container.words, _OF_SDK, greedy=True))


def _loads(container: Container) -> list[ModelReference]:
    found = script_references(container, always=True)
    for option in read_options(container.words, _NAMING, greedy=True):
        found += _from_option(container, option)
    role = _role(container)
    variable = container.environment.variables.get(_VARIABLE)
    if role is not None and variable is not None:
        found.append(_reference(role, variable.value, variable.path, _VARIABLE))
    paths = {reference.path for reference in found}
    found += [item for item in generic_references(container) if item.path not in paths]
    return [*found, *untold(container, container.words, found)]


def _reference(role: Role, value: str | Unknown, path: str, written: str) -> ModelReference:
    if isinstance(value, Unknown):
        return ModelReference(role, written, path, Target.opaque(value.reason))
    return ModelReference(role, value, path, _fetched_target(role, value))


def _from_option(container: Container, option: Option) -> list[ModelReference]:
    if option.name in _FOLDERS:
        role = _FOLDERS[option.name]
        if isinstance(option.value, str) and "://" in option.value:
            return [_reference(role, option.value, option.path, option.text)]
        return [stored(container, role, option.value, option.path, written=option.text)]
    # (Its parameters may hold secrets: what is shown is the flag.)
    role, shown = _PARAMETERS[option.name], f"--{option.name}"
    document = option.value if isinstance(option.value, Unknown) else json_value(option.value)
    if not isinstance(document, dict):
        because = document.reason if isinstance(document, Unknown) else "its value is not a JSON object"
        return [container.opaque(role, shown, option.path, because)]
    hub = document.get("model_uri") or document.get("repo_id")
    if isinstance(hub, str):
        return [_reference(role, hub if "://" in hub else f"hf://{hub}", option.path, option.name)]
    because = "its parameters name another server of buckets, or nothing that can be read"
    return [container.opaque(role, shown, option.path, because)]


PROGRAM: Final = Program(
    "Kubeflow",
    "trainer 2.1 pkg/apis/trainer/v1alpha1, training-operator 1.9 pkg/apis/kubeflow.org/v1",
    _starts,
    _loads,
    {
        (_TRAINER, "TrainJob"): Resource(_TRAIN_JOB, _train_job),
        (_TRAINER, "TrainingRuntime"): Resource((f"spec.{_TEMPLATE}",)),
        (_TRAINER, "ClusterTrainingRuntime"): Resource((f"spec.{_TEMPLATE}",)),
        (_OPERATOR, "Notebook"): Resource(("spec.template.spec",)),
        **{(_OPERATOR, kind): Resource((f"spec.{replicas}{{}}.template.spec",)) for kind, replicas in _JOBS.items()},
    },
)
