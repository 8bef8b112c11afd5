"""Each unit of a Seldon graph that names a model is found, however deep it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import read

from dbom.errors import DocumentError

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

AT = "spec.predictors[0]"


def deployment(graph: Json, **predictor: Json) -> JsonObject:
    return {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "spec": {"predictors": [{"name": "p", "graph": graph, **predictor}]},
    }


def v2(kind: str, **spec: Json) -> JsonObject:
    return {"apiVersion": "mlops.seldon.io/v1alpha1", "kind": kind, "spec": spec}


def test_units_below_units_are_read() -> None:
    graph: JsonObject = {"name": "0", "modelUri": "gs://b/0"}
    graph["children"] = [{"name": "1", "children": [{"name": "2", "modelUri": "gs://b/2"}]}]
    expected = [
        f"model unpinned gs://b/0 at {AT}.graph.modelUri",
        f"model unpinned gs://b/2 at {AT}.graph.children[0].children[0].modelUri",
    ]
    assert expected == read(deployment(graph))


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://b/m?versionId=1", "model unpinned s3://b/m"),
        ("pvc://claim/m", "model opaque"),
        ("/mnt/m", "model opaque"),
        ("https://x.example/m", "model opaque"),
        ("oci://r.example/m", "model opaque"),
    ],
)
def test_what_a_model_uri_comes_to(uri: str, expected: str) -> None:
    assert [f"{expected} at {AT}.graph.modelUri"] == read(deployment({"name": "m", "modelUri": uri}))


def test_parameters_and_explainers_name_models_too() -> None:
    graph: Json = {"name": "m", "parameters": [{"name": "model_uri", "value": "gs://b/m", "type": "STRING"}]}
    expected = [
        f"model unpinned gs://b/m at {AT}.graph.parameters[0].value",
        f"model unpinned gs://b/e at {AT}.explainer.modelUri",
    ]
    assert expected == read(deployment(graph, explainer={"type": "ALE", "modelUri": "gs://b/e"}))


def test_a_path_that_seldon_fills_is_no_reference_of_its_own_and_any_other_is() -> None:
    def found(graph: Json) -> list[str]:
        container: Json = {"name": "m", "image": "i:1", "args": ["--model-dir=/mnt/models"]}
        return read(deployment(graph, componentSpecs=[{"spec": {"containers": [container]}}]))

    assert [f"model unpinned gs://b/m at {AT}.graph.modelUri"] == found({"name": "m", "modelUri": "gs://b/m"})
    at = f"{AT}.componentSpecs[0].spec.containers[0].args[0]"
    assert [f"model unpinned oci://docker.io/library/i at {at}"] == found({"name": "m"})


def test_a_graph_that_is_too_deep_is_refused() -> None:
    graph: JsonObject = {"name": "x"}
    for _ in range(100):
        graph = {"name": "x", "children": [graph]}
    with pytest.raises(DocumentError, match="deeper than 64"):
        read(deployment(graph))


def test_models_and_servers_of_the_second_version() -> None:
    assert ["model unpinned gs://b/m at spec.storageUri"] == read(v2("Model", storageUri="gs://b/m"))
    pod: Json = {"containers": [{"name": "c", "image": "vllm/vllm-openai", "args": ["org/m"]}]}
    assert ["model unpinned hf://org/m at spec.podSpec.containers[0].args[0]"] == read(v2("Server", podSpec=pod))
    assert [] == read(v2("Experiment", candidates=[{"name": "m", "weight": 1}]))
