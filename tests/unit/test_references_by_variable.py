"""Variables that mean a model by the look of their value: never where their value is used for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import read

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject


def pod(name: str, value: str, *words: str, gpu: str = "1") -> JsonObject:
    container: Json = {
        "name": "c",
        "image": "registry.example/train:1",
        "command": ["python", "train.py", *words],
        "env": [{"name": name, "value": value}],
        "resources": {"limits": {"nvidia.com/gpu": gpu}},
    }
    return {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}


@pytest.mark.parametrize("name", ["MODEL_NAME", "BASE_MODEL"])
def test_a_name_of_the_hub_is_a_model_where_an_accelerator_is_asked_for(name: str) -> None:
    found = "model unpinned hf://acme/m at spec.containers[0].env[0].value"
    assert read(pod(name, "acme/m")) == [found]
    assert read(pod(name, "acme/m", gpu="0")) == []


@pytest.mark.parametrize("value", ["bert", "v1/models/m", "registry.example:5000/m", ""])
def test_a_name_that_is_none_of_the_hub_is_no_model(value: str) -> None:
    assert [item.split()[0] for item in read(pod("MODEL_NAME", value))] == ["unseen"]


def test_a_name_that_is_given_as_a_word_means_what_it_means_there() -> None:
    found = read(pod("MODEL_NAME", "acme/m", "--model=/m", "--served-model-name=$(MODEL_NAME)"))
    assert [item for item in found if "env" in item] == []


def test_a_tokenizer_of_the_hub_is_one_without_accelerators_too() -> None:
    expected = ["tokenizer unpinned hf://acme/t at spec.containers[0].env[0].value"]
    assert read(pod("TOKENIZER", "acme/t", gpu="0")) == expected
    assert read(pod("TOKENIZER", "whitespace", gpu="0")) == []


@pytest.mark.parametrize("words", [("--storage_uri", "gs://b/m"), ("--storage-uri=gs://b/m",)])
def test_a_storage_uri_is_a_model(words: tuple[str, ...]) -> None:
    assert any(item.startswith("model unpinned gs://b/m") for item in read(pod("A", "b", *words, gpu="0")))


def test_kserve_fetches_what_a_custom_container_names_whatever_it_starts() -> None:
    container: Json = {
        "name": "kserve-container",
        "image": "pytorch/torchserve:0.12.0",
        "env": [{"name": "STORAGE_URI", "value": "hf://acme/m"}],
    }
    service: JsonObject = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "spec": {"predictor": {"containers": [container]}},
    }
    assert "model unpinned hf://acme/m at spec.predictor.containers[0].env[0].value" in read(service)
