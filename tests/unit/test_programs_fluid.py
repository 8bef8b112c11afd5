"""Where a Fluid data set comes from is found; its runtimes and claims name nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import read

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject


def fluid(kind: str, **spec: Json) -> JsonObject:
    return {"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": "d"}, "spec": spec}


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ("s3://b/k", ["dataset unpinned s3://b/k at spec.mounts[0].mountPoint"]),
        ("s3://b/k?versionId=1", ["dataset unpinned s3://b/k at spec.mounts[0].mountPoint"]),
        ("https://x.example/data", ["dataset opaque at spec.mounts[0].mountPoint"]),
        ("oss://b/k", ["dataset opaque at spec.mounts[0].mountPoint"]),
        ("pvc://claim/path", ["dataset opaque at spec.mounts[0].mountPoint"]),
        ("dataset://ns/name", ["dataset opaque at spec.mounts[0].mountPoint"]),
        ("/mnt/path", ["dataset opaque at spec.mounts[0].mountPoint"]),
        (None, []),
    ],
)
def test_each_mount_is_a_place(point: Json, expected: list[str]) -> None:
    assert expected == read(fluid("Dataset", mounts=[{"mountPoint": point, "name": "x"}]))


def test_what_is_copied_from_and_to_an_external_store_is_found() -> None:
    ends: dict[str, Json] = {
        "from": {"externalStorage": {"uri": "s3://b/from"}},
        "to": {"dataset": {"name": "d", "namespace": "n"}},
    }
    assert ["dataset unpinned s3://b/from at spec.from.externalStorage.uri"] == read(fluid("DataMigrate", **ends))


def test_the_pods_of_a_process_are_read() -> None:
    script: Json = {"image": "vllm/vllm-openai", "command": ["vllm", "serve", "org/m"]}
    found = read(fluid("DataProcess", dataset={"name": "d"}, processor={"script": script}))
    assert ["model unpinned hf://org/m at spec.processor.script.command[2]"] == found
