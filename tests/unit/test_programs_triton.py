"""What Triton is told to load is found, however it is spelled; what only looks like it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import image_volume, mount, read_container, variables

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

IMAGE = "nvcr.io/nvidia/tritonserver:25.03-py3"
OWN = "oci://nvcr.io/nvidia/tritonserver"


def triton(*words: str, **fields: Json) -> JsonObject:
    return {"image": IMAGE, "args": ["tritonserver", *words], **fields}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--model-repository=s3://b/k"], ["model unpinned s3://b/k at args[1]"]),
        (["--model-repository", "s3://b/k"], ["model unpinned s3://b/k at args[2]"]),
        (["--model-store=s3://b/k"], ["model unpinned s3://b/k at args[1]"]),
        (["--model-repo=s3://b/k"], ["model unpinned s3://b/k at args[1]"]),
        (["--model-s", "s3://b/k"], ["model unpinned s3://b/k at args[2]"]),
        (["--model_repository=s3://b/k"], ["model unpinned s3://b/k at args[1]"]),
        (["-model-repository=s3://b/k"], ["model unpinned s3://b/k at args[1]"]),
        (
            ["--model-store=gs://a/x", "--model-store=gs://b/y"],
            [f"model unpinned gs://{p} at args[{n}]" for n, p in ((1, "a/x"), (2, "b/y"))],
        ),
        (["--model-repository=as://account/container"], ["model opaque at args[1]"]),
        (["--model-repository=s3://https://minio.example:9000/b"], ["model opaque at args[1]"]),
        (["--model-repository=s3://minio.example:9000/b"], ["model opaque at args[1]"]),
        (["--model-repository=oci://r.example/m"], ["model opaque at args[1]"]),
        (["--model-repository=s3://b/k?versionId=1"], ["model unpinned s3://b/k at args[1]"]),
        (["--model-repository=/opt/models"], [f"model unpinned {OWN} at args[1]"]),
        (["--model-repository=models"], ["model opaque at args[1]"]),
        (["--model-repository=/opt/../models"], ["model opaque at args[1]"]),
        (["--model-repository"], ["model opaque at args[1]"]),
        (["--model-repository=$(WHERE)"], ["model opaque at args[1]"]),
        (["$(ALL)"], ["model opaque at args[1]"]),
        (["--http-port=$(PORT)", "--model-store=/m"], [f"model unpinned {OWN} at args[2]"]),
        (
            ["--model-store=/m", "--model-control-mode=explicit"],
            [f"model unpinned {OWN} at args[1]", "model opaque at args[2]"],
        ),
        (
            ["--model-store=/m", "--model-control-mode", "EXPLICIT"],
            [f"model unpinned {OWN} at args[1]", "model opaque at args[3]"],
        ),
        (["--model-store=/m", "--model-control-mode=poll", "--load-model=x"], [f"model unpinned {OWN} at args[1]"]),
        (
            ["--model-store=/m", "--model-control-mode=$(MODE)"],
            [f"model unpinned {OWN} at args[1]", "model opaque at args[2]"],
        ),
    ],
)
def test_a_repository_is_found_however_it_is_spelled(words: list[str], expected: list[str]) -> None:
    assert expected == read_container(triton(*words))


def test_a_repository_on_an_image_volume_is_that_image() -> None:
    found = read_container(triton("--model-repository=/models/repo", volumeMounts=[mount("/models")]), image_volume())
    assert ["model enforced oci://r.example/m@DIGEST at args[1]"] == found


@pytest.mark.parametrize(
    "command",
    [
        ["/opt/tritonserver/bin/tritonserver", "--model-store=gs://b/k"],
        ["sh", "-c", "tritonserver --model-store=gs://b/k"],
        ["mpirun", "-n", "1", "tritonserver", "--model-store=gs://b/k"],
        ["python3", "/scripts/launch_triton_server.py", "--model_repo=gs://b/k"],
        ["my-wrapper", "--model-repository", "gs://b/k"],
    ],
)
def test_triton_is_recognised_by_its_words(command: list[str]) -> None:
    (found,) = read_container({"image": "registry.example.com/server:1", "command": list(command)})
    assert found.startswith("model unpinned gs://b/k at command[")


def test_a_bucket_of_another_server_can_not_be_told() -> None:
    env = variables(AWS_ENDPOINT_URL="http://minio.example:9000")
    assert ["model opaque at args[1]"] == read_container(triton("--model-store=s3://b/k", env=env))
    own = variables(AWS_ENDPOINT_URL="https://s3.eu-west-1.amazonaws.com")
    assert ["model unpinned s3://b/k at args[1]"] == read_container(triton("--model-store=s3://b/k", env=own))


@pytest.mark.parametrize(
    "container",
    [
        {"image": "nvcr.io/nvidia/tritonserver:25.03-py3-sdk", "command": ["perf_analyzer", "-m", "resnet50"]},
        {"image": "registry.example.com/shop:1", "args": ["--model-store-size=3"]},
        {"image": "registry.example.com/photos:1", "args": ["--model-control-mode=explicit"]},
        {"image": IMAGE, "command": ["sleep", "infinity"]},
    ],
)
def test_what_looks_like_triton_and_is_none(container: JsonObject) -> None:
    assert [] == read_container(container)
