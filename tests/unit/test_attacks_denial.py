"""Attacks by size: whatever an object holds, the work stays within bounds that are counted, not timed.

Each bound is of the construction: so many items, so long a word, so deep a nesting; beyond it the answer is opaque or a
refusal. The tests ask for the answer; that it comes at all, and that what is kept stays small, is what they hold.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from attacks import COMMIT, found_in, may_be_yes, pod, server

from admission.decision import Verdict
from admission.documents import Node
from admission.evidence import Evidence
from admission.gate import decide
from admission.references import Pinning, Role
from admission.references.environment import read_environment
from admission.references.shell import read_script
from admission.review import Review
from dbom.errors import DocumentError
from dbom.model import Unknown

if TYPE_CHECKING:
    from dbom.canonical import Json

MANY = 10_000
FLAGS = ["--port", "--model", "-", "--lora-modules", "--revision", "--m", "--speculative-config.x"]
LARGE = 3 * 1024 * 1024


def shell(script: str) -> Json:
    return {"name": "c", "image": "any:1", "command": ["sh", "-c", script]}


@pytest.mark.parametrize("key", ["args", "command"])
def test_three_mebibytes_in_one_word(key: str) -> None:
    for text in ("x" * LARGE, "--model=" + "a/" * (LARGE // 2), "{" * LARGE, "'" * LARGE, "$" * LARGE):
        found = found_in(pod({"name": "c", "image": "vllm", key: [text]}, volumes=[]))
        assert not may_be_yes(found)


def test_three_mebibytes_of_script() -> None:
    for text in ("vllm serve org/m;" * (LARGE // 17), "$(" * (LARGE // 2), "`" * LARGE, "a=$a$a;" * (LARGE // 7)):
        assert not may_be_yes(found_in(pod(shell(text), volumes=[])))


def test_of_ten_thousand_containers_the_first_thousand_are_read() -> None:
    containers: list[Json] = [server("--model", f"org/m{number}") for number in range(MANY)]
    found = found_in(pod(*containers, volumes=[]))
    assert len(found) == 1001
    assert [item.path for item in found if item.pinning is Pinning.OPAQUE] == ["spec.containers"]


def test_ten_thousand_containers_with_accelerators_are_each_asked() -> None:
    gpu: Json = {"name": "c", "image": "any:1", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    found = found_in(pod(*[gpu] * MANY, volumes=[]))
    assert len([item for item in found if item.role is Role.UNSEEN]) == MANY


def test_ten_thousand_volumes_and_claims() -> None:
    volumes: list[Json] = [
        {"name": f"v{number}", "image": {"reference": "r.example.com/m:1"}} for number in range(MANY)
    ]
    claims: list[Json] = [{"name": f"c{number}", "resourceClaimName": "x"} for number in range(MANY)]
    found = found_in(pod({"name": "c", "image": "any:1"}, volumes=volumes, resourceClaims=claims))
    assert len(found) == MANY + 1


def test_of_a_hundred_thousand_faults_the_first_thousand_are_told() -> None:
    root = Node({"spec": {"containers": [5] * 100_000}})
    for item in root.get("spec").get("containers").items():
        item.get("image")
    assert 1000 == len(root.faults)
    assert "spec.containers[0]: got a number, expected an object" == root.faults[0]


def test_json_nested_a_hundred_thousand_deep_is_refused() -> None:
    data = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    with pytest.raises(DocumentError) as caught:
        found_in({"spec": {"containers": [{"name": "c", "args": [json.loads("1")]}]}})
    assert caught.value.faults
    word = data.decode()
    found = found_in(pod(server("--model", "org/m", "--speculative-config", word), volumes=[]))
    assert not may_be_yes(found)


def test_variables_that_double_stay_small() -> None:
    env: list[Json] = [{"name": "V0", "value": "x" * 1000}]
    env += [{"name": f"V{number}", "value": f"$(V{number - 1})" * 2} for number in range(1, 1000)]
    environment = read_environment(Node({"env": env}))
    sizes = [len(item.value) for item in environment.variables.values() if isinstance(item.value, str)]
    assert sum(sizes) < LARGE
    assert isinstance(environment.value("V999"), Unknown)


def test_variables_of_a_script_that_double_stay_small() -> None:
    script = "V0=" + "x" * 1000 + ";" + "".join(f"V{number}=$V{number - 1}$V{number - 1};" for number in range(1, 400))
    commands = read_script(script + "vllm serve $V399", {})
    assert not isinstance(commands, Unknown)
    values = commands[-1].variables.values()
    assert sum(len(value) for value in values if isinstance(value, str)) < LARGE
    assert isinstance(commands[-1].words[2].value, Unknown)


def test_a_script_of_more_commands_than_are_followed_can_not_be_told() -> None:
    assert isinstance(read_script("true;" * 5000, {}), Unknown)
    (found,) = found_in(pod(shell("true;" * 5000 + "vllm serve org/m"), volumes=[]))
    assert found.pinning is Pinning.OPAQUE


def test_scripts_in_scripts_are_followed_to_a_depth() -> None:
    script = f"vllm serve org/m --revision {COMMIT}"
    for _ in range(12):
        script = f"sh -c {json.dumps(script)}"
    found = found_in(pod(shell(script), volumes=[]))
    assert found
    assert not may_be_yes(found)
    substitutions = "$(echo " * 50 + "vllm serve evil/m" + ")" * 50
    assert isinstance(read_script(substitutions, {}), Unknown)


@pytest.mark.parametrize(
    "flag", ["--port", "--model", "-", "--lora-modules", "--revision", "--m", "--speculative-config.x"]
)
def test_a_hundred_thousand_flags_are_more_than_a_program_is_given(flag: str) -> None:
    (found,) = found_in(pod(server(*[flag] * 100_000), volumes=[]))
    assert found.pinning is Pinning.OPAQUE
    assert found.path == "spec.containers[0]"


@pytest.mark.parametrize(
    "flag", ["--port", "--model", "-", "--lora-modules", "--revision", "--m", "--speculative-config.x"]
)
def test_two_thousand_flags_are_read(flag: str) -> None:
    assert not may_be_yes(found_in(pod(server(*[flag] * 1900), volumes=[])))
    assert not may_be_yes(found_in(pod(server(*[f"{flag}=x"] * 1900), volumes=[])))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000 + "!",
        "a/" * 50_000,
        "a-" * 50_000 + "@",
        "a._-" * 30_000,
        "(" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        "*" * 100_000,
        "{a," * 30_000,
        "${" * 50_000,
        "$((" * 30_000,
        "https://huggingface.co/" + "a/" * 40_000,
        "https://huggingface.co/a/" + "." * 90_000,
        "s3://" + "model" * 20_000,
        "=" * 100_000,
        "snapshot_download(" * 5000,
        "snapshot_download('" + "a" * 60_000,
        "from_pretrained(" + " " * 60_000,
        "w." * 30_000 + "from_pretrained",
        "ray start " * 10_000,
        "ln -s " * 20_000,
        "0" * 100_000,
        "\x00" * 100_000,
        "\ud800" * 1000,
    ],
)
def test_texts_that_make_expressions_go_back_and_forth(text: str) -> None:
    words: list[list[Json]] = [
        [text],
        ["sh", "-c", text],
        ["python", "-c", text],
        ["wget", text],
        ["hf", "download", text],
    ]
    for command in words:
        gpu: Json = {"limits": {text: text, "nvidia.com/gpu": text}}
        container: Json = {"name": "c", "image": text, "command": command, "args": [text], "resources": gpu}
        volumes: Json = [{"name": "v", "image": {"reference": text}}]
        assert not may_be_yes(found_in(pod(container, volumes=volumes, annotations={"dbom.dev/model": text})))


def test_the_gate_answers_the_largest_of_them() -> None:
    document = pod(*[server("--model", "org/m")] * MANY, volumes=[])
    review = Review.of_object(document, where="test")
    decision = decide(review, [], Evidence(), now=datetime(2026, 1, 2, tzinfo=UTC))
    assert decision.verdict is Verdict.CANT_TELL
