"""KubeAI: the `Model` of which it makes pods of vLLM, Ollama, Infinity and FasterWhisper.

Followed: substratusai/kubeai `charts/kubeai/templates/crds/kubeai.org_models.yaml` at 0969770 (`url`, `adapters`,
`args`, `env`, `cacheProfile`) and `internal/modelcontroller/`: `model_source.go` at 1481908, `engine_vllm.go` at
07722ae, `engine_ollama.go` at 0ce90dc: what stands behind `hf://` becomes the engine's model as it is, `args` are
added to the engine's own. KubeAI reads no revision itself, so that one counts only where vLLM is given it and nothing
is cached before. A loader brings the adapters, at their newest.

Not to be told: what `jsonPatches`, `files` and the resource profile of KubeAI's own configuration change in the pods,
which are judged as well, and which adapters a server is asked for while it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.container import NO_REVISION
from admission.references.environment import Environment, Variable
from admission.references.program import Program, Resource
from admission.references.programs._vllm_settings import given_revision, named_beside, told_container
from admission.references.programs.ollama import model_target
from admission.references.reference import ModelReference, Role, Target
from admission.references.stores import stored_target

if TYPE_CHECKING:
    from admission.documents import Node
    from admission.references.container import Container

__all__ = ["PROGRAM"]

_HUB: Final = "hf://"
_OLLAMA: Final = "ollama://"


def _model(root: Node) -> list[ModelReference]:
    spec = root.get("spec")
    is_vllm = spec.get("engine").text() == "VLLM"
    container = told_container(spec.get("args"), _environment(spec))
    url = spec.get("url")
    found = [_served(container, url, at_revision=is_vllm and not spec.get("cacheProfile").is_there)]
    for adapter in spec.get("adapters").items():
        place = adapter.get("url")
        found.append(ModelReference(Role.ADAPTER, place.required(), place.path, _newest(container, place.required())))
    return [*found, *named_beside(container)] if is_vllm else found


def _environment(spec: Node) -> Environment:
    named = {name: Variable(node.text() or "", node.path) for name, node in spec.get("env").members()}
    return Environment(named, is_whole=not spec.get("envFrom").is_there)


def _served(container: Container, url: Node, *, at_revision: bool) -> ModelReference:
    text = url.required()
    if text.startswith(_HUB) and at_revision:
        name = text.removeprefix(_HUB)
        target = container.reference(Role.MODEL, name, url.path, revision=given_revision(container)).target
        return ModelReference(Role.MODEL, text, url.path, target)
    return ModelReference(Role.MODEL, text, url.path, _newest(container, text))


def _newest(container: Container, uri: str) -> Target:
    """Return what a URL comes to that is fetched without a revision."""
    if uri.startswith(_HUB):
        return container.reference(Role.MODEL, uri.removeprefix(_HUB), "", revision=NO_REVISION).target
    if uri.startswith(_OLLAMA):
        return model_target(uri.partition("?")[0])
    if uri.startswith("pvc://"):
        return Target.opaque("it lies on a volume whose bytes nobody names")
    return stored_target(uri)


PROGRAM: Final = Program(
    "KubeAI",
    "kubeai at 0969770 kubeai.org_models.yaml, internal/modelcontroller",
    resources={("kubeai.org", "Model"): Resource(reads=_model)},
)
