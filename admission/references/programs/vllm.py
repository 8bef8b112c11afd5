"""vLLM: `vllm serve`, its older module of the same purpose, `vllm run-batch`, and the images that start it."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final

from admission.references.arguments import flag_references
from admission.references.flags import positionals
from admission.references.generic import generic_references, script_references
from admission.references.hub import openings
from admission.references.program import Program
from admission.references.reference import ModelReference, Role, Target
from admission.references.words import basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["PROGRAM"]

_IMAGE: Final = re.compile(r"vllm", re.IGNORECASE)
_ENTRY_POINTS: Final = "vllm.entrypoints"
_MODULE_FLAG: Final = re.compile(r"^-[A-Za-z]*m(?=vllm)")
_WORD: Final = re.compile(r"vllm(?:\.[\w.]+)?", re.ASCII)
_STARTS: Final = (("vllm", "serve"), ("vllm", "run-batch"))


def _is_image(container: Container) -> bool:
    # An image of its own is taken to start it, whatever its command says.
    return not container.is_hook and _IMAGE.search(container.image) is not None


def _starts(container: Container) -> bool:
    return _is_image(container) or any(_WORD.fullmatch(_program(word)) for word in container.words)


def _loads(container: Container) -> list[ModelReference]:
    found = script_references(container, always=True)
    found += flag_references(container, _positionals(container), is_vllm=True)
    found += _untold(container, {reference.path for reference in found})
    found += [item for item in generic_references(container) if item.path not in {known.path for known in found}]
    is_told = container.is_completed or any(reference.role is Role.MODEL for reference in found)
    if _serves(container) and not is_told:
        because = "vLLM is told no model here, and would choose one itself or take it from where nobody sees"
        path = container.node.get("image").path
        found.append(ModelReference(Role.MODEL, container.image, path, Target.opaque(because)))
    return found if container.is_hook else [*found, *openings(container)]


def _positionals(container: Container) -> list[Word]:
    words = container.words
    for number, word in enumerate(words):
        is_first = number == 0 and not word.is_command
        if word.value == "serve" and (is_first or basename(words[number - 1]) == "vllm"):
            return positionals(words[number + 1 :])
        if _program(word).startswith(_ENTRY_POINTS):
            is_command = any(following.value == "serve" for following in words[number + 1 : number + 2])
            return positionals(words[number + 1 + is_command :])
    return [] if container.has_command else positionals(words)


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


def _serves(container: Container) -> bool:
    """Return whether vLLM is started as a server, rather than only named."""
    names = [_program(word) for word in container.words]
    by_name = any(name.startswith(_ENTRY_POINTS) for name in names)
    return _is_image(container) or by_name or any(pair in _STARTS for pair in itertools.pairwise(names))


PROGRAM: Final = Program(
    "vLLM", "vllm 0.11 vllm/engine/arg_utils.py, vllm/entrypoints/openai/cli_args.py", _starts, _loads
)
