"""vLLM: `vllm serve`, its older module of the same purpose, `vllm run-batch`, `vllm bench`, and images that start it.

Followed is vLLM 0.32: `vllm/engine/arg_utils.py`, `vllm/entrypoints/launchers/cli_args.py`, `vllm/entrypoints/cli/*.py`
and the `FlexibleArgumentParser` of `vllm/utils/argparse_utils.py`, with the flags that versions since 0.4 had besides.

What can't be told: what a configuration file (`--config`), a loader's own settings (`--model-loader-extra-config`), a
redirect file or a plugin names; what a start script in the image does; and which adapters are loaded while it runs.
Of two `--model`, versions and subcommands differ in which wins, so that both are references. `vllm chat`,
`vllm complete` and `vllm collect-env` load nothing; `vllm bench serve` loads no more than a tokenizer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from admission.references.arguments import flag_references
from admission.references.commands import may_start_itself
from admission.references.flags import CONFIG, ROLES, positionals, read_flags
from admission.references.generic import generic_references, script_references
from admission.references.hub import openings
from admission.references.options import is_option
from admission.references.program import Program
from admission.references.reference import ModelReference, Pinning, Role, Target
from admission.references.words import basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["PROGRAM"]

_IMAGE: Final = re.compile(r".*vllm.*|llm-d(?:-(?:cuda|xpu|hpu|cpu|rocm|aws))?")
_ENTRY_POINTS: Final = "vllm.entrypoints"
_MODULE_FLAG: Final = re.compile(r"^-[A-Za-z]*m(?=vllm)")
_MODEL_FLAGS: Final = tuple(flag for flag, role in ROLES.items() if role is Role.MODEL and flag != "hf-config-path")
_CLIENTS: Final = frozenset({"chat", "complete", "collect-env", "download-kernels"})
_WITHOUT_POSITIONAL: Final = frozenset({"run-batch", "bench", "preload"})
_SUBCOMMANDS: Final = frozenset({*_CLIENTS, *_WITHOUT_POSITIONAL, "serve", "launch", "snapshot"})
_BENCHES_A_SERVER: Final = ("serve", "sweep")
_INTERPRETER: Final = re.compile(r"(?:ba|da|a|z|k)?sh|python[0-9.]*|env|exec|uv|run|tini|dumb-init|--|-[A-Za-z]+")
_JOINS: Final = "multi-node-serving.sh"
_GGUF: Final = re.compile(r"(?P<repository>[A-Za-z0-9][\w.-]*/[\w.-]+):(?P<quantization>[A-Z0-9][A-Z0-9_]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Start:
    """How vLLM is started: its subcommand, the words behind it, and whether something else stands before it."""

    subcommand: str
    words: tuple[Word, ...]
    is_wrapped: bool = False


def _starts(container: Container) -> bool:
    return _start_of(container) is not None or (_is_image(container) and _may_start(container))


def _loads(container: Container) -> list[ModelReference]:
    start = _start_of(container)
    if start is not None and start.subcommand in _CLIENTS:
        return []
    if start is not None and start.subcommand == "bench" and _measures(start) in _BENCHES_A_SERVER:
        return _for_a_client(container)
    found = script_references(container, always=True)
    model = _positionals(start)
    found += [_named(container, item) for item in flag_references(container, model, is_vllm=True)]
    found += _untold(container, {reference.path for reference in found})
    if start is None or start.is_wrapped:
        known = {reference.path for reference in found}
        found += [item for item in generic_references(container) if item.path not in known]
    if not (model or container.is_completed or _tells(container, start, found)):
        because = "vLLM is told no model here, and would choose one itself or take it from where nobody sees"
        path = container.node.get("image").path
        found.append(ModelReference(Role.MODEL, container.image, path, Target.opaque(because)))
    return found if container.is_hook else [*found, *openings(container)]


def _start_of(container: Container) -> _Start | None:
    """Return how the words start vLLM, None where they don't say that they do."""
    words = container.words
    for number, word in enumerate(words):
        name = _program(word)
        following = words[number + 1 : number + 2]
        is_wrapped = not all(_INTERPRETER.fullmatch(basename(before)) for before in words[:number])
        if name.startswith(_ENTRY_POINTS) and not name.startswith(f"{_ENTRY_POINTS}.cli"):
            is_batch = name.endswith("run_batch")
            # `python -m vllm.entrypoints.openai.api_server serve` was never meant, and is read as if it were.
            skipped = number + 1 + (not is_batch and bool(following) and following[0].value == "serve")
            return _Start("run-batch" if is_batch else "api-server", words[skipped:], is_wrapped)
        if (name == "vllm" or name.startswith(f"{_ENTRY_POINTS}.cli")) and (number == 0 or following):
            subcommand = following[0].value if following else ""
            if isinstance(subcommand, Unknown) or subcommand in _SUBCOMMANDS:
                known = "serve" if isinstance(subcommand, Unknown) else subcommand
                return _Start(known, words[number + 2 :], is_wrapped)
            if word.is_command and number == 0:
                return _Start("serve", words[number + 1 :], is_wrapped)
    if container.has_command or not _is_image(container):
        return None
    is_named = bool(words) and words[0].value == "serve"
    return _Start("serve", words[is_named:], is_wrapped=not words)


def _may_start(container: Container) -> bool:
    """Return whether an image of vLLM's could start it by a script that its words name, or by its own entry point."""
    # vLLM's own script starts Ray on a node, and nothing else.
    joins = container.has_command and any(word.text.rsplit("/", 1)[-1] == _JOINS for word in container.words)
    return may_start_itself(container) and (not joins or bool(container.scripts))


def _is_image(container: Container) -> bool:
    return not container.is_hook and _IMAGE.fullmatch(container.image_name) is not None


def _positionals(start: _Start | None) -> list[Word]:
    return [] if start is None or start.subcommand in _WITHOUT_POSITIONAL else positionals(_behind_create(start))


def _behind_create(start: _Start) -> tuple[Word, ...]:
    # `vllm snapshot create MODEL`, `vllm launch render MODEL`
    is_nested = start.subcommand in ("snapshot", "launch") and start.words and not is_option(start.words[0])
    return start.words[1:] if is_nested else start.words


def _named(container: Container, reference: ModelReference) -> ModelReference:
    """Return a reference to one quantization of a repository (`org/name:Q4_K_M`) as one to the repository."""
    match = _GGUF.fullmatch(reference.text)
    if reference.role is not Role.MODEL or reference.pinning is not Pinning.OPAQUE or match is None:
        return reference
    target = container.reference(Role.MODEL, match["repository"], reference.path).target
    return replace(reference, target=target)


def _tells(container: Container, start: _Start | None, found: list[ModelReference]) -> bool:
    """Return whether a model is named other than by its position, or untold at a place that is found already."""
    words = container.words if start is None else start.words
    if any(given.flag in (CONFIG, *_MODEL_FLAGS) for given in read_flags(words, abbreviated=True)):
        return True
    hides = any(isinstance(word.value, Unknown) and _could_be_flag(word) for word in container.words)
    is_by_variable = any(item.role is Role.MODEL and item.path.startswith(_env(container)) for item in found)
    return bool(container.scripts) or hides or is_by_variable


def _env(container: Container) -> str:
    return container.node.get("env").path


def _measures(start: _Start) -> str | Unknown:
    return start.words[0].value if start.words else ""


def _for_a_client(container: Container) -> list[ModelReference]:
    """Return the tokenizer that a client loads, which by default is that of the model it asks a server for."""
    found = flag_references(container, (), is_vllm=True)
    own = [item for item in found if item.role is Role.TOKENIZER]
    return own or [replace(item, role=Role.TOKENIZER) for item in found if item.role is Role.MODEL]


def _untold(container: Container, known: set[str]) -> list[ModelReference]:
    """Return the words whose value can't be told and which could be any flag."""
    return [
        ModelReference(Role.MODEL, word.text, word.path, Target.opaque(word.value.reason))
        for word in container.words
        if isinstance(word.value, Unknown) and word.path not in known and _could_be_flag(word)
    ]


def _could_be_flag(word: Word) -> bool:
    # `--port=$(PORT)` is about the port whatever PORT is; `$(ARGS)` could be anything.
    name = word.text.partition("=")[0]
    return "$(" in name or not name.startswith("--")


def _program(word: Word) -> str:
    # `python -mvllm.entrypoints…` is one word.
    return _MODULE_FLAG.sub("", basename(word))


PROGRAM: Final = Program("vLLM", "vllm 0.32 vllm/engine/arg_utils.py, vllm/utils/argparse_utils.py", _starts, _loads)
