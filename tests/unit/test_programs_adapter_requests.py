"""A request that has a server load an adapter is a reference to it, and one to unload it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import read

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

URL = "http://chat:8000/v1/load_lora_adapter"


def pod(*command: Json, **more: Json) -> JsonObject:
    container: Json = {"name": "c", "image": "curl", "command": list(command), **more}
    return {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"lora_name": "a", "lora_path": "acme/a"}', "adapter unpinned hf://acme/a at spec.containers[0].command[3]"),
        ("{'lora_path':'acme/a'}", "adapter unpinned hf://acme/a at spec.containers[0].command[3]"),
        ('{"lora_path": "/a"}', "adapter opaque at spec.containers[0].command[3]"),
        ('{"lora_path": "$SOURCE"}', "adapter opaque at spec.containers[0].command[3]"),
        ('{"lora_path": "s3://b/a?versionId=1"}', "adapter opaque at spec.containers[0].command[3]"),
        ("@request.json", "adapter opaque at spec.containers[0].command[1]"),
    ],
)
def test_the_adapter_that_is_asked_for(body: str, expected: str) -> None:
    assert read(pod("curl", URL, "-d", body)) == [expected]


def test_a_request_in_a_script_that_cannot_be_followed_is_opaque() -> None:
    script = f"""case $1 in a) curl {URL} -d '{{"lora_path": "acme/a"}}';; esac"""
    assert read(pod("sh", "-c", script)) == ["adapter opaque at spec.containers[0].command[2]"]


def test_a_hook_may_ask_too() -> None:
    hook: Json = {"postStart": {"exec": {"command": ["curl", URL, "-d", '{"lora_path": "acme/a"}']}}}
    found = read(pod("sleep", "1", lifecycle=hook))
    assert found == ["adapter unpinned hf://acme/a at spec.containers[0].lifecycle.postStart.exec.command[3]"]


def test_to_unload_one_loads_nothing() -> None:
    assert read(pod("curl", "http://chat:8000/v1/unload_lora_adapter", "-d", '{"lora_name": "a"}')) == []


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        ("curl -s http://m.example/v1/models | grep -q ready", False),
        ("n=$(curl -s http://m.example/v1/models | grep -c ready)", False),
        ("curl -s http://m.example/v1/models | wc -l", False),
        ("curl -s http://m.example/v1/models | grep ready", True),
        ("curl -s http://m.example/v1/models | grep -o ready > f", True),
        ("curl -s http://m.example/v1/models | grep -o ready | tee f", True),
        ("(curl -s http://m.example/v1/models | grep -o ready) > f", True),
        ("curl -s http://m.example/v1/models | tar x", True),
        ("curl -s http://m.example/v1/models > f | grep -q ready", True),
    ],
)
def test_what_is_only_looked_through_is_not_kept(line: str, is_kept: bool) -> None:  # noqa: FBT001  a case's own yes
    assert bool(read(pod("sh", "-c", line))) is is_kept
