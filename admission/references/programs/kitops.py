"""KitOps: `kit unpack` and `kit pull`, and the init container that unpacks a ModelKit.

Followed: kitops 1.9 `pkg/cmd/unpack/cmd.go`, `pkg/cmd/pull/cmd.go` (one reference, options before or behind it) and
`build/dockerfiles/init/entrypoint.sh` (`MODELKIT_REF`, `UNPACK_FILTER`). `kit://` in KServe is a storage URI like
others.

A kit is unpacked into a folder that others may write to, and by a program of the pod's own: even a digest is opaque
here. Not to be told either: what a kit holds; only where every filter asks for data sets is it taken for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.generic import script_references
from admission.references.options import loosely, read_options, untold
from admission.references.program import Program
from admission.references.reference import ModelReference, Role
from admission.references.stores import NO_DIGEST
from admission.references.words import Word, basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.references.container import Container

__all__ = ["PROGRAM"]

_COMMANDS: Final = ("unpack", "pull")
_IMAGES: Final = ("kitops", "kit")
_INIT: Final = "kitops-init"
_REFERENCE, _FILTER = "MODELKIT_REF", "UNPACK_FILTER"
_VALUED: Final = loosely(
    ("dir", "filter", "tls-cert", "cert", "key", "concurrency", "proxy", "config", "log-level", "progress")
)
_LETTERS: Final = {"d": "dir", "f": "filter"}


def _is_init(container: Container) -> bool:
    return container.image_name == _INIT or _REFERENCE in container.environment.variables


def _command(container: Container) -> tuple[Word, ...]:
    """Return the words behind `kit unpack`, none where no kit is fetched."""
    is_named = container.image_name in _IMAGES and not container.has_command
    for number, word in enumerate(container.words):
        if word.value in _COMMANDS and is_named:
            return container.words[number + 1 :]
        is_named = is_named or basename(word) == "kit"
    return ()


def _starts(container: Container) -> bool:
    return (_is_init(container) and not container.is_hook) or bool(_command(container))


def _loads(container: Container) -> list[ModelReference]:
    found = script_references(container, always=True)
    words = _command(container)
    options = read_options(words, _VALUED, greedy=True, letters=_LETTERS)
    # (Words of one script share its path.)
    taken = {word for option in options for word in option.words}
    filters = [option.value for option in options if option.name == "filter"]
    for word in words:
        if word not in taken and not word.text.startswith("-"):
            found.append(_kit(container, filters, word.value, word.text, word.path))
    variable = container.environment.variables.get(_REFERENCE)
    if variable is not None and not container.is_hook:
        value = container.environment.value(_FILTER)
        found.append(_kit(container, [] if value is None else [value], variable.value, _REFERENCE, variable.path))
    elif _is_init(container) and not words:
        because = "the kit that it unpacks is not named here"
        found.append(container.opaque(Role.MODEL, container.image, container.node.get("image").path, because))
    return [*found, *untold(container, container.words, found)]


def _kit(
    container: Container, filters: list[str | Unknown], value: str | Unknown, written: str, path: str
) -> ModelReference:
    kinds = {kind.strip() for item in filters for kind in str(item).partition(":")[0].split(",")}
    role = Role.DATASET if kinds == {"datasets"} else Role.MODEL
    if isinstance(value, Unknown):
        return container.opaque(role, written, path, value.reason)
    return container.opaque(role, value, path, NO_DIGEST)


PROGRAM: Final = Program("KitOps", "kitops 1.9 pkg/cmd/unpack/cmd.go", _starts, _loads)
