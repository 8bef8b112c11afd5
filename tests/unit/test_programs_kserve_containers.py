"""What an initializer of KServe fetches is found, and the image that a modelcar is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import COMMIT, DIGEST, read_container

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

IMAGE = "kserve/storage-initializer:v0.16.0"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["gs://b/m", "/x"], ["model unpinned gs://b/m at args[0]"]),
        ([f"hf://org/m:{COMMIT}", "/x"], ["model claimed hf://org/m@COMMIT at args[0]"]),
        (
            ["gs://b/m", "/x", "s3://b/n", "/y"],
            ["model unpinned gs://b/m at args[0]", "model unpinned s3://b/n at args[2]"],
        ),
        ([f"oci://r.example/m@{DIGEST}", "/x"], ["model opaque at args[0]"]),
        (["pvc://c/m", "/x"], ["model opaque at args[0]"]),
        (["$(URI)", "/x"], ["model opaque at args[0]"]),
        (["gs://b/m"], ["model opaque at image"]),
        ([], ["model opaque at image"]),
    ],
)
@pytest.mark.parametrize(
    "fields",
    [
        {"image": IMAGE},
        {"image": "seldonio/rclone-storage-initializer:1"},
        {"image": "ghcr.io/kitops-ml/kitops-kserve:next", "name": "storage-initializer"},
    ],
)
def test_every_pair_of_a_source_and_a_folder_is_read(words: list[str], expected: list[str], fields: JsonObject) -> None:
    assert expected == read_container({**fields, "args": list(words)})


@pytest.mark.parametrize(
    "script",
    [
        "ln -sf /proc/$$/root/models /mnt/models && sleep infinity",
        "ln -sf /proc/$$$$/root/models /mnt/models && sleep infinity",
        "ln -s /proc/$$/root/models /mnt/models; exec sleep infinity",
    ],
)
@pytest.mark.parametrize("key", ["command", "args"])
def test_a_modelcar_is_the_model(script: str, key: str) -> None:
    words: Json = ["sh", "-c", script]
    found = read_container({"image": f"r.example/m@{DIGEST}", key: words})
    assert ["model enforced oci://r.example/m@DIGEST at image"] == found
    assert ["model unpinned oci://r.example/m at image"] == read_container({"image": "r.example/m:1", key: words})


@pytest.mark.parametrize(
    "container",
    [
        {"image": "r.example/m:1", "args": ["sh", "-c", "ln -sf /models /mnt/x && sleep infinity"]},
        {"image": "r.example/storage-initializer-metrics:1", "args": ["serve"]},
    ],
)
def test_what_looks_like_them_and_is_none(container: JsonObject) -> None:
    assert [] == read_container(container)
