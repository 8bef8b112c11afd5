"""Ollama's commands, names, hooks and calls are read as it reads them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from serving_pods import EMPTY, IMAGE_VOLUME, PINNED, PLACE, found, found_in, pod

from admission.references.programs.ollama import model_target

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

OLLAMA = "ollama/ollama:0.17.4"
LIBRARY = "oci://registry.ollama.ai/library"


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("llama3.2", f"{LIBRARY}/llama3.2"),
        ("llama3.2:1b", f"{LIBRARY}/llama3.2"),
        ("library/llama3.2:latest", f"{LIBRARY}/llama3.2"),
        ("team/m:1", "oci://registry.ollama.ai/team/m"),
        ("registry.example.com:5000/team/m", "oci://registry.example.com:5000/team/m"),
        ("https://registry.example.com/team/m:2", "oci://registry.example.com/team/m"),
        ("hf.co/org/m-GGUF:Q8_0", "hf://org/m-GGUF"),
        ("huggingface.co/org/m-GGUF", "hf://org/m-GGUF"),
    ],
)
def test_a_name_is_host_namespace_model_and_tag(name: str, place: str) -> None:
    target = model_target(name)
    assert (str(target.pinning), target.base) == ("unpinned", place)


@pytest.mark.parametrize(
    "name", ["", "a/b/c/d", "m@sha256:abc", "m:", "-m", "../m", "m m", "a//m", "ho st/n/m", "/m", "m:a:b/c"]
)
def test_what_is_no_name_is_opaque(name: str) -> None:
    assert str(model_target(name).pinning) == "opaque"


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        ([], [], ["model image opaque"]),
        ([], ["serve"], ["model args[0] opaque"]),
        (["ollama", "serve"], [], ["model command[1] opaque"]),
        (["/bin/ollama"], ["start"], ["model args[0] opaque"]),
        (["sh", "-c", "exec ollama serve"], [], ["model command[2] opaque"]),
        ([], ["run", "m"], [f"model args[1] unpinned {LIBRARY}/m"]),
        (["ollama", "pull", "--insecure", "m"], [], [f"model command[3] unpinned {LIBRARY}/m"]),
        (["ollama", "run", "--keepalive", "5m", "m", "hello"], [], [f"model command[4] unpinned {LIBRARY}/m"]),
        (["ollama", "run", "--keepalive=5m", "m"], [], [f"model command[3] unpinned {LIBRARY}/m"]),
        (["ollama", "pull", "$(X)"], [], ["model command[2] opaque"]),
        (["ollama", "create", "m"], [], ["model command[1] opaque"]),
        (["ollama", "create", "m", "--file", "/f"], [], ["model command[4] opaque"]),
        (["/start.sh"], [], ["model image opaque"]),
        (["xargs", "ollama", "pull"], [], ["model command[2] opaque"]),
        (["ollama", "list"], [], []),
        (["ollama", "rm", "m"], [], []),
        (["ollama", "show", "m"], [], []),
    ],
)
def test_commands_load_what_they_name(command: list[str], args: list[str], expected: list[str]) -> None:
    assert found(OLLAMA, command=command, args=args, env={"X": None}) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("ollama serve & sleep 2; ollama pull m", [f"unpinned {LIBRARY}/m", "opaque"]),
        ("ollama pull a && /usr/bin/ollama pull b", [f"unpinned {LIBRARY}/a", f"unpinned {LIBRARY}/b"]),
        ("until ollama ps; do sleep 1; done; ollama pull ${NAME}", [f"unpinned {LIBRARY}/known"]),
        ("sleep 1; ollama pull $NAME", [f"unpinned {LIBRARY}/known"]),
        ("sleep 1; ollama pull $NONE", ["opaque"]),
        ("sleep 1; ollama pull $HIDDEN", ["opaque"]),
        ("for m in a b; do ollama pull $m; done", ["opaque"]),
        ("sleep 1; ollama run --keepalive 1h m hi", [f"unpinned {LIBRARY}/m"]),
        ("sleep 1; ollama create m -f /f", ["opaque"]),
        ("sleep 1; ollama pull 'broken", ["opaque"]),
        ("cat /names | xargs -n 1 ollama pull", ["opaque"]),
    ],
)
def test_scripts_are_followed_as_far_as_they_are_plain(script: str, expected: list[str]) -> None:
    env = {"NAME": "known", "HIDDEN": None}
    assert found("x/y", command=["sh", "-c", script], env=env) == sorted(
        f"model command[2] {item}" for item in expected
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["curl", "http://o:11434/api/pull", "-d", '{"model": "m"}'], [f"model command[3] unpinned {LIBRARY}/m"]),
        (["curl", "http://o:11434/api/pull", "-d", "{'name':'m'}"], [f"model command[3] unpinned {LIBRARY}/m"]),
        (["curl", "http://o:11434/api/pull", "-d", "@body.json"], ["model command[1] opaque"]),
        (["curl", "http://o:11434/api/tags"], []),
        (
            ["sh", "-c", 'sleep 1; curl o/api/pull -d "{\\"name\\": \\"m\\"}"'],
            [f"model command[2] unpinned {LIBRARY}/m"],
        ),
        (["sh", "-c", "sleep 1; curl o/api/pull -d @body.json"], ["model command[2] opaque"]),
        (["sh", "-c", "sleep 1; curl o/api/create -d @body.json"], ["model command[2] opaque"]),
    ],
)
def test_a_call_to_pull_names_the_model_in_its_body(words: list[str], expected: list[str]) -> None:
    assert found("curlimages/curl", command=words) == expected


def test_a_hook_pulls_beside_the_server() -> None:
    hook: Json = {"postStart": {"exec": {"command": ["/bin/ollama", "pull", "m"]}}}
    expected = ["model image opaque", f"model lifecycle.postStart.exec.command[2] unpinned {LIBRARY}/m"]
    assert found(OLLAMA, lifecycle=hook) == expected


def test_a_folder_of_models_that_is_an_image_volume_is_what_is_served() -> None:
    env = {"OLLAMA_MODELS": "/models"}
    assert found(OLLAMA, env=env, mounts={"/models": IMAGE_VOLUME}) == [f"model env[0].value enforced {PINNED}"]
    tagged: JsonObject = {"image": {"reference": "registry.example.com/models/m:1"}}
    assert found(OLLAMA, env=env, mounts={"/models": tagged}) == [f"model env[0].value unpinned {PLACE}"]


@pytest.mark.parametrize("models", ["/models", "/models/../other", "models", None])
def test_any_other_folder_of_models_can_be_pulled_into(models: str | None) -> None:
    assert found(OLLAMA, env={"OLLAMA_MODELS": models}, mounts={"/models": EMPTY}) == ["model image opaque"]
    over: dict[str, JsonObject] = {"/models": IMAGE_VOLUME, "/models/blobs": EMPTY}
    assert found(OLLAMA, env={"OLLAMA_MODELS": models}, mounts=over) == ["model image opaque"]


def test_a_folder_in_the_containers_own_image_can_be_written() -> None:
    image = f"ollama/ollama@sha256:{'b' * 64}"
    assert found(image, env={"OLLAMA_MODELS": "/models"}) == ["model image opaque"]


def test_the_operators_model_is_a_name() -> None:
    document: JsonObject = {
        "apiVersion": "ollama.ayaka.io/v1",
        "kind": "Model",
        "metadata": {"name": "m"},
        "spec": {"image": "phi:3"},
    }
    assert found_in(document) == [f"model spec.image unpinned {LIBRARY}/phi"]


@pytest.mark.parametrize("image", ["x/ollama-operator", "x/ollama-exporter", "x/ollama-webui", "x/notollama"])
def test_an_image_that_only_sounds_like_it_is_none(image: str) -> None:
    assert found(image, args=["--provider", "ollama", "--port", "80"]) == []


def test_a_pod_of_another_image_with_its_server_is_found_by_its_words() -> None:
    assert found_in(pod("x/y", command=["ollama"], args=["serve"])) == ["model args[0] opaque"]
