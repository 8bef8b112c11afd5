"""The containers that KServe adds to pods: its storage initializer, Seldon's of the same kind, and modelcars.

Followed: kserve 0.16 `python/storage-initializer/scripts/initializer-entrypoint` (pairs of a source and a folder) and
`pkg/utils/storage.go` `CreateModelcarContainer` (`ln -sf /proc/$$/root/models FOLDER`, in a container of the model's
image).

An initializer is recognised by its name or its image's, a modelcar by its script, which only ever adds references:
whether it really puts there what it is told to is not known, so a path that it fills stays opaque.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.program import Program
from admission.references.programs.kserve import storage_target
from admission.references.reference import ModelReference, Role, Target
from admission.references.stores import NO_DIGEST
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.references.container import Container

__all__ = ["PROGRAM"]

_INITIALIZER: Final = "storage-initializer"
_MODELCAR: Final = re.compile(r"\bln\s+-\w{0,9}s\w{0,9}\s+/proc/\$+/root/models\b")


def _is_initializer(container: Container) -> bool:
    named = container.node.get("name").text() == _INITIALIZER or container.image_name.endswith(_INITIALIZER)
    # The one of Kubeflow's training operator takes options, and is read with Kubeflow.
    return named and not container.is_hook and not any(word.text.startswith("--") for word in container.words)


def _starts(container: Container) -> bool:
    return _is_initializer(container) or (_links(container) and not container.is_hook)


def _links(container: Container) -> bool:
    # (A script that can be followed is words by now.)
    texts = (*(script.text for script in container.scripts), " ".join(word.text for word in container.words))
    return any(map(_MODELCAR.search, texts))


def _loads(container: Container) -> list[ModelReference]:
    image = container.node.get("image")
    found: list[ModelReference] = []
    if _links(container):
        found.append(ModelReference(Role.MODEL, container.image, image.path, container.mounts.image))
    return [*found, *_fetched(container)] if _is_initializer(container) else found


def _fetched(container: Container) -> list[ModelReference]:
    words = [word for word in container.words if not word.is_command]
    if not container.words and container.is_completed:
        return []
    if not words or len(words) % 2:
        because = "a storage initializer takes pairs of a source and a folder, and these words are none"
        return [container.opaque(Role.MODEL, container.image, container.node.get("image").path, because)]
    return [
        ModelReference(
            Role.MODEL,
            word.spelling,
            word.path,
            Target.opaque(word.value.reason) if isinstance(word.value, Unknown) else _source(word.value),
        )
        for word in words[::2]
    ]


def _source(uri: str) -> Target:
    # KServe has the kubelet pull an image of an InferenceService; its initializer checks no digest.
    return Target.opaque(NO_DIGEST) if uri.startswith("oci://") else storage_target(uri)


PROGRAM: Final = Program(
    "KServe's containers",
    "kserve 0.16 python/storage-initializer, pkg/utils/storage.go",
    _starts,
    _loads,
)
