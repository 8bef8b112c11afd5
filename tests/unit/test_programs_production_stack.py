"""What a VLLMRuntime and a LoraAdapter of vLLM's production stack name is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import read

from dbom.errors import DocumentError

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject


def made(kind: str, spec: Json, group: str = "production-stack.vllm.ai") -> JsonObject:
    return {"apiVersion": f"{group}/v1alpha1", "kind": kind, "spec": spec}


@pytest.mark.parametrize("group", ["production-stack.vllm.ai", "serving.vllm.ai"])
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("acme/m", "model unpinned hf://acme/m"),
        ("/data/m", "model opaque"),
        ("s3://b/m?versionId=1", "model unpinned s3://b/m"),
    ],
)
def test_what_a_model_url_comes_to(group: str, url: str, expected: str) -> None:
    assert read(made("VLLMRuntime", {"model": {"modelURL": url}}, group)) == [f"{expected} at spec.model.modelURL"]


def test_words_and_variables_are_vllms() -> None:
    settings: Json = {
        "extraArgs": ["--trust-remote-code"],
        "env": [{"name": "HF_ENDPOINT", "value": "https://hub.example"}],
    }
    found = read(made("VLLMRuntime", {"model": {"modelURL": "acme/m"}, "vllmConfig": settings}))
    assert found == ["model opaque at spec.model.modelURL", "remote code opaque at spec.vllmConfig.extraArgs[0]"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {"type": "huggingface", "repository": "acme/l"},
            "adapter unpinned hf://acme/l at spec.adapterSource.repository",
        ),
        ({"type": "s3", "repository": "s3://b/l"}, "adapter unpinned s3://b/l at spec.adapterSource.repository"),
        ({"type": "local", "adapterPath": "/data/l"}, "adapter opaque at spec.adapterSource.adapterPath"),
        ({"type": "http", "adapterName": "l"}, "adapter opaque at spec.adapterSource"),
    ],
)
def test_where_an_adapter_comes_from(source: Json, expected: str) -> None:
    assert read(made("LoraAdapter", {"baseModel": "m", "adapterSource": source})) == [expected]


def test_routers_and_caches_load_nothing() -> None:
    assert read(made("VLLMRouter", {"replicas": 1})) == read(made("CacheServer", {})) == []


@pytest.mark.parametrize("spec", [{}, {"model": {"modelURL": 1}}, {"model": {"modelURL": "a/b"}, "vllmConfig": []}])
def test_a_runtime_that_cannot_be_read_is_refused(spec: Json) -> None:
    with pytest.raises(DocumentError):
        read(made("VLLMRuntime", spec))
