"""Triton Inference Server: `tritonserver` and its repositories of models.

Followed: server 25.03 `src/command_line_parser.cc` (`getopt_long`: beginnings of options, values in a word of their
own or behind `=`, both options as often as given) and `docs/user_guide/model_repository.md` (paths, `s3://`, `gs://`,
`as://`). Also read: `launch_triton_server.py --model_repo` of the TensorRT-LLM backend. `--load-model` names folders
of a repository, so it adds no place.

Not to be told: what lies in a repository, Azure's stores (`as://`), S3 servers by address, models that are sent to or
asked of a server in explicit mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.generic import script_references
from admission.references.options import Option, loosely, read_options, untold
from admission.references.program import Program
from admission.references.reference import ModelReference, Role
from admission.references.stores import stored
from admission.references.words import basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.references.container import Container

__all__ = ["PROGRAM"]

_REPOSITORIES: Final = ("model-repository", "model-store")
_MODE: Final = "model-control-mode"
_NAMES: Final = loosely((*_REPOSITORIES, _MODE))
_BEGINNINGS: Final = loosely((*_REPOSITORIES, _MODE), beginnings=True)
_BINARIES: Final = ("tritonserver", "launch_triton_server.py")


def _is_named(container: Container) -> bool:
    return any(basename(word) in _BINARIES for word in container.words)


def _starts(container: Container) -> bool:
    if _is_named(container):
        return True
    given = {option.name for option in read_options(container.words, _NAMES, greedy=True)}
    return _REPOSITORIES[0] in given or (_REPOSITORIES[1] in given and "triton" in container.image.lower())


def _loads(container: Container) -> list[ModelReference]:
    found = script_references(container, always=True)
    for option in read_options(container.words, _BEGINNINGS, greedy=True):
        found += _mode(container, option) if option.name == _MODE else [_repository(container, option)]
    return [*found, *untold(container, container.words, found)]


def _repository(container: Container, option: Option) -> ModelReference:
    return stored(container, Role.MODEL, option.value, option.path, written=option.text)


def _mode(container: Container, option: Option) -> list[ModelReference]:
    mode = option.value if isinstance(option.value, Unknown) else option.value.lower()
    if mode in ("none", "poll"):
        return []
    because = "whoever asks the server may load other models while it runs, and send their files along"
    return [container.opaque(Role.MODEL, option.text, option.path, because)]


PROGRAM: Final = Program("Triton", "tritonserver 25.03 src/command_line_parser.cc", _starts, _loads)
