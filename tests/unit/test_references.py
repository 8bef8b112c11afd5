"""Every place that a pod can get a model from is found, and what can't be told is opaque."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from admission.references import ModelReference, Pinning, Role, find_references
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

HEX = "a" * 64
IMAGE = f"registry.example.com/models/m@sha256:{HEX}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def container(**fields: Json) -> JsonObject:
    return {"name": "c", "image": "registry.example.com/server:1", **fields}


def vllm(*args: str, **fields: Json) -> JsonObject:
    return container(image="vllm/vllm-openai:v0.11", args=list(args), **fields)


def pod(*containers: Json, volumes: Json = None, annotations: Json = None, **spec: Json) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "annotations": annotations},
        "spec": {"containers": list(containers), "volumes": volumes, **spec},
    }


def references(document: JsonObject, group: str = "", kind: str = "Pod") -> tuple[ModelReference, ...]:
    return find_references(document, group=group, kind=kind, where="test")


def image_volume(name: str = "m", reference: str = IMAGE) -> JsonObject:
    return {"name": name, "image": {"reference": reference}}


def mount(path: str, name: str = "m") -> JsonObject:
    return {"name": name, "mountPath": path}


def briefly(found: tuple[ModelReference, ...]) -> list[tuple[Role, str, Pinning]]:
    return [(item.role, item.text, item.pinning) for item in found]


def test_a_pod_without_models_has_no_references() -> None:
    assert references(pod(container(command=["nginx", "-g", "daemon off;"]))) == ()


def test_an_image_volume_by_digest_is_pinned_and_enforced() -> None:
    (found,) = references(pod(container(), volumes=[image_volume()]))
    assert (found.role, found.text, found.path) == (Role.VOLUME, IMAGE, "spec.volumes[0].image.reference")
    assert found.pinning is Pinning.ENFORCED
    assert str(found.target.location) == f"oci://{IMAGE}"


@pytest.mark.parametrize(
    ("reference", "pinning", "base"),
    [
        ("registry.example.com/models/m:v1", Pinning.UNPINNED, "oci://registry.example.com/models/m"),
        ("registry.example.com/models/m", Pinning.UNPINNED, "oci://registry.example.com/models/m"),
        (f"registry.example.com/models/m:v1@sha256:{HEX}", Pinning.ENFORCED, "oci://registry.example.com/models/m"),
        (f"m@sha256:{HEX}", Pinning.ENFORCED, "oci://docker.io/library/m"),
        (f"org/m@sha256:{HEX}", Pinning.ENFORCED, "oci://docker.io/org/m"),
        (f"localhost/m@sha256:{HEX}", Pinning.ENFORCED, "oci://localhost/m"),
        (f"localhost:5000/m@sha256:{HEX}", Pinning.ENFORCED, "oci://localhost:5000/m"),
        (f"docker.io/m@sha256:{HEX}", Pinning.ENFORCED, "oci://docker.io/library/m"),
        (f"index.docker.io/org/m@sha256:{HEX}", Pinning.ENFORCED, "oci://docker.io/org/m"),
        (f"REGISTRY.example.com/m@sha256:{HEX}", Pinning.ENFORCED, "oci://registry.example.com/m"),
        ("m@sha256:abc", Pinning.OPAQUE, ""),
        (f"m@sha512:{HEX}{HEX}", Pinning.OPAQUE, ""),
        ("not an image", Pinning.OPAQUE, ""),
        ("a" * 5000, Pinning.OPAQUE, ""),
        ("", Pinning.OPAQUE, ""),
    ],
)
def test_image_references_are_read_as_a_runtime_reads_them(reference: str, pinning: Pinning, base: str) -> None:
    (found,) = references(pod(container(), volumes=[image_volume(reference=reference)]))
    assert (found.pinning, found.target.base) == (pinning, base)


@pytest.mark.parametrize(
    "args",
    [
        ["--model", "/models"],
        ["--model=/models"],
        ["--model", "/models/"],
        ["--model", "/models/sub/dir"],
        ["--model", "file:///models"],
        ["--model", "//models/./x"],
        ["serve", "/models", "--port", "80"],
        ["/models"],
        ["--port", "8000", "--lora-rank=3", "/models"],
        ["--mod", "/models"],
    ],
)
def test_a_path_on_an_image_volume_is_that_volume(args: list[str]) -> None:
    found = references(pod(vllm(*args, volumeMounts=[mount("/models")]), volumes=[image_volume()]))
    models = [item for item in found if item.role is Role.MODEL]
    assert [str(item.target.location) for item in models] == [f"oci://{IMAGE}"]
    assert models[0].path.startswith("spec.containers[0].args[")


@pytest.mark.parametrize(
    "volume",
    [
        {"name": "m", "persistentVolumeClaim": {"claimName": "x"}},
        {"name": "m", "emptyDir": {}},
        {"name": "m", "hostPath": {"path": "/"}},
        {"name": "m", "configMap": {"name": "x"}},
        {"name": "m"},
        {"name": "m", "image": {"reference": IMAGE}, "emptyDir": {}},
    ],
)
def test_a_path_on_any_other_volume_is_opaque(volume: Json) -> None:
    found = references(pod(vllm("--model", "/models/x", volumeMounts=[mount("/models")]), volumes=[volume]))
    assert [item.pinning for item in found if item.role is Role.MODEL] == [Pinning.OPAQUE]


@pytest.mark.parametrize(
    ("path", "mounts", "working_dir"),
    [
        ("/models/../evil", [mount("/models")], None),
        ("./models", [mount("/models")], None),
        ("/models", [mount("/models"), mount("/models/weights", "scratch")], None),
        ("/models/weights", [mount("/models"), mount("/models/weights", "scratch")], None),
        ("/models", [mount("/models"), mount("/models", "scratch")], None),
        ("/models", [mount("/models", "nowhere")], None),
        ("./models", [mount("/models")], "relative"),
    ],
)
def test_a_path_that_may_hold_something_else_is_opaque(path: str, mounts: list[Json], working_dir: Json) -> None:
    volumes: Json = [image_volume(), {"name": "scratch", "emptyDir": {}}]
    found = references(pod(vllm("--model", path, volumeMounts=list(mounts), workingDir=working_dir), volumes=volumes))
    assert [item.pinning for item in found if item.role is Role.MODEL] == [Pinning.OPAQUE]


@pytest.mark.parametrize(
    ("image", "pinning"),
    [
        (f"registry.example.com/vllm@sha256:{HEX}", Pinning.ENFORCED),
        ("vllm:v1", Pinning.UNPINNED),
        ("", Pinning.OPAQUE),
    ],
)
@pytest.mark.parametrize(
    ("path", "mounts", "working_dir"),
    [("/models", [], None), ("/models", [mount("/model")], None), ("./models", [mount("/models")], "/other")],
)
def test_a_path_on_no_volume_is_the_container_image(
    image: str, pinning: Pinning, path: str, mounts: list[Json], working_dir: Json
) -> None:
    serving = container(image=image, command=["vllm", "serve", path], volumeMounts=list(mounts), workingDir=working_dir)
    found = references(pod(serving, volumes=[image_volume()]))
    assert [item.pinning for item in found if item.role is Role.MODEL] == [pinning]


def test_a_relative_path_starts_in_the_working_directory() -> None:
    found = references(
        pod(
            vllm("--model", "./models", volumeMounts=[mount("/app/models")], workingDir="/app"),
            volumes=[image_volume()],
        )
    )
    assert [item.pinning for item in found] == [Pinning.ENFORCED, Pinning.ENFORCED]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--model", "org/m"], [(Role.MODEL, "org/m", Pinning.UNPINNED)]),
        (["--model", "org/m", "--revision", "main"], [(Role.MODEL, "org/m", Pinning.UNPINNED)]),
        (["--model", "org/m", "--revision", COMMIT], [(Role.MODEL, "org/m", Pinning.CLAIMED)]),
        (["--model", "org/m", "--revision", COMMIT, "--rev", "b" * 40], [(Role.MODEL, "org/m", Pinning.OPAQUE)]),
        (["--revision=" + COMMIT, "--model=gpt2"], [(Role.MODEL, "gpt2", Pinning.CLAIMED)]),
        (["--model", "s3://b/k"], [(Role.MODEL, "s3://b/k", Pinning.UNPINNED)]),
        (["--model", "s3://b/k?versionId=1"], [(Role.MODEL, "s3://b/k?versionId=1", Pinning.CLAIMED)]),
        (["--model", "s3://b/k?versionId=1&x=2"], [(Role.MODEL, "s3://b/k?versionId=1&x=2", Pinning.UNPINNED)]),
        (["--model", "ftp://x/y"], [(Role.MODEL, "ftp://x/y", Pinning.OPAQUE)]),
        (["--model", "hf://org/m"], [(Role.MODEL, "hf://org/m", Pinning.UNPINNED)]),
        (["--model", "hf://!"], [(Role.MODEL, "hf://!", Pinning.OPAQUE)]),
        (["--model", "what is this"], [(Role.MODEL, "what is this", Pinning.OPAQUE)]),
        (["--model"], [(Role.MODEL, "--model", Pinning.OPAQUE)]),
        (
            ["--model", "org/a", "--model", "org/b"],
            [(Role.MODEL, "org/a", Pinning.UNPINNED), (Role.MODEL, "org/b", Pinning.UNPINNED)],
        ),
        (
            ["org/m", "--revision", COMMIT, "--tokenizer", "org/t"],
            [(Role.MODEL, "org/m", Pinning.CLAIMED), (Role.TOKENIZER, "org/t", Pinning.UNPINNED)],
        ),
        (
            ["org/m", "--revision", COMMIT, "--tokenizer", "org/m"],
            [(Role.MODEL, "org/m", Pinning.CLAIMED), (Role.TOKENIZER, "org/m", Pinning.CLAIMED)],
        ),
        (
            ["org/m", "--revision", COMMIT, "--tokenizer-revision", "main"],
            [(Role.MODEL, "org/m", Pinning.CLAIMED), (Role.TOKENIZER, "org/m", Pinning.UNPINNED)],
        ),
        (
            ["org/m", "--lora_modules", "a=org/l1", "b=org/l2", '{"name":"c","path":"org/l3"}'],
            [
                (Role.MODEL, "org/m", Pinning.UNPINNED),
                *((Role.ADAPTER, f"org/l{n}", Pinning.UNPINNED) for n in (1, 2, 3)),
            ],
        ),
        (
            ["org/m", "--lora-modules", '{"name":"c"}', "{broken", "org/plain"],
            [
                (Role.MODEL, "org/m", Pinning.UNPINNED),
                (Role.ADAPTER, '{"name":"c"}', Pinning.OPAQUE),
                (Role.ADAPTER, "{broken", Pinning.OPAQUE),
                (Role.ADAPTER, "org/plain", Pinning.UNPINNED),
            ],
        ),
        (
            ["org/m", "--speculative-config", '{"model":"org/d","num_speculative_tokens":5}'],
            [(Role.MODEL, "org/m", Pinning.UNPINNED), (Role.DRAFT_MODEL, "org/d", Pinning.UNPINNED)],
        ),
        (
            ["org/m", "--speculative-config", f'{{"model":"org/d","revision":"{COMMIT}"}}'],
            [(Role.MODEL, "org/m", Pinning.UNPINNED), (Role.DRAFT_MODEL, "org/d", Pinning.CLAIMED)],
        ),
        (
            ["org/m", "--speculative-config", '{"method":"ngram"}'],
            [(Role.MODEL, "org/m", Pinning.UNPINNED)],
        ),
        (
            ["org/m", "--speculative-config=[]"],
            [(Role.MODEL, "org/m", Pinning.UNPINNED), (Role.DRAFT_MODEL, "--speculative-config=[]", Pinning.OPAQUE)],
        ),
        (
            ["org/m", "--speculative-config.model", "org/d"],
            [(Role.MODEL, "org/m", Pinning.UNPINNED), (Role.DRAFT_MODEL, "org/d", Pinning.UNPINNED)],
        ),
        (["--config", "/etc/vllm.yaml"], [(Role.MODEL, "--config", Pinning.OPAQUE)]),
        (
            ["org/m", "--default-mm-loras", '{"audio":"org/l"}'],
            [(Role.MODEL, "org/m", Pinning.UNPINNED), (Role.ADAPTER, "org/l", Pinning.UNPINNED)],
        ),
        (["--port", "80"], [(Role.MODEL, "vllm/vllm-openai:v0.11", Pinning.OPAQUE)]),
        (["--port=$(PORT)", "org/m"], [(Role.MODEL, "org/m", Pinning.UNPINNED)]),
        (["org/m", "$(MORE)"], [(Role.MODEL, "org/m", Pinning.UNPINNED), (Role.MODEL, "$(MORE)", Pinning.OPAQUE)]),
        (["--model=$(M)"], [(Role.MODEL, "--model=$(M)", Pinning.OPAQUE)]),
    ],
)
def test_what_vllm_is_told_to_load(args: list[str], expected: list[tuple[Role, str, Pinning]]) -> None:
    found = briefly(references(pod(vllm(*args))))
    assert [item for item in expected if item in found] == expected
    assert {item for item in found if item[2] is not Pinning.OPAQUE} == {
        item for item in expected if item[2] is not Pinning.OPAQUE
    }


@pytest.mark.parametrize(
    ("command", "pinning"),
    [
        (["sh", "-c", "vllm serve org/m"], Pinning.UNPINNED),
        (["/bin/bash", "-ec", f"exec vllm serve org/m --revision {COMMIT}"], Pinning.CLAIMED),
        (["sh", "-c", "vllm serve org/m && true"], Pinning.UNPINNED),
        (["sh", "-c", "vllm serve $MODEL"], Pinning.OPAQUE),
        (["sh", "-c", "vllm serve {a,b}"], Pinning.OPAQUE),
        (["sh", "-c", "A=1 vllm serve org/m"], Pinning.UNPINNED),
        (["sh", "-c", "vllm serve 'org/m"], Pinning.OPAQUE),
        (["sh", "-c", "cd /\nvllm serve org/m"], Pinning.UNPINNED),
        (["python3", "-c", "from vllm import LLM"], Pinning.OPAQUE),
        (["vllm", "serve"], Pinning.OPAQUE),
        (["python3", "-m", "vllm.entrypoints.openai.api_server"], Pinning.OPAQUE),
        (["python3", "-m", "vllm.entrypoints.openai.api_server", "--model", "org/m"], Pinning.UNPINNED),
        (["my-server", "--model", "org/m"], Pinning.UNPINNED),
    ],
)
def test_whatever_the_image_is_called_its_words_are_read(command: list[str], pinning: Pinning) -> None:
    found = references(pod(container(command=list(command))))
    assert [item.pinning for item in found] == [pinning]


def test_words_behind_a_script_are_its_arguments() -> None:
    command: list[Json] = ["sh", "-ec", 'exec "$@"', "--", "vllm", "serve", "org/m"]
    found = references(pod(container(command=command)))
    assert [item.pinning for item in found] == [Pinning.UNPINNED]


@pytest.mark.parametrize("script", ["sleep 5 && ./start", "nginx"])
def test_a_script_without_a_word_about_models_is_no_reference(script: str) -> None:
    assert references(pod(container(command=["sh", "-c", script]))) == ()


@pytest.mark.parametrize(
    ("env", "pinning"),
    [
        ([{"name": "VLLM_MODEL", "value": "org/m"}], Pinning.UNPINNED),
        ([{"name": "MODEL_ID", "value": "org/m"}, {"name": "REVISION", "value": COMMIT}], Pinning.CLAIMED),
        ([{"name": "STORAGE_URI", "value": f"oci://{IMAGE}"}], Pinning.OPAQUE),
        ([{"name": "VLLM_MODEL", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}], Pinning.OPAQUE),
        ([{"name": "A", "value": "org"}, {"name": "VLLM_MODEL", "value": "$(A)/m"}], Pinning.UNPINNED),
        ([{"name": "VLLM_MODEL", "value": "$(A)/m"}, {"name": "A", "value": "org"}], Pinning.OPAQUE),
        ([{"name": "VLLM_MODEL", "value": "$$(A)"}], Pinning.OPAQUE),
    ],
)
def test_models_in_the_environment(env: Json, pinning: Pinning) -> None:
    (found,) = references(pod(container(env=env)))
    assert found.pinning is pinning


def test_a_variable_of_the_container_is_put_into_its_words() -> None:
    found = references(
        pod(
            vllm(
                "--model=$(M)",
                "--revision",
                "$(R)",
                env=[{"name": "M", "value": "org/m"}, {"name": "R", "value": COMMIT}],
            )
        )
    )
    assert [str(item.target.location) for item in found] == [f"hf://org/m@{COMMIT}"]


@pytest.mark.parametrize(
    "fields",
    [
        {"env": [{"name": "HF_ENDPOINT", "value": "https://evil.example"}]},
        {"env": [{"name": "VLLM_USE_MODELSCOPE", "value": "True"}]},
        {"env": [{"name": "HF_ENDPOINT", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}]},
        {"envFrom": [{"configMapRef": {"name": "x"}}]},
        {"workingDir": "/work", "volumeMounts": [{"name": "m", "mountPath": "/work"}]},
        {"volumeMounts": [{"name": "m", "mountPath": "/somewhere/org/m"}]},
        {"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "y"}}}], "command": ["vllm", "serve", "$(X)"]},
    ],
)
def test_a_hub_name_that_may_mean_something_else_is_opaque(fields: dict[str, Json]) -> None:
    found = references(
        pod(vllm("--model", "org/m", "--revision", COMMIT, **fields), volumes=[{"name": "m", "emptyDir": {}}])
    )
    assert Pinning.OPAQUE in {item.pinning for item in found}


USUAL_MOUNTS: list[Json] = [mount("/dev/shm", "shm"), mount("/var/run/secrets/kubernetes.io/serviceaccount", "token")]  # noqa: S108  of the container
USUAL_VOLUMES: list[Json] = [{"name": "shm", "emptyDir": {"medium": "Memory"}}, {"name": "token", "projected": {}}]
USUAL_FLAGS = ["--served-model-name", "a", "b", "--tensor-parallel-size=2", "-tp", "2", "--enable-prefix-caching"]
USUAL_FLAGS += ["--port", "8000", "--gpu-memory-utilization", "0.9", "--enable-auto-tool-choice"]


@pytest.mark.parametrize("args", [["/models", *USUAL_FLAGS], ["--model", "/models", *USUAL_FLAGS]])
def test_a_server_as_people_write_it_has_one_model_and_nothing_opaque(args: list[str]) -> None:
    server = vllm(
        *args,
        volumeMounts=[mount("/models"), *USUAL_MOUNTS],
        env=[{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}],
        readinessProbe={"exec": {"command": ["sh", "-c", "curl -f http://localhost:8000/health"]}},
    )
    found = references(pod(server, volumes=[image_volume(), *USUAL_VOLUMES]))
    assert [(item.role, item.pinning) for item in found] == [
        (Role.VOLUME, Pinning.ENFORCED),
        (Role.MODEL, Pinning.ENFORCED),
    ]


def test_a_hub_name_beside_the_usual_volumes_stays_claimed() -> None:
    server = vllm("org/m", "--revision", COMMIT, volumeMounts=USUAL_MOUNTS)
    assert [item.pinning for item in references(pod(server, volumes=USUAL_VOLUMES))] == [Pinning.CLAIMED]


@pytest.mark.parametrize("module", ["-mvllm.entrypoints.openai.api_server", "-Bmvllm.entrypoints.cli.main"])
def test_a_module_may_stand_in_one_word_with_its_flag(module: str) -> None:
    (found,) = references(pod(container(command=["python3", module, "serve", "org/m"])))
    assert (found.text, found.pinning) == ("org/m", Pinning.UNPINNED)


def test_variables_that_double_each_other_do_not_grow_without_bound() -> None:
    env: list[Json] = [{"name": "V0", "value": "x" * 1000}]
    env += [{"name": f"V{number}", "value": f"$(V{number - 1})$(V{number - 1})"} for number in range(1, 60)]
    (found,) = references(pod(vllm("--model=$(V59)", env=env)))
    assert "longer than what a program can be started with" in found.target.because


@pytest.mark.parametrize("fields", [{"args": ["-a"] * 2001}, {"env": [{"name": "A", "value": "b"}] * 2001}])
def test_a_container_with_more_words_than_can_be_looked_at_is_opaque(fields: dict[str, Json]) -> None:
    (found,) = references(pod(container(**fields)))
    assert (found.path, found.pinning) == ("spec.containers[0]", Pinning.OPAQUE)


def test_variables_that_are_too_long_together_can_not_be_told() -> None:
    env: list[Json] = [{"name": "A", "value": "x" * 100_000}]
    env += [{"name": f"B{number}", "value": "$(A)"} for number in range(30)]
    found = references(pod(vllm("../m", "--model=$(B29)", *["--port=$(A)"] * 30, env=env)))
    assert {item.pinning for item in found} == {Pinning.OPAQUE}


def test_the_configuration_of_a_loader_is_not_shown() -> None:
    secret = '--model-loader-extra-config={"s3_secret_access_key":"hush"}'
    found = references(pod(vllm("--model", "org/m", secret)))
    assert [item.text for item in found] == ["org/m", "--model-loader-extra-config"]


def test_the_configuration_of_a_loader_without_texts_names_no_place() -> None:
    numbers = '{"distributed":true,"concurrency":16}'
    assert len(references(pod(vllm("--model", "org/m", "--model-loader-extra-config", numbers)))) == 1


@pytest.mark.parametrize("key", ["initContainers", "ephemeralContainers"])
def test_init_and_ephemeral_containers_are_read_too(key: str) -> None:
    extra: Json = [vllm("org/m")]
    (found,) = references(pod(container(), **{key: extra}))
    assert found.path == f"spec.{key}[0].args[0]"


def test_an_annotation_adds_references_and_vouches_for_none() -> None:
    text = f"oci://{IMAGE},org/m\nhf://org/m@{COMMIT} /models"
    found = references(pod(container(), annotations={"dbom.dev/model": text}))
    assert [item.pinning for item in found] == [Pinning.ENFORCED, Pinning.UNPINNED, Pinning.CLAIMED, Pinning.OPAQUE]
    assert {item.path for item in found} == {'metadata.annotations["dbom.dev/model"]'}
    plain = references(pod(container(), annotations={"dbom.dev/model": IMAGE}))
    assert [item.pinning for item in plain] == [Pinning.ENFORCED]


def test_what_a_storage_initializer_fetches() -> None:
    initializer = container(image="kserve/storage-initializer:v0.15", args=[f"hf://org/m:{COMMIT}", "/mnt/models"])
    main = vllm("--model=/mnt/models", volumeMounts=[mount("/mnt/models", "v")])
    found = references(pod(main, volumes=[{"name": "v", "emptyDir": {}}], initContainers=[initializer]))
    assert briefly(found) == [
        (Role.MODEL, f"hf://org/m:{COMMIT}", Pinning.CLAIMED),
        (Role.MODEL, "/mnt/models", Pinning.OPAQUE),
    ]


@pytest.mark.parametrize(
    ("args", "pinning"),
    [
        (["s3://b/k", "/mnt"], Pinning.UNPINNED),
        (["pvc://claim/x", "/mnt"], Pinning.OPAQUE),
        (["org/m", "/mnt"], Pinning.OPAQUE),
        (["$(URI)", "/mnt"], Pinning.OPAQUE),
        (["s3://b/k"], Pinning.OPAQUE),
        ([], Pinning.OPAQUE),
    ],
)
def test_storage_that_is_not_pinned(args: list[str], pinning: Pinning) -> None:
    (found,) = references(pod(container(image="mirror.example/storage-initializer@sha256:" + HEX, args=list(args))))
    assert found.pinning is pinning


WORKLOADS = [
    ("apps", "Deployment", ("spec", "template")),
    ("apps", "StatefulSet", ("spec", "template")),
    ("apps", "DaemonSet", ("spec", "template")),
    ("apps", "ReplicaSet", ("spec", "template")),
    ("batch", "Job", ("spec", "template")),
    ("batch", "CronJob", ("spec", "jobTemplate", "spec", "template")),
    ("", "ReplicationController", ("spec", "template")),
    ("", "PodTemplate", ("template",)),
]


@pytest.mark.parametrize(("group", "kind", "path"), WORKLOADS)
def test_workload_templates_are_read_like_pods(group: str, kind: str, path: tuple[str, ...]) -> None:
    document: Json = {
        "metadata": {"annotations": {"dbom.dev/model": "org/a"}},
        "spec": {"containers": [container()], "volumes": [image_volume()]},
    }
    for key in reversed(path):
        document = {key: document}
    assert isinstance(document, dict)
    found = references({"kind": kind, **document}, group, kind)
    assert {item.path for item in found} == {
        ".".join((*path, 'metadata.annotations["dbom.dev/model"]')),
        ".".join((*path, "spec.volumes[0].image.reference")),
    }


@pytest.mark.parametrize(
    ("predictor", "expected"),
    [
        ({"model": {"storageUri": f"oci://{IMAGE}"}}, [Pinning.ENFORCED]),
        ({"sklearn": {"storageUri": "s3://b/k"}}, [Pinning.UNPINNED]),
        ({"storageUri": "gs://b/k"}, [Pinning.UNPINNED]),
        ({"model": {"storage": {"key": "k", "path": "p"}}}, [Pinning.OPAQUE]),
        ({"model": {"storageUris": [{"uri": "s3://b/k", "mountPath": "/m"}]}}, [Pinning.UNPINNED]),
        ({"containers": [vllm("org/m")]}, [Pinning.UNPINNED]),
        ({"model": {"args": ["--model_id=org/m"]}}, [Pinning.UNPINNED]),
    ],
)
def test_inference_services(predictor: Json, expected: list[Pinning]) -> None:
    found = references({"spec": {"predictor": predictor}}, "serving.kserve.io", "InferenceService")
    assert [item.pinning for item in found] == expected
    assert all(item.path.startswith("spec.predictor") for item in found)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"spec": None},
        {"spec": []},
        {"spec": {}},
        {"spec": {"containers": None}},
        {"spec": {"containers": []}},
        {"spec": {"containers": {}}},
        {"spec": {"containers": ["x"]}},
        {"spec": {"containers": [None]}},
        {"spec": {"containers": [{"args": "x"}]}},
        {"spec": {"containers": [{"args": [1]}]}},
        {"spec": {"containers": [{"image": []}]}},
        {"spec": {"containers": [{"env": [{"value": "x"}]}]}},
        {"spec": {"containers": [{"env": [{"name": "x", "value": 3}]}]}},
        {"spec": {"containers": [{"volumeMounts": [{}]}]}},
        {"spec": {"containers": [{}], "volumes": [{}]}},
        {"spec": {"containers": [{}], "volumes": [{"name": "v", "image": 3}]}},
        {"spec": {"containers": [{}], "volumes": [{"name": "v"}, {"name": "v"}]}},
        {"metadata": [], "spec": {"containers": [{}]}},
        {"metadata": {"annotations": {"dbom.dev/model": 7}}, "spec": {"containers": [{}]}},
    ],
)
def test_what_is_not_a_pod_is_refused_with_its_place(document: JsonObject) -> None:
    with pytest.raises(DocumentError) as caught:
        references(document)
    assert caught.value.rule.id == "DBOM-510"
    assert caught.value.faults


def test_every_fault_of_an_object_is_named() -> None:
    with pytest.raises(DocumentError) as caught:
        references({"spec": {"containers": [{"args": "x", "env": {}}], "volumes": 3}})
    assert caught.value.faults == (
        "spec.containers[0].args: got a string, expected a list",
        "spec.containers[0].env: got an object, expected a list",
        "spec.volumes: got a number, expected a list",
    )


def test_a_reference_is_shown_with_its_reason() -> None:
    (found,) = references(pod(vllm("/models\x1b[2J")))
    assert str(found) == (
        "model '/models\\x1b[2J' at spec.containers[0].args[0] (unpinned, because a tag can be moved to other bytes)"
    )
