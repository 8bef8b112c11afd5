"""What vLLM's and LMDeploy's own parsers read from words, we find in them, and no other name."""

from __future__ import annotations

import json
import random
import subprocess
from typing import TYPE_CHECKING

from admission.references import Pinning, Role, find_references

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dbom.canonical import Json, JsonObject

CASES = 1500
COMMIT = "0123456789abcdef0123456789abcdef01234567"
VLLM_NOISE: list[list[str]] = [
    ["--port", "8000"],
    ["--enforce-eager"],
    ["--no-enable-prefix-caching"],
    ["--served-model-name", "openai/gpt", "name/two"],
    ["-tp", "2"],
    ["-O3"],
    ["--max_model_len=4k"],
    ["--max-num-seq", "16"],
    ["--api-key", "one", "two"],
    ["--hf-token", "hush"],
    ["--hf-overrides", '{"rope_theta": 1}'],
    ["--kv_transfer_config", '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'],
    ["--compilation-config.level", "3"],
    ["--chat-template", "/templates/org/chat.jinja"],
    ["--limit-mm-per-prompt.image=2"],
    ["--allowed-local-media-path", "/media"],
    ["--load-format", "runai_streamer"],
    ["--trust_remote_code"],
    ["--generation-config", "vllm"],
]
VLLM_NAMES: list[list[list[str]]] = [
    [["--tokenizer", "org/t"], ["--tokenizer=org/t"]],
    [["--revision", COMMIT], ["--rev=" + COMMIT]],
    [["--hf-config-path", "org/c"], ["--hf_config_path=org/c"], ["--hf-c", "org/c"]],
    [
        ["--lora-modules", "a=org/a", "b=org/b"],
        ["--lora_modules", '{"name":"a","path":"org/a"}', "b=org/b"],
        ["--lora-m=a=org/a"],
    ],
    [
        ["--speculative-config", '{"model":"org/d","num_speculative_tokens":2}'],
        ["-sc", '{"model":"org/d"}'],
        ["--speculative_config.model", "org/d", "--speculative-config.num_speculative_tokens=2"],
        ["-sc.model=org/d"],
        ["--speculative-c", '{"method":"ngram"}'],
    ],
    [["--spec-model", "org/s"], ["--spec_model=org/s"]],
    [["--default-mm-loras", '{"audio":"org/l"}'], ["--default-mm-loras.audio", "org/l"]],
]
MODELS: list[list[str]] = [["org/m"], ["--model", "org/m"], ["--model=org/m"], ["--", "org/m"], []]

LMDEPLOY_NOISE: list[list[str]] = [
    ["--server-port", "23333"],
    ["--tp", "2"],
    ["--backend=pytorch"],
    ["--model-name", "name/x"],
    ["--eager-mode"],
    ["--api-keys", "one", "two"],
    ["--allow-origins", "a", "b"],
    ["--trust-remote-code"],
    ["--session-l", "8192"],
    ["--cache-max-entry-count", "0.8"],
]
LMDEPLOY_NAMES: list[list[list[str]]] = [
    [["--revision", COMMIT], ["--rev=" + COMMIT]],
    [["--adapters", "a=org/a", "b=org/b"], ["--adapters=org/a"], ["--adap", "a=org/a"]],
    [["--speculative-draft-model", "org/d"], ["--speculative-dr=org/d"]],
]
LMDEPLOY_MODELS: list[list[str]] = [["org/m"], ["--", "org/m"]]


def cases(seed: int, models: list[list[str]], names: list[list[list[str]]], noise: list[list[str]]) -> list[list[str]]:
    """Return many command lines: a model, some flags that name something, some that don't, in any order."""
    chance = random.Random(seed)  # noqa: S311  reproducible, nothing secret
    found: list[list[str]] = []
    for _ in range(CASES):
        parts = [chance.choice(spellings) for spellings in names if chance.random() < 0.4]
        parts += chance.sample(noise, chance.randrange(4))
        chance.shuffle(parts)
        model = chance.choice(models)
        at = len(parts) if model[:1] == ["--"] else chance.randrange(len(parts) + 1)
        found.append([word for part in (*parts[:at], model, *parts[at:]) for word in part])
    return found


def asked(parser: str, program: str, lines: Sequence[list[str]]) -> list[JsonObject]:
    """Return what a program's own parser says of command lines."""
    said = subprocess.run(
        [parser], input=json.dumps({"program": program, "cases": lines}), capture_output=True, text=True, check=True
    )
    answers: list[JsonObject] = json.loads(said.stdout)
    assert len(answers) == len(lines)
    return answers


def ours(command: list[str], words: list[str]) -> tuple[set[tuple[Role, str]], bool]:
    """Return the names that we find, and whether a model stays untold."""
    container: Json = {"name": "c", "image": "server:1", "command": list(command), "args": list(words)}
    found = find_references({"spec": {"containers": [container]}}, group="", kind="Pod", where="test")
    named = {(item.role, item.text) for item in found if item.pinning is not Pinning.OPAQUE}
    named |= {(item.role, "") for item in found if item.role is Role.CODE}
    untold = any(item.role is Role.MODEL and item.pinning is Pinning.OPAQUE for item in found)
    return named, untold


def texts(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def vllm_names(answer: JsonObject) -> set[tuple[Role, str]]:
    """Return what vLLM's parser names; a model that it names by default is none of the words'."""
    speculative, modal = answer["speculative_config"], answer["default_mm_loras"]
    found = [
        (Role.MODEL, answer["model"]),
        (Role.MODEL, answer["hf_config_path"]),
        (Role.TOKENIZER, answer["tokenizer"]),
        (Role.DRAFT_MODEL, answer["spec_model"]),
        (Role.DRAFT_MODEL, speculative.get("model") if isinstance(speculative, dict) else None),
        *((Role.ADAPTER, path) for path in texts(answer["lora_modules"])),
        *((Role.ADAPTER, path) for path in (modal.values() if isinstance(modal, dict) else ())),
        (Role.CODE, "" if answer["trust_remote_code"] else None),
    ]
    return {(role, str(name)) for role, name in found if name is not None and name != "Qwen/Qwen3-0.6B"}


def test_what_vllm_reads_from_its_words_is_what_we_find(peer: Callable[[str], str]) -> None:
    """A law over some 1,500 command lines, of which vLLM takes most: the same names, and untold where it has none."""
    lines = [["serve", *line] for line in cases(6, MODELS, VLLM_NAMES, VLLM_NOISE)]
    taken = 0
    for words, answer in zip(lines, asked(peer("parse-words"), "vllm", lines), strict=True):
        if "error" in answer:
            continue
        taken += 1
        named, untold = ours(["vllm"], words)
        assert (words, vllm_names(answer)) == (words, named)
        assert untold or answer["model"] != "Qwen/Qwen3-0.6B", words
    assert taken >= CASES // 2


def test_what_lmdeploy_reads_from_its_words_is_what_we_find(peer: Callable[[str], str]) -> None:
    lines = cases(7, LMDEPLOY_MODELS, LMDEPLOY_NAMES, LMDEPLOY_NOISE)
    taken = 0
    for words, answer in zip(lines, asked(peer("parse-words"), "lmdeploy", lines), strict=True):
        if "error" in answer:
            continue
        taken += 1
        expected = {(Role.MODEL, str(answer["model_path"]))}
        expected |= {(Role.ADAPTER, path) for path in texts(answer["adapters"])}
        expected |= {(Role.DRAFT_MODEL, str(answer["speculative_draft_model"]))} - {(Role.DRAFT_MODEL, "None")}
        expected |= {(Role.CODE, "")} if answer["trust_remote_code"] else set()
        assert (words, expected) == (words, ours(["lmdeploy", "serve", "api_server"], words)[0])
    assert taken >= CASES // 2


def test_where_vllm_reads_a_name_in_an_odd_spelling_we_do_not_miss_it(peer: Callable[[str], str]) -> None:
    """What wins differs between versions and subcommands: whatever wins here is among what we find."""
    odd = [
        ["serve", "--model", "org/a", "--model", "org/b"],
        ["serve", "--model=org/a", "--model=org/b"],
        ["serve", "--tokenizer", "org/a", "--tokenizer", "org/b", "org/m"],
        ["serve", "--speculative-config.model", "org/a", "--speculative-config.model", "org/b", "org/m"],
        ["serve", "-sc", '{"model":"org/a"}', "-sc.model", "org/b", "org/m"],
        ["serve", "-s", '{"model":"org/a"}', "org/m"],
        ["serve", "--model", "--", "org/a"],
        ["serve", "--port", "--", "8000", "org/a"],
        ["serve", "--lora-modules", "a=org/a", "--lora-modules", "b=org/b", "--", "org/m"],
        ["serve", "--trust-remote-code", "--no-trust-remote-code", "org/m"],
        ["serve", "--no-trust-remote-code", "--trust-rem", "org/m"],
        ["serve", "\u2014model", "--port", "1"],
        ["serve", "--tokenizer_=org/a", "org/m"],
        ["serve", "--model=", "--port=1"],
        ["serve", "--model.key", "org/a"],
    ]
    found: dict[str, bool] = {}
    for words, answer in zip(odd, asked(peer("parse-words"), "vllm", odd), strict=True):
        if "error" not in answer:
            named, untold = ours(["vllm"], words)
            found[" ".join(words)] = vllm_names(answer) <= named or untold
    assert len(found) >= 10
    assert [line for line, is_found in found.items() if not is_found] == []
