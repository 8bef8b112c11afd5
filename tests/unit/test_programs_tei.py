"""TEI's words and variables are read as clap reads them."""

from __future__ import annotations

import pytest
from serving_pods import CLAIM, COMMIT, found, found_in, pod

TEI = "ghcr.io/huggingface/text-embeddings-inference:cpu-1.8"


@pytest.mark.parametrize(
    "image", [TEI, "ghcr.io/huggingface/tei-gaudi:1.5", "x/huggingface-text-embeddings-inference-cpu.1"]
)
def test_its_images_take_arguments_without_a_command(image: str) -> None:
    assert found(image, args=["--model-id", "org/m"]) == ["model args[1] unpinned hf://org/m"]


@pytest.mark.parametrize("image", ["x/teiid", "x/tei-exporter", "x/protei"])
def test_an_image_that_only_sounds_like_it_is_none(image: str) -> None:
    assert found(image, args=["--port", "80"]) == []


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--model-id", "org/m"], ["model args[1] unpinned hf://org/m"]),
        (["--model-id=org/m", "--revision=refs/pr/2"], ["model args[0] unpinned hf://org/m"]),
        (["--model-id=org/m", f"--revision={COMMIT}"], [f"model args[0] claimed hf://org/m@{COMMIT}"]),
        (["--model-id=org/m", "--revision=$(X)"], ["model args[0] opaque"]),
        (
            ["--model-id=org/m", "--served-model-name", "org/n", "--dense-path", "2_Dense"],
            ["model args[0] unpinned hf://org/m"],
        ),
        (
            ["--model-id=org/m", "--model-id=org/n"],
            ["model args[0] unpinned hf://org/m", "model args[1] unpinned hf://org/n"],
        ),
        (["--model-id", "$(X)"], ["model args[1] opaque"]),
        (["$(X)", "--model-id=org/m"], ["model args[0] opaque", "model args[1] unpinned hf://org/m"]),
        (["-p", "$(X)", "--model-id=org/m"], ["model args[2] unpinned hf://org/m"]),
        (["--model_id", "org/m"], ["model image opaque"]),
        (["--model-i", "org/m"], ["model image opaque"]),
        (["--dtype", "float16"], ["model image opaque"]),
    ],
)
def test_flags_mean_what_clap_takes_them_for(args: list[str], expected: list[str]) -> None:
    assert found("x/y", command=["/usr/local/bin/text-embeddings-router"], args=args, env={"X": None}) == expected


def test_a_variable_counts_where_the_flag_is_not_given() -> None:
    env = {"MODEL_ID": "org/v", "REVISION": COMMIT}
    assert found(TEI, env=env) == [f"model env[0].value claimed hf://org/v@{COMMIT}"]
    assert found(TEI, args=["--model-id", "org/m", "--revision", "v1"], env=env) == [
        "model args[1] unpinned hf://org/m"
    ]
    assert found_in(pod(TEI, envFrom=[{"configMapRef": {"name": "c"}}])) == ["model envFrom opaque"]


def test_the_image_keeps_the_hub_in_a_folder_of_its_own() -> None:
    args = ["--model-id", "org/m", "--revision", COMMIT]
    claimed = [f"model args[1] claimed hf://org/m@{COMMIT}"]
    assert found(TEI, args=args, workingDir="/app", mounts={"/data": CLAIM}) == ["model args[1] opaque"]
    assert found(TEI, args=args, env={"HF_HOME": "/h"}, workingDir="/app", mounts={"/data": CLAIM}) == claimed
    assert found(TEI, args=args, env={"HF_HOME": "/h"}, workingDir="/app", mounts={"/h": CLAIM}) == [
        "model args[1] opaque"
    ]
