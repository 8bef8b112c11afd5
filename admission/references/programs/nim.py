"""NVIDIA NIM: its images, and the kinds NIMService, NIMCache, NIMPipeline and NIMBuild of the NIM Operator.

Read: NIM for LLMs 1.12 to 3.0, reference/environment-variables; k8s-nim-operator 3.0, `api/apps/v1alpha1/*_types.go`.

An image of one model decides which is loaded: it holds a list of files, and fetches them from NGC when it starts, so
that its tag is the place, and its digest doesn't cover the weights. An image of any model is told one by
`NIM_MODEL_NAME` or `NIM_MODEL_PATH`. What can't be told: what a cache that another object fills holds, what a mirror or
another list puts in the model's place, and which adapters lie in a folder that is read again and again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from admission.documents import Node
from admission.references.arguments import flag_references
from admission.references.container import Container
from admission.references.environment import is_set
from admission.references.generic import generic_references, script_references
from admission.references.places import image_target, is_path, uri_target
from admission.references.program import Program, Resource, known_programs
from admission.references.reference import ModelReference, Pinning, Role, Target
from dbom.model import Unknown

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

__all__ = ["PROGRAM"]

_IMAGE: Final = re.compile(r"(?:^|/)nim/[\w.-]+(?:/[\w.-]+)?$", re.ASCII)
_PORT: Final = re.compile(r":\d+/")
_IDLE: Final = ("list-model-profiles", "nim_list_model_profiles", "update-ca-certificates", "sleep")
_MODELS: Final = {
    "NIM_MODEL_NAME": Role.MODEL,
    "NIM_MODEL_PATH": Role.MODEL,
    "NIM_FT_MODEL": Role.MODEL,
    "NIM_DRAFT_MODEL_PATH": Role.DRAFT_MODEL,
}
_ADAPTERS: Final = "NIM_PEFT_SOURCE"
_REDIRECTORS: Final = {
    "NIM_REPOSITORY_OVERRIDE": "a mirror is put in the place of NVIDIA's registry",
    "NIM_MANIFEST_PATH": "another list of files is put in the place of the image's own",
}
_REMOTE_CODE: Final = ("NIM_TRUST_REMOTE_CODE", "NIM_FORCE_TRUST_REMOTE_CODE")
_PASSED_ON: Final = "NIM_PASSTHROUGH_ARGS"
_NAMING: Final = re.compile(r"--(?:model|tokenizer|lora|speculative|spec|hf[-_]|config|trust|load|download|revision)")
_CACHE: Final = "NIM_CACHE_PATH"
_CACHES: Final = ("/opt/nim/.cache",)
_FETCHES: Final = "it fetches its weights when it starts, and its digest doesn't cover them"
_HUB: Final = ("https://huggingface.co", "https://huggingface.co/")


def _starts(container: Container) -> bool:
    # The port of a registry stands before a slash, a tag behind the last one.
    name = _PORT.sub("/", container.image.partition("@")[0]).partition(":")[0]
    is_nim = not container.is_hook and _IMAGE.search(name) is not None
    return is_nim and not any(word.value in _IDLE for word in container.words[:1])


def _loads(container: Container) -> list[ModelReference]:
    return _told(container, container.node.get("image").path)


def _told(container: Container, image_path: str) -> list[ModelReference]:
    """Return what a NIM loads; `image_path` is where its image is named."""
    variables = container.environment.variables
    cache = container.environment.value(_CACHE)
    container = container.downloading_to(_CACHES if cache is None else (cache,))
    found = [*script_references(container, always=True), *flag_references(container, (), is_vllm=False)]
    found += [
        container.reference(role, held.value, held.path, written=name)
        for name, role in _MODELS.items()
        if (held := variables.get(name)) is not None and held.value != ""
    ]
    found += [
        container.opaque(Role.MODEL, name, held.path, because)
        for name, because in _REDIRECTORS.items()
        if (held := variables.get(name)) is not None and held.value != ""
    ]
    if not any(item.role is Role.MODEL for item in found):
        found.append(_of_image(container.image, image_path))
    return found + _besides(container)


def _besides(container: Container) -> list[ModelReference]:
    variables = container.environment.variables
    found: list[ModelReference] = []
    if (held := variables.get(_ADAPTERS)) is not None and held.value != "":
        if isinstance(held.value, Unknown) or is_path(held.value):
            found.append(container.path_reference(Role.ADAPTER, held.value, held.path, written=_ADAPTERS))
        else:
            found.append(container.opaque(Role.ADAPTER, held.value, held.path, "adapters are fetched from a server"))
    found += [
        container.opaque(Role.CODE, name, held.path, "code of the repository is run")
        for name in _REMOTE_CODE
        if (held := variables.get(name)) is not None and is_set(held.value)
    ]
    held = variables.get(_PASSED_ON)
    if held is not None and (isinstance(held.value, Unknown) or _NAMING.search(held.value)):
        because = "options are passed on which may name another model"
        found.append(container.opaque(Role.MODEL, _PASSED_ON, held.path, because))
    return found


def _of_image(image: str, path: str) -> ModelReference:
    target = image_target(image)
    return ModelReference(
        Role.MODEL, image, path, Target.opaque(_FETCHES) if target.pinning is Pinning.ENFORCED else target
    )


def _service(spec: Node) -> list[ModelReference]:
    """Return what a NIMService's specification loads: the operator makes a container of it."""
    found = _contained(spec)
    storage = spec.get("storage")
    because = "it is filled by another object of the cluster"
    for node in (storage.at("nimCache", "name"), spec.at("nimCache", "name")):
        if text := node.text():
            found.append(ModelReference(Role.MODEL, text, node.path, Target.opaque(because)))
    claim = storage.get("pvc")
    if (text := claim.get("name").text()) and not claim.get("create").flag():
        because = "it lies on a volume whose bytes nobody names"
        found.append(ModelReference(Role.MODEL, text, claim.get("name").path, Target.opaque(because)))
    if text := storage.get("hostPath").text():
        because = "it lies in a folder of the node, whose bytes nobody names"
        found.append(ModelReference(Role.MODEL, text, storage.get("hostPath").path, Target.opaque(because)))
    for key in ("initContainers", "sidecarContainers"):
        for item in spec.get(key).items():
            found += _extra(item)
    return found


def _written_image(node: Node) -> str:
    image = node.get("image")
    repository, tag = image.get("repository").text() or "", image.get("tag").text() or ""
    return f"{repository}:{tag}" if tag else repository


def _made(node: Node) -> Container:
    """Return the container that the operator makes of a part of its object."""
    value = node.value if isinstance(node.value, dict) else {}
    known: JsonObject = {key: value[key] for key in ("command", "args", "env", "envFrom", "workingDir") if key in value}
    return Container.read(Node({**known, "image": _written_image(node)}, node.path, node.faults), {})


def _contained(spec: Node) -> list[ModelReference]:
    return _told(_made(spec), spec.at("image", "repository").path)


def _extra(node: Node) -> list[ModelReference]:
    container = _made(node)
    programs = [program for program in known_programs() if program.starts(container)]
    if not programs:
        return generic_references(container)
    path = node.at("image", "repository").path
    found = [reference for program in programs for reference in program.loads(container)]
    return [replace(item, path=path) if item.path == node.get("image").path else item for item in found]


def _of_service(root: Node) -> list[ModelReference]:
    return _service(root.get("spec"))


def _of_pipeline(root: Node) -> list[ModelReference]:
    services = root.at("spec", "services").items()
    return [
        found for item in services if item.get("enabled").flag() is not False for found in _service(item.get("spec"))
    ]


def _of_cache(root: Node) -> list[ModelReference]:
    source = root.at("spec", "source")
    found = [*_of_ngc(source.get("ngc")), *_of_hub(source.get("hf")), *_of_store(source.get("dataStore"))]
    for item in root.at("spec", "env").items():
        because = _REDIRECTORS.get(item.get("name").text() or "")
        if because is not None:
            found.append(ModelReference(Role.MODEL, item.get("name").required(), item.path, Target.opaque(because)))
    return found


def _of_ngc(source: Node) -> list[ModelReference]:
    found: list[ModelReference] = []
    endpoint = source.get("modelEndpoint")
    if text := endpoint.text():
        found.append(ModelReference(Role.MODEL, text, endpoint.path, uri_target(text)))
    puller = source.get("modelPuller")
    if (text := puller.text()) and not found:
        found.append(_of_image(text, puller.path))
    return found


def _of_hub(source: Node) -> list[ModelReference]:
    namespace, revision = source.get("namespace").text() or "", source.get("revision").text()
    is_hub = (source.get("endpoint").text() or _HUB[0]) in _HUB
    found: list[ModelReference] = []
    for key, role, folder in (("modelName", Role.MODEL, ""), ("datasetName", Role.DATASET, "datasets/")):
        node = source.get(key)
        text = node.text()
        if not text:
            continue
        target = uri_target(f"{namespace}/{text}", revision) if is_hub else Target.opaque("its endpoint is another hub")
        if folder and target.base:
            because = "a commit of a dataset is not followed" if target.location else target.because
            target = Target.unpinned(f"hf://{folder}{namespace}/{text}", because)
        found.append(ModelReference(role, text, node.path, target))
    return found


def _of_store(source: Node) -> list[ModelReference]:
    because = "it lies in a store of the cluster"
    keys = (("modelName", Role.MODEL), ("checkpointName", Role.MODEL), ("datasetName", Role.DATASET))
    nodes = [(source.get(key), role) for key, role in keys]
    return [
        ModelReference(role, text, node.path, Target.opaque(because)) for node, role in nodes if (text := node.text())
    ]


def _of_build(root: Node) -> list[ModelReference]:
    spec = root.get("spec")
    held = spec.get("nimCacheRef")
    nodes = [held.get("name") if isinstance(held.value, dict) else held, spec.at("nimCache", "name")]
    because = "it is filled by another object of the cluster"
    return [
        ModelReference(Role.MODEL, text, node.path, Target.opaque(because)) for node in nodes if (text := node.text())
    ]


PROGRAM: Final = Program(
    "NVIDIA NIM",
    "NIM for LLMs 3.0 reference/environment-variables; k8s-nim-operator 3.0 api/apps/v1alpha1",
    _starts,
    _loads,
    {
        ("apps.nvidia.com", "NIMService"): Resource(reads=_of_service),
        ("apps.nvidia.com", "NIMCache"): Resource(reads=_of_cache),
        ("apps.nvidia.com", "NIMPipeline"): Resource(reads=_of_pipeline),
        ("apps.nvidia.com", "NIMBuild"): Resource(reads=_of_build),
    },
)
