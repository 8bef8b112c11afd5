"""MLflow: `mlflow models serve` and its kin, the images that it builds, and MLServer, which serves its models.

Followed: mlflow 3.17 `mlflow/models/cli.py`, `mlflow/deployments/cli.py`, `mlflow/store/artifact/cli.py` (click: `-m
URI`, `-mURI`, `--model-uri=URI`, `-u`, `-r`) and `mlflow/utils/uri.py`; an image of `mlflow models build-docker`
holds its model at `/opt/ml/model`. MLServer 1.5 `mlserver/cli/start.py`, `mlserver/settings.py`
(`MLSERVER_MODEL_URI`, `MLSERVER_MODELS_DIR`, the variables of its Hugging Face runtime).

Not to be told: `runs:/`, `models:/` and `mlflow-artifacts:/`, which a tracking server resolves, an image that is
built with a name of its own, and what `model-settings.json` names. A tracking server (`mlflow server`) loads no
model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.container import Revision
from admission.references.generic import script_references
from admission.references.options import Option, loosely, read_options, untold
from admission.references.program import Program
from admission.references.programs.kserve import MODELS
from admission.references.reference import ModelReference, Role
from admission.references.stores import stored
from admission.references.words import Word, basename

if TYPE_CHECKING:
    from admission.references.container import Container
    from dbom.model import Unknown

__all__ = ["PROGRAM"]

_NAMES: Final = ("mlflow", "mlflow.cli", "-mmlflow", "-mmlflow.cli")
_GROUPS: Final = ("models", "deployments", "artifacts")
_WRITING: Final = ("log-artifact", "log-artifacts")
_MODEL: Final = loosely(("model-uri", "artifact-uri", "run-id"))
_LETTERS: Final = {"m": "model-uri", "u": "artifact-uri", "r": "run-id"}
_TRACKED: Final = ("runs:", "models:", "mlflow-artifacts:", "prompts:")
_BUILT: Final = "mlflow-pyfunc-servable"
_BUILT_FOLDER: Final = "/opt/ml/model"
_SERVER: Final = "mlserver"
_PATHS: Final = ("MLSERVER_MODEL_URI", "MLSERVER_MODELS_DIR", "MLSERVER_MODEL_PARAMETERS_URI")
_HUB: Final = {
    "MLSERVER_MODEL_HUGGINGFACE_PRETRAINED_MODEL": Role.MODEL,
    "MLSERVER_MODEL_HUGGINGFACE_PRETRAINED_TOKENIZER": Role.TOKENIZER,
}
_EXTRA: Final = "MLSERVER_MODEL_EXTRA"


def _command(container: Container) -> tuple[Word, ...]:
    """Return the words behind `mlflow models serve` or another command that takes a model, none where there is none."""
    words = container.words
    start = next((number for number, word in enumerate(words) if basename(word) in _NAMES), len(words))
    group = next((number for number in range(start, len(words)) if words[number].value in _GROUPS), len(words))
    behind = words[group + 1 :]
    return () if behind and behind[0].value in _WRITING else behind


def _is_built(container: Container) -> bool:
    return container.image_name == _BUILT and not container.has_command and not container.is_hook


def _is_server(container: Container) -> bool:
    named = any(basename(word) == _SERVER for word in container.words)
    return named or (container.image_name.startswith(_SERVER) and not container.has_command and not container.is_hook)


def _starts(container: Container) -> bool:
    return bool(_command(container)) or _is_built(container) or _is_server(container)


def _loads(container: Container) -> list[ModelReference]:
    found = script_references(container, always=True)
    options = read_options(_command(container), _MODEL, greedy=True, letters=_LETTERS)
    found += [_from_option(container, option) for option in options]
    if _is_built(container):
        found.append(container.path_reference(Role.MODEL, _BUILT_FOLDER, container.node.get("image").path))
    if _is_server(container):
        found += _of_server(container)
    return [*found, *untold(container, container.words, found)]


def _from_option(container: Container, option: Option) -> ModelReference:
    if option.name == "run-id":
        because = "a tracking server says where a run's files are"
        return container.opaque(Role.MODEL, option.text, option.path, because)
    return _uri(container, option.value, option.path, option.text)


def _uri(container: Container, value: str | Unknown, path: str, written: str) -> ModelReference:
    if isinstance(value, str) and value.lower().startswith(_TRACKED):
        return container.opaque(Role.MODEL, value, path, "a tracking server says where its files are")
    if isinstance(value, str) and value.startswith("file:/") and not value.startswith("file://"):
        value = value.removeprefix("file:")
    return stored(container, Role.MODEL, value, path, written=written)


def _of_server(container: Container) -> list[ModelReference]:
    """Return what MLServer loads: the folder it is started with, and what its variables name."""
    variables = container.environment.variables
    found = [
        _uri(container, word.value, word.path, word.text)
        for number, word in enumerate(container.words)
        if number and container.words[number - 1].value == "start" and not word.text.startswith("-")
    ]
    if container.is_hook:
        return found
    given = {name: variables[name] for name in (*_PATHS, *_HUB, _EXTRA) if name in variables}
    for name, variable in given.items():
        if name in _PATHS:
            found.append(_uri(container, variable.value, variable.path, name))
        elif name in _HUB:
            found.append(
                container.reference(_HUB[name], variable.value, variable.path, written=name, revision=Revision())
            )
        else:
            because = "a runtime is told more, which may name another model"
            found.append(container.opaque(Role.MODEL, name, variable.path, because))
    return found or [container.path_reference(Role.MODEL, MODELS, container.node.get("image").path)]


PROGRAM: Final = Program("MLflow", "mlflow 3.17 mlflow/models/cli.py, mlserver 1.5", _starts, _loads)
