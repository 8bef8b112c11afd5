"""KServe's Hugging Face server, with vLLM's options behind its own.

Followed: kserve 0.15 `python/huggingfaceserver/huggingfaceserver/__main__.py` (`argparse`: `--model_id` at
`--model_revision`, else `--model_dir`, by default `/mnt/models`; `--tokenizer_revision`; `--trust_remote_code`) and
vLLM's engine options, which the same parser takes. `--model_name` is what requests call it.

Not to be told: which backend (vLLM, Transformers, Triton) takes the model, which changes nothing of where it comes
from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.arguments import flag_references
from admission.references.generic import generic_references, script_references
from admission.references.options import untold
from admission.references.program import Program
from admission.references.programs.kserve import MODELS
from admission.references.reference import ModelReference, Role
from admission.references.words import basename

if TYPE_CHECKING:
    from admission.references.container import Container

__all__ = ["PROGRAM"]

_NAME: Final = "huggingfaceserver"


def _is_image(container: Container) -> bool:
    return container.image_name.startswith(_NAME) and not container.is_hook


def _starts(container: Container) -> bool:
    named = any(basename(word).partition(".")[0].removeprefix("-m") == _NAME for word in container.words)
    return named or (_is_image(container) and not container.has_command)


def _loads(container: Container) -> list[ModelReference]:
    found = script_references(container, always=True)
    found += flag_references(container, (), is_vllm=True)
    paths = {reference.path for reference in found}
    found += [item for item in generic_references(container) if item.path not in paths]
    if not container.is_hook and not any(item.role is Role.MODEL for item in found):
        found.append(container.path_reference(Role.MODEL, MODELS, container.node.get("image").path))
    return [*found, *untold(container, container.words, found)]


PROGRAM: Final = Program(
    "KServe's Hugging Face server",
    "kserve 0.15 python/huggingfaceserver/huggingfaceserver/__main__.py",
    _starts,
    _loads,
)
