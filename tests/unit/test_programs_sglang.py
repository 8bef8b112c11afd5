"""SGLang's words are read as its own parser reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from serving_pods import COMMIT, EMPTY, IMAGE_VOLUME, PINNED, found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbom.canonical import JsonObject

IMAGE_NAME = "lmsysorg/sglang:v0.5.5"
HUB = "hf://org/m"
MODULE = ("python3", "-m", "sglang.launch_server")


def started(
    *args: str, env: Mapping[str, str | None] | None = None, mounts: Mapping[str, JsonObject] | None = None
) -> list[str]:
    return found(IMAGE_NAME, command=MODULE, args=args, env=env, mounts=mounts, workingDir="/app")


@pytest.mark.parametrize(
    "command",
    [
        MODULE,
        ("python", "-msglang.launch_server"),
        ("/usr/bin/python3.11", "-u", "-m", "sglang.launch_server"),
        ("env", "X=1", "python3", "-m", "sglang.launch_server"),
        ("python3", "/sgl-workspace/sglang/python/sglang/launch_server.py"),
        ("torchrun", "--nproc-per-node", "8", "-m", "sglang.launch_server"),
        ("python3", "-m", "sglang.srt.entrypoints.http_server"),
        ("python3", "-m", "sglang_router.launch_server"),
        ("sglang", "serve"),
        ("smg", "server"),
    ],
)
def test_every_way_to_start_it_is_one_whatever_the_image(command: tuple[str, ...]) -> None:
    assert found("x/y", command=command, args=["--model-path", "org/m"]) == [f"model args[1] unpinned {HUB}"]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--model-path", "org/m"), [f"model args[1] unpinned {HUB}"]),
        (("--model", "org/m"), [f"model args[1] unpinned {HUB}"]),
        (("--model-path=org/m",), [f"model args[0] unpinned {HUB}"]),
        (("--model-pat", "org/m"), [f"model args[1] unpinned {HUB}"]),
        (("--model", "org/a", "--model-p=org/m"), [f"model args[2] unpinned {HUB}"]),
        (("--model=org/m", "--rev", COMMIT), [f"model args[0] claimed {HUB}@{COMMIT}"]),
        (("--model=org/m", "--revision", "v1", f"--revision={COMMIT}"), [f"model args[0] claimed {HUB}@{COMMIT}"]),
        (
            ("--model=org/m", "--tokenizer-path=org/t"),
            ["model args[0] unpinned hf://org/m", "tokenizer args[1] unpinned hf://org/t"],
        ),
        (("--model=org/m", "--trust-remote"), [f"model args[0] unpinned {HUB}", "remote code args[1] opaque"]),
        (
            ("--model=org/m", "--trust-remote-code", "--tp", "2"),
            [f"model args[0] unpinned {HUB}", "remote code args[1] opaque"],
        ),
        (("--model=org/m", "--config", "/c.yaml"), ["model args[0] unpinned hf://org/m", "model args[2] opaque"]),
        (("--model=org/m", "--enable-lora"), ["adapter args[1] opaque", f"model args[0] unpinned {HUB}"]),
        (
            ("--model=org/m", "--uno-lora-path", "org/u"),
            ["adapter args[2] unpinned hf://org/u", f"model args[0] unpinned {HUB}"],
        ),
        (
            ("--model=org/m", "--weight-cache-socket", "/run/s"),
            ["model args[0] unpinned hf://org/m", "model args[1] opaque"],
        ),
        (
            ("--model=org/m", "--model-loader-extra-config", '{"presharded_path": "/x"}'),
            ["model args[0] unpinned hf://org/m", "model args[2] opaque"],
        ),
        (
            ("--model=org/m", "--model-loader-extra-config", '{"enable_multithread_load": true}'),
            [f"model args[0] unpinned {HUB}"],
        ),
        (
            ("--model=org/m", "--model-loader-extra-config", "no json"),
            ["model args[0] unpinned hf://org/m", "model args[2] opaque"],
        ),
        (
            ("--model=org/m", "--vae-path", "org/v"),
            ["model args[0] unpinned hf://org/m", "model args[2] unpinned hf://org/v"],
        ),
    ],
)
def test_flags_mean_what_argparse_takes_them_for(args: tuple[str, ...], expected: list[str]) -> None:
    assert started(*args) == expected


@pytest.mark.parametrize(
    "args",
    [
        ("--model_path", "org/m"),
        ("-model-path", "org/m"),
        ("--model-", "org/m"),
        ("--served-model-name", "org/m"),
        ("--model-checksum", "org/m"),
        ("--model-path",),
        ("--model-path", "--tp"),
        ("org/m",),
    ],
)
def test_what_looks_like_a_model_and_is_none_leaves_the_model_untold(args: tuple[str, ...]) -> None:
    (one,) = started(*args)
    assert one.endswith("opaque")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("org/m", "--tp", "2"), "model args[0] unpinned hf://org/m"),
        (("--model-type", "llm", "org/m"), "model args[2] unpinned hf://org/m"),
        (("--model-type=diffusion", "org/m"), "model args[1] unpinned hf://org/m"),
        (("org/a", "--model-path", "org/m"), "model args[2] unpinned hf://org/m"),
        (("--tp", "2"), "model image opaque"),
    ],
)
def test_serve_takes_its_first_word_for_the_model(args: tuple[str, ...], expected: str) -> None:
    assert found("x/y", command=["sglang", "serve"], args=args) == [expected]


def test_adapters_are_a_list_in_three_spellings_and_the_last_list_wins() -> None:
    lists = [
        "--lora-paths",
        "org/gone",
        "--lora-paths",
        "n=org/a",
        "/adapters/b",
        '{"lora_name": "c", "lora_path": "org/c"}',
    ]
    broken = ['{"lora_name": "d"}', "{no json}"]
    assert started("--model=org/m", *lists, *broken) == [
        "adapter args[4] unpinned hf://org/a",
        "adapter args[5] unpinned oci://docker.io/lmsysorg/sglang",
        "adapter args[6] unpinned hf://org/c",
        "adapter args[7] opaque",
        "adapter args[8] opaque",
        "model args[0] unpinned hf://org/m",
    ]
    assert started("--model=org/m", "--lora-paths=n=org/a")[0] == "adapter args[1] unpinned hf://org/a"
    assert started("--model=org/m", "--lora-paths", "$(X)", env={"X": None})[0] == "adapter args[2] opaque"


def test_the_draft_has_a_revision_of_its_own_and_a_token_map_is_its_part() -> None:
    args = ["--model=org/m", "--speculative-draft-model", "org/d", "--revision", COMMIT]
    assert started(*args)[0] == "draft model args[2] unpinned hf://org/d"
    assert (
        started(*args, f"--speculative-draft-model-rev={COMMIT}")[0]
        == f"draft model args[2] claimed hf://org/d@{COMMIT}"
    )
    assert "draft model args[5] opaque" in started(*args, "--speculative-token-map=org/d/map.pt")


@pytest.mark.parametrize("value", ["true", "1", "yes", "TRUE", None])
def test_another_hub_makes_names_of_it_opaque(value: str | None) -> None:
    assert started("--model=org/m", f"--revision={COMMIT}", env={"SGLANG_USE_MODELSCOPE": value}) == [
        "model args[0] opaque"
    ]


@pytest.mark.parametrize("value", ["false", "0", ""])
def test_another_hub_that_is_turned_off_is_none(value: str) -> None:
    expected = [f"model args[0] claimed {HUB}@{COMMIT}"]
    assert started("--model=org/m", f"--revision={COMMIT}", env={"SGLANG_USE_MODELSCOPE": value}) == expected


def test_a_folder_of_downloads_on_a_volume_may_hold_other_bytes() -> None:
    args = ["--model=org/m", f"--revision={COMMIT}", "--download-dir", "/models"]
    assert started(*args, mounts={"/models": EMPTY}) == ["model args[0] opaque"]


def test_a_path_is_what_is_mounted_there() -> None:
    mounts: dict[str, JsonObject] = {"/m": IMAGE_VOLUME}
    assert started("--model-path", "/m", mounts=mounts) == [f"model args[1] enforced {PINNED}"]


def test_a_word_that_can_not_be_told_is_a_flag_for_all_that_is_known() -> None:
    assert "model args[1] opaque" in started("--model=org/m", "$(MORE)", env={"MORE": None})
    assert started("--model=org/m", "--port", "$(PORT)", "--tp=$(TP)", env={"PORT": None, "TP": None}) == [
        f"model args[0] unpinned {HUB}"
    ]


def test_an_image_of_its_own_that_is_told_nothing_is_opaque_and_a_script_can_not_be_followed() -> None:
    assert found(IMAGE_NAME) == ["model image opaque"]
    script = "python3 -m sglang.launch_server --model-path $(head -1 /names)"
    assert found(IMAGE_NAME, command=["bash", "-c", script]) == ["model command[2] opaque"]


@pytest.mark.parametrize(
    "command",
    [
        ["python3", "-m", "sglang_router.launch_router"],
        ["python3", "-m", "sglang_router"],
        ["sgl-router"],
        ["smg", "launch"],
        ["python3", "-m", "sglang.bench_serving"],
    ],
)
def test_a_router_and_a_client_load_a_tokenizer_at_most(command: list[str]) -> None:
    assert found("x/y", command=command, args=["--worker-urls", "http://a"]) == []
    assert found("x/y", command=command, args=["--model-path", "org/m"]) == ["tokenizer args[1] unpinned hf://org/m"]
    args = ["--model-path", "org/m", "--tokenizer-path", "org/t"]
    assert found("x/y", command=command, args=args) == ["tokenizer args[3] unpinned hf://org/t"]


@pytest.mark.parametrize("image", ["x/sglang-router:1", "x/sglang-model-gateway", "x/sgl-docs", "x/notsglang"])
def test_an_image_that_only_sounds_like_it_is_none(image: str) -> None:
    assert found(image, args=["--port", "80"]) == []
