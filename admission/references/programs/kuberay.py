"""KubeRay: RayService, RayCluster, RayJob and RayCronJob, and what Ray Serve's own builders of LLM applications load.

Followed are KubeRay 1.4 `ray-operator/apis/ray/v1` (rayservice_types.go, raycluster_types.go, rayjob_types.go), and Ray
2.60: `ray/serve/schema.py` (`ServeDeploySchema`), `ray/llm/_internal/serve/core/configs/llm_config.py` (`LLMConfig`),
`ray/llm/_internal/serve/engines/vllm/vllm_models.py` (a source in a bucket is mirrored).

KubeRay starts `ray start` in the first container of each pod, unless that has words of its own or an annotation leaves
it to the image (`ray-operator/controllers/ray/common/pod.go`), and sets that command as a variable. `serveConfigV2` is
a text of YAML: what it names stands at its own path. Any pod of the cluster may be the one that loads, so that a path
or a name must come to the same in each of them. What can't be told: what an application's own code loads, above all
code that is fetched when it starts (`working_dir`, `py_modules` by URL), configurations that are named by a file, and
adapters that are taken from a bucket when somebody asks for them.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from admission.references.arguments import flag_references
from admission.references.container import Container
from admission.references.environment import Environment, Variable
from admission.references.finding import OWN_COMMANDS, find_references
from admission.references.generic import generic_references
from admission.references.hub import openings
from admission.references.kinds import there
from admission.references.mounts import read_volumes
from admission.references.places import uri_target
from admission.references.program import Addition, Program, Resource
from admission.references.reference import ModelReference, Role, Target
from admission.references.words import Word
from dbom.errors import DocumentError
from dbom.formats.yaml_reader import load_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from admission.documents import Node
    from dbom.canonical import Json, JsonObject

__all__ = ["PROGRAM"]

_PODS: Final = ("headGroupSpec.template.spec", "workerGroupSpecs[].template.spec")
_REMOTE: Final = ("s3://", "gs://", "abfss://", "azure://", "pyarrow-")
_BUILDER: Final = re.compile(r"ray\.(?:serve\.)?llm[.:].*")
_CONFIG: Final = "model_loading_config"
_CONFIGS: Final = ("llm_configs", "llm_config", "prefill_config", "decode_config")
_NAMES: Final = ("model", "model_id", "model_name_or_path", "model_path", "model_source", "model_uri")
_OF_THE_HEAD: Final = ("image", "env", "envFrom", "volumeMounts", "workingDir")
_CLUSTERS: Final = (
    "spec",
    "spec.rayClusterConfig",
    "spec.rayClusterSpec",
    "spec.jobTemplate.rayClusterSpec",
    "spec.template.spec",
)
_SUBMITTER: Final = "submitterPodTemplate"
_RAY_START: Final = ("ray", "start")
_COMMAND: Final = {"KUBERAY_GEN_RAY_START_CMD": "ray start"}
_FILE: Final = "a file names it, which is no part of this object"
_FETCHED: Final = "code that is fetched when it starts may load any model"
_ELSEWHERE: Final = "it runs in another image than the pod's, with other files"
_DIFFERENT: Final = "the pods of the cluster differ in what it comes to, and any of them may load it"


def _clusters(path: str) -> tuple[str, ...]:
    return tuple(f"{path}.{pod}" for pod in _PODS)


def _added(root: Node, spec: Node) -> Mapping[str, Addition]:
    """Return what KubeRay adds to the first container of a pod of its cluster."""
    names = [item.get("name").text() or "" for item in spec.get("containers").items()][:1]
    if spec.path.endswith(f"{_SUBMITTER}.spec"):
        return {}
    left = any(item.lower() == "true" for metadata in _metadata(root) if (item := metadata.get(OWN_COMMANDS).text()))
    return dict.fromkeys(names, Addition((), _COMMAND) if left else Addition(_RAY_START, _COMMAND))


def _metadata(root: Node) -> list[Node]:
    """Return the annotations of an object and of all its pod templates, wherever the cluster stands in it."""
    templates = [pattern.removesuffix(".spec") for path in _CLUSTERS for pattern in _clusters(path)]
    nodes = [root, root.at("spec", "template"), *(node for pattern in templates for node in there(root, pattern))]
    return [node.at("metadata", "annotations") for node in nodes]


def _service(root: Node) -> list[ModelReference]:
    """Return what a RayService's Serve configuration names."""
    text = root.at("spec", "serveConfigV2")
    found: list[ModelReference] = []
    if root.at("spec", "serveConfig").is_there:
        because = "the Serve configuration of a former version isn't followed"
        found.append(_opaque(Role.MODEL, "serveConfig", "spec.serveConfig", because))
    if not text.is_there or text.text() is None:
        return found
    document = _yaml(text.text() or "")
    applications = document.get("applications") if isinstance(document, dict) else None
    if not isinstance(applications, list):
        return [
            *found,
            _opaque(Role.MODEL, "serveConfigV2", text.path, "it is no Serve configuration that can be read"),
        ]
    pods = [pod for pattern in _clusters("spec.rayClusterConfig") for pod in there(root, pattern)]
    containers = _containers(pods) or [Container.read(type(root)({}, "spec", root.faults), {})]
    for application in applications:
        if isinstance(application, dict):
            found += _application(application, containers, text.path)
        else:
            found.append(_opaque(Role.MODEL, "serveConfigV2", text.path, "an application in it is no object"))
    return found


def _application(application: JsonObject, containers: Sequence[Container], path: str) -> list[ModelReference]:
    """Return what one application of a Serve configuration loads."""
    environments = [application.get("runtime_env"), *_values(application.get("deployments"), "runtime_env")]
    containers = [_with_variables(container, environments, path) for container in containers]
    found = [item for environment in environments for item in _code(environment, path)]
    configs = list(_llm_configs(application.get("args")))
    found += [item for config in configs for item in _llm(config, containers, path)]
    is_builder = _BUILDER.fullmatch(str(application.get("import_path"))) is not None
    if is_builder and not configs:
        found.append(_opaque(Role.MODEL, "serveConfigV2", path, "its arguments hold no configuration of a model"))
    if not is_builder:
        named = [*_named(application.get("args")), *_named(application.get("deployments"))]
        found += [_same(containers, Role.MODEL, value, path) for value in named]
        found += [item for each in containers for item in generic_references(each) if item.path == path]
    return found


def _llm_configs(value: Json | None) -> Iterator[Json]:
    """Yield the configurations of models in the arguments of an application, those that are named by a file as text."""
    if not isinstance(value, dict | list):
        return
    if isinstance(value, dict) and _CONFIG in value:
        yield value
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if key in _CONFIGS:
            yield from (each for each in (item if isinstance(item, list) else [item]) if isinstance(each, str))
        yield from _llm_configs(item)


def _llm(config: Json, containers: Sequence[Container], path: str) -> list[ModelReference]:
    """Return what one `LLMConfig` loads."""
    if not isinstance(config, dict):
        return [_opaque(Role.MODEL, str(config), path, _FILE)]
    containers = [_with_variables(container, [config.get("runtime_env")], path) for container in containers]
    found = _code(config.get("runtime_env"), path)
    loading, engine = config.get(_CONFIG), config.get("engine_kwargs")
    words = _engine_words(engine if isinstance(engine, dict) else {}, path)
    if engine is not None and not isinstance(engine, dict):
        found.append(_opaque(Role.MODEL, "engine_kwargs", path, "the settings of its engine are no object"))
    source = _source(loading)
    if isinstance(source, str) and not source.startswith(_REMOTE):
        words += _flag("model", source, path)
    else:
        found += _mirrored(source, path)
    tokenizer = loading.get("tokenizer_source") if isinstance(loading, dict) else None
    words += _flag("tokenizer", str(tokenizer), path) if tokenizer is not None else []
    found += _agreed([flag_references(replace(each, words=tuple(words)), (), is_vllm=True) for each in containers])
    found += _by_callback(config.get("callback_config"), path)
    lora = config.get("lora_config")
    if isinstance(lora, dict) and (folder := lora.get("dynamic_lora_loading_path")):
        because = "adapters are taken from there when somebody asks for them"
        found.append(_opaque(Role.ADAPTER, str(folder), path, because))
    return [*found, *(item for each in containers for item in openings(each))]


def _by_callback(callback: Json | None, path: str) -> list[ModelReference]:
    """Return what a callback fetches before the model is loaded, as `CloudDownloader` does (`paths`)."""
    if not callback:
        return []
    because = "a callback may put any model in its place"
    return [
        _opaque(Role.MODEL, "callback_config", path, because),
        *(ModelReference(Role.MODEL, text, path, _newest(text)) for text in _texts(callback) if "://" in text),
    ]


def _texts(value: Json) -> Iterator[str]:
    """Yield every text in a value, however deep."""
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(item)


def _source(loading: Json | None) -> Json | None:
    """Return where a model is loaded from: its source, or its id where there is none."""
    if not isinstance(loading, dict):
        return None
    source = loading.get("model_source")
    return loading.get("model_id") if source is None else source


def _mirrored(source: Json | None, path: str) -> list[ModelReference]:
    """Return what is fetched from a bucket: whatever lies there, since Ray asks for no version of it."""
    if isinstance(source, str):
        return [ModelReference(Role.MODEL, source, path, _newest(source))]
    if not isinstance(source, dict) or not isinstance(source.get("bucket_uri"), str):
        return [_opaque(Role.MODEL, _CONFIG, path, "where the model is loaded from can't be read")]
    extra = source.get("extra_files")
    files = [item.get("bucket_uri") for item in extra if isinstance(item, dict)] if isinstance(extra, list) else []
    uris = [str(uri) for uri in (source["bucket_uri"], *files) if uri is not None]
    return [ModelReference(Role.MODEL, uri, path, _newest(uri)) for uri in uris]


def _newest(uri: str) -> Target:
    target = uri_target(uri)
    return (
        target if target.location is None else Target.unpinned(target.base, "Ray loads what lies there, not a version")
    )


def _engine_words(settings: JsonObject, path: str) -> list[Word]:
    """Return an engine's settings as the words of vLLM's command line that say the same."""
    return [word for key, value in settings.items() for word in _flag(key, value, path)]


def _flag(key: str, value: Json, path: str) -> list[Word]:
    if value is None or value is False:
        return []
    texts = [] if value is True else [_text(item) for item in (value if isinstance(value, list) else [value])]
    flag = f"--{key.replace('_', '-')}"
    # A value with a hyphen before it would be read as a flag.
    if len(texts) == 1:
        return [Word(f"{flag}={texts[0]}", f"{flag}={texts[0]}", path)]
    return [Word(text, text, path) for text in (flag, *texts)]


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _agreed(each: Sequence[Sequence[ModelReference]]) -> list[ModelReference]:
    """Return what the pods of a cluster load alike, and as opaque what differs between them."""
    first = list(each[0]) if each else []
    return [
        item if all(item in others for others in each) else replace(item, target=Target.opaque(_DIFFERENT))
        for item in first
    ]


def _same(containers: Sequence[Container], role: Role, value: str, path: str) -> ModelReference:
    return _agreed([[container.reference(role, value, path)] for container in containers])[0]


def _containers(pods: Sequence[Node]) -> list[Container]:
    """Return the first container of each pod, which is where Ray runs; one that says nothing where there is none."""
    found: list[Container] = []
    for pod in pods:
        volumes = read_volumes(pod)
        nodes = [node for node in pod.get("containers").items() if isinstance(node.value, dict)]
        found += [Container.read(node, volumes) for node in nodes[:1]]
    return found


def _with_variables(container: Container, environments: Sequence[Json | None], path: str) -> Container:
    """Return a container with the variables that runtime environments add."""
    variables = dict(container.environment.variables)
    for environment in environments:
        added = environment.get("env_vars") if isinstance(environment, dict) else None
        if isinstance(added, dict):
            variables |= {name: Variable(_text(value), path) for name, value in added.items()}
    return replace(container, environment=Environment(variables, is_whole=container.environment.is_whole))


def _code(environment: Json | None, path: str) -> list[ModelReference]:
    """Return the code that a runtime environment fetches."""
    if not isinstance(environment, dict):
        return []
    modules, container = environment.get("py_modules"), environment.get("container")
    places = [environment.get("working_dir"), *(modules if isinstance(modules, list) else [])]
    images = [environment.get("image_uri"), container.get("image") if isinstance(container, dict) else None]
    fetched = [place for place in places if isinstance(place, str) and "://" in place]
    return [
        *(_opaque(Role.CODE, place, path, _FETCHED) for place in fetched),
        *(_opaque(Role.CODE, image, path, _ELSEWHERE) for image in images if isinstance(image, str)),
    ]


def _values(value: Json | None, key: str) -> Iterator[Json]:
    """Yield every value that stands under a key, however deep (the reader of YAML bounds how deep)."""
    if not isinstance(value, dict | list):
        return
    for name, item in value.items() if isinstance(value, dict) else enumerate(value):
        if name == key:
            yield item
        yield from _values(item, key)


def _named(value: Json | None) -> list[str]:
    """Return the texts under keys that mean a model."""
    return [item for key in _NAMES for item in _values(value, key) if isinstance(item, str)]


def _job(root: Node) -> list[ModelReference]:
    return _job_at(root.get("spec"))


def _cron_job(root: Node) -> list[ModelReference]:
    return _job_at(root.at("spec", "jobTemplate"))


def _job_at(spec: Node) -> list[ModelReference]:
    """Return what a job's entry point names, and the code that its runtime environment fetches."""
    environment = spec.get("runtimeEnvYAML")
    settings = _yaml(environment.text() or "")
    pods = [pod for pattern in _clusters("rayClusterSpec") for pod in there(spec, pattern)]
    containers = [_with_variables(each, [settings], environment.path) for each in _containers(pods)]
    found = _code(settings, environment.path)
    if environment.is_there and not isinstance(settings, dict | None):
        found.append(_opaque(Role.CODE, "runtimeEnvYAML", environment.path, "it can't be read as YAML"))
    found += [item for each in containers for item in generic_references(each) if item.path == environment.path]
    entry = spec.get("entrypoint")
    if text := entry.text():
        head = spec.at("rayClusterSpec", "headGroupSpec", "template", "spec")
        added = settings.get("env_vars") if isinstance(settings, dict) else None
        found += _entered(text, head, added if isinstance(added, dict) else {}, entry.path)
    return found


def _entered(text: str, head: Node, added: JsonObject, path: str) -> list[ModelReference]:
    """Return what a command line loads that Ray starts on the head, as if the head's pod were started with it."""
    pod = dict(head.value) if isinstance(head.value, dict) else {}
    nodes = [node.value for node in head.get("containers").items() if isinstance(node.value, dict)]
    first = {key: value for key, value in (nodes[0] if nodes else {}).items() if key in _OF_THE_HEAD}
    variables = first.get("env")
    env: list[Json] = [*(variables if isinstance(variables, list) else [])]
    env += [{"name": name, "value": _text(value)} for name, value in added.items()]
    # Kubernetes puts nothing into the command line, so that each dollar is the shell's.
    container: Json = {**first, "name": "c", "env": env, "command": ["/bin/sh", "-c", text.replace("$", "$$")]}
    try:
        found = find_references(
            {"spec": {"containers": [container], "volumes": pod.get("volumes")}}, group="", kind="Pod", where=path
        )
    except DocumentError:
        # The pod itself is read besides, and its faults are told there.
        return []
    return [replace(item, path=path) for item in found if item.path.startswith("spec.containers[0].command")]


def _yaml(text: str) -> Json | None:
    try:
        return load_yaml(text.encode("utf-8", "surrogatepass"), where="")
    except DocumentError:
        return "it can't be read"


def _opaque(role: Role, text: str, path: str, because: str) -> ModelReference:
    return ModelReference(role, text, path, Target.opaque(because))


PROGRAM: Final = Program(
    "KubeRay",
    "kuberay 1.4 ray-operator/apis/ray/v1; ray 2.60 ray/serve/schema.py, ray/llm/…/configs/llm_config.py",
    resources={
        # vllm-project/aibrix 0.5 api/orchestration/v1alpha1: clusters by a template
        ("orchestration.aibrix.ai", "RayClusterFleet"): Resource(_clusters("spec.template.spec"), adds=_added),
        ("orchestration.aibrix.ai", "RayClusterReplicaSet"): Resource(_clusters("spec.template.spec"), adds=_added),
        ("ray.io", "RayCluster"): Resource(_clusters("spec"), adds=_added),
        ("ray.io", "RayService"): Resource(_clusters("spec.rayClusterConfig"), _service, adds=_added),
        ("ray.io", "RayJob"): Resource(
            (*_clusters("spec.rayClusterSpec"), f"spec.{_SUBMITTER}.spec"), _job, adds=_added
        ),
        ("ray.io", "RayCronJob"): Resource(
            (*_clusters("spec.jobTemplate.rayClusterSpec"), f"spec.jobTemplate.{_SUBMITTER}.spec"),
            _cron_job,
            adds=_added,
        ),
    },
)
