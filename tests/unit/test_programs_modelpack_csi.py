"""A volume of ModelPack's driver is what its attribute names, as firmly as nobody in the pod can write to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import DIGEST, mount, pod, read

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

DRIVER = "model.csi.modelpack.org"
PATH = f'spec.volumes[0].csi.volumeAttributes["{DRIVER}/reference"]'
PINNED = f"r.example/m@{DIGEST}"


def volume(reference: Json, **fields: Json) -> JsonObject:
    attributes: JsonObject = {f"{DRIVER}/reference": reference}
    return {"name": "m", "csi": {"driver": DRIVER, "volumeAttributes": attributes, **fields}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (volume(PINNED, readOnly=True), f"image volume enforced oci://r.example/m@DIGEST at {PATH}"),
        (volume(PINNED), f"image volume opaque at {PATH}"),
        (volume(PINNED, readOnly=False), f"image volume opaque at {PATH}"),
        (volume("r.example/m:v1", readOnly=True), f"image volume unpinned oci://r.example/m at {PATH}"),
        (volume("r.example/m:v1"), f"image volume unpinned oci://r.example/m at {PATH}"),
        (volume("no image", readOnly=True), f"image volume opaque at {PATH}"),
        (volume("", readOnly=True), "image volume opaque at spec.volumes[0].csi.driver"),
        (volume(None, readOnly=True), "image volume opaque at spec.volumes[0].csi.driver"),
        ({**volume(PINNED, readOnly=True), "emptyDir": {}}, f"image volume opaque at {PATH}"),
    ],
)
def test_a_volume_of_the_driver_is_a_reference(found: JsonObject, expected: str) -> None:
    assert [expected] == read(pod({"name": "c", "image": "i"}, volumes=[found]))


def test_a_path_on_it_is_what_the_volume_is() -> None:
    server: JsonObject = {"name": "c", "image": "vllm/vllm-openai", "args": ["/m/x"], "volumeMounts": [mount("/m")]}
    found = read(pod(server, volumes=[volume(PINNED, readOnly=True)]))
    assert "model enforced oci://r.example/m@DIGEST at spec.containers[0].args[0]" in found
    writable = read(pod(server, volumes=[volume(PINNED)]))
    assert "model opaque at spec.containers[0].args[0]" in writable


@pytest.mark.parametrize("driver", ["secrets-store.csi.k8s.io", "Model.csi.modelpack.org", "fuse.csi.fluid.io", None])
def test_a_volume_of_another_driver_is_none(driver: Json) -> None:
    other: JsonObject = {"name": "m", "csi": {"driver": driver, "volumeAttributes": {f"{DRIVER}/reference": PINNED}}}
    assert [] == read(pod({"name": "c", "image": "i"}, volumes=[other]))
