"""llama.cpp: `llama-server` and its kin, `llama serve`, and the images ghcr.io/ggml-org/llama.cpp.

Read: llama.cpp as vendored by llama-cpp-python 0.3.36, `common/arg.cpp` (names are exact, `_` is `-` in a long one, the
value is the next word and never behind `=`, the last of two wins, a flag before its variable), `.devops/*.Dockerfile`;
of older versions the vocoder's flags and the variables' older names.

`-hf ORG/NAME:QUANT` takes the repository's newest commit always: there is no pin. What can't be told: what a
configuration file (/etc/llama.cpp) or a preset names, and what a server without a model is asked to load.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Final

from admission.references.commands import hidden, may_start_itself, told_nothing, unfollowed
from admission.references.options import Option, flag_names, given_or_variable, last_of, read_options, untold
from admission.references.places import image_target, is_path
from admission.references.program import Program
from admission.references.reference import ModelReference, Pinning, Role, Target
from admission.references.words import basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["PROGRAM"]

_SPELLINGS: Final = {
    "model": ("-m", "--model"),
    "model-url": ("-mu", "--model-url"),
    "hf-repo": ("-hf", "-hfr", "--hf-repo"),
    "docker-repo": ("-dr", "--docker-repo"),
    "models-dir": ("--models-dir",),
    "models-preset": ("--models-preset",),
    "draft": ("-md", "--model-draft", "--spec-draft-model"),
    "draft-repo": ("-hfd", "-hfrd", "--hf-repo-draft", "--spec-draft-hf"),
    "vocoder": ("-mv", "--model-vocoder"),
    "vocoder-repo": ("-hfv", "-hfrv", "--hf-repo-v"),
    "mmproj": ("-mm", "--mmproj"),
    "mmproj-url": ("-mmu", "--mmproj-url"),
    "lora": ("--lora",),
    "lora-scaled": ("--lora-scaled",),
    "control-vector": ("--control-vector",),
    "control-vector-scaled": ("--control-vector-scaled",),
}
_MEANT: Final = {spelling: flag for flag, spellings in _SPELLINGS.items() for spelling in spellings}
_VARIABLES: Final = {
    "model": ("LLAMA_ARG_MODEL",),
    "model-url": ("LLAMA_ARG_MODEL_URL",),
    "hf-repo": ("LLAMA_ARG_HF_REPO",),
    "docker-repo": ("LLAMA_ARG_DOCKER_REPO",),
    "models-dir": ("LLAMA_ARG_MODELS_DIR",),
    "models-preset": ("LLAMA_ARG_MODELS_PRESET",),
    "draft": ("LLAMA_ARG_SPEC_DRAFT_MODEL", "LLAMA_ARG_MODEL_DRAFT"),
    "draft-repo": ("LLAMA_ARG_SPEC_DRAFT_HF_REPO", "LLAMA_ARG_HFD_REPO"),
    "vocoder-repo": ("LLAMA_ARG_HF_REPO_V",),
    "mmproj": ("LLAMA_ARG_MMPROJ",),
    "mmproj-url": ("LLAMA_ARG_MMPROJ_URL",),
}
_ROLES: Final = {
    "model": Role.MODEL,
    "models-dir": Role.MODEL,
    "draft": Role.DRAFT_MODEL,
    "vocoder": Role.MODEL,
    "mmproj": Role.PROCESSOR,
    "mmproj-url": Role.PROCESSOR,
}
_UNTOLD: Final = {
    "model-url": "what lies at a URL can't be pinned",
    "mmproj-url": "what lies at a URL can't be pinned",
    "models-preset": "a file of presets may name any model",
}
_REPOSITORIES: Final = {"hf-repo": Role.MODEL, "draft-repo": Role.DRAFT_MODEL, "vocoder-repo": Role.MODEL}
_LISTS: Final = ("lora", "lora-scaled", "control-vector", "control-vector-scaled")
_QWEN_DRAFT: Final = ("ggml-org/Qwen2.5-Coder-0.5B-Q8_0-GGUF",)
_BUILT_IN: Final = {
    "--embd-gemma-default": ("ggml-org/embeddinggemma-300M-qat-q4_0-GGUF",),
    "--fim-qwen-1.5b-default": ("ggml-org/Qwen2.5-Coder-1.5B-Q8_0-GGUF",),
    "--fim-qwen-3b-default": ("ggml-org/Qwen2.5-Coder-3B-Q8_0-GGUF",),
    "--fim-qwen-7b-default": ("ggml-org/Qwen2.5-Coder-7B-Q8_0-GGUF",),
    "--fim-qwen-7b-spec": ("ggml-org/Qwen2.5-Coder-7B-Q8_0-GGUF", *_QWEN_DRAFT),
    "--fim-qwen-14b-spec": ("ggml-org/Qwen2.5-Coder-14B-Q8_0-GGUF", *_QWEN_DRAFT),
    "--fim-qwen-30b-default": ("ggml-org/Qwen3-Coder-30B-A3B-Instruct-Q8_0-GGUF",),
    "--gpt-oss-20b-default": ("ggml-org/gpt-oss-20b-GGUF",),
    "--gpt-oss-120b-default": ("ggml-org/gpt-oss-120b-GGUF",),
    "--vision-gemma-4b-default": ("ggml-org/gemma-3-4b-it-qat-GGUF",),
    "--vision-gemma-12b-default": ("ggml-org/gemma-3-12b-it-qat-GGUF",),
}
"""Flags that mean a repository of the hub, and the draft's behind it."""

_VALUED: Final = flag_names(
    "-a --alias --api-key -b --batch-size -c --ctx-size --chat-template --host -n --n-predict --parallel -np --port"
    " -ngl --gpu-layers --n-gpu-layers -t --threads --temp -ub --ubatch-size --cache-type-k --cache-type-v -fa",
    before="",
)
_PROGRAM: Final = re.compile(r"llama-(?:server|cli|run|embedding|completion|mtmd-cli|tts|speculative|bench|perplexity)")
_COMMANDS: Final = ("serve", "server", "cli", "run", "completion", "download")
_SERVERS: Final = ("llama-server", "serve", "server")
_IMAGE: Final = "llama.cpp"
_SETTINGS: Final = ("/etc/llama.cpp", "/root/.config/llama.cpp")


def _is_image(container: Container) -> bool:
    return not container.is_hook and container.image_name == _IMAGE and may_start_itself(container)


def _started(words: Sequence[Word]) -> tuple[str, Sequence[Word]]:
    """Return the program of llama.cpp that the words start, and the words behind it; empty where there is none."""
    for number, word in enumerate(words):
        name = basename(word)
        following = basename(words[number + 1]) if number + 1 < len(words) else ""
        if name == "llama" and following in _COMMANDS:
            return following, words[number + 2 :]
        if _PROGRAM.fullmatch(name):
            return name, words[number + 1 :]
    return "", words


_HIDDEN: Final = (
    "llama-server",
    "llama-cli",
    "llama serve",
)


def _starts(container: Container) -> bool:
    return _is_image(container) or bool(_started(container.words)[0]) or bool(hidden(container, *_HIDDEN))


def _loads(container: Container) -> list[ModelReference]:
    found = unfollowed(container, *_HIDDEN)
    name, words = _started(container.words)
    given = read_options(words, _meant, joined=False, greedy=True)
    told = {flag: _told(container, given, flag) for flag in _SPELLINGS}
    for flag, items in told.items():
        for item in items:
            found += _references(container, flag, item, has_draft_repo=bool(told["draft-repo"]))
    found += [item for word in words for item in _built_in(container, word)]
    if any(container.mounts.reach(folder) for folder in _SETTINGS):
        because = "a configuration file is mounted, which may name any model"
        found.append(container.opaque(Role.MODEL, "", container.node.get("volumeMounts").path, because))
    found += untold(container, words, found, valued=_VALUED)
    serves = name in _SERVERS or (not name and not found)
    if serves and not any(item.role is Role.MODEL for item in found):
        found.append(told_nothing(container, "llama.cpp is told no model here, and loads what it is asked for"))
    return found


def _meant(written: str) -> tuple[str, ...]:
    flag = _MEANT.get(written.replace("_", "-") if written.startswith("--") else written)
    return () if flag is None else (flag,)


def _told(container: Container, given: list[Option], flag: str) -> list[Option]:
    found = last_of(given, flag)
    for variable in _VARIABLES.get(flag, ()):
        found = given_or_variable(container, found, flag, variable)
    return found


def _references(container: Container, flag: str, item: Option, *, has_draft_repo: bool) -> list[ModelReference]:
    role = _ROLES.get(flag) or _REPOSITORIES.get(flag) or Role.MODEL
    if flag in _LISTS:
        return _list(container, flag, item)
    if isinstance(item.value, Unknown):
        return [container.reference(role, item.value, item.path, written=item.text)]
    if flag in _UNTOLD:
        return [container.opaque(role, item.value, item.path, _UNTOLD[flag])]
    if flag == "docker-repo":
        return [_of_docker(item.value, item.path)]
    if flag in _REPOSITORIES:
        return [_of_hub(container, role, item.value, item.path)]
    # With a draft's repository, -md names a file in it.
    is_file = flag == "draft" and has_draft_repo and not is_path(item.value)
    return [] if is_file else [container.path_reference(role, item.value, item.path)]


def _list(container: Container, flag: str, item: Option) -> list[ModelReference]:
    if isinstance(item.value, Unknown):
        return [container.reference(Role.ADAPTER, item.value, item.path, written=item.text)]
    values = next(csv.reader([item.value.replace("\n", " ")]), [])
    if flag.endswith("-scaled"):
        values = [value.rpartition(":")[0] or value for value in values]
    return [container.path_reference(Role.ADAPTER, value, item.path) for value in values]


def _of_hub(container: Container, role: Role, value: str, path: str) -> ModelReference:
    endpoint = container.environment.value("MODEL_ENDPOINT")
    if endpoint not in (None, "", "https://huggingface.co", "https://huggingface.co/"):
        return container.opaque(role, value, path, "MODEL_ENDPOINT names another hub")
    # The word behind the colon is a quantisation.
    return container.reference(role, value.partition(":")[0], path)


def _of_docker(value: str, path: str) -> ModelReference:
    target = image_target(value if "/" in value else f"ai/{value}")
    if target.pinning is Pinning.ENFORCED:
        target = Target.opaque("a program that fetches it checks no digest")
    return ModelReference(Role.MODEL, value, path, target)


def _built_in(container: Container, word: Word) -> list[ModelReference]:
    repositories = _BUILT_IN.get(str(word.value).replace("_", "-"), ())
    roles = (Role.MODEL, Role.DRAFT_MODEL)
    return [_of_hub(container, role, name, word.path) for role, name in zip(roles, repositories, strict=False)]


PROGRAM: Final = Program("llama.cpp", "llama.cpp of llama-cpp-python 0.3.36, common/arg.cpp", _starts, _loads)
