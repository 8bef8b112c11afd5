"""What SGLang's own parser reads from words, we find in them, and no other name."""

from __future__ import annotations

import json
import random
import subprocess
from typing import TYPE_CHECKING

from admission.references import Role, find_references

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dbom.canonical import Json, JsonObject

CASES = 1200
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOISE: list[list[str]] = [
    ["--port", "30000"],
    ["--tp", "2"],
    ["--mem-fraction-static=0.8"],
    ["--served-model-name", "openai/gpt"],
    ["--chat-template", "/templates/org/chat.jinja"],
    ["--json-model-override-args", '{"rope_theta": 1}'],
    ["--tokenizer-mode", "auto"],
    ["--tokenizer-w", "2"],
    ["--model-checksum", "org/sums"],
    ["--model-impl", "auto"],
    ["--disable-radix-cache"],
    ["--log-level=info"],
    ["--api-key", "org/key"],
]
MODELS: list[list[str]] = [
    ["--model-path", "org/m"],
    ["--model", "org/m"],
    ["--model=org/m"],
    ["--model-p=org/m"],
    ["--model-pat", "org/m"],
    ["--model", "org/gone", "--model-path", "org/m"],
    ["--model_path", "org/m"],
    ["--model-", "org/m"],
    ["-model-path", "org/m"],
    ["org/m"],
    [],
]
NAMES: list[list[list[str]]] = [
    [["--tokenizer-path", "org/t"], ["--tokenizer-p=org/t"], ["--tokenizer", "org/t"]],
    [["--revision", COMMIT], ["--rev=" + COMMIT], ["--re", COMMIT]],
    [["--lora-paths", "a=org/a", "org/b"], ["--lora-p", "org/a"], ["--lora-paths=org/a"], ["--lora-paths"]],
    [["--lora-paths", '{"lora_name": "a", "lora_path": "org/a"}', "b=org/b"]],
    [
        ["--speculative-draft-model-path", "org/d"],
        ["--speculative-draft-model=org/d"],
        ["--speculative-draft-model-p", "org/d"],
        ["--speculative-draft-m", "org/d"],
    ],
    [["--speculative-draft-model-revision", COMMIT], ["--speculative-draft-model-rev=" + COMMIT]],
    [["--uno-lora-path", "org/u"], ["--uno", "org/u"]],
]


def asked(peer: Callable[[str], str], cases: Sequence[Sequence[str]]) -> list[JsonObject]:
    question = json.dumps({"program": "sglang", "cases": cases})
    said = subprocess.run(
        [peer("parse-words")], input=question, capture_output=True, text=True, check=True, timeout=300
    )
    answers: list[JsonObject] = json.loads(said.stdout)
    return answers


def theirs(answer: JsonObject) -> set[tuple[str, str]]:
    """Return what SGLang loads of what its parser read; an adapter is PATH, NAME=PATH or JSON (tokenizer_manager)."""
    named = (
        (Role.MODEL, answer["model_path"]),
        (Role.TOKENIZER, answer["tokenizer_path"]),
        (Role.DRAFT_MODEL, answer["speculative_draft_model_path"]),
        (Role.ADAPTER, answer["uno_lora_path"]),
    )
    found = {(str(role), value) for role, value in named if isinstance(value, str)}
    adapters = answer["lora_paths"]
    for item in adapters if isinstance(adapters, list) else []:
        path: Json = item["lora_path"] if isinstance(item, dict) else str(item).rpartition("=")[2]
        found.add((str(Role.ADAPTER), str(path)))
    return found


def ours(words: Sequence[str]) -> set[tuple[str, str]]:
    """Return what we find; a reference without a name (`--lora-paths` without any) is none that could be compared."""
    container: JsonObject = {"name": "c", "image": "x/y", "command": ["python3", "-m", "sglang.launch_server"]}
    container["args"] = list(words)
    document: JsonObject = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}
    references = find_references(document, group="", kind="Pod", where="case")
    return {(str(item.role), item.text) for item in references if not item.text.startswith("--lora-paths")}


def pinned(words: Sequence[str]) -> set[str]:
    container: JsonObject = {"name": "c", "image": "x/y", "command": ["sglang", "serve"], "args": list(words)}
    document: JsonObject = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}
    references = find_references(document, group="", kind="Pod", where="case")
    return {str(item.role) for item in references if item.target.location is not None}


def made() -> list[list[str]]:
    """Return words in many orders and spellings; the same at each run."""
    chosen = random.Random(6)  # noqa: S311  no secret is made of it
    cases: list[list[str]] = []
    for _ in range(CASES):
        parts = [chosen.choice(MODELS if chosen.random() < 0.5 else MODELS[:6])]
        parts += [chosen.choice(spellings) for spellings in NAMES if chosen.random() < 0.4]
        parts += chosen.sample(NOISE, chosen.randrange(4))
        chosen.shuffle(parts)
        cases.append([word for part in parts for word in part])
    return cases


def test_we_read_what_its_own_parser_reads(peer: Callable[[str], str]) -> None:
    cases = made()
    answers = asked(peer, cases)
    read = [(words, answer) for words, answer in zip(cases, answers, strict=True) if "error" not in answer]
    wrong = [(words, theirs(answer), ours(words)) for words, answer in read if theirs(answer) != ours(words)]
    assert wrong[:3] == []
    assert len(read) >= CASES // 3


def test_a_revision_pins_what_its_own_parser_gives_it_to(peer: Callable[[str], str]) -> None:
    cases = made()
    for words, answer in zip(cases, asked(peer, cases), strict=True):
        if "error" in answer:
            continue
        expected = {"model", "tokenizer"} if answer["revision"] else set()
        expected |= {"draft model"} if answer["speculative_draft_model_revision"] else set()
        assert pinned(words) == expected & {role for role, _ in theirs(answer)}, words


def test_where_its_parser_stops_nothing_is_taken_for_pinned_that_it_could_have_meant(
    peer: Callable[[str], str],
) -> None:
    stops = [["--model_path", "org/m"], ["--model-", "org/m"], ["-model-path", "org/m"], ["org/m"], []]
    answers = asked(peer, stops)
    assert all("error" in answer for answer in answers)
    for words in stops:
        (one,) = ours(words)
        assert one[0] == "model"
        assert "org/m" not in one[1]
