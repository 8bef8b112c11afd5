"""What TensorFlow Serving is told to load is found, in its words and in the variables of its image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import DIGEST, image_volume, mount, read_container, variables

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

IMAGE = f"tensorflow/serving@{DIGEST}"
OWN = "oci://docker.io/tensorflow/serving@DIGEST"


def serving(*words: str, **fields: Json) -> JsonObject:
    return {"image": IMAGE, "args": list(words), **fields}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--model_base_path=gs://b/m"], ["model unpinned gs://b/m at args[0]"]),
        (["-model_base_path=gs://b/m"], ["model unpinned gs://b/m at args[0]"]),
        (["--model_base_path", "gs://b/m"], ["model unpinned gs://b/m at args[1]"]),
        (["--model_base_path=/models/x"], [f"model enforced {OWN} at args[0]"]),
        (["--model_base_path=hdfs://n/m"], ["model opaque at args[0]"]),
        (["--model_config_file=/etc/models"], ["model opaque at args[0]"]),
        (
            ["--model_base_path=/models/x", "--model_base_path=s3://b/m"],
            [f"model enforced {OWN} at args[0]", "model unpinned s3://b/m at args[1]"],
        ),
        (["--model_base_path=$(P)"], ["model opaque at args[0]"]),
        (["--port=8500"], [f"model enforced {OWN} at image"]),
    ],
)
def test_a_base_path_is_found_however_it_is_spelled(words: list[str], expected: list[str]) -> None:
    assert expected == read_container(serving(*words))


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (variables(MODEL_NAME="x"), [f"model enforced {OWN} at env[0].value"]),
        (variables(MODEL_BASE_PATH="gs://b/", MODEL_NAME="x"), ["model unpinned gs://b/x at env[0].value"]),
        (variables(MODEL_BASE_PATH="gs://b"), ["model unpinned gs://b/model at env[0].value"]),
        (variables(MODEL_NAME="../../etc"), ["model opaque at env[0].value"]),
        (
            [{"name": "MODEL_NAME", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}],
            ["model opaque at env[0].valueFrom"],
        ),
    ],
)
def test_the_entry_point_joins_its_variables(env: Json, expected: list[str]) -> None:
    assert expected == read_container(serving(env=env))


def test_variables_from_elsewhere_can_not_be_told() -> None:
    env_from: Json = [{"configMapRef": {"name": "x"}}]
    assert ["model opaque at image"] == read_container(serving(envFrom=env_from))


def test_words_overrule_the_variables() -> None:
    found = read_container(serving("--model_base_path=gs://b/m", env=variables(MODEL_NAME="x")))
    assert ["model unpinned gs://b/m at args[0]"] == found


def test_a_command_of_its_own_does_not_read_the_variables() -> None:
    found = read_container(
        serving("--model_base_path=gs://b/m", command=["tensorflow_model_server"], env=variables(MODEL_NAME="x"))
    )
    assert ["model unpinned gs://b/m at args[0]"] == found


def test_the_default_folder_on_an_image_volume_is_that_image() -> None:
    found = read_container(serving(volumeMounts=[mount("/models/model")]), image_volume())
    assert ["model enforced oci://r.example/m@DIGEST at image"] == found


@pytest.mark.parametrize(
    "container",
    [
        {"image": "tensorflow/tensorflow:2.18.0", "command": ["tensorboard", "--logdir=gs://b/logs"]},
        {"image": "tensorflow/serving:2.18.0", "command": ["sleep", "1"]},
        {"image": "registry.example.com/shop/serving:1"},
    ],
)
def test_what_looks_like_tensorflow_serving_and_is_none(container: JsonObject) -> None:
    assert [] == read_container(container)
