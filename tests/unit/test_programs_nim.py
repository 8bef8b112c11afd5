"""What NIM's images and the NIM Operator's kinds load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from serving_pods import CLAIM, COMMIT, IMAGE_VOLUME, PINNED, found, found_in

from admission.references import find_references
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

NAME = "nvcr.io/nim/meta/llama-3.1-8b-instruct"
NIM = f"{NAME}:1.8.4"
MADE: JsonObject = {"repository": NAME, "tag": "1.8.4"}
UNPINNED = f"model spec.image.repository unpinned oci://{NAME}"


def kind(name: str, spec: Json) -> JsonObject:
    return {"apiVersion": "apps.nvidia.com/v1alpha1", "kind": name, "metadata": {"name": "n"}, "spec": spec}


def service(**spec: Json) -> list[str]:
    return found_in(kind("NIMService", {"image": MADE, "authSecret": "s", **spec}))


@pytest.mark.parametrize(
    ("image", "place"),
    [
        (NIM, f"oci://{NAME}"),
        (NAME, f"oci://{NAME}"),
        ("registry.example.com:5000/nim/meta/m:1", "oci://registry.example.com:5000/nim/meta/m"),
        ("nvcr.io/nim/m:1", "oci://nvcr.io/nim/m"),
    ],
)
def test_the_image_decides_and_its_tag_can_move(image: str, place: str) -> None:
    assert found(image) == [f"model image unpinned {place}"]


def test_a_digest_of_the_image_does_not_cover_the_weights() -> None:
    assert found(f"{NAME}@sha256:{'a' * 64}") == ["model image opaque"]
    assert found(f"{NIM}@sha256:{'a' * 64}") == ["model image opaque"]


@pytest.mark.parametrize(
    "image", ["nvcr.io/nvidia/cloud-native/k8s-nim-operator:v3", "x/nim", "x/minim/a/b", "nimlang/nim:2"]
)
def test_an_image_that_only_sounds_like_it_is_none(image: str) -> None:
    assert found(image, args=["--port", "80"]) == []


@pytest.mark.parametrize("word", ["list-model-profiles", "update-ca-certificates", "sleep"])
def test_a_tool_of_the_image_loads_nothing(word: str) -> None:
    assert found(NIM, command=[word]) == []
    assert found(NIM, args=[word]) == []


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"NIM_MODEL_NAME": "hf://org/m"}, ["model env[0].value unpinned hf://org/m"]),
        ({"NIM_MODEL_PATH": f"hf://org/m@{COMMIT}"}, [f"model env[0].value claimed hf://org/m@{COMMIT}"]),
        ({"NIM_MODEL_NAME": "ngc://org/m:1"}, ["model env[0].value opaque"]),
        ({"NIM_MODEL_NAME": None}, ["model env[0].valueFrom opaque"]),
        ({"NIM_FT_MODEL": "/ft"}, [f"model env[0].value unpinned oci://{NAME}"]),
        ({"NIM_MODEL_NAME": ""}, [f"model image unpinned oci://{NAME}"]),
        ({"NIM_SERVED_MODEL_NAME": "org/m"}, [f"model image unpinned oci://{NAME}"]),
        ({"NIM_MODEL_PROFILE": "abc"}, [f"model image unpinned oci://{NAME}"]),
        (
            {"NIM_DRAFT_MODEL_PATH": "hf://org/d"},
            ["draft model env[0].value unpinned hf://org/d", f"model image unpinned oci://{NAME}"],
        ),
        ({"NIM_REPOSITORY_OVERRIDE": "s3://b"}, ["model env[0].value opaque"]),
        ({"NIM_MANIFEST_PATH": "/m.yaml"}, ["model env[0].value opaque"]),
        ({"NIM_PEFT_SOURCE": "http://store"}, ["adapter env[0].value opaque", f"model image unpinned oci://{NAME}"]),
        ({"NIM_PEFT_SOURCE": None}, ["adapter env[0].valueFrom opaque", f"model image unpinned oci://{NAME}"]),
        (
            {"NIM_FORCE_TRUST_REMOTE_CODE": "1"},
            [f"model image unpinned oci://{NAME}", "remote code env[0].value opaque"],
        ),
        ({"NIM_TRUST_REMOTE_CODE": "0"}, [f"model image unpinned oci://{NAME}"]),
        (
            {"NIM_PASSTHROUGH_ARGS": "--model org/m"},
            ["model env[0].value opaque", f"model image unpinned oci://{NAME}"],
        ),
        ({"NIM_PASSTHROUGH_ARGS": "--max-num-seqs 8"}, [f"model image unpinned oci://{NAME}"]),
    ],
)
def test_variables_name_models_adapters_mirrors_and_code(env: dict[str, str | None], expected: list[str]) -> None:
    assert found(NIM, env=env) == expected


def test_a_path_is_what_is_mounted_there() -> None:
    mounts: dict[str, JsonObject] = {"/m": IMAGE_VOLUME, "/loras": CLAIM}
    env = {"NIM_MODEL_NAME": "/m", "NIM_PEFT_SOURCE": "/loras"}
    assert found(NIM, env=env, mounts=mounts) == [
        "adapter env[1].value opaque",
        f"model env[0].value enforced {PINNED}",
    ]


@pytest.mark.parametrize(("cache", "folder"), [(None, "/opt/nim/.cache"), ("/store", "/store")])
def test_a_cache_on_a_volume_may_hold_other_bytes(cache: str | None, folder: str) -> None:
    env = {"NIM_MODEL_PATH": f"hf://org/m@{COMMIT}", **({"NIM_CACHE_PATH": cache} if cache else {})}
    assert found(NIM, env=env, workingDir="/app", mounts={folder: CLAIM}) == ["model env[0].value opaque"]


def test_a_service_is_its_image_its_variables_and_its_storage() -> None:
    assert service() == [UNPINNED]
    assert service(storage={"nimCache": {"name": "n"}}) == [UNPINNED, "model spec.storage.nimCache.name opaque"]
    assert service(nimCache={"name": "n"}) == [UNPINNED, "model spec.nimCache.name opaque"]
    assert service(storage={"pvc": {"name": "n"}}) == [UNPINNED, "model spec.storage.pvc.name opaque"]
    assert service(storage={"pvc": {"name": "n", "create": True}}) == [UNPINNED]
    assert service(storage={"hostPath": "/h"}) == [UNPINNED, "model spec.storage.hostPath opaque"]
    assert service(env=[{"name": "NIM_MODEL_NAME", "value": "hf://org/m"}]) == [
        "model spec.env[0].value unpinned hf://org/m"
    ]
    assert "model spec.args[1] opaque" in service(command=["sh"], args=["-c", "/start --model $(cat /names)"])


def test_a_service_brings_containers_of_its_own() -> None:
    puller: Json = [{"name": "p", "image": {"repository": "ollama/ollama", "tag": "1"}, "args": ["pull", "m"]}]
    plain: Json = [{"name": "p", "image": {"repository": "busybox", "tag": "1"}, "command": ["true"]}]
    assert service(initContainers=puller) == [
        UNPINNED,
        "model spec.initContainers[0].args[1] unpinned oci://registry.ollama.ai/library/m",
    ]
    assert service(sidecarContainers=plain) == [UNPINNED]
    nim: Json = [{"name": "p", "image": MADE}]
    assert service(sidecarContainers=nim) == [
        UNPINNED,
        f"model spec.sidecarContainers[0].image.repository unpinned oci://{NAME}",
    ]


def test_a_pipeline_is_its_services_that_are_enabled() -> None:
    made: Json = {"image": MADE}
    services: Json = [{"spec": made}, {"enabled": True, "spec": made}, {"enabled": False, "spec": made}]
    assert found_in(kind("NIMPipeline", {"services": services})) == [
        f"model spec.services[{number}].spec.image.repository unpinned oci://{NAME}" for number in range(2)
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"ngc": {"modelPuller": NIM}}, [f"model spec.source.ngc.modelPuller unpinned oci://{NAME}"]),
        ({"ngc": {"modelPuller": f"{NAME}@sha256:{'a' * 64}"}}, ["model spec.source.ngc.modelPuller opaque"]),
        ({"ngc": {"modelPuller": NIM, "modelEndpoint": "ngc://m"}}, ["model spec.source.ngc.modelEndpoint opaque"]),
        ({"hf": {"namespace": "org", "modelName": "m"}}, ["model spec.source.hf.modelName unpinned hf://org/m"]),
        (
            {"hf": {"namespace": "org", "modelName": "m", "revision": COMMIT}},
            [f"model spec.source.hf.modelName claimed hf://org/m@{COMMIT}"],
        ),
        (
            {"hf": {"endpoint": "https://other", "namespace": "org", "modelName": "m"}},
            ["model spec.source.hf.modelName opaque"],
        ),
        (
            {"hf": {"namespace": "org", "datasetName": "d", "revision": COMMIT}},
            ["dataset spec.source.hf.datasetName unpinned hf://datasets/org/d"],
        ),
        ({"dataStore": {"modelName": "m"}}, ["model spec.source.dataStore.modelName opaque"]),
        ({"dataStore": {"datasetName": "d"}}, ["dataset spec.source.dataStore.datasetName opaque"]),
    ],
)
def test_a_cache_is_filled_from_its_source(source: JsonObject, expected: list[str]) -> None:
    assert found_in(kind("NIMCache", {"source": source})) == expected


def test_a_cache_that_is_filled_from_a_mirror_says_so() -> None:
    env: Json = [{"name": "NIM_REPOSITORY_OVERRIDE", "value": "s3://b"}, {"name": "OTHER", "value": "x"}]
    assert "model spec.env[0] opaque" in found_in(
        kind("NIMCache", {"source": {"ngc": {"modelPuller": NIM}}, "env": env})
    )


@pytest.mark.parametrize("held", ["n", {"name": "n"}])
def test_a_build_takes_a_cache(held: Json) -> None:
    (one,) = found_in(kind("NIMBuild", {"nimCacheRef": held}))
    assert one.endswith("opaque")


def test_a_service_of_another_shape_is_refused_with_its_faults() -> None:
    document = kind("NIMService", {"image": "a text", "storage": []})
    with pytest.raises(DocumentError, match=r"spec\.image"):
        find_references(document, group="apps.nvidia.com", kind="NIMService", where="test")
