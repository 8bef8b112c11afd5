"""Fluid: data sets that a cache serves to pods.

Followed: fluid 1.0 `api/v1alpha1/dataset_types.go` (`spec.mounts[].mountPoint`), `dataprocess_types.go` (its job's
pod, its script's image and command) and `datamigrate_types.go` (`spec.from`, `spec.to`: an external store).

Not to be told: what of a data set a pod reads. Its claim, and a volume of `fuse.csi.fluid.io`, stay volumes whose
bytes nobody names; runtimes (AlluxioRuntime and its like) and DataLoads name no data of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.program import Program, Resource
from admission.references.reference import ModelReference, Role, Target
from admission.references.stores import stored_target

if TYPE_CHECKING:
    from admission.documents import Node

__all__ = ["PROGRAM"]

_GROUP: Final = "data.fluid.io"
_ELSEWHERE: Final = "it is a volume, a data set or a path of nodes, whose bytes nobody names"
_NAMELESS: Final = ("pvc", "local", "dataset", "ref")


def _dataset(root: Node) -> list[ModelReference]:
    points = [mount.get("mountPoint") for mount in root.at("spec", "mounts").items()]
    return [_place(point) for point in points if point.text()]


def _migrated(root: Node) -> list[ModelReference]:
    stores = [root.at("spec", end, "externalStorage", "uri") for end in ("from", "to")]
    return [_place(uri) for uri in stores if uri.text()]


def _place(node: Node) -> ModelReference:
    text = node.text() or ""
    scheme, separator, _ = text.partition("://")
    target = stored_target(text) if separator and scheme not in _NAMELESS else Target.opaque(_ELSEWHERE)
    return ModelReference(Role.DATASET, text, node.path, target)


PROGRAM: Final = Program(
    "Fluid",
    "fluid 1.0 api/v1alpha1/dataset_types.go",
    resources={
        (_GROUP, "Dataset"): Resource(reads=_dataset),
        (_GROUP, "DataMigrate"): Resource(reads=_migrated),
        (_GROUP, "DataProcess"): Resource(("spec.processor.job.podSpec", "spec.processor"), plural="dataprocesses"),
    },
)
