"""TensorRT-LLM's words are read as click reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from serving_pods import COMMIT, IMAGE_VOLUME, PINNED, found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbom.canonical import JsonObject

HUB = "unpinned hf://org/m"


def started(
    *args: str, env: Mapping[str, str | None] | None = None, mounts: Mapping[str, JsonObject] | None = None
) -> list[str]:
    return found("x/y", command=["trtllm-serve"], args=args, env=env, mounts=mounts, workingDir="/app")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["org/m"], [f"model args[0] {HUB}"]),
        (["serve", "org/m"], [f"model args[1] {HUB}"]),
        (["mm_embedding_serve", "org/m"], [f"model args[1] {HUB}"]),
        (["--tp_size", "2", "org/m"], [f"model args[2] {HUB}"]),
        (["--tp_size=2", "org/m"], [f"model args[1] {HUB}"]),
        (["--trust_remote_code", "org/m"], [f"model args[1] {HUB}", "remote code args[0] opaque"]),
        (["org/m", "--revision", COMMIT], [f"model args[0] claimed hf://org/m@{COMMIT}"]),
        (["org/m", "--revision", "v1", f"--revision={COMMIT}"], [f"model args[0] claimed hf://org/m@{COMMIT}"]),
        (["org/m", "--tokenizer", "org/t"], [f"model args[0] {HUB}", "tokenizer args[2] unpinned hf://org/t"]),
        (["org/m", "--host", "--tokenizer"], [f"model args[0] {HUB}", "tokenizer args[2] opaque"]),
        (["org/m", "--config", "/c.yaml"], [f"model args[0] {HUB}", "model args[2] opaque"]),
        (["org/m", "--extra_llm_api_options=/c.yaml"], [f"model args[0] {HUB}", "model args[1] opaque"]),
        (["--unknown", "org/a", "org/m"], ["model args[1] unpinned hf://org/a", f"model args[2] {HUB}"]),
        (["--", "org/m"], [f"model args[1] {HUB}"]),
        (["$(X)"], ["model args[0] opaque"]),
        (["--port", "$(X)", "org/m"], [f"model args[2] {HUB}"]),
        (["--port=$(X)", "org/m"], [f"model args[1] {HUB}"]),
        (["--model", "org/m"], [f"model args[1] {HUB}"]),
        ([], ["model image opaque"]),
        (["disaggregated", "-c", "/c.yaml"], []),
        (["disaggregated_mpi_worker", "-c", "/c.yaml"], ["model args[0] opaque"]),
    ],
)
def test_the_model_is_the_word_that_is_no_option(args: list[str], expected: list[str]) -> None:
    assert started(*args, env={"X": None}) == expected


@pytest.mark.parametrize(
    "command",
    [
        ["trtllm-llmapi-launch", "trtllm-serve"],
        ["mpirun", "-n", "2", "trtllm-llmapi-launch", "/usr/local/bin/trtllm-serve", "serve"],
    ],
)
def test_a_launcher_starts_the_command_behind_it(command: list[str]) -> None:
    assert found("x/y", command=command, args=["org/m"]) == [f"model args[0] {HUB}"]


def test_an_engine_is_what_is_mounted_there() -> None:
    mounts: dict[str, JsonObject] = {"/e": IMAGE_VOLUME}
    assert started("/e", mounts=mounts) == [f"model args[0] enforced {PINNED}"]


def test_its_image_with_another_program_is_not_it() -> None:
    assert found("nvcr.io/nvidia/tensorrt-llm/release:1.1", command=["sleep", "1"]) == []
