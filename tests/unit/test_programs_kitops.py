"""A kit that a program of the pod unpacks is found, and even its digest proves nothing of what is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import DIGEST, read_container, variables

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

IMAGE = "ghcr.io/kitops-ml/kitops:v1.9.0"
KIT = f"r.example/kit@{DIGEST}"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["unpack", KIT], ["model opaque at args[1]"]),
        (["pull", KIT], ["model opaque at args[1]"]),
        (["unpack", "-d", "/x", KIT], ["model opaque at args[3]"]),
        (["unpack", "-d/x", KIT, "-o"], ["model opaque at args[2]"]),
        (["unpack", "--dir=/x", "--filter=datasets", KIT], ["dataset opaque at args[3]"]),
        (["unpack", "-f", "datasets:train", KIT], ["dataset opaque at args[3]"]),
        (["unpack", "-f", "model,datasets", KIT], ["model opaque at args[3]"]),
        (["unpack", "-f", "datasets", "-f", "model", KIT], ["model opaque at args[5]"]),
        (["unpack", "$(KIT)"], ["model opaque at args[1]"]),
        (["-v", "unpack", KIT], ["model opaque at args[2]"]),
    ],
)
def test_a_kit_is_found_however_the_command_is_spelled(words: list[str], expected: list[str]) -> None:
    assert expected == read_container({"image": IMAGE, "args": list(words)})
    called = [text.replace("args", "command") for text in expected]
    shifted = [f"{text[: text.rindex('[')]}[{int(text[text.rindex('[') + 1 : -1]) + 1}]" for text in called]
    assert shifted == read_container({"image": "registry.example.com/tools:1", "command": ["/usr/bin/kit", *words]})


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (variables(MODELKIT_REF=KIT), "model opaque at env[0].value"),
        (variables(MODELKIT_REF=KIT, UNPACK_FILTER="datasets"), "dataset opaque at env[0].value"),
        (variables(UNPACK_PATH="/x"), "model opaque at image"),
        (
            [{"name": "MODELKIT_REF", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}],
            "model opaque at env[0].valueFrom",
        ),
    ],
)
def test_the_init_container_unpacks_what_its_variable_names(env: Json, expected: str) -> None:
    assert [expected] == read_container({"image": "ghcr.io/kitops-ml/kitops-init:latest", "env": env})


@pytest.mark.parametrize(
    "container",
    [
        {"image": IMAGE, "args": ["push", KIT]},
        {"image": IMAGE, "args": ["pack", "."]},
        {"image": "registry.example.com/kitchen:1", "args": ["unpack", "crate"]},
        {"image": "registry.example.com/tools:1", "command": ["docker", "pull", "nginx"]},
    ],
)
def test_what_looks_like_a_kit_and_is_none(container: JsonObject) -> None:
    assert [] == read_container(container)
