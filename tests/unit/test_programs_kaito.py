"""What a KAITO workspace serves, tunes and adds is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import DIGEST, read

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject


def workspace(**fields: Json) -> JsonObject:
    return {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "resource": {}, **fields}


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ({"name": "phi-4"}, ["model opaque at inference.preset.name"]),
        ({"name": "org/m"}, ["model unpinned hf://org/m at inference.preset.name"]),
        ({"name": "org/m/x"}, ["model opaque at inference.preset.name"]),
        (
            {"presetOptions": {"image": f"r.example/m@{DIGEST}"}},
            ["model enforced oci://r.example/m@DIGEST at inference.preset.presetOptions.image"],
        ),
        (
            {"presetOptions": {"modelWeightsPVC": "claim"}},
            ["model opaque at inference.preset.presetOptions.modelWeightsPVC"],
        ),
        (None, []),
    ],
)
def test_what_a_preset_names(preset: Json, expected: list[str]) -> None:
    assert expected == read(workspace(inference={"preset": preset}))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"image": f"r.example/a@{DIGEST}"}, "enforced oci://r.example/a@DIGEST at {}.image"),
        ({"image": "r.example/a:1"}, "unpinned oci://r.example/a at {}.image"),
        ({"urls": ["https://x.example/a"]}, "opaque at {}.urls[0]"),
        ({"urls": ["x"]}, "opaque at {}.urls[0]"),
        ({"volumeSource": {"persistentVolumeClaim": {"claimName": "c"}}}, "opaque at {}.volumeSource"),
        (
            {"volumeSource": {"image": {"reference": f"r.example/a@{DIGEST}"}}},
            "enforced oci://r.example/a@DIGEST at {}.volumeSource.image.reference",
        ),
    ],
)
def test_sources_are_adapters_or_data_sets(source: Json, expected: str) -> None:
    adapter = expected.format("inference.adapters[0].source")
    assert [f"adapter {adapter}"] == read(workspace(inference={"adapters": [{"source": source}]}))
    data = expected.format("tuning.input")
    assert [f"dataset {data}"] == read(workspace(tuning={"input": source, "output": {"image": "r.example/out:1"}}))


def test_more_arguments_in_a_config_map_can_not_be_told() -> None:
    assert ["model opaque at inference.config"] == read(workspace(inference={"config": "arguments"}))
    assert ["model opaque at tuning.config"] == read(workspace(tuning={"config": "arguments"}))


def test_a_template_is_a_pod() -> None:
    template: Json = {"spec": {"containers": [{"name": "c", "image": "vllm/vllm-openai", "args": ["org/m"]}]}}
    expected = ["model unpinned hf://org/m at inference.template.spec.containers[0].args[0]"]
    assert expected == read(workspace(inference={"template": template}))


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        (
            "InferenceSet",
            {"template": {"inference": {"preset": {"name": "org/m"}}}},
            ["model unpinned hf://org/m at spec.template.inference.preset.name"],
        ),
        ("MultiRoleInference", {"model": {"name": "org/m"}}, ["model unpinned hf://org/m at spec.model.name"]),
        (
            "RAGEngine",
            {"embedding": {"local": {"modelID": "org/e"}}},
            ["model unpinned hf://org/e at spec.embedding.local.modelID"],
        ),
        (
            "RAGEngine",
            {"embedding": {"local": {"image": "r.example/e:1"}}},
            ["model unpinned oci://r.example/e at spec.embedding.local.image"],
        ),
        (
            "RAGEngine",
            {"embedding": {"remote": {"url": "https://api.example"}}, "inferenceService": {"url": "http://x"}},
            [],
        ),
    ],
)
def test_the_other_kinds(kind: str, spec: Json, expected: list[str]) -> None:
    assert expected == read({"apiVersion": "kaito.sh/v1alpha1", "kind": kind, "spec": spec})
