"""What TorchServe is told to load is found: its stores, its archives by URL, and what a configuration may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import DIGEST, read_container, variables

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

IMAGE = f"registry.example.com/torchserve@{DIGEST}"
OWN = "oci://registry.example.com/torchserve@DIGEST"
STORE = f"model enforced {OWN} at args[1]"


def torchserve(*words: str, **fields: Json) -> JsonObject:
    return {"image": IMAGE, "command": ["torchserve"], "args": ["--start", *words], **fields}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--model-store=/s"], [STORE]),
        (["--model-store", "/s"], [f"model enforced {OWN} at args[2]"]),
        (["--model-st=/s"], [STORE]),
        (["--model_store=/s"], [STORE]),
        (["--workflow-store=/s"], [STORE]),
        (["--model-store=/s", "--models", "a.mar", "b=b.mar", "all"], [STORE]),
        (["--model-store=/s", "--models", "a=https://x.example/a.mar?t=1"], [STORE, "model opaque at args[3]"]),
        (["--model-store=/s", "--models", "https://x.example/a.mar?t=1"], [STORE, "model opaque at args[3]"]),
        (["--model-store=/s", "--models", "a=s3://b/a.mar"], [STORE, "model unpinned s3://b/a.mar at args[3]"]),
        (["--models=a.mar"], ["model opaque at args[1]"]),
        (["--model-store=/s", "--models", "$(M)"], [STORE, "model opaque at args[3]"]),
        (["--ts-config=/c"], ["model opaque at args[1]"]),
        (["--model-store=/s", "--model-api-enabled", "--ncs"], [STORE, "model opaque at args[2]"]),
        (["--model-store=s3://b/s"], ["model opaque at args[1]"]),
    ],
)
def test_stores_and_archives_are_found_however_they_are_spelled(words: list[str], expected: list[str]) -> None:
    assert expected == read_container(torchserve(*words))


@pytest.mark.parametrize("name", ["TS_CONFIG_FILE", "TS_MODEL_STORE", "TS_LOAD_MODELS"])
def test_variables_may_name_any_model(name: str) -> None:
    found = read_container(torchserve("--model-store=/s", env=variables(**{name: "/x"})))
    assert [STORE, "model opaque at env[0].value"] == found


@pytest.mark.parametrize("words", [[], ["serve"]])
def test_the_image_starts_it_with_a_store_of_its_own(words: list[str]) -> None:
    assert [f"model enforced {OWN} at image"] == read_container({"image": IMAGE, "args": list(words)})


@pytest.mark.parametrize("start", [["python", "-m", "ts.model_server"], ["python", "-mts.model_server"]])
def test_its_module_is_recognised(start: list[Json]) -> None:
    found = read_container({"image": IMAGE, "command": [*start, "--model-store=/s"]})
    assert [f"model enforced {OWN} at command[{len(start)}]"] == found


def test_the_server_behind_it_is_read_as_well() -> None:
    command: list[Json] = [
        "java",
        "-cp",
        "x",
        "org.pytorch.serve.ModelServer",
        "-s",
        "/s",
        "-m",
        "a=https://x.example/a",
    ]
    expected = [f"model enforced {OWN} at command[5]", "model opaque at command[7]"]
    assert expected == read_container({"image": IMAGE, "command": command})


@pytest.mark.parametrize(
    "container",
    [
        {"image": IMAGE, "command": ["torch-model-archiver", "--model-name", "a", "--export-path", "/s"]},
        {"image": IMAGE, "command": ["sleep", "1"]},
        {"image": "registry.example.com/torch:1", "args": ["train.py", "--models-dir", "out"]},
    ],
)
def test_what_looks_like_torchserve_and_is_none(container: JsonObject) -> None:
    assert [] == read_container(container)
