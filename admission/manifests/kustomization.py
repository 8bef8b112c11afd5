"""A kustomize base: the same objects, a file a part, and the list of the files in the order of applying."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admission.manifests.gaps import gaps_of
from admission.manifests.parts import installed_objects
from admission.manifests.rendering import commented
from admission.yaml_text import yaml_text

if TYPE_CHECKING:
    from admission.manifests.installation import Installation
    from dbom.canonical import Json, JsonObject

__all__ = ["kustomize_files"]


def kustomize_files(installation: Installation) -> dict[str, str]:
    """Return the files of the base by their names."""
    parts = {f"{name}.yaml": objects for name, objects in installed_objects(installation).items()}
    names: list[Json] = [*parts]
    listed: JsonObject = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "sortOptions": {"order": "fifo"},
        "resources": names,
    }
    gaps = ["GAPS, which this installation can't see:", *(f"- {gap}" for gap in gaps_of(installation))]
    files = {"kustomization.yaml": commented(gaps) + yaml_text(listed)}
    return files | {name: "".join(f"---\n{yaml_text(found)}" for found in objects) for name, objects in parts.items()}
