"""LMDeploy's words are read as its own parser reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from admission.references import find_references

if TYPE_CHECKING:
    from dbom.canonical import Json

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = ("model", "org/m", "unpinned")


def serving(
    *args: str, command: tuple[str, ...] = ("lmdeploy", "serve", "api_server"), **fields: Json
) -> list[tuple[str, str, str]]:
    container: Json = {"name": "c", "image": "server:1", "command": list(command), "args": list(args), **fields}
    found = find_references({"spec": {"containers": [container]}}, group="", kind="Pod", where="test")
    return [(str(item.role), item.text, str(item.pinning)) for item in found]


@pytest.mark.parametrize(
    "args",
    [
        ("org/m",),
        ("--server-port", "1", "org/m"),
        ("--tp=2", "org/m"),
        ("--eager-mode", "org/m"),
        ("--session-l", "8", "org/m"),
        ("--api-keys", "a", "b", "--", "org/m"),
        ("org/m", "--model-name", "other/name"),
    ],
)
def test_the_model_is_found_wherever_it_stands(args: tuple[str, ...]) -> None:
    assert serving(*args) == [MODEL]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--revision", COMMIT), ("model", "org/m", "claimed")),
        (("--rev=" + COMMIT,), ("model", "org/m", "claimed")),
        (("--revision", "main", "--revision", COMMIT), ("model", "org/m", "opaque")),
        (("--adapters", "a=org/a", "b=org/b"), ("adapter", "org/b", "unpinned")),
        (("--adapters", "org/a"), ("adapter", "org/a", "unpinned")),
        (("--adap=a=org/a",), ("adapter", "org/a", "unpinned")),
        (("--adapters", "$(A)"), ("adapter", "$(A)", "opaque")),
        (("--adapters=$(A)",), ("adapter", "--adapters=$(A)", "opaque")),
        (("--speculative-draft-model", "org/d"), ("draft model", "org/d", "unpinned")),
        (("--trust-remote-code",), ("remote code", "--trust-remote-code", "opaque")),
    ],
)
def test_what_stands_beside_the_model(args: tuple[str, ...], expected: tuple[str, str, str]) -> None:
    assert expected in serving("org/m", *args)


@pytest.mark.parametrize(
    "command",
    [
        ("lmdeploy", "chat"),
        ("lmdeploy", "serve", "gradio"),
        ("lmdeploy", "lite", "auto_awq"),
        ("python3", "-m", "lmdeploy.serve.openai.api_server"),
    ],
)
def test_its_other_commands_take_a_model_too(command: tuple[str, ...]) -> None:
    assert serving("org/m", command=command) == [MODEL]


@pytest.mark.parametrize(
    ("command", "args"),
    [
        (("lmdeploy", "serve", "proxy"), ("--server-port", "8000")),
        (("lmdeploy", "serve", "api_client"), ("http://server:23333",)),
        (("lmdeploy", "check_env"), ()),
        (("lmdeploy", "list"), ()),
    ],
)
def test_what_loads_nothing_gives_nothing(command: tuple[str, ...], args: tuple[str, ...]) -> None:
    assert serving(*args, command=command) == []


def test_without_a_model_it_is_untold() -> None:
    assert [(role, pinning) for role, _, pinning in serving("--tp", "2")] == [("model", "opaque")]


@pytest.mark.parametrize(("value", "pinning"), [("True", "opaque"), ("0", "claimed"), ("", "claimed")])
@pytest.mark.parametrize("name", ["LMDEPLOY_USE_MODELSCOPE", "LMDEPLOY_USE_OPENMIND_HUB"])
def test_another_hub_makes_a_commit_say_nothing(name: str, value: str, pinning: str) -> None:
    env: list[Json] = [{"name": name, "value": value}]
    assert serving("org/m", "--revision", COMMIT, env=env) == [("model", "org/m", pinning)]
