"""What an LLMInferenceService names is found, and the words that are added to vLLM's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import DIGEST, read, variables

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

MODEL: JsonObject = {"uri": "hf://org/m"}
FOUND = "model unpinned hf://org/m at spec.model.uri"


def service(**spec: Json) -> JsonObject:
    return {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "LLMInferenceService", "spec": spec}


def main(**fields: Json) -> JsonObject:
    return {"containers": [{"name": "main", "image": "vllm/vllm-openai", **fields}]}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"model": MODEL}, [FOUND]),
        (
            {"model": {"uri": f"oci://r.example/m@{DIGEST}"}},
            ["model enforced oci://r.example/m@DIGEST at spec.model.uri"],
        ),
        ({"model": {"uri": "pvc://claim/m"}}, ["model opaque at spec.model.uri"]),
        (
            {"model": {**MODEL, "lora": {"adapters": [{"name": "a", "uri": "hf://org/a"}]}}},
            [FOUND, "adapter unpinned hf://org/a at spec.model.lora.adapters[0].uri"],
        ),
        ({"model": MODEL, "trustRemoteCode": True}, [FOUND, "remote code opaque at spec.trustRemoteCode"]),
        ({"model": MODEL, "trustRemoteCode": False}, [FOUND]),
        ({"model": MODEL, "baseRefs": [{"name": "x"}]}, [FOUND]),
        ({"baseRefs": [{"name": "x"}]}, ["model opaque at spec.baseRefs"]),
        ({}, ["unseen model opaque at spec"]),
        ({"baseRefs": []}, ["unseen model opaque at spec"]),
    ],
)
def test_what_the_object_itself_names(spec: JsonObject, expected: list[str]) -> None:
    assert expected == read(service(**spec))


@pytest.mark.parametrize("path", ["template", "worker"])
@pytest.mark.parametrize("phase", ["", "prefill"])
def test_every_pod_of_it_is_read(path: str, phase: str) -> None:
    pod: Json = {"containers": [{"name": "side", "image": "vllm/vllm-openai", "args": ["org/side"]}]}
    spec: JsonObject = {phase: {path: pod}} if phase else {path: pod}
    at = f"spec.{phase}.{path}" if phase else f"spec.{path}"
    assert [f"model unpinned hf://org/side at {at}.containers[0].args[0]", FOUND] == read(service(model=MODEL, **spec))


def test_the_main_container_s_words_are_kserve_s_and_no_other_s() -> None:
    assert [FOUND] == read(service(model=MODEL, template=main()))
    other: Json = {"containers": [{"name": "other", "image": "vllm/vllm-openai"}]}
    assert ["model opaque at spec.template.containers[0].image", FOUND] == read(service(model=MODEL, template=other))


def test_the_folder_that_kserve_fills_is_no_reference_of_its_own() -> None:
    words: Json = ["vllm", "serve", "/mnt/models"]
    assert [FOUND] == read(service(model=MODEL, template=main(command=words)))
    assert [] == read({**service(template=main(command=words)), "kind": "LLMInferenceServiceConfig"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("--max-model-len 8192", []),
        ("--lora-modules a=org/a", ["adapter unpinned hf://org/a at {}.value"]),
        ("--model org/x", ["model unpinned hf://org/x at {}.value"]),
        ("--trust-remote-code", ["remote code opaque at {}.value"]),
        ("--max-model-len $LENGTH", ["model opaque at {}.value"]),
        ("--model 'org/x", ["model opaque at {}.value"]),
        ("--max-model-len 1; vllm serve org/x", ["model opaque at {}.value"]),
    ],
)
def test_words_that_are_added_are_read(value: str, expected: list[str]) -> None:
    at = "spec.template.containers[0].env[0]"
    container: JsonObject = {"name": "main", "env": variables(VLLM_ADDITIONAL_ARGS=value)}
    found = read(service(model=MODEL, template={"containers": [container]}))
    assert [*(text.format(at) for text in expected), FOUND] == found


def test_added_words_from_elsewhere_can_not_be_told() -> None:
    env: Json = [{"name": "VLLM_ADDITIONAL_ARGS", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}]
    found = read(service(model=MODEL, template={"containers": [{"name": "main", "env": env}]}))
    assert ["model opaque at spec.template.containers[0].env[0].valueFrom", FOUND] == found


def test_an_initializer_that_is_only_told_more_is_completed_and_one_with_words_of_its_own_is_read() -> None:
    def service(**more: Json) -> JsonObject:
        template: Json = {"initContainers": [{"name": "storage-initializer", **more}]}
        spec: Json = {"model": {"uri": "hf://acme/m"}, "template": template}
        return {"apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService", "spec": spec}

    assert read(service(env=[{"name": "A", "value": "b"}])) == ["model unpinned hf://acme/m at spec.model.uri"]
    other = "model unpinned hf://acme/x at spec.template.initContainers[0].args[0]"
    assert other in read(service(args=["hf://acme/x", "/mnt/models"]))
