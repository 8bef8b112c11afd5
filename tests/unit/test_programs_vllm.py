"""vLLM's words are read as its own parser reads them, and every way to hide a model in them is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from admission.references import Pinning, Role, find_references

if TYPE_CHECKING:
    from dbom.canonical import Json

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB = "hf://org/m"

Brief = tuple[str, str, str]


def serving(*args: str, command: tuple[str, ...] = ("vllm", "serve"), **fields: Json) -> list[Brief]:
    """Return role, text and pinning of what a container with these words loads."""
    container: Json = {"name": "c", "image": "vllm/vllm-openai:v0.12", "args": list(args), **fields}
    if command and isinstance(container, dict):
        container["command"] = list(command)
    found = find_references({"spec": {"containers": [container]}}, group="", kind="Pod", where="test")
    return [(str(item.role), item.text, str(item.pinning)) for item in found]


def names(*args: str, **fields: Json) -> set[Brief]:
    return set(serving(*args, command=("vllm", "serve"), **fields))


MODEL = ("model", "org/m", "unpinned")
UNTOLD = ("model", "vllm/vllm-openai:v0.12", "opaque")


@pytest.mark.parametrize(
    "args",
    [
        ("org/m",),
        ("--model", "org/m"),
        ("--model=org/m",),
        ("--enforce-eager", "org/m"),
        ("--port", "8000", "org/m"),
        ("--max_num_seq", "8", "org/m"),
        ("--api-key=one", "org/m"),
        ("-tp", "2", "org/m"),
        ("-O3", "org/m"),
        ("--", "org/m"),
        ("--port=80", "--", "org/m"),
        ("--compilation-config.level", "3", "org/m"),
        ("--no-enable-prefix-caching", "org/m"),
        ("--hf-token", "hush", "org/m"),
        ("--swap-space", "4", "org/m"),
        ("org/m", "--served-model-name", "openai/gpt", "meta/llama"),
        ("org/m", "--allowed-media-domains", "a.example", "b.example"),
    ],
)
def test_the_model_is_found_wherever_it_stands(args: tuple[str, ...]) -> None:
    assert serving(*args) == [MODEL]


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--port", "8000"),
        ("--served-model-name", "org/m", "org/n"),
        ("--hf-config-path", "org/m"),
        ("--tokenizer", "org/m"),
        ("--lora-modules", "a=org/m"),
        ("-n", "2"),
        ("-\u2014model",),
    ],
)
def test_a_server_that_is_told_no_model_is_untold(args: tuple[str, ...]) -> None:
    assert UNTOLD in serving(*args)


@pytest.mark.parametrize("args", [("--model",), ("--model=",), ("\u2014model", "org/m"), ("--model.key", "org/m")])
def test_what_is_no_model_to_the_parser_is_none_to_us(args: tuple[str, ...]) -> None:
    (found,) = serving(*args)
    assert (found[0], found[2]) == ("model", "opaque")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--rev", COMMIT), ("model", "org/m", "claimed")),
        (("--revision=" + COMMIT,), ("model", "org/m", "claimed")),
        (("--toke", "org/t"), ("tokenizer", "org/t", "unpinned")),
        (("--tokenizer_revision", COMMIT), ("tokenizer", "org/m", "claimed")),
        (("--hf_config_path=org/c",), ("model", "org/c", "unpinned")),
        (("--lora-modules", "a=org/a"), ("adapter", "org/a", "unpinned")),
        (("--lora_modules=a=org/a",), ("adapter", "org/a", "unpinned")),
        (("--lora-modules", "b=org/b", '{"name":"a","path":"org/a"}'), ("adapter", "org/a", "unpinned")),
        (("--lora-modules", '{"name":"a"'), ("adapter", '{"name":"a"', "opaque")),
        (("--prompt-adapters", "a=org/a"), ("adapter", "org/a", "unpinned")),
        (("--default-mm-loras", '{"audio":"org/a"}'), ("adapter", "org/a", "unpinned")),
        (("--default-mm-loras.audio", "org/a"), ("adapter", "org/a", "unpinned")),
        (("--default-mm-loras", "[]"), ("adapter", "--default-mm-loras", "opaque")),
        (("--speculative-config", '{"model":"org/d"}'), ("draft model", "org/d", "unpinned")),
        (("-sc", '{"model":"org/d"}'), ("draft model", "org/d", "unpinned")),
        (("-s", '{"model":"org/d"}'), ("draft model", "org/d", "unpinned")),
        (("-sc.model", "org/d"), ("draft model", "org/d", "unpinned")),
        (("-sc.model=org/d", f"-sc.revision={COMMIT}"), ("draft model", "org/d", "claimed")),
        (("--spec-model", "org/d"), ("draft model", "org/d", "unpinned")),
        (("--speculative_model", "org/d"), ("draft model", "org/d", "unpinned")),
        (
            ("--speculative-config", '{"draft_load_config":{"download_dir":"/x"}}'),
            ("draft model", "--speculative-config", "opaque"),
        ),
        (
            ("--speculative-config.draft_load_config.load_format", "x"),
            ("draft model", "--speculative-config.draft_load_config.load_format", "opaque"),
        ),
        (("--config", "/etc/vllm.yaml"), ("model", "--config", "opaque")),
        (("--config=/etc/vllm.yaml",), ("model", "--config=/etc/vllm.yaml", "opaque")),
        (("--model-loader-extra-config", '{"a":"b"}'), ("model", "--model-loader-extra-config", "opaque")),
        (("--model-loader-extra-config.tensorizer_uri", "s3://b"), ("model", "--model-loader-extra-config", "opaque")),
        (("--weight-transfer-config", '{"backend":"nccl"}'), ("model", "--weight-transfer-config", "opaque")),
        (("--trust-remote-code",), ("remote code", "--trust-remote-code", "opaque")),
        (("--trust_rem",), ("remote code", "--trust-remote-code", "opaque")),
        (("--no-trust-remote-code", "--trust-remote-code"), ("remote code", "--trust-remote-code", "opaque")),
    ],
)
def test_what_stands_beside_the_model(args: tuple[str, ...], expected: Brief) -> None:
    assert expected in serving("org/m", *args)


@pytest.mark.parametrize(
    "args",
    [
        ("--trust-remote-code", "--no-trust-remote-code"),
        ("--model-loader-extra-config", '{"concurrency":16}'),
        ("--speculative-config", '{"method":"ngram"}'),
        ("--speculative-config.num_speculative_tokens", "3"),
        ("--chat-template", "org/template.jinja"),
        ("--kv-transfer-config", '{"kv_connector":"org/x"}'),
        ("--load-format", "runai_streamer"),
        ("--reasoning-parser", "deepseek_r1"),
    ],
)
def test_what_names_nothing_gives_nothing(args: tuple[str, ...]) -> None:
    assert serving("org/m", *args) == [MODEL]


def test_of_two_models_both_are_references_since_versions_differ_in_which_wins() -> None:
    assert names("--model", "org/a", "--model=org/b") == {
        ("model", "org/a", "unpinned"),
        ("model", "org/b", "unpinned"),
    }


@pytest.mark.parametrize(
    ("command", "args"),
    [
        (("python3", "-m", "vllm.entrypoints.openai.api_server"), ("--model", "org/m")),
        (("python3", "-mvllm.entrypoints.openai.api_server"), ("--model", "org/m")),
        (("python3", "-m", "vllm.entrypoints.cli.main", "serve"), ("org/m",)),
        (("/opt/venv/bin/vllm",), ("serve", "org/m")),
        (("uv", "run", "vllm", "serve"), ("org/m",)),
        (("vllm", "run-batch"), ("-i", "in.jsonl", "-o", "out.jsonl", "--model", "org/m")),
        (("vllm", "preload"), ("--model", "org/m")),
        (("vllm", "snapshot", "create"), ("org/m",)),
        (("vllm", "bench", "throughput"), ("--model", "org/m", "--input-len", "8")),
        ((), ("org/m",)),
        ((), ("serve", "org/m")),
        ((), ("--model", "org/m")),
    ],
)
def test_every_way_to_start_it(command: tuple[str, ...], args: tuple[str, ...]) -> None:
    assert serving(*args, command=command) == [MODEL]


@pytest.mark.parametrize(
    ("command", "args"),
    [
        (("vllm", "chat"), ("--url", "http://x", "--model-name", "org/m")),
        (("vllm", "complete"), ("-q", "hello")),
        (("vllm", "collect-env"), ()),
        (("ray", "start"), ("--address=head:6379", "--block")),
        (("sleep",), ("infinity",)),
        (("bash", "/vllm-workspace/examples/online_serving/multi-node-serving.sh"), ("worker", "--ray_port=1")),
    ],
)
def test_what_loads_nothing_gives_nothing(command: tuple[str, ...], args: tuple[str, ...]) -> None:
    assert serving(*args, command=command) == []


def test_a_benchmark_of_a_server_loads_a_tokenizer() -> None:
    words = ("--backend", "vllm", "--model", "org/m")
    assert serving(*words, command=("vllm", "bench", "serve")) == [("tokenizer", "org/m", "unpinned")]
    own = serving(*words, "--tokenizer", "org/t", command=("vllm", "bench", "serve"))
    assert own == [("tokenizer", "org/t", "unpinned")]


@pytest.mark.parametrize("command", [("/start.sh",), ("bash", "/scripts/run.sh"), ("python3", "/app/serve.py")])
def test_a_start_script_in_its_image_is_untold(command: tuple[str, ...]) -> None:
    assert UNTOLD in serving(command=command)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("VLLM_ALLOW_RUNTIME_LORA_UPDATING", Role.ADAPTER),
        ("VLLM_LORA_RESOLVER_CACHE_DIR", Role.ADAPTER),
        ("VLLM_LORA_RESOLVER_HF_REPO_LIST", Role.ADAPTER),
        ("VLLM_MODEL_REDIRECT_PATH", Role.MODEL),
    ],
)
def test_variables_that_let_others_in(name: str, role: Role) -> None:
    env: list[Json] = [{"name": name, "value": "1"}]
    assert names("org/m", env=env) == {MODEL, (str(role), name, "opaque")}


@pytest.mark.parametrize("name", ["HF_ENDPOINT", "VLLM_USE_MODELSCOPE"])
def test_another_hub_makes_a_commit_say_nothing(name: str) -> None:
    env: list[Json] = [{"name": name, "value": "https://other.example"}]
    assert serving("org/m", "--revision", COMMIT, env=env) == [("model", "org/m", "opaque")]


def test_one_quantization_of_a_repository_is_of_that_repository() -> None:
    container: Json = {"name": "c", "image": "i", "command": ["vllm", "serve", "org/m-GGUF:Q4_K_M"]}
    (found,) = find_references({"spec": {"containers": [container]}}, group="", kind="Pod", where="test")
    assert (found.pinning, found.target.base) == (Pinning.UNPINNED, f"{HUB}-GGUF")


def test_a_variable_that_could_be_any_flag_is_untold() -> None:
    assert ("model", "$(MORE)", "opaque") in serving("org/m", "$(MORE)")
    assert ("model", "--$(MORE)", "opaque") in serving("org/m", "--$(MORE)")
    assert serving("org/m", "--port=$(PORT)") == [MODEL]


def test_a_variable_that_vllm_does_not_read_is_no_reference() -> None:
    env: list[Json] = [{"name": "MODEL_ID", "value": "org/other"}]
    assert serving("org/m", env=env) == [MODEL]
    # A start script of the image's own may read it.
    assert ("model", "org/other", "unpinned") in serving(command=("/start.sh",), env=env)


def test_a_hook_that_starts_it_is_read_like_the_command() -> None:
    lifecycle: Json = {"postStart": {"exec": {"command": ["vllm", "serve", "org/hidden"]}}}
    assert ("model", "org/hidden", "unpinned") in serving("org/m", lifecycle=lifecycle)


def test_an_unknown_subcommand_of_vllm_is_read_as_serving() -> None:
    assert ("model", "$(SUB)", "opaque") in serving("$(SUB)", "org/m", command=("vllm",))
    assert MODEL in serving("--model", "org/m", command=("vllm",))


def test_a_value_that_can_not_be_told_is_opaque_at_its_place() -> None:
    env: list[Json] = [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]
    for flag, role in (("--lora-modules", "adapter"), ("--speculative-config", "draft model")):
        assert (role, "opaque") in {(found[0], found[2]) for found in serving("org/m", flag, "$(X)", env=env)}


def test_flags_without_a_value_are_opaque() -> None:
    assert ("adapter", "--lora-modules", "opaque") in serving("org/m", "--lora-modules")
