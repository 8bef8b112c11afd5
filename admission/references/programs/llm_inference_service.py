"""KServe's LLMInferenceService and LLMInferenceServiceConfig.

Followed: kserve 0.16, `pkg/apis/serving/v1alpha1` and `v1alpha2`, `llm_inference_service_types.go` (`spec.model.uri`,
its LoRA adapters, `trustRemoteCode`, pod specifications of decode, prefill, workers and scheduler; the samples'
speculator) and `pkg/controller/v1alpha2/llmisvc/workload_storage.go` (`pvc://`, `oci://` as a modelcar, `hf://`,
`s3://`, which fill `/mnt/models`). The words of the container `main` are those of KServe's template, to which
`VLLM_ADDITIONAL_ARGS` adds.

Not to be told: what `baseRefs` and `runtime` add. The pods that KServe makes are judged as well.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from admission.references.arguments import flag_references
from admission.references.generic import generic_references
from admission.references.program import Program, Resource
from admission.references.programs.kserve import MODELS, storage_reference
from admission.references.reference import ModelReference, Role, Target
from admission.references.words import Word
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.documents import Node
    from admission.references.container import Container

__all__ = ["PROGRAM"]

_GROUP: Final = "serving.kserve.io"
_COMPLETED: Final = ("main", "storage-initializer")
_LORA: Final = "/mnt/lora"
_PODS: Final = (
    "spec.template",
    "spec.worker",
    "spec.prefill.template",
    "spec.prefill.worker",
    "spec.router.scheduler.template",
)
_ADDED: Final = "VLLM_ADDITIONAL_ARGS"
_REMOTE_CODE: Final = "code of the model's repository is run"
_SHELL: Final = frozenset("$`|&;<>()")


def _service(root: Node) -> list[ModelReference]:
    spec = root.get("spec")
    found = _named(spec)
    bases = spec.get("baseRefs")
    if any(item.role is Role.MODEL for item in found):
        return found
    if list(bases.items()):
        because = "its model is named by another object"
        return [*found, ModelReference(Role.MODEL, "baseRefs", bases.path, Target.opaque(because))]
    return [*found, ModelReference(Role.UNSEEN, "spec", spec.path, Target.opaque("it names no model"))]


def _named(spec: Node) -> list[ModelReference]:
    model = spec.get("model")
    found = [*storage_reference(model.get("uri")), *_adapters(model)]
    drafts = [spec.get("speculativeDecoding"), model.get("speculativeDecoding")]
    for draft in drafts:
        found += storage_reference(draft.at("speculator", "model", "uri"), Role.DRAFT_MODEL)
    code = spec.get("trustRemoteCode")
    if code.flag():
        found.append(ModelReference(Role.CODE, "trustRemoteCode", code.path, Target.opaque(_REMOTE_CODE)))
    return found


def _adapters(model: Node) -> list[ModelReference]:
    adapters = model.at("lora", "adapters").items()
    return [found for adapter in adapters for found in storage_reference(adapter.get("uri"), Role.ADAPTER)]


def _filled(root: Node, _: Node) -> tuple[str, ...]:
    named = root.at("spec", "model", "uri").is_there or list(root.at("spec", "baseRefs").items())
    return (MODELS, _LORA) if named else ()


def _filled_later(_: Node, __: Node) -> tuple[str, ...]:
    return (MODELS, _LORA)


def _starts(container: Container) -> bool:
    return _ADDED in container.environment.variables and not container.is_hook


def _loads(container: Container) -> list[ModelReference]:
    """Return what the words name that KServe's template appends to vLLM's, beside what the container names itself."""
    added = container.environment.variables[_ADDED]
    found = generic_references(container)
    if isinstance(added.value, Unknown):
        return [*found, container.opaque(Role.MODEL, _ADDED, added.path, added.value.reason)]
    parts = _parts(added.value)
    if parts is None:
        because = "these words are put into a shell's line, and can't be followed"
        return [*found, container.opaque(Role.MODEL, added.value, added.path, because)]
    words = tuple(Word(part, part, added.path) for part in parts)
    return [*found, *flag_references(replace(container, words=words), (), is_vllm=True)]


def _parts(text: str) -> list[str] | None:
    if _SHELL & set(text):
        return None
    try:
        return shlex.split(text)
    except ValueError:
        return None


PROGRAM: Final = Program(
    "KServe's LLMInferenceService",
    "kserve 0.16 pkg/apis/serving/v1alpha2/llm_inference_service_types.go",
    _starts,
    _loads,
    {
        (_GROUP, "LLMInferenceService"): Resource(_PODS, _service, _filled, _COMPLETED),
        (_GROUP, "LLMInferenceServiceConfig"): Resource(
            _PODS, lambda root: _named(root.get("spec")), _filled_later, _COMPLETED
        ),
    },
)
