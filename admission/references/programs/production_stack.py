"""vLLM's production stack: the VLLMRuntime and the LoraAdapter of its operator.

Followed: vllm-project/production-stack `operator/api/v1alpha1/`, `vllmruntime_types.go` at 18f0b20 and
`loraadapter_types.go` at a7d2672: `modelURL` is vLLM's model, `extraArgs` are added to its words, `env` are its
variables; an adapter is of the hub, of a bucket, of a URL or in a folder. The group's other name `serving.vllm.ai` is
read alike. Routers, cache servers and the stack's Helm chart make ordinary pods.

Not to be told: what lies in the folder that the operator mounts, and which adapters a server with `enableLoRA` is asked
for while it runs. The pods that the operator makes are judged as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.container import NO_REVISION
from admission.references.environment import read_environment
from admission.references.places import is_path
from admission.references.program import Program, Resource
from admission.references.programs._vllm_settings import given_revision, named_beside, told_container
from admission.references.reference import ModelReference, Role, Target
from admission.references.stores import stored_target

if TYPE_CHECKING:
    from admission.documents import Node
    from admission.references.container import Container, Revision

__all__ = ["PROGRAM"]

_GROUPS: Final = ("production-stack.vllm.ai", "serving.vllm.ai")


def _runtime(root: Node) -> list[ModelReference]:
    settings = root.at("spec", "vllmConfig")
    container = told_container(settings.get("extraArgs"), read_environment(settings))
    model = root.at("spec", "model", "modelURL")
    model.required()
    return [_named(container, Role.MODEL, model, given_revision(container)), *named_beside(container)]


def _adapter(root: Node) -> list[ModelReference]:
    source = root.at("spec", "adapterSource")
    container = told_container(source.get("words"), read_environment(root.get("spec")))
    places = [place for key in ("repository", "adapterPath") if (place := source.get(key)).text()]
    found = [_named(container, Role.ADAPTER, place, NO_REVISION) for place in places]
    if found:
        return found
    because = "where it is fetched from can't be told"
    return [ModelReference(Role.ADAPTER, "adapterSource", source.path, Target.opaque(because))]


def _named(container: Container, role: Role, place: Node, revision: Revision) -> ModelReference:
    text = place.text() or ""
    if is_path(text):
        return ModelReference(role, text, place.path, Target.opaque("it lies on a volume whose bytes nobody names"))
    if "://" in text:
        return ModelReference(role, text, place.path, stored_target(text))
    return container.reference(role, text, place.path, revision=revision)


_KINDS: Final = {
    "VLLMRuntime": Resource(reads=_runtime),
    "LoraAdapter": Resource(reads=_adapter),
    "VLLMRouter": Resource(),
    "CacheServer": Resource(),
}

PROGRAM: Final = Program(
    "vLLM's production stack",
    "production-stack at 18f0b20 operator/api/v1alpha1",
    resources={(group, kind): resource for group in _GROUPS for kind, resource in _KINDS.items()},
)
