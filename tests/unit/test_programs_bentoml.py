"""Every bento is opaque: what it loads is written in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from serving_pods import found, found_in

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["bentoml", "serve"], 1),
        (["bentoml", "serve", "--port", "3000"], 1),
        (["bentoml", "serve", "--reload", "iris:latest"], 3),
        (["bentoml", "serve", "--port=1", "iris:latest"], 3),
        (["bentoml", "serve", "--port", "1", "iris:latest"], 4),
        (["/usr/bin/bentoml", "serve-http", "service:svc"], 2),
        (["bentoml", "models", "pull", "m:1"], 3),
        (["bentoml", "pull", "b:1"], 2),
        (["openllm", "serve", "llama3.2:1b"], 2),
        (["openllm", "start", "org/m"], 2),
        (["bentoml", "serve", "$(X)"], 2),
    ],
)
def test_what_serves_a_bento_names_it_or_the_folder_that_it_is_in(words: list[str], place: int) -> None:
    assert found("x/y", command=words, env={"X": None}) == [f"model command[{place}] opaque"]
    assert found("x/y", args=words, env={"X": None}) == [f"model args[{place}] opaque"]


@pytest.mark.parametrize(
    "words", [["bentoml", "list"], ["bentoml", "build"], ["bentoml", "models", "list"], ["bentoml"]]
)
def test_its_other_commands_load_nothing(words: list[str]) -> None:
    assert found("x/y", command=words) == []


@pytest.mark.parametrize(
    ("group", "kind", "spec", "expected"),
    [
        ("serving.yatai.ai/v2alpha1", "BentoDeployment", {"bento": "iris-1"}, ["model spec.bento opaque"]),
        ("serving.yatai.ai/v1alpha3", "BentoDeployment", {"bento_tag": "iris:1"}, ["model spec.bento_tag opaque"]),
        ("resources.yatai.ai/v1alpha1", "Bento", {"tag": "iris:1"}, ["model spec.tag opaque"]),
        (
            "resources.yatai.ai/v1alpha1",
            "BentoRequest",
            {"bentoTag": "iris:1", "models": [{"tag": "m:1"}, {"tag": "m:2"}]},
            ["model spec.bentoTag opaque", "model spec.models[0].tag opaque", "model spec.models[1].tag opaque"],
        ),
    ],
)
def test_yatais_kinds_name_bentos_and_models(group: str, kind: str, spec: Json, expected: list[str]) -> None:
    document: JsonObject = {"apiVersion": group, "kind": kind, "metadata": {"name": "n"}, "spec": spec}
    assert found_in(document) == expected


def test_a_deployment_brings_pods_of_its_own() -> None:
    extra: Json = {"initContainers": [{"name": "i", "image": "ollama/ollama", "args": ["pull", "m"]}]}
    spec: Json = {"bento": "iris-1", "extraPodSpec": extra, "runners": [{"name": "r", "extraPodSpec": extra}]}
    document: JsonObject = {
        "apiVersion": "serving.yatai.ai/v2alpha1",
        "kind": "BentoDeployment",
        "metadata": {},
        "spec": spec,
    }
    places = ["spec.extraPodSpec", "spec.runners[0].extraPodSpec"]
    pulled = [
        f"model {place}.initContainers[0].args[1] unpinned oci://registry.ollama.ai/library/m" for place in places
    ]
    assert found_in(document) == ["model spec.bento opaque", *pulled]
