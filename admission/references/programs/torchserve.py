"""TorchServe: `torchserve`, its model store, and the archives it is told to load.

Followed: serve 0.12 `ts/arg_parser.py` (`argparse`: beginnings of options, `--models` takes several),
`ts/model_server.py` (which prefers `TS_CONFIG_FILE` to `--ts-config`) and `docker/dockerd-entrypoint.sh`, which
starts it with the image's own configuration and its store `/home/model-server/model-store`. An archive by name lies
in the store, so that only those by URL are places of their own.

Not to be told: what a configuration file names (stores, models, allowed URLs), and what is registered while it runs.
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

_STORES: Final = ("model-store", "workflow-store")
_MODELS: Final = "models"
_CONFIG: Final = "ts-config"
_OPENING: Final = "model-api-enabled"
_NAMES: Final = loosely((*_STORES, _MODELS, _CONFIG, _OPENING), beginnings=True)
_NAMED: Final = ("torchserve", "ts.model_server", "-mts.model_server")
_JAVA: Final = "org.pytorch.serve.ModelServer"
_JAVA_LETTERS: Final = {"s": "model-store", "w": "workflow-store", "m": _MODELS, "f": _CONFIG}
_OWN_STORE: Final = "/home/model-server/model-store"
_VARIABLES: Final = ("TS_CONFIG_FILE", "TS_MODEL_STORE", "TS_LOAD_MODELS")
_MAY_NAME: Final = "a configuration file may name any model, and any store"


def _is_default(container: Container) -> bool:
    """Return whether the entry point of the image starts it without words of its own."""
    is_image = container.image_name.startswith("torchserve") and not container.has_command
    return is_image and not container.is_hook and [word.value for word in container.words] in ([], ["serve"])


def _is_named(container: Container) -> bool:
    return any(basename(word) in _NAMED or word.value == _JAVA for word in container.words)


def _starts(container: Container) -> bool:
    return _is_named(container) or _is_default(container)


def _loads(container: Container) -> list[ModelReference]:
    found = script_references(container, always=True)
    letters = _JAVA_LETTERS if any(word.value == _JAVA for word in container.words) else None
    options = read_options(container.words, _NAMES, letters=letters, switches=(_OPENING,))
    has_store = any(option.name == _STORES[0] for option in options)
    for option in options:
        found += _from_option(container, option, has_store=has_store)
    found += _from_variables(container)
    if _is_default(container):
        found.append(container.path_reference(Role.MODEL, _OWN_STORE, container.node.get("image").path))
    return [*found, *untold(container, container.words, found)]


def _from_option(container: Container, option: Option, *, has_store: bool) -> list[ModelReference]:
    if option.name == _OPENING:
        because = "whoever asks the server may register other models while it runs"
        return [container.opaque(Role.MODEL, option.text, option.path, because)]
    if option.name == _CONFIG:
        return [container.opaque(Role.MODEL, option.text, option.path, _MAY_NAME)]
    if option.name in _STORES:
        return [container.path_reference(Role.MODEL, option.value, option.path, written=option.text)]
    found = [_archive(container, item.value, item.path, item.text, has_store=has_store) for item in option.values]
    return [reference for reference in found if reference is not None]


def _archive(
    container: Container, value: str | Unknown, path: str, written: str, *, has_store: bool
) -> ModelReference | None:
    """Return the reference that one of `--models` is, None where it lies in the store that is named."""
    if isinstance(value, Unknown):
        return container.opaque(Role.MODEL, written, path, value.reason)
    head, _, tail = value.partition("=")
    # A URL may have a `=` of its own; only a name stands before one.
    place = tail if tail and "://" not in head else value
    if "://" in place:
        return stored(container, Role.MODEL, place, path)
    because = "its store is not named here"
    return None if has_store else container.opaque(Role.MODEL, value, path, because)


def _from_variables(container: Container) -> list[ModelReference]:
    variables = container.environment.variables
    if container.is_hook:
        return []
    return [
        container.opaque(Role.MODEL, name, variables[name].path, _MAY_NAME) for name in _VARIABLES if name in variables
    ]


PROGRAM: Final = Program("TorchServe", "torchserve 0.12 ts/arg_parser.py, ts/model_server.py", _starts, _loads)
