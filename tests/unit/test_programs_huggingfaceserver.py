"""What KServe's Hugging Face server is told to load is found, vLLM's options included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import COMMIT, DIGEST, image_volume, mount, read_container

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

IMAGE = f"kserve/huggingfaceserver@{DIGEST}"
OWN = "oci://docker.io/kserve/huggingfaceserver@DIGEST"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--model_id=org/m"], ["model unpinned hf://org/m at args[0]"]),
        (["--model-id", "org/m"], ["model unpinned hf://org/m at args[1]"]),
        (["--model_id=org/m", f"--model_revision={COMMIT}"], ["model claimed hf://org/m@COMMIT at args[0]"]),
        (["--model_id=org/m", "--model_revision=main"], ["model unpinned hf://org/m at args[0]"]),
        (["--model_id=org/m", "--model_name=other/name"], ["model unpinned hf://org/m at args[0]"]),
        (["--model_dir=/x"], [f"model enforced {OWN} at args[0]"]),
        (["--model_name=x"], [f"model enforced {OWN} at image"]),
        (
            ["--model_id=org/m", "--lora-modules", "a=org/a"],
            ["model unpinned hf://org/m at args[0]", "adapter unpinned hf://org/a at args[2]"],
        ),
        (
            ["--model_id=org/m", "--trust_remote_code"],
            ["model unpinned hf://org/m at args[0]", "remote code opaque at args[1]"],
        ),
        (
            ["--model_id=org/m", "--trust-remote-code"],
            ["model unpinned hf://org/m at args[0]", "remote code opaque at args[1]"],
        ),
        (["$(ALL)", "--model_id=org/m"], ["model unpinned hf://org/m at args[1]", "model opaque at args[0]"]),
    ],
)
def test_a_model_is_found_however_it_is_spelled(words: list[str], expected: list[str]) -> None:
    assert expected == read_container({"image": IMAGE, "args": list(words)})


def test_the_default_folder_on_an_image_volume_is_that_image() -> None:
    container: JsonObject = {"image": IMAGE, "args": ["--model_name=x"], "volumeMounts": [mount("/mnt/models")]}
    assert ["model enforced oci://r.example/m@DIGEST at image"] == read_container(container, image_volume())


@pytest.mark.parametrize("command", [["python3", "-m", "huggingfaceserver"], ["python", "-mhuggingfaceserver"]])
def test_its_module_is_recognised_in_any_image(command: list[Json]) -> None:
    found = read_container({"image": "r.example/x:1", "command": [*command, "--model_id=org/m"]})
    assert [f"model unpinned hf://org/m at command[{len(command)}]"] == found


def test_another_command_in_its_image_is_none() -> None:
    assert [] == read_container({"image": IMAGE, "command": ["sleep", "infinity"]})
