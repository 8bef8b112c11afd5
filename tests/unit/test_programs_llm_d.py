"""llm-d's ModelService names its artifact, and its containers may name more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from admission.references import Pinning, find_references
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from dbom.canonical import Json

HEX = "a" * 64


def found(spec: Json) -> list[tuple[str, str, str, str]]:
    references = find_references({"spec": spec}, group="llm-d.ai", kind="ModelService", where="test")
    return [(str(item.role), item.path, str(item.pinning), item.target.base) for item in references]


@pytest.mark.parametrize(
    ("uri", "pinning", "base"),
    [
        ("hf://org/m", Pinning.UNPINNED, "hf://org/m"),
        ("pvc://claim/path", Pinning.OPAQUE, ""),
        ("pvc+hf://claim/cache/org/m", Pinning.OPAQUE, ""),
        (f"oci://r.example/m@sha256:{HEX}::/path", Pinning.ENFORCED, "oci://r.example/m"),
        ("oci://r.example/m:1::/path", Pinning.UNPINNED, "oci://r.example/m"),
        ("s3://bucket/m", Pinning.OPAQUE, ""),
        ("org/m", Pinning.OPAQUE, ""),
    ],
)
def test_what_the_uri_of_an_artifact_comes_to(uri: str, pinning: Pinning, base: str) -> None:
    assert found({"modelArtifacts": {"uri": uri}}) == [("model", "spec.modelArtifacts.uri", str(pinning), base)]


def container(*args: str) -> Json:
    return {"name": "vllm", "image": "ghcr.io/llm-d/llm-d:v1", "command": ["vllm", "serve"], "args": list(args)}


@pytest.mark.parametrize("word", ["{{ .HFModelName }}", "{{.MountedModelPath}}", "--model={{- .ModelPath -}}"])
def test_words_that_are_the_artifact_name_no_second_model(word: str) -> None:
    spec: Json = {"modelArtifacts": {"uri": "hf://org/m"}, "decode": {"containers": [container(word)]}}
    assert [path for _, path, _, _ in found(spec)] == ["spec.modelArtifacts.uri"]


@pytest.mark.parametrize("word", ["org/other", "{{ .HFModelName }}-evil", "{{ .Other }}", "{{ .ModelName }}"])
@pytest.mark.parametrize("key", ["containers", "initContainers"])
def test_any_other_word_is_a_model_of_its_own(word: str, key: str) -> None:
    spec: Json = {"modelArtifacts": {"uri": "hf://org/m"}, "prefill": {key: [container(word)]}}
    assert f"spec.prefill.{key}[0].args[0]" in {path for _, path, _, _ in found(spec)}


def test_what_a_base_configuration_completes_is_not_untold() -> None:
    assert found({"decode": {"containers": [{"name": "vllm", "image": "ghcr.io/llm-d/llm-d:v1"}]}}) == []


def test_a_container_that_is_none_is_refused_with_its_place() -> None:
    with pytest.raises(DocumentError) as caught:
        found({"decode": {"containers": [{"args": "x"}]}})
    assert caught.value.faults == ("spec.decode.containers[0].args: got a string, expected a list",)
