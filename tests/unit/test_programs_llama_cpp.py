"""llama.cpp's words and variables are read as its own parser reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from serving_pods import CLAIM, IMAGE_VOLUME, PINNED, found

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

LLAMA = "ghcr.io/ggml-org/llama.cpp:server"
OWN = "unpinned oci://docker.io/x/y"


@pytest.mark.parametrize(
    "command",
    [
        ["llama-server"],
        ["/app/llama-server"],
        ["llama", "serve"],
        ["/app/llama", "cli"],
        ["numactl", "-N", "0", "llama-server"],
        ["llama-cli"],
    ],
)
def test_every_way_to_start_it_is_one_whatever_the_image(command: list[str]) -> None:
    assert found("x/y", command=command, args=["-hf", "org/m"]) == ["model args[1] unpinned hf://org/m"]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["-m", "/m.gguf"], [f"model args[1] {OWN}"]),
        (["--model", "/m.gguf"], [f"model args[1] {OWN}"]),
        (["-hf", "org/m:Q4_K_M"], ["model args[1] unpinned hf://org/m"]),
        (["-hfr", "org/m"], ["model args[1] unpinned hf://org/m"]),
        (["--hf_repo", "org/m", "--hf-file", "x.gguf"], ["model args[1] unpinned hf://org/m"]),
        (["--hf-repo", "org/a", "-hf", "org/m"], ["model args[3] unpinned hf://org/m"]),
        (["-hf", "org/m", "-m", "/x"], ["model args[1] unpinned hf://org/m", f"model args[3] {OWN}"]),
        (["-mu", "https://x/m.gguf"], ["model args[1] opaque"]),
        (["-dr", "gemma3"], ["model args[1] unpinned oci://docker.io/ai/gemma3"]),
        (["-dr", "team/gemma3:4b"], ["model args[1] unpinned oci://docker.io/team/gemma3"]),
        (["-dr", f"team/gemma3@sha256:{'a' * 64}"], ["model args[1] opaque"]),
        (["--models-dir", "/m"], [f"model args[1] {OWN}"]),
        (["--models-preset", "/p.ini"], ["model args[1] opaque"]),
        (
            ["-hf", "org/m", "-md", "/d.gguf"],
            ["draft model args[3] unpinned oci://docker.io/x/y", "model args[1] unpinned hf://org/m"],
        ),
        (
            ["-hf", "org/m", "-hfd", "org/d", "-md", "d.gguf"],
            ["draft model args[3] unpinned hf://org/d", "model args[1] unpinned hf://org/m"],
        ),
        (
            ["-hf", "org/m", "--spec-draft-hf", "org/d:Q8"],
            ["draft model args[3] unpinned hf://org/d", "model args[1] unpinned hf://org/m"],
        ),
        (["-hf", "org/m", "-hfv", "org/v"], ["model args[1] unpinned hf://org/m", "model args[3] unpinned hf://org/v"]),
        (["-hf", "org/m", "-mm", "/p"], ["model args[1] unpinned hf://org/m", f"processor args[3] {OWN}"]),
        (
            ["-hf", "org/m", "--mmproj-url", "https://p"],
            ["model args[1] unpinned hf://org/m", "processor args[3] opaque"],
        ),
        (["-hf", "org/m", "--control-vector", "/v"], [f"adapter args[3] {OWN}", "model args[1] unpinned hf://org/m"]),
        (
            ["-hf", "org/m", "--control-vector-scaled", "/v:2"],
            [f"adapter args[3] {OWN}", "model args[1] unpinned hf://org/m"],
        ),
        (["--gpt-oss-20b-default"], ["model args[0] unpinned hf://ggml-org/gpt-oss-20b-GGUF"]),
        (["-m", "relative.gguf"], ["model args[1] opaque"]),
        (["-m", "-c"], ["model args[1] opaque"]),
        (["-m"], ["model args[0] opaque"]),
        (["-m", "$(X)"], ["model args[1] opaque"]),
        (["-hf", "$(X)"], ["model args[1] opaque"]),
        (["-hf", "org/m", "--lora", "$(X)"], ["adapter args[3] opaque", "model args[1] unpinned hf://org/m"]),
        (["-hf", "org/m", "$(X)"], ["model args[1] unpinned hf://org/m", "model args[2] opaque"]),
        (["-hf", "org/m", "--port", "$(X)"], ["model args[1] unpinned hf://org/m"]),
    ],
)
def test_flags_mean_what_its_parser_takes_them_for(args: list[str], expected: list[str]) -> None:
    assert found("x/y", command=["llama-server"], args=args, env={"X": None}) == expected


@pytest.mark.parametrize(
    "args", [["--model=/m"], ["--mod", "/m"], ["-M", "/m"], ["-hf=org/m"], ["--alias", "org/m"], ["org/m"]]
)
def test_what_looks_like_a_model_and_is_none_leaves_the_model_untold(args: list[str]) -> None:
    assert found(LLAMA, args=args) == ["model image opaque"]


def test_lists_are_read_as_csv_and_scales_taken_off() -> None:
    args = ["-hf", "org/m", "--lora", '/a,"/b,c"', "--lora-scaled", "/d:0.5,/e:1"]
    assert found("x/y", command=["llama-server"], args=args) == [
        *[f"adapter args[3] {OWN}"] * 2,
        *[f"adapter args[5] {OWN}"] * 2,
        "model args[1] unpinned hf://org/m",
    ]


def test_a_variable_counts_where_its_flag_is_not_given() -> None:
    env = {
        "LLAMA_ARG_HF_REPO": "org/v",
        "LLAMA_ARG_MODEL_DRAFT": "/d",
        "LLAMA_ARG_MMPROJ_URL": "https://p",
        "LLAMA_ARG_MODEL": "",
    }
    assert found(LLAMA, env=env) == [
        "draft model env[1].value unpinned oci://ghcr.io/ggml-org/llama.cpp",
        "model env[0].value unpinned hf://org/v",
        "processor env[2].value opaque",
    ]
    assert found(LLAMA, args=["-hf", "org/m"], env={"LLAMA_ARG_HF_REPO": "org/v"}) == [
        "model args[1] unpinned hf://org/m"
    ]
    assert found(LLAMA, env={"LLAMA_ARG_HF_REPO": None}) == ["model env[0].valueFrom opaque"]


def test_another_hub_makes_its_names_opaque() -> None:
    assert found(LLAMA, args=["-hf", "org/m"], env={"MODEL_ENDPOINT": "https://hub.example.com"}) == [
        "model args[1] opaque"
    ]
    assert found(LLAMA, args=["-hf", "org/m"], env={"HF_ENDPOINT": "https://hub.example.com"}) == [
        "model args[1] opaque"
    ]
    assert found(LLAMA, args=["-hf", "org/m"], env={"MODEL_ENDPOINT": "https://huggingface.co/"})[0].endswith(
        "hf://org/m"
    )


def test_a_configuration_file_that_is_mounted_may_name_any_model() -> None:
    mounts: dict[str, JsonObject] = {"/etc/llama.cpp": {"configMap": {"name": "c"}}, "/m": IMAGE_VOLUME}
    assert found(LLAMA, args=["-m", "/m/m.gguf"], mounts=mounts) == [
        f"model args[1] enforced {PINNED}",
        "model volumeMounts opaque",
    ]


def test_a_file_is_what_is_mounted_there() -> None:
    mounts: dict[str, JsonObject] = {"/m": IMAGE_VOLUME, "/c": CLAIM}
    assert found(LLAMA, args=["-m", "/m/m.gguf"], mounts=mounts) == [f"model args[1] enforced {PINNED}"]
    assert found(LLAMA, args=["-m", "/c/m.gguf"], mounts=mounts) == ["model args[1] opaque"]


@pytest.mark.parametrize("command", [["llama-quantize", "-m", "/m"], ["llama", "--version"]])
def test_other_tools_of_it_are_not_the_server(command: list[str]) -> None:
    assert found("x/y", command=command) == []
