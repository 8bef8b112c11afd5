"""Attacks by spelling: a bad name that looks like a good one, or a good one that means another. None may be a yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attacks import COMMIT, GOOD, HEX, found_in, is_found, may_be_yes, mount, pod, server, volume

if TYPE_CHECKING:
    from dbom.canonical import Json


def test_the_plain_spelling_could_be_a_yes() -> None:
    assert may_be_yes(found_in(pod(server("--model", "org/m", "--revision", COMMIT), volumes=[])))


@pytest.mark.parametrize(
    "reference",
    [
        f"registry.example.com/models/good@sha256:{HEX.upper()}",
        f"registry.example.com/models/good@SHA256:{HEX}",
        f"registry.example.com/models/good@sha256:{HEX}\n",
        f" registry.example.com/models/good@sha256:{HEX}",
        f"registry.example.com/models/good@sha256:{HEX[:-1]}",
        f"registry.example.com/models/good@sha256:{HEX}a",
        f"registry.example.com/models/good@sha256:{HEX}@sha256:{'b' * 64}",
        f"registry.example.com/models/good%40sha256:{HEX}",
        f"registry.example.com/models/good:sha256-{HEX}",
        f"registry.example.com/models/good\uff20sha256:{HEX}",
        f"registry.example.com/models/g\u043e\u043ed@sha256:{HEX}",
        f"https://registry.example.com/models/good@sha256:{HEX}",
        f"registry.example.com/models/../good@sha256:{HEX}",
        f"registry.example.com//models/good@sha256:{HEX}",
        f"registry.example.com/models/good@sha256:{HEX}#x",
        f"registry.example.com/models/good@sha512:{HEX}{HEX}",
    ],
)
def test_image_references_that_look_pinned(reference: str) -> None:
    assert not may_be_yes(found_in(pod({"name": "c", "image": "any:1"}, volumes=[volume(reference=reference)])))


def test_a_tag_beside_a_digest_is_the_digest() -> None:
    reference = f"registry.example.com/models/good:evil@sha256:{HEX}"
    (found,) = found_in(pod({"name": "c", "image": "any:1"}, volumes=[volume(reference=reference)]))
    assert str(found.target.location) == f"oci://{GOOD}"


@pytest.mark.parametrize(
    "revision",
    [COMMIT.upper(), COMMIT[:39], COMMIT + "0", "main", "", f"{COMMIT} ", f"refs/{COMMIT}", "\uff10" * 40, "v1"],
)
def test_revisions_that_are_no_commits(revision: str) -> None:
    assert not may_be_yes(found_in(pod(server("--model", "org/m", "--revision", revision), volumes=[])))


@pytest.mark.parametrize(
    "name",
    [
        "\u043erg/m",
        "org\uff0fm",
        "org/m\u200b",
        "org/m ",
        "org%2Fm",
        "org/m/x",
        "org\\m",
        "-org/m",
        "org/m?x",
        "org//m",
    ],
)
def test_names_that_are_none_of_the_hub(name: str) -> None:
    assert not may_be_yes(found_in(pod(server(f"--model={name}", "--revision", COMMIT), volumes=[])))


@pytest.mark.parametrize(
    "more",
    [
        ["--model", "evil/m"],
        ["--model=evil/m"],
        ["--mod", "evil/m"],
        ["--mode=evil/m"],
        ["--model\u00adx", "evil/m", "--model", "evil/m"],
        ["--tokenizer", "evil/m"],
        ["--speculative-config", '{"model": "evil/m"}'],
        ["--speculative_config", '{"model": "evil/m"}'],
        ["--speculative-config.model", "evil/m"],
        ["--lora-modules", "a=evil/m"],
        ["--lora_modules=a=evil/m"],
        ["--revision", "main"],
        ["--revision=main"],
        ["--rev", "main"],
        ["--code-revision", "main", "--trust-remote-code"],
        ["--config", "/x.yaml"],
        ["--hf-config-path", "evil/m"],
    ],
)
def test_a_second_word_that_wins(more: list[str]) -> None:
    assert not may_be_yes(found_in(pod(server("--model", "org/m", "--revision", COMMIT, *more), volumes=[])))


@pytest.mark.parametrize(
    "script",
    [
        f"vllm serve 'org/m' --revision {COMMIT} --model ev''il/m",
        f'vllm serve "org/m" --revision {COMMIT} --mod"el" evil/m',
        f"vllm serve org/m --revision {COMMIT} --\\model evil/m",
        f"vllm serve org/m --revision {COMMIT} \\\n --model evil/m",
        f"v'l'lm serve evil/m; vllm serve org/m --revision {COMMIT}",
        f"vllm serve org/m --revision {COMMIT} $'--model' evil/m",
        f"vllm serve org/m --revision {COMMIT} --model={{evil/m,x}}",
        f"vllm serve org/m --revision {COMMIT} --model=evil/*",
    ],
)
def test_quotations_of_the_shell(script: str) -> None:
    found = found_in(pod({"name": "c", "image": "any:1", "command": ["sh", "-c", script]}, volumes=[]))
    assert found
    assert not may_be_yes(found)


@pytest.mark.parametrize(
    "url",
    [
        f"http://huggingface.co/org/m/resolve/{COMMIT}/m.gguf",
        f"https://huggingface.co.evil.example/org/m/resolve/{COMMIT}/m.gguf",
        f"https://huggingface.co@evil.example/org/m/resolve/{COMMIT}/m.gguf",
        f"https://huggingface.co:8443/org/m/resolve/{COMMIT}/m.gguf",
        f"https://huggingface.co/org%2Fm/resolve/{COMMIT}/m.gguf",
        f"https://huggingface.co/org/m/resolve/{COMMIT.upper()}/m.gguf",
        f"https://huggingface.co/org/m/resolve/main/{COMMIT}/m.gguf",
        f"https://huggingface.c\u043e/org/m/resolve/{COMMIT}/m.gguf",
        f"https://evil.example/huggingface.co/org/m/resolve/{COMMIT}/m.gguf",
    ],
)
def test_urls_that_look_like_the_hub(url: str) -> None:
    found = found_in(pod({"name": "c", "image": "any:1", "command": ["wget", "-O", "/m", url]}, volumes=[]))
    assert found
    assert not may_be_yes(found)


@pytest.mark.parametrize(
    "flag", ["-k", "--insecure", "--proxy=http://evil", "--resolve=huggingface.co:443:1.2.3.4", "-x"]
)
def test_flags_that_lead_a_download_elsewhere(flag: str) -> None:
    url = f"https://huggingface.co/org/m/resolve/{COMMIT}/m.gguf"
    plain: Json = {"name": "c", "image": "any:1", "command": ["curl", "-fL", "-o", "/m", url]}
    bent: Json = {"name": "c", "image": "any:1", "command": ["curl", flag, "-fL", "-o", "/m", url]}
    assert may_be_yes(found_in(pod(plain, volumes=[])))
    assert not may_be_yes(found_in(pod(bent, volumes=[])))


@pytest.mark.parametrize(
    "words",
    [
        ["hf", "download", "org/m", "--revision", COMMIT, "--rev", "main"],
        ["hf", "download", "org/m", "--revision", COMMIT, "--repo-type", "$(X)"],
        ["huggingface-cli", "download", "org/m"],
        ["hf", "download", "org/m", f"--revision={COMMIT[:12]}"],
        ["hf", "download", "--repo-t", "dataset", "evil/d"],
    ],
)
def test_spellings_of_a_download(words: list[str]) -> None:
    found = found_in(pod({"name": "c", "image": "any:1", "command": list(words)}, volumes=[]))
    assert found
    assert not may_be_yes(found)


def test_a_good_path_with_blanks_is_another_path() -> None:
    for path in ("/models ", " /models", "/models\n", "/models\u00a0", "/Models", "/models\x00"):
        found = found_in(pod(server(f"--model={path}", volumeMounts=[mount("/models")])))
        models = [item for item in found if item.path.endswith("args[0]")]
        assert all(str(item.target.location) != f"oci://{GOOD}" for item in models), path


def test_a_good_name_in_capitals_names_another_place() -> None:
    found = found_in(pod(server("--model", "ORG/M", "--revision", COMMIT), volumes=[]))
    assert [str(item.target.location) for item in found] == [f"hf://ORG/M@{COMMIT}"]
    assert not is_found(found, "org/m")


@pytest.mark.parametrize(
    ("command", "is_script"),
    [
        (["/bin/bash", "-lc", "--"], True),
        (["sh", "-c", "--"], True),
        (["tini", "--", "sh", "-c"], True),
        (["tini", "-g", "--"], False),
        (["dumb-init", "--"], False),
        (["env", "--"], False),
    ],
)
@pytest.mark.parametrize(
    "start", [["vllm", "serve"], ["python3", "-m", "vllm.entrypoints.openai.api_server"], ["./own"]]
)
def test_the_end_of_a_wrappers_options_hides_no_flag(command: list[str], is_script: bool, start: list[str]) -> None:  # noqa: FBT001  a parameter
    words = [*start, "--model", "org/bad", "--lora-modules", "a=org/adapter"]
    container: dict[str, Json] = {"name": "c", "image": "registry.example.com/any:1", "command": [*command]}
    container["args"] = [" ".join(words)] if is_script else [*words]
    found = found_in(pod(container, volumes=[]))
    assert is_found(found, "org/bad")
    assert is_found(found, "org/adapter")
