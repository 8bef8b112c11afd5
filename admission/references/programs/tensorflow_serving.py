"""TensorFlow Serving: `tensorflow_model_server`, and the entry point of its image.

Followed: serving 2.18 `tensorflow_serving/model_servers/main.cc` (options of the form `--name=value`) and
`tools/docker/Dockerfile`, whose entry point serves `${MODEL_BASE_PATH}/${MODEL_NAME}` (by default `/models/model`)
unless its own words say otherwise. Words of either number of dashes, and values in a word of their own, are read as
well.

Not to be told: what a configuration file (`--model_config_file`) names, and which version of a base path is loaded.
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

_BASE_PATH: Final = "model-base-path"
_CONFIG: Final = "model-config-file"
_NAMES: Final = loosely((_BASE_PATH, _CONFIG))
_SERVER: Final = "tensorflow_model_server"
_ENTRY_POINT: Final = "tf_serving_entrypoint.sh"
_IMAGES: Final = ("tensorflow-serving", "tf-serving", "tensorflow-model-server")
_BASE, _MODEL = "MODEL_BASE_PATH", "MODEL_NAME"
_DEFAULTS: Final = {_BASE: "/models", _MODEL: "model"}


def _is_image(container: Container) -> bool:
    folder = container.image.partition("@")[0].rpartition("/")[0]
    is_own = container.image_name == "serving" and folder.rpartition("/")[2] == "tensorflow"
    return is_own or container.image_name.startswith(_IMAGES)


def _enters(container: Container) -> bool:
    """Return whether the entry point of the image runs, which reads the variables."""
    if container.is_hook:
        return False
    called = any(basename(word) == _ENTRY_POINT for word in container.words)
    return called or (_is_image(container) and not container.has_command)


def _starts(container: Container) -> bool:
    named = any(basename(word).startswith(_SERVER) for word in container.words)
    return named or _enters(container) or bool(read_options(container.words, _NAMES, greedy=True))


def _loads(container: Container) -> list[ModelReference]:
    found = script_references(container, always=True)
    options = read_options(container.words, _NAMES, greedy=True)
    found += [_from_option(container, option) for option in options]
    found += untold(container, container.words, found)
    return found if options or not _enters(container) else [*found, _from_variables(container)]


def _from_option(container: Container, option: Option) -> ModelReference:
    if option.name == _CONFIG:
        return container.opaque(Role.MODEL, option.text, option.path, "a configuration file may name any model")
    return stored(container, Role.MODEL, option.value, option.path, written=option.text)


def _from_variables(container: Container) -> ModelReference:
    """Return what the entry point serves where its words don't say it."""
    variables = container.environment.variables
    given = [variables[name] for name in _DEFAULTS if name in variables]
    path = given[0].path if given else container.node.get("image").path
    values: list[str] = []
    for name, default in _DEFAULTS.items():
        value = variables[name].value if name in variables else default
        if name not in variables and not container.environment.is_whole:
            value = Unknown("its environment comes from elsewhere (envFrom)")
        if isinstance(value, Unknown):
            return container.opaque(Role.MODEL, name, path, value.reason)
        values.append(value)
    return stored(container, Role.MODEL, f"{values[0].rstrip('/')}/{values[1]}", path)


PROGRAM: Final = Program("TensorFlow Serving", "serving 2.18 tensorflow_serving/model_servers/main.cc", _starts, _loads)
