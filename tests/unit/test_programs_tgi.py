"""TGI's words and variables are read as clap and its start scripts read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from serving_pods import CLAIM, COMMIT, IMAGE_VOLUME, PINNED, found, found_in, pod

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

TGI = "ghcr.io/huggingface/text-generation-inference:3.3.5"
HUB = "model args[1] unpinned hf://org/m"


@pytest.mark.parametrize(
    "image",
    [
        TGI,
        "ghcr.io/huggingface/tgi-gaudi:2.3.1",
        "x/huggingface-pytorch-tgi-inference:2.6",
        "x/neuronx-tgi",
        "us-docker.pkg.dev/d/huggingface-text-generation-inference-cu124.2-3.ubuntu2204.py311",
        f"ghcr.io/huggingface/text-generation-inference@sha256:{'b' * 64}",
    ],
)
def test_its_images_take_arguments_without_a_command(image: str) -> None:
    assert found(image, args=["--model-id", "org/m"]) == [HUB]


@pytest.mark.parametrize("image", ["x/tgi-router", "x/mytgi", "x/tgi-client"])
def test_an_image_that_only_sounds_like_it_is_none(image: str) -> None:
    assert found(image, args=["--port", "80"]) == []


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--model-id", "org/m"], [HUB]),
        (["--model-id=org/m"], ["model args[0] unpinned hf://org/m"]),
        (["--model-id", "gpt2"], ["model args[1] unpinned hf://gpt2"]),
        (["--model-id", "org/m", "--revision", COMMIT], [f"model args[1] claimed hf://org/m@{COMMIT}"]),
        (["--model-id", "org/m", "--revision", COMMIT, "--revision", "main"], ["model args[1] opaque"]),
        (["--model-id", "org/m", "--model-id", "org/n"], [HUB, "model args[3] unpinned hf://org/n"]),
        (["--model-id", "org/m", "--trust-remote-code", "-p", "80"], [HUB, "remote code args[2] opaque"]),
        (
            ["--trust-remote-code", "--model-id", "org/m"],
            ["model args[2] unpinned hf://org/m", "remote code args[0] opaque"],
        ),
        (["--model-id", "org/m", "$(MORE)"], [HUB, "model args[2] opaque"]),
        (["--model-id", "org/m", "--num-shard", "$(MORE)"], [HUB]),
        (["--model-id", "$(MORE)"], ["model args[1] opaque"]),
        (["--model-id=$(MORE)"], ["model args[0] opaque"]),
    ],
)
def test_flags_mean_what_clap_takes_them_for(args: list[str], expected: list[str]) -> None:
    assert found("x/y", command=["text-generation-launcher"], args=args, env={"MORE": None}) == expected


@pytest.mark.parametrize(
    "args",
    [
        ["--model_id", "org/m"],
        ["--model", "org/m"],
        ["--model-i", "org/m"],
        ["-m", "org/m"],
        ["org/m"],
        ["--model-id"],
        ["--model-id", "--env"],
    ],
)
def test_what_looks_like_a_model_and_is_none_leaves_the_model_untold(args: list[str]) -> None:
    (one,) = found(TGI, args=args)
    assert one.endswith("opaque")


def test_a_variable_counts_where_the_flag_is_not_given() -> None:
    env = {"MODEL_ID": "org/v", "REVISION": COMMIT, "TRUST_REMOTE_CODE": "true", "TOKENIZER_CONFIG_PATH": "/t.json"}
    assert found(TGI, env=env) == [
        f"model env[0].value claimed hf://org/v@{COMMIT}",
        "remote code env[2].value opaque",
        "tokenizer env[3].value unpinned oci://ghcr.io/huggingface/text-generation-inference",
    ]
    assert found(TGI, args=["--model-id=org/m", "--revision=v1"], env={"MODEL_ID": "org/v", "REVISION": COMMIT}) == [
        "model args[0] unpinned hf://org/m"
    ]
    assert found(TGI, env={"MODEL_ID": "org/v", "TRUST_REMOTE_CODE": "false"}) == [
        "model env[0].value unpinned hf://org/v"
    ]
    assert found(TGI, env={"MODEL_ID": None}) == ["model env[0].valueFrom opaque"]
    assert found(TGI, env={"MODEL_ID": "org/v", "TRUST_REMOTE_CODE": None})[1] == "remote code env[1].valueFrom opaque"


def test_the_names_of_sagemaker_count_too() -> None:
    env = {"HF_MODEL_ID": "org/m", "HF_MODEL_REVISION": COMMIT}
    assert found(TGI, env=env) == [f"model env[0].value claimed hf://org/m@{COMMIT}"]


def test_without_a_model_the_image_or_what_env_from_brings_decides() -> None:
    assert found(TGI, args=["--num-shard", "2"]) == ["model image opaque"]
    assert found_in(pod(TGI, envFrom=[{"configMapRef": {"name": "c"}}])) == ["model envFrom opaque"]


def test_adapters_are_ids_paths_and_revisions() -> None:
    listed = f"org/a, n=/adapters/b,org/c@{COMMIT},n=org/d@v1,a=b=c,,"
    assert found(TGI, args=["--model-id", "org/m", "--lora-adapters", listed]) == [
        f"adapter args[3] claimed hf://org/c@{COMMIT}",
        "adapter args[3] opaque",
        "adapter args[3] opaque",
        "adapter args[3] unpinned hf://org/a",
        "adapter args[3] unpinned oci://ghcr.io/huggingface/text-generation-inference",
        HUB,
    ]
    assert found(TGI, args=["--model-id", "org/m"], env={"LORA_ADAPTERS": None})[0] == "adapter env[0].valueFrom opaque"


def test_the_image_keeps_the_hub_in_a_folder_of_its_own() -> None:
    args = ["--model-id", "org/m", "--revision", COMMIT]
    claimed = [f"model args[1] claimed hf://org/m@{COMMIT}"]
    assert found(TGI, args=args, workingDir="/usr/src", mounts={"/data": CLAIM}) == ["model args[1] opaque"]
    assert found(TGI, args=args, workingDir="/usr/src", mounts={"/elsewhere": CLAIM}) == claimed
    moved = [*args, "--huggingface-hub-cache", "/elsewhere"]
    assert found(TGI, args=moved, workingDir="/usr/src", mounts={"/elsewhere": CLAIM}) == ["model args[1] opaque"]
    assert found(TGI, args=moved, workingDir="/usr/src", mounts={"/data": CLAIM}) == claimed
    override = {"WEIGHTS_CACHE_OVERRIDE": "/elsewhere"}
    assert found(TGI, args=args, env=override, workingDir="/usr/src", mounts={"/elsewhere": CLAIM}) == [
        "model args[1] opaque"
    ]


def test_a_path_is_what_is_mounted_there() -> None:
    mounts: dict[str, JsonObject] = {"/m": IMAGE_VOLUME}
    assert found(TGI, args=["--model-id", "/m"], mounts=mounts) == [f"model args[1] enforced {PINNED}"]


@pytest.mark.parametrize("subcommand", ["serve", "download-weights", "quantize"])
def test_the_server_behind_the_launcher_names_its_model_in_a_word(subcommand: str) -> None:
    command = ["text-generation-server", subcommand]
    assert found("x/y", command=command, args=["org/m", "--revision", COMMIT]) == [
        f"model args[0] claimed hf://org/m@{COMMIT}"
    ]
    assert found("x/y", command=command, args=["--sharded", "org/m"]) == ["model command[1] opaque"]
    assert found("x/y", command=["text-generation-server"]) == []


def test_a_hook_that_starts_it_is_read_without_the_containers_variables() -> None:
    hook: Json = {"postStart": {"exec": {"command": ["text-generation-launcher", "--model-id", "org/m"]}}}
    found_there = found("x/y", command=["sleep", "1"], env={"LORA_ADAPTERS": ""}, lifecycle=hook)
    assert found_there == ["model lifecycle.postStart.exec.command[2] unpinned hf://org/m"]
