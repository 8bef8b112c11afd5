"""What a container loads whose program isn't known: flags and variables that mean a model wherever they stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.accelerators import asks_for_accelerator
from admission.references.arguments import flag_references, json_value
from admission.references.container import Revision
from admission.references.hub_places import names_download
from admission.references.options import loosely, read_options
from admission.references.python_lines import python_references
from admission.references.reference import ModelReference, Role, Target
from admission.references.stores import stored
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["generic_references", "script_references"]

_MODEL_VARIABLES: Final = {
    "VLLM_MODEL": Role.MODEL,
    "MODEL_ID": Role.MODEL,
    "MODEL_PATH": Role.MODEL,
    "HF_MODEL_ID": Role.MODEL,
    "HF_MODEL": Role.MODEL,
    "STORAGE_URI": Role.MODEL,
    "LORA_ADAPTERS": Role.ADAPTER,
    "VLLM_TOKENIZER": Role.TOKENIZER,
}
_STORAGE: Final = "storage-uri"
_SCRIPT_FLAGS: Final = {
    "model-name-or-path": Role.MODEL,
    "pretrained-model-name-or-path": Role.MODEL,
    "tokenizer-name-or-path": Role.TOKENIZER,
}
# These may name what a service calls its models as well: only what has a slash is a place.
_PLACE_FLAGS: Final = {
    **dict.fromkeys(("base-model", "base-model-path"), Role.MODEL),
    **dict.fromkeys(("draft-model", "draft-model-path", "assistant-model"), Role.DRAFT_MODEL),
    **dict.fromkeys(("adapter-name-or-path", "adapter-path", "lora-path", "peft-model"), Role.ADAPTER),
}
# A data set's name of one word, or a folder, may be anything; the hub's has a slash in the middle.
_DATASET_FLAGS: Final = ("dataset", "dataset-name", "dataset-id")
_FLAGS: Final = loosely({_STORAGE, *_SCRIPT_FLAGS, *_PLACE_FLAGS, *_DATASET_FLAGS})
# These name the model that a service asks elsewhere as often: only a hub's name counts, and a model's where it is run.
_TOKENIZER_VARIABLE: Final = "TOKENIZER"
_TUNED_VARIABLES: Final = ("MODEL_NAME", "BASE_MODEL")
_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)
_NEWEST: Final = "no revision is given, so the newest is loaded"
_REVISION_VARIABLES: Final = ("VLLM_REVISION", "REVISION", "HF_REVISION", "HF_MODEL_REVISION")
_LOADING_WORDS: Final = re.compile(
    r"vllm|--model|--lora|--tokenizer|sglang|from_pretrained|huggingface|hf_hub|hf download|storage-initializer"
    r"|llama-server|text-generation|tgi|tritonserver|trtllm|lmdeploy|torchserve|tensorflow_model_server|mlserver"
    r"|mlflow (?:models|deployments|artifacts)|bentoml|openllm|kit (?:unpack|pull)|ollama (?:serve|run|pull)"
    r"|modelscope download|aibrix[._]download|model_name_or_path",
    re.IGNORECASE,
)


def generic_references(container: Container) -> list[ModelReference]:
    """Return what the words and variables of any program name, and the scripts that seem to load a model."""
    return [
        *script_references(container, always=False),
        *flag_references(container, (), is_vllm=False),
        *_from_flags(container),
        *_from_environment(container),
    ]


def script_references(container: Container, *, always: bool) -> list[ModelReference]:
    """Return what can't be followed: scripts, and words that are whole commands (`env -S "vllm serve m"`).

    `always` takes every script for one that loads a model; else those do in which such words stand.
    """
    texts: list[tuple[str, str]] = []
    found: list[ModelReference] = []
    for script in container.scripts:
        named = python_references(container, script)
        found += named
        if always or (not named and (_LOADING_WORDS.search(script.text) or names_download(script.text))):
            texts.append((script.text, script.path))
    scripts = {script.text for script in container.scripts}
    texts += [
        (word.text, word.path) for word in container.words if word.value not in scripts and _is_command_line(word)
    ]
    because = "a script can't be followed"
    return [*found, *(ModelReference(Role.MODEL, text, path, Target.opaque(because)) for text, path in texts)]


def _is_command_line(word: Word) -> bool:
    text = word.spelling
    if len(text.split()) < 2:  # noqa: PLR2004  a program and a word
        return False
    names = _LOADING_WORDS.search(text) is not None or names_download(text)
    return names and isinstance(json_value(text), Unknown)


def _from_environment(container: Container) -> list[ModelReference]:
    if container.is_hook:
        return []
    variables = container.environment.variables
    revision = Revision.of(variables[name].value for name in _REVISION_VARIABLES if name in variables)
    meant = {name: role for name, role in _MODEL_VARIABLES.items() if name in variables and variables[name].value != ""}
    return [
        container.reference(role, variables[name].value, variables[name].path, written=name, revision=revision)
        for name, role in (meant | _hub_variables(container)).items()
    ]


def _hub_variables(container: Container) -> dict[str, Role]:
    """Return the variables that mean a model or a tokenizer by the look of their value, and by what is asked for.

    A value that stands in the words, too, means what it means there (`--served-model-name=$(MODEL_NAME)`).
    """
    named = {_TOKENIZER_VARIABLE: Role.TOKENIZER}
    if asks_for_accelerator(container.node):
        named |= dict.fromkeys(_TUNED_VARIABLES, Role.MODEL)
    values = {name: value for name in named if isinstance(value := container.environment.value(name), str)}
    words = [word.value for word in container.words if isinstance(word.value, str)]
    return {
        name: named[name]
        for name, value in values.items()
        if _HUB_NAME.fullmatch(value) and not any(value in word for word in words)
    }


def _from_flags(container: Container) -> list[ModelReference]:
    """Return what options of storage initializers, servers and training scripts name.

    A data set is one of the hub, and no revision of it is followed.
    """
    found: list[ModelReference] = []
    for option in read_options(container.words, _FLAGS, greedy=True):
        role = _SCRIPT_FLAGS.get(option.name) or _PLACE_FLAGS.get(option.name)
        is_place = not isinstance(option.value, str) or "/" in option.value
        if option.name == _STORAGE:
            found.append(stored(container, Role.MODEL, option.value, option.path, written=option.text))
        elif role is not None and (is_place or option.name in _SCRIPT_FLAGS):
            found.append(container.reference(role, option.value, option.path, written=option.text))
        elif role is None and isinstance(option.value, str) and _HUB_NAME.fullmatch(option.value):
            target = Target.unpinned(f"hf://datasets/{option.value}", _NEWEST)
            found.append(ModelReference(Role.DATASET, option.value, option.path, target))
    return found
