"""What KubeAI's Model names is found, and a revision counts only where something reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import read

from dbom.errors import DocumentError

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

COMMIT = "c1899de289a04d12100db370d81485cdf75e47ca"


def model(url: Json, engine: str = "VLLM", **spec: Json) -> JsonObject:
    return {"apiVersion": "kubeai.org/v1", "kind": "Model", "spec": {"url": url, "engine": engine, **spec}}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("hf://acme/m", "model unpinned hf://acme/m"),
        ("hf://", "model opaque"),
        ("ollama://gemma2:2b?insecure=true", "model unpinned oci://registry.ollama.ai/library/gemma2"),
        ("gs://b/m", "model unpinned gs://b/m"),
        ("s3://b/m?versionId=1", "model unpinned s3://b/m"),
        ("oss://b/m", "model opaque"),
        ("pvc://claim/m?model=x", "model opaque"),
    ],
)
def test_what_a_url_comes_to(url: str, expected: str) -> None:
    assert [f"{expected} at spec.url"] == read(model(url))


@pytest.mark.parametrize(("engine", "more"), [("Infinity", {}), ("OLlama", {}), ("VLLM", {"cacheProfile": "efs"})])
def test_a_revision_that_nothing_reads_pins_nothing(engine: str, more: dict[str, Json]) -> None:
    found = read(model("hf://acme/m", engine, args=["--revision", COMMIT], **more))
    assert found == ["model unpinned hf://acme/m at spec.url"]


def test_another_hub_and_two_revisions_are_opaque() -> None:
    assert read(model("hf://acme/m", env={"HF_ENDPOINT": "https://hub.example"})) == ["model opaque at spec.url"]
    two = model("hf://acme/m", args=["--revision", COMMIT, "--revision", "main"])
    assert read(two) == ["model opaque at spec.url"]


def test_arguments_may_name_another_model() -> None:
    found = read(model("hf://acme/m", args=["--model", "acme/other"]))
    assert found == ["model unpinned hf://acme/m at spec.url", "model unpinned hf://acme/other at spec.args[1]"]


@pytest.mark.parametrize("broken", [model(None), model(["hf://a/b"]), model("hf://a/b", adapters=[{"name": "a"}])])
def test_a_model_that_cannot_be_read_is_refused(broken: JsonObject) -> None:
    with pytest.raises(DocumentError):
        read(broken)
