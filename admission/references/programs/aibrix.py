"""AIBrix: its downloader, and the kinds of it that make pods.

Followed: aibrix 0.5 `python/aibrix/aibrix/downloader` (`aibrix_download`, `python -m aibrix.downloader`; `argparse`,
`--model-uri` is a hub's name, a bucket's URI or a folder) and `api/model/v1alpha1/modelwarmup_types.go`. Its fleets of
Ray clusters are read as KubeRay's clusters.

Not to be told: which revision the downloader takes (the newest), what a `ModelAdapter` is loaded from while a server
runs, and stores other than `s3://` and `gs://`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.generic import script_references
from admission.references.options import Option, loosely, read_options, untold
from admission.references.program import Program, Resource
from admission.references.reference import ModelReference, Role
from admission.references.stores import stored
from admission.references.words import basename

if TYPE_CHECKING:
    from admission.references.container import Container

__all__ = ["PROGRAM"]

_NAMED: Final = ("aibrix_download", "aibrix.downloader", "-maibrix.downloader")
_URI: Final = loosely(("model-uri",), beginnings=True)


def _starts(container: Container) -> bool:
    return any(basename(word) in _NAMED for word in container.words)


def _loads(container: Container) -> list[ModelReference]:
    found = script_references(container, always=True)
    found += [_reference(container, option) for option in read_options(container.words, _URI)]
    found += untold(container, container.words, found)
    if not found:
        because = "the downloader is told no place here"
        found.append(container.opaque(Role.MODEL, container.image, container.node.get("image").path, because))
    return found


def _reference(container: Container, option: Option) -> ModelReference:
    if isinstance(option.value, str) and "://" in option.value:
        return stored(container, Role.MODEL, option.value, option.path, written=option.text)
    return container.reference(Role.MODEL, option.value, option.path, written=option.text)


PROGRAM: Final = Program(
    "AIBrix",
    "aibrix 0.5 python/aibrix/aibrix/downloader, api/model/v1alpha1",
    _starts,
    _loads,
    {("model.aibrix.ai", "ModelWarmup"): Resource(("spec.custom",))},
)
