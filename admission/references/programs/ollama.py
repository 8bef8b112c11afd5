"""Ollama: `ollama serve|run|pull|create`, its HTTP call to pull, its images, and ollama-operator's `Model`.

Read: ollama 0.17.4, `cmd/cmd.go` (commands and their flags), `types/model/name.go` (names: HOST/NAMESPACE/MODEL:TAG,
of registry.ollama.ai/library by default; there are no digests), `envconfig/config.go` (`OLLAMA_MODELS`);
ollama-operator 0.10.9, `api/ollama/v1/model_types.go`.

What can't be told: a server has any model pulled and loaded that it is asked for, so that it is opaque always, unless
its folder of models is an image volume, to which nothing can be written. What `create` starts from stands in a file.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final

from admission.references.program import Program, Resource
from admission.references.reference import ModelReference, Role, Target
from admission.references.words import basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.documents import Node
    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["PROGRAM", "model_target"]

_IMAGE: Final = re.compile(r"ollama(?:-(?:rocm|cuda|cpu|gpu|intel|vulkan))?")
_SERVE: Final = ("serve", "start")
_NAMING: Final = ("run", "pull")
_LOADING: Final = (*_SERVE, *_NAMING, "create")
_OTHERS: Final = (
    "list",
    "ls",
    "ps",
    "show",
    "stop",
    "rm",
    "cp",
    "push",
    "help",
    "signin",
    "signout",
    "--version",
    "-v",
)
_VALUED: Final = ("--keepalive", "--format", "--dimensions", "-f", "--file", "-q", "--quantize")
_PULL: Final = "/api/pull"
_CREATE: Final = "/api/create"
_NAMED: Final = re.compile(r"""\\?["'](?:name|model)\\?["']\s*:\s*\\?["'](?P<name>[^"'\\]+)""")
_COMMAND: Final = re.compile(r"\bollama\b\W+(?:serve|start|run|pull|create)\b")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[\w.-]*\w)?(?::\d+)?", re.ASCII)
_PART: Final = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
_HUBS: Final = ("hf.co", "huggingface.co")
_MOST_PARTS: Final = 3


def _is_image(container: Container) -> bool:
    return not container.is_hook and _IMAGE.fullmatch(container.image_name) is not None


def _command(container: Container) -> tuple[str, Sequence[Word], Word | None]:
    """Return the command of Ollama that the words start, the words behind it, and the command's own word."""
    words = container.words
    for number, word in enumerate(words):
        follows = number > 0 and basename(words[number - 1]) == "ollama"
        is_first = number == 0 and not word.is_command and _is_image(container)
        if (follows or is_first) and word.value in (*_LOADING, *_OTHERS):
            return str(word.value), words[number + 1 :], word
    return "", (), None


def _starts(container: Container) -> bool:
    return (
        _is_image(container)
        or _command(container)[0] in _LOADING
        or any(_speaks_of(text) for text, _ in _texts(container))
        or any(_PULL in str(word.value) or _CREATE in str(word.value) for word in container.words)
    )


def _texts(container: Container) -> list[tuple[str, str]]:
    """Return the scripts that can't be followed, and the words that are whole commands, each with its place."""
    held = [(script.text, script.path) for script in container.scripts]
    lines = [(word.text, word.path) for word in container.words if len(word.text.split()) > 1]
    return held + [(text, path) for text, path in lines if _NAMED.search(text) is None]


def _speaks_of(text: str) -> bool:
    return _COMMAND.search(text) is not None or _PULL in text or _CREATE in text


def _loads(container: Container) -> list[ModelReference]:
    command, rest, word = _command(container)
    found = _asked(container)
    found += [
        container.opaque(Role.MODEL, text, path, "a script can't be followed")
        for text, path in _texts(container)
        if _speaks_of(text)
    ]
    if command in _SERVE and word is not None:
        found.append(_server(container, word.path))
    elif command in _NAMING and word is not None:
        found.append(_from_words(container, rest, word))
    elif command == "create" and word is not None:
        found.append(_created(container, rest, word))
    if not found and not command and _is_image(container):
        # Without a command, or with one that can't be followed, the image serves.
        found.append(_server(container, container.node.get("image").path))
    return found


def _server(container: Container, path: str) -> ModelReference:
    """Return what a server loads: what lies on an image volume, where that is its folder of models, else anything."""
    held = container.environment.variables.get("OLLAMA_MODELS")
    if held is not None and isinstance(held.value, str):
        folder = container.path_reference(Role.MODEL, held.value, held.path)
        if folder.target.base.startswith("oci://") and container.mounts.reach(held.value):
            return folder
    because = "whoever asks the server may have it pull and load any model"
    return container.opaque(Role.MODEL, "ollama serve", path, because)


def _from_words(container: Container, words: Sequence[Word], command: Word) -> ModelReference:
    """Return the model that `run` or `pull` names: the first word that is no flag and no flag's value.

    Without one, the name comes from elsewhere (`… | xargs ollama pull`).
    """
    takes_one = False
    for word in words:
        text = word.spelling
        if text.startswith("-"):
            takes_one = text in _VALUED
        elif takes_one:
            takes_one = False
        else:
            return _model(container, word.value, word.text, word.path)
    return container.opaque(Role.MODEL, command.text, command.path, "the name of what is pulled can't be told")


def _created(container: Container, words: Sequence[Word], command: Word) -> ModelReference:
    because = "what it is made from is written in a file"
    file = next((after for flag, after in itertools.pairwise(words) if flag.value in ("-f", "--file")), command)
    return container.opaque(Role.MODEL, file.text, file.path, because)


def _asked(container: Container) -> list[ModelReference]:
    """Return what a server is asked by HTTP to pull: the name stands in the JSON of another word."""
    texts = [str(word.value) for word in container.words]
    if not any(_PULL in text or _CREATE in text for text in texts):
        return []
    holding = [word for word, text in zip(container.words, texts, strict=True) if _NAMED.search(text)]
    if not holding:
        word = next(word for word, text in zip(container.words, texts, strict=True) if _PULL in text or _CREATE in text)
        return [container.opaque(Role.MODEL, word.text, word.path, "the name of what is pulled can't be told")]
    return [item for word in holding for item in _named(container, str(word.value), word.path)]


def _named(container: Container, text: str, path: str) -> list[ModelReference]:
    return [_model(container, match["name"], text, path) for match in _NAMED.finditer(text)]


def _model(container: Container, value: str | Unknown, text: str, path: str) -> ModelReference:
    if isinstance(value, Unknown):
        return container.opaque(Role.MODEL, text, path, value.reason)
    return ModelReference(Role.MODEL, value, path, model_target(value))


def model_target(name: str) -> Target:
    """Return what a name of Ollama comes to: HOST/NAMESPACE/MODEL:TAG, of registry.ollama.ai/library by default."""
    text = name.partition("://")[2] or name
    path, _, tag = text.rpartition(":") if text.rfind(":") > text.rfind("/") else (text, "", "latest")
    parts = path.split("/")
    if len(parts) > _MOST_PARTS or not all(_PART.fullmatch(part) for part in (*parts[-2:], tag)):
        return Target.opaque("it is no name of a model as Ollama reads them")
    host, namespace, model = [*("registry.ollama.ai", "library")[: _MOST_PARTS - len(parts)], *parts]
    if not _HOST.fullmatch(host):
        return Target.opaque("it is no name of a model as Ollama reads them")
    if host in _HUBS:
        return Target.unpinned(f"hf://{namespace}/{model}", "Ollama takes the newest commit of a repository")
    return Target.unpinned(f"oci://{host}/{namespace}/{model}", "a tag can be moved to other bytes")


def _operator(root: Node) -> list[ModelReference]:
    image = root.at("spec", "image")
    text = image.required()
    return [ModelReference(Role.MODEL, text, image.path, model_target(text))] if text else []


PROGRAM: Final = Program(
    "Ollama",
    "ollama 0.17.4 cmd/cmd.go, types/model/name.go; ollama-operator 0.10.9",
    _starts,
    _loads,
    {("ollama.ayaka.io", "Model"): Resource(reads=_operator)},
)
