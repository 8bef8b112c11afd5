"""What MLflow and MLServer are told to serve is found; what a tracking server decides can't be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import COMMIT, DIGEST, image_volume, mount, read_container, variables

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

IMAGE = f"registry.example.com/serve@{DIGEST}"
OWN = "oci://registry.example.com/serve@DIGEST"


def mlflow(*words: str, **fields: Json) -> JsonObject:
    return {"image": IMAGE, "command": ["mlflow"], "args": list(words), **fields}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["models", "serve", "-m", "s3://b/m"], ["model unpinned s3://b/m at args[3]"]),
        (["models", "serve", "-ms3://b/m"], ["model unpinned s3://b/m at args[2]"]),
        (["models", "serve", "-m=s3://b/m"], ["model unpinned s3://b/m at args[2]"]),
        (["models", "serve", "--model-uri", "s3://b/m"], ["model unpinned s3://b/m at args[3]"]),
        (["models", "serve", "--model-uri=s3://b/m", "-p", "80"], ["model unpinned s3://b/m at args[2]"]),
        (["models", "predict", "-m", "s3://b/m", "-i", "in.csv"], ["model unpinned s3://b/m at args[3]"]),
        (["--env-file", "x", "models", "serve", "-m", "s3://b/m"], ["model unpinned s3://b/m at args[5]"]),
        (["deployments", "run-local", "-t", "x", "-m", "gs://b/m"], ["model unpinned gs://b/m at args[5]"]),
        (["artifacts", "download", "-u", "s3://b/m", "-d", "/x"], ["model unpinned s3://b/m at args[3]"]),
        (["artifacts", "download", "-r", "abc"], ["model opaque at args[3]"]),
        (["models", "serve", "-m", "models:/wine@champion"], ["model opaque at args[3]"]),
        (["models", "serve", "-m", "MODELS:/wine/3"], ["model opaque at args[3]"]),
        (["models", "serve", "-m", "runs:/abc/model"], ["model opaque at args[3]"]),
        (["models", "serve", "-m", "mlflow-artifacts:/0/abc"], ["model opaque at args[3]"]),
        (["models", "serve", "-m", "https://x.example/m"], ["model opaque at args[3]"]),
        (["models", "serve", "-m", "/opt/model"], [f"model enforced {OWN} at args[3]"]),
        (["models", "serve", "-m", "file:/opt/model"], [f"model enforced {OWN} at args[3]"]),
        (["models", "serve", "-m", "file:///opt/model"], [f"model enforced {OWN} at args[3]"]),
        (["models", "serve", "-m", "model"], ["model opaque at args[3]"]),
        (["models", "serve", "-m", "$(URI)"], ["model opaque at args[3]"]),
        (["models", "serve", "$(ALL)"], ["model opaque at args[2]"]),
    ],
)
def test_a_model_uri_is_found_however_it_is_spelled(words: list[str], expected: list[str]) -> None:
    assert expected == read_container(mlflow(*words))


@pytest.mark.parametrize(
    "command",
    [
        ["python3", "-m", "mlflow", "models", "serve", "-m", "s3://b/m"],
        ["python3", "-m", "mlflow.cli", "models", "serve", "-m", "s3://b/m"],
        ["python3", "-mmlflow", "models", "serve", "-m", "s3://b/m"],
        ["sh", "-c", "mlflow models serve -m s3://b/m"],
    ],
)
def test_mlflow_is_recognised_by_its_words(command: list[str]) -> None:
    (found,) = read_container({"image": IMAGE, "command": list(command)})
    assert found.startswith("model unpinned s3://b/m at command[")


def test_an_image_that_mlflow_built_holds_its_model_or_has_it_mounted() -> None:
    built: JsonObject = {"image": f"registry.example.com/mlflow-pyfunc-servable@{DIGEST}"}
    own = "oci://registry.example.com/mlflow-pyfunc-servable@DIGEST"
    assert [f"model enforced {own} at image"] == read_container(built)
    mounted: JsonObject = {**built, "volumeMounts": [mount("/opt/ml/model")]}
    assert ["model enforced oci://r.example/m@DIGEST at image"] == read_container(mounted, image_volume())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ["model unpinned oci://docker.io/seldonio/mlserver at image"]),
        (
            {"env": variables(MLSERVER_MODELS_DIR="/m")},
            ["model unpinned oci://docker.io/seldonio/mlserver at env[0].value"],
        ),
        ({"env": variables(MLSERVER_MODEL_URI="s3://b/m")}, ["model unpinned s3://b/m at env[0].value"]),
        (
            {"env": variables(MLSERVER_MODEL_HUGGINGFACE_PRETRAINED_MODEL="org/m")},
            ["model unpinned hf://org/m at env[0].value"],
        ),
        (
            {"env": variables(MLSERVER_MODEL_HUGGINGFACE_PRETRAINED_TOKENIZER="org/t")},
            ["tokenizer unpinned hf://org/t at env[0].value"],
        ),
        ({"env": variables(MLSERVER_MODEL_EXTRA='{"pretrained_model":"org/m"}')}, ["model opaque at env[0].value"]),
        ({"args": ["mlserver", "start", "/m"]}, ["model unpinned oci://docker.io/seldonio/mlserver at args[2]"]),
    ],
)
def test_what_mlserver_loads(fields: JsonObject, expected: list[str]) -> None:
    assert expected == read_container({"image": "seldonio/mlserver:1.5.0", **fields})


@pytest.mark.parametrize(
    "words",
    [
        ["server", "--default-artifact-root=s3://b/m", "-p", "80"],
        ["ui"],
        ["artifacts", "log-artifacts", "-l", "/x", "-r", "abc"],
        ["experiments", "list"],
        ["run", ".", "-P", f"revision={COMMIT}"],
    ],
)
def test_what_looks_like_serving_and_is_none(words: list[str]) -> None:
    assert [] == read_container(mlflow(*words))
