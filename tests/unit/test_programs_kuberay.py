"""What KubeRay's resources and Ray Serve's configurations load is found, and must be the same in every pod."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from admission.references import find_references
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HEX = "a" * 64
BUILDER = "ray.serve.llm:build_openai_app"
TEXT = "spec.serveConfigV2"

Found = tuple[str, str, str]


def briefly(document: JsonObject, kind: str) -> list[tuple[str, str, str, str]]:
    found = find_references(document, group="ray.io", kind=kind, where="test")
    return [(str(item.role), item.text, str(item.pinning), item.path) for item in found]


def pod(**fields: Json) -> JsonObject:
    return {"template": {"spec": {"containers": [{"name": "ray", "image": "rayproject/ray:2", **fields}]}}}


def cluster(head: JsonObject | None = None, worker: JsonObject | None = None) -> JsonObject:
    return {"headGroupSpec": head or pod(), "workerGroupSpecs": [worker or pod()]}


def service(applications: Json, ray: JsonObject | None = None) -> list[Found]:
    config = json.dumps({"applications": applications})
    spec: JsonObject = {"serveConfigV2": config, "rayClusterConfig": cluster() if ray is None else ray}
    found = briefly({"spec": spec}, "RayService")
    return [(role, text, pinning) for role, text, pinning, path in found if path == TEXT]


def llm(ray: JsonObject | None = None, /, **config: Json) -> list[Found]:
    application: Json = {"import_path": BUILDER, "args": {"llm_configs": [config]}}
    return service([application], ray)


@pytest.mark.parametrize(
    ("loading", "expected"),
    [
        ({"model_id": "org/m"}, ("model", "org/m", "unpinned")),
        ({"model_id": "a", "model_source": "org/m"}, ("model", "org/m", "unpinned")),
        ({"model_id": "a", "model_source": "s3://b/m"}, ("model", "s3://b/m", "unpinned")),
        ({"model_id": "a", "model_source": "s3://b/m?versionId=1"}, ("model", "s3://b/m?versionId=1", "unpinned")),
        ({"model_id": "a", "model_source": {"bucket_uri": "gs://b/m"}}, ("model", "gs://b/m", "unpinned")),
        ({"model_id": "a", "model_source": {"bucket_uri": "azure://b@c/m"}}, ("model", "azure://b@c/m", "opaque")),
        ({"model_id": "a", "model_source": {}}, ("model", "model_loading_config", "opaque")),
        ({"model_id": "a", "model_source": 7}, ("model", "model_loading_config", "opaque")),
        ("org/m", ("model", "model_loading_config", "opaque")),
    ],
)
def test_where_a_model_is_loaded_from(loading: Json, expected: Found) -> None:
    assert llm(model_loading_config=loading) == [expected]


def test_files_that_are_fetched_besides_are_references() -> None:
    source: Json = {"bucket_uri": "s3://b/m", "extra_files": [{"bucket_uri": "s3://b/more", "destination_path": "/x"}]}
    found = llm(model_loading_config={"model_id": "a", "model_source": source})
    assert [text for _, text, _ in found] == ["s3://b/m", "s3://b/more"]


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ({"revision": COMMIT}, ("model", "org/m", "claimed")),
        ({"tokenizer": "org/t"}, ("tokenizer", "org/t", "unpinned")),
        ({"tokenizer_revision": COMMIT}, ("tokenizer", "org/m", "claimed")),
        ({"hf_config_path": "org/c"}, ("model", "org/c", "unpinned")),
        ({"speculative_config": {"model": "org/d"}}, ("draft model", "org/d", "unpinned")),
        ({"default_mm_loras": {"audio": "org/a"}}, ("adapter", "org/a", "unpinned")),
        ({"trust_remote_code": True}, ("remote code", "--trust-remote-code", "opaque")),
        ({"model_loader_extra_config": {"uri": "s3://x"}}, ("model", "--model-loader-extra-config", "opaque")),
        ({"model_path": "org/sglang"}, ("model", "org/sglang", "unpinned")),
        (["not", "an", "object"], ("model", "engine_kwargs", "opaque")),
    ],
)
def test_the_settings_of_the_engine_are_vllms(engine: Json, expected: Found) -> None:
    assert expected in llm(model_loading_config={"model_id": "org/m"}, engine_kwargs=engine)


@pytest.mark.parametrize("engine", [{"trust_remote_code": False}, {"tokenizer": None}, {"max_model_len": 8}, {}])
def test_settings_that_name_nothing_give_nothing(engine: Json) -> None:
    found = llm(model_loading_config={"model_id": "org/m"}, engine_kwargs=engine)
    assert found == [("model", "org/m", "unpinned")]


def test_a_tokenizer_of_its_own_and_adapters_from_a_bucket() -> None:
    found = llm(
        model_loading_config={"model_id": "org/m", "tokenizer_source": "org/t"},
        lora_config={"dynamic_lora_loading_path": "s3://b/adapters"},
    )
    assert ("tokenizer", "org/t", "unpinned") in found
    assert ("adapter", "s3://b/adapters", "opaque") in found


@pytest.mark.parametrize("place", ["application", "model", "deployment", "pod"])
def test_a_variable_that_names_another_hub_is_seen_wherever_it_stands(place: str) -> None:
    variables: JsonObject = {"env_vars": {"HF_ENDPOINT": "https://other.example"}}
    config: JsonObject = {"model_loading_config": {"model_id": "org/m"}, "engine_kwargs": {"revision": COMMIT}}
    application: JsonObject = {"import_path": BUILDER, "args": {"llm_configs": [config]}}
    ray = cluster()
    if place == "application":
        application["runtime_env"] = variables
    elif place == "model":
        config["runtime_env"] = variables
    elif place == "deployment":
        application["deployments"] = [{"name": "x", "ray_actor_options": {"runtime_env": variables}}]
    else:
        ray = cluster(worker=pod(env=[{"name": "HF_ENDPOINT", "value": "https://other.example"}]))
    assert ("model", "org/m", "opaque") in service([application], ray)


def mounting(reference: str | None) -> JsonObject:
    volume: JsonObject = {"name": "w", "emptyDir": {}} if reference is None else {"name": "w", "image": {}}
    if reference is not None:
        volume["image"] = {"reference": reference}
    made = pod(volumeMounts=[{"name": "w", "mountPath": "/models"}])
    template = made["template"]
    assert isinstance(template, dict)
    spec = template["spec"]
    assert isinstance(spec, dict)
    spec["volumes"] = [volume]
    return made


@pytest.mark.parametrize(
    ("head", "worker", "pinning"),
    [
        (f"r.example/m@sha256:{HEX}", f"r.example/m@sha256:{HEX}", "enforced"),
        (f"r.example/m@sha256:{HEX}", f"r.example/other@sha256:{HEX}", "opaque"),
        (f"r.example/m@sha256:{HEX}", None, "opaque"),
    ],
)
def test_a_path_must_be_the_same_in_every_pod(head: str | None, worker: str | None, pinning: str) -> None:
    loading: Json = {"model_id": "a", "model_source": "/models/m"}
    assert llm(cluster(mounting(head), mounting(worker)), model_loading_config=loading) == [
        ("model", "/models/m", pinning)
    ]


def test_a_pod_without_the_mount_makes_it_untold() -> None:
    mounted = mounting(f"r.example/m@sha256:{HEX}")
    loading: Json = {"model_id": "a", "model_source": "/models/m"}
    assert llm(cluster(worker=mounted), model_loading_config=loading) == [("model", "/models/m", "opaque")]


def test_without_a_cluster_the_configuration_is_read_all_the_same() -> None:
    assert llm({}, model_loading_config={"model_id": "org/m"}) == [("model", "org/m", "unpinned")]


@pytest.mark.parametrize("args", [{}, None, {"llm_configs": []}, {"llm_configs": "x"}, {"other": 1}])
def test_a_builder_that_is_told_no_model_is_untold(args: Json) -> None:
    (found,) = service([{"import_path": BUILDER, "args": args}])
    assert (found[0], found[2]) == ("model", "opaque")


@pytest.mark.parametrize("key", ["prefill_config", "decode_config", "llm_config"])
@pytest.mark.parametrize("value", ["/configs/m.yaml", {"model_loading_config": {"model_id": "org/m"}}])
def test_the_other_builders_take_theirs_by_name(key: str, value: Json) -> None:
    found = service([{"import_path": "ray.serve.llm:build_pd_openai_app", "args": {key: value}}])
    assert [role for role, _, _ in found] == ["model"]


@pytest.mark.parametrize(
    "application",
    [
        {"import_path": "app:app", "runtime_env": {"working_dir": "https://x.example/code.zip"}},
        {"import_path": "app:app", "runtime_env": {"py_modules": ["s3://b/code.zip", "local"]}},
        {"import_path": "app:app", "runtime_env": {"image_uri": "registry.example/other:1"}},
        {"import_path": "app:app", "runtime_env": {"container": {"image": "registry.example/other:1"}}},
        {
            "import_path": "app:app",
            "deployments": [{"ray_actor_options": {"runtime_env": {"working_dir": "gs://b/c.zip"}}}],
        },
    ],
)
def test_code_that_is_fetched_is_a_reference(application: Json) -> None:
    assert [(role, pinning) for role, _, pinning in service([application])] == [("remote code", "opaque")]


@pytest.mark.parametrize(
    "application",
    [
        {"import_path": "app:app", "args": {"model": "org/m"}},
        {"import_path": "app:app", "deployments": [{"name": "d", "user_config": {"model_id": "org/m"}}]},
        {"import_path": "app:app", "runtime_env": {"env_vars": {"MODEL_ID": "org/m"}}},
    ],
)
def test_what_an_application_of_ones_own_is_told_to_load(application: Json) -> None:
    assert service([application]) == [("model", "org/m", "unpinned")]


def test_an_application_that_is_told_nothing_gives_nothing() -> None:
    assert service([{"import_path": "fruit:app", "deployments": [{"user_config": {"price": 3}}]}]) == []


@pytest.mark.parametrize("text", ["[", "x", "", "applications: 3", "applications: [3]", "a: 1\na: 2", "--- 1\n--- 2\n"])
def test_a_text_that_is_no_configuration_is_untold(text: str) -> None:
    found = briefly({"spec": {"serveConfigV2": text, "rayClusterConfig": cluster()}}, "RayService")
    assert [(role, pinning, path) for role, _, pinning, path in found] == [("model", "opaque", TEXT)]


def test_the_configuration_of_a_former_version_is_untold() -> None:
    found = briefly({"spec": {"serveConfig": {"importPath": "x"}, "rayClusterConfig": cluster()}}, "RayService")
    assert [(role, pinning, path) for role, _, pinning, path in found] == [("model", "opaque", "spec.serveConfig")]


@pytest.mark.parametrize("kind", ["RayJob", "RayCronJob"])
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("python -m vllm.entrypoints.openai.run_batch --model org/m", ("model", "org/m", "unpinned")),
        ("pip install x && vllm serve org/m", ("model", "org/m", "unpinned")),
        ("vllm serve $NAME", ("model", "org/n", "unpinned")),
        ("python train.py --model_name_or_path $(pick)", None),
        ("python train.py", None),
    ],
)
def test_the_entry_point_of_a_job_is_a_command_line(kind: str, entry: str, expected: Found | None) -> None:
    head = pod(env=[{"name": "NAME", "value": "org/n"}])
    spec: JsonObject = {"entrypoint": entry, "rayClusterSpec": cluster(head)}
    at = "spec.entrypoint" if kind == "RayJob" else "spec.jobTemplate.entrypoint"
    found = briefly({"spec": spec if kind == "RayJob" else {"jobTemplate": spec}}, kind)
    here = [(role, text, pinning) for role, text, pinning, path in found if path == at]
    assert (expected in here) if expected is not None else all(pinning == "opaque" for _, _, pinning in here)


def test_the_runtime_environment_of_a_job_is_read() -> None:
    environment = "working_dir: https://x.example/c.zip\nenv_vars: {MODEL_ID: org/m}\n"
    spec: JsonObject = {"runtimeEnvYAML": environment, "rayClusterSpec": cluster()}
    found = {(role, pinning, path) for role, _, pinning, path in briefly({"spec": spec}, "RayJob")}
    assert ("remote code", "opaque", "spec.runtimeEnvYAML") in found
    assert ("model", "unpinned", "spec.runtimeEnvYAML") in found
    broken = briefly({"spec": {"runtimeEnvYAML": "[", "rayClusterSpec": cluster()}}, "RayJob")
    assert [(role, pinning) for role, _, pinning, _ in broken] == [("remote code", "opaque")]


def test_the_pods_of_a_cluster_are_read_like_any_other() -> None:
    worker = pod(command=["vllm", "serve", "org/m"])
    found = briefly({"spec": cluster(worker=worker)}, "RayCluster")
    assert found == [("model", "org/m", "unpinned", "spec.workerGroupSpecs[0].template.spec.containers[0].command[2]")]


@pytest.mark.parametrize(("depth", "expected"), [(60, ("model", "org/deep", "unpinned")), (5000, None)])
def test_a_configuration_is_read_however_deep_or_is_untold(depth: int, expected: Found | None) -> None:
    text = f'{{"applications": [{{"import_path": "a:a", "args": {"[" * depth}{{"model": "org/deep"}}{"]" * depth}}}]}}'
    found = briefly({"spec": {"serveConfigV2": text, "rayClusterConfig": cluster()}}, "RayService")
    if expected is None:
        assert [(role, pinning) for role, _, pinning, _ in found] == [("model", "opaque")]
    else:
        assert [(role, text, pinning) for role, text, pinning, _ in found] == [expected]


def test_a_callback_that_downloads_puts_another_model_in_the_place() -> None:
    callback: Json = {
        "callback_class": "ray.llm._internal.common.callbacks.cloud_downloader.CloudDownloader",
        "callback_kwargs": {"paths": [["s3://evil/m", "/models/m"]]},
    }
    found = llm(model_loading_config={"model_id": "a", "model_source": "/models/m"}, callback_config=callback)
    assert ("model", "callback_config", "opaque") in found
    assert ("model", "s3://evil/m", "unpinned") in found


def test_a_builder_of_ones_own_is_not_taken_for_rays() -> None:
    found = service([{"import_path": "ray.serve.llmx:build", "args": {"model": "org/m"}}])
    assert found == [("model", "org/m", "unpinned")]


def test_a_head_that_is_no_pod_is_refused_with_its_place() -> None:
    spec: JsonObject = {"entrypoint": "vllm serve org/m", "rayClusterSpec": cluster(pod(env=7))}
    with pytest.raises(DocumentError) as caught:
        briefly({"spec": spec}, "RayJob")
    assert caught.value.faults == (
        "spec.rayClusterSpec.headGroupSpec.template.spec.containers[0].env: got a number, expected a list",
    )


LEFT = "ray.io/overwrite-container-cmd"


@pytest.mark.parametrize("key", ["rayClusterConfig", "rayClusterSpec", ""])
@pytest.mark.parametrize(
    ("annotations", "template", "words", "expected"),
    [
        ({}, {}, {}, 0),
        ({LEFT: "true"}, {}, {}, 1),
        ({}, {LEFT: "True"}, {}, 1),
        ({LEFT: "false"}, {}, {}, 0),
        ({}, {}, {"command": ["/serve.sh"]}, 1),
        ({}, {}, {"args": ["--max-model-len", "8"]}, 1),
    ],
)
def test_ray_is_what_starts_in_a_pod_without_words_unless_it_is_left_to_the_image(
    annotations: JsonObject, template: JsonObject, words: JsonObject, expected: int, key: str
) -> None:
    containers: Json = [{"name": "ray", "image": "vllm/vllm-openai:v0.11.0", **words}]
    made: JsonObject = {"metadata": {"annotations": template}, "spec": {"containers": containers}}
    ray = cluster(worker={"template": made})
    kind = {"rayClusterConfig": "RayService", "rayClusterSpec": "RayJob"}.get(key, "RayCluster")
    found = briefly({"metadata": {"annotations": annotations}, "spec": {key: ray} if key else ray}, kind)
    assert len(found) == expected


def test_a_submitters_image_is_not_given_rays_command() -> None:
    submitter: JsonObject = {"spec": {"containers": [{"name": "s", "image": "vllm/vllm-openai:v0.11.0"}]}}
    found = briefly({"spec": {"rayClusterSpec": cluster(), "submitterPodTemplate": submitter}}, "RayJob")
    assert [path for _, _, _, path in found] == ["spec.submitterPodTemplate.spec.containers[0].image"]
