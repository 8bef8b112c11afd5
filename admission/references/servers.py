"""What an inference server in a container loads, told from its words and its environment."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from admission.references.environment import read_environment
from admission.references.flags import (
    CONFIG,
    DOWNLOADS,
    JSON_FLAGS,
    LIST_FLAGS,
    LOADER,
    NAMING_FLAGS,
    ROLES,
    Given,
    positionals,
    read_flags,
)
from admission.references.hub import elsewhere, openings
from admission.references.mounts import read_mounts
from admission.references.places import is_path, uri_target
from admission.references.reference import ModelReference, Role, Target
from admission.references.words import basename, read_hooks, read_words, unwrapped
from dbom.canonical import load_json
from dbom.errors import DocumentError
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from admission.documents import Node
    from admission.references.environment import Environment
    from admission.references.mounts import Mounts, Volume
    from admission.references.words import Script, Word
    from dbom.canonical import Json

__all__ = ["container_references"]

_LISTS: Final = ("command", "args", "env", "volumeMounts")
_MOST_ITEMS: Final = 2000
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
_REVISION_VARIABLES: Final = ("VLLM_REVISION", "REVISION", "HF_REVISION", "HF_MODEL_REVISION")
_LOADING_WORDS: Final = re.compile(
    r"vllm|--model|--lora|--tokenizer|sglang|from_pretrained|huggingface|hf_hub|hf download|storage-initializer"
    r"|llama-server|text-generation|tgi|tritonserver",
    re.IGNORECASE,
)
_VLLM_IMAGE: Final = re.compile(r"vllm", re.IGNORECASE)
_ENTRY_POINTS: Final = "vllm.entrypoints"
_MODULE_FLAG: Final = re.compile(r"^-[A-Za-z]*m(?=vllm)")
_VLLM_WORD: Final = re.compile(r"vllm(?:\.[\w.]+)?", re.ASCII)
_LORA: Final = re.compile(r"(?P<name>[^=\s]+)=(?P<path>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Container:
    """A container, read; `has_vllm` says that its image is vLLM's by name, `elsewhere` why hub names may mislead."""

    words: tuple[Word, ...]
    environment: Environment
    mounts: Mounts
    has_vllm: bool
    is_vllm: bool
    elsewhere: str

    @classmethod
    def of(cls, words: tuple[Word, ...], environment: Environment, mounts: Mounts, *, has_vllm: bool) -> Self:
        """Return a container that starts with these words."""
        folders = [given.value for given in read_flags(words, abbreviated=True) if given.flag == DOWNLOADS]
        is_vllm = has_vllm or any(_VLLM_WORD.fullmatch(_program(word)) for word in words)
        return cls(words, environment, mounts, has_vllm, is_vllm, elsewhere(environment, mounts, folders))

    @property
    def has_command(self) -> bool:
        return any(word.is_command for word in self.words)

    def reference(
        self, role: Role, text: str | Unknown, written: str, path: str, revision: _Revision
    ) -> ModelReference:
        """Return the reference that a text is, resolved against what is mounted and where the hub is."""
        if isinstance(text, Unknown):
            return ModelReference(role, written, path, Target.opaque(text.reason))
        return ModelReference(role, text, path, self._target(text, revision))

    def _target(self, text: str, revision: _Revision) -> Target:
        if is_path(text):
            return self.mounts.resolve(text)
        target = uri_target(text, revision.commit)
        if target.base.startswith("oci://"):
            return Target.opaque("a program that fetches it checks no digest: mount it as an image volume")
        because = self._misleading(target, text, revision)
        return Target.opaque(because) if because else target

    def _misleading(self, target: Target, text: str, revision: _Revision) -> str:
        """Return why a name may not mean the pinned place that it seems to mean, empty where it does."""
        is_hub = target.base.startswith("hf://")
        if is_hub and revision.because:
            return revision.because
        if target.location is None:
            return ""
        if self.mounts.shadows(text):
            return "it could be a path on a volume, which a loader prefers; set workingDir, and mount nothing over it"
        return self.elsewhere if is_hub else ""


@dataclass(frozen=True, slots=True)
class _Revision:
    """The revision that a hub name is loaded at, or why that can't be told."""

    commit: str | None = None
    because: str = ""

    @classmethod
    def of(cls, values: Iterable[str | Unknown]) -> _Revision:
        """Return the one revision among the values that are given."""
        given = list(values)
        unknown = next((value for value in given if isinstance(value, Unknown)), None)
        if unknown is not None:
            return cls(because=f"its revision can't be told: {unknown.reason}")
        texts = {value for value in given if isinstance(value, str)}
        if len(texts) > 1:
            return cls(because="it is given two revisions")
        return cls(next(iter(texts), None))


_NO_REVISION: Final = _Revision()


def container_references(container: Node, volumes: Mapping[str, Volume]) -> list[ModelReference]:
    """Return what a container's words and environment would load, and what of them can't be told."""
    image = container.get("image")
    if sum(len(list(container.get(key).items())) for key in _LISTS) > _MOST_ITEMS:
        because = f"it has more than {_MOST_ITEMS} words, variables and mounts"
        return [ModelReference(Role.MODEL, image.text() or "", container.path, Target.opaque(because))]
    environment, mounts = read_environment(container), read_mounts(container, volumes)
    has_vllm = _VLLM_IMAGE.search(image.text() or "") is not None
    words, scripts = unwrapped(read_words(container, environment))
    this = _Container.of(words, environment, mounts, has_vllm=has_vllm)
    found = [*_from_scripts(this, scripts), *_from_words(this)]
    if _starts_vllm(this) and not any(reference.role is Role.MODEL for reference in found):
        because = "vLLM is told no model here, and would choose one itself or take it from where nobody sees"
        found.append(ModelReference(Role.MODEL, image.text() or "", image.path, Target.opaque(because)))
    for hook in read_hooks(container):
        words, scripts = unwrapped(hook)
        besides = _Container.of(words, environment, mounts, has_vllm=False)
        found += [*_from_scripts(besides, scripts), *_from_words(besides)]
    found += [*_from_environment(this), *openings(container, environment, is_vllm=this.is_vllm)]
    return list(dict.fromkeys(found))


def _from_scripts(this: _Container, scripts: Iterable[Script]) -> list[ModelReference]:
    """Return what can't be followed: scripts, and words that are whole commands (`env -S "vllm serve m"`)."""
    texts = [(script.text, script.path) for script in scripts if this.is_vllm or _LOADING_WORDS.search(script.text)]
    texts += [(word.text, word.path) for word in this.words if _is_command_line(word)]
    because = "a script can't be followed"
    return [ModelReference(Role.MODEL, text, path, Target.opaque(because)) for text, path in texts]


def _is_command_line(word: Word) -> bool:
    text = word.text if isinstance(word.value, Unknown) else word.value
    return len(text.split()) > 1 and _LOADING_WORDS.search(text) is not None and isinstance(_json(text), Unknown)


def _from_words(this: _Container) -> list[ModelReference]:
    naming = [given for given in read_flags(this.words, abbreviated=False) if given.flag in NAMING_FLAGS]
    flags = read_flags(this.words, abbreviated=this.is_vllm or bool(naming))
    revision = _Revision.of(given.value for given in flags if given.flag in ("revision", "model-revision"))
    own = [given.value for given in flags if given.flag == "tokenizer-revision"]
    found: list[ModelReference] = []
    models = {given.value for given in flags if ROLES.get(given.flag) is Role.MODEL}
    for word in _positionals(this):
        found.append(this.reference(Role.MODEL, word.value, word.text, word.path, revision))
        models.add(word.value)
    for given in flags:
        found.extend(_from_flag(this, given, revision, own, models))
    if own and not any(given.flag == "tokenizer" for given in flags):
        # vLLM then takes the model's own repository for the tokenizer, at this other revision.
        path = next(given.word.path for given in flags if given.flag == "tokenizer-revision")
        found += [
            this.reference(Role.TOKENIZER, model, str(model), path, _Revision.of(own))
            for model in sorted(models, key=str)
        ]
    if unknown := [word for word in this.words if isinstance(word.value, Unknown) and this.is_vllm]:
        paths = {reference.path for reference in found}
        found += [
            ModelReference(Role.MODEL, word.text, word.path, Target.opaque(word.value.reason))
            for word in unknown
            if isinstance(word.value, Unknown) and word.path not in paths and _could_be_flag(word)
        ]
    return found


def _could_be_flag(word: Word) -> bool:
    # `--port=$(PORT)` is about the port whatever PORT is; `$(ARGS)` could be anything.
    name = word.text.partition("=")[0]
    return "$(" in name or not name.startswith("--")


def _positionals(this: _Container) -> list[Word]:
    words = this.words
    for number, word in enumerate(words):
        is_first = number == 0 and not word.is_command
        if word.value == "serve" and (is_first or basename(words[number - 1]) == "vllm"):
            return positionals(words[number + 1 :])
        if _program(word).startswith(_ENTRY_POINTS):
            is_command = any(following.value == "serve" for following in words[number + 1 : number + 2])
            return positionals(words[number + 1 + is_command :])
    return positionals(words) if this.is_vllm and not this.has_command else []


def _from_flag(
    this: _Container,
    given: Given,
    revision: _Revision,
    own: list[str | Unknown],
    models: set[str | Unknown],
) -> list[ModelReference]:
    if given.flag in (CONFIG, LOADER):
        return _from_settings(this, given)
    if given.flag not in ROLES:
        return []
    role = ROLES[given.flag]
    if given.flag in JSON_FLAGS:
        return _from_json(this, given, role)
    if given.flag in LIST_FLAGS:
        return _from_list(this, given, role)
    place = given.values[0].path if given.values else given.word.path
    if role is Role.TOKENIZER:
        revision = _Revision.of(own) if own else revision if given.value in models else _NO_REVISION
    elif role is not Role.MODEL:
        revision = _NO_REVISION
    return [this.reference(role, given.value, given.word.text, place, revision)]


def _from_settings(this: _Container, given: Given) -> list[ModelReference]:
    if given.flag == CONFIG:
        text, because = given.word.text, "a configuration file may name any model"
        says = this.is_vllm
    else:
        # Its strings are places (`tensorizer_uri`), names of files, or secrets: none is shown, and none is followed.
        text, because = f"--{given.flag}", "the loader is told more, which may name another place to load from"
        says = _holds_text(given.value if isinstance(given.value, Unknown) or given.dotted else _json(given.value))
    return [ModelReference(Role.MODEL, text, given.word.path, Target.opaque(because))] if says else []


def _holds_text(value: Json | Unknown) -> bool:
    if isinstance(value, dict | list):
        return any(map(_holds_text, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str | Unknown)


def _from_list(this: _Container, given: Given, role: Role) -> list[ModelReference]:
    values = [(word.value, word.text, word.path) for word in given.values]
    if not given.values:
        values = [(given.value, given.word.text, given.word.path)]
    found: list[ModelReference] = []
    for value, written, path in values:
        if isinstance(value, Unknown):
            found.append(this.reference(role, value, written, path, _NO_REVISION))
        elif value.lstrip().startswith("{"):
            found.extend(_named_in(this, _json(value), ("path", "local_path"), role, (written, path)))
        else:
            match = _LORA.fullmatch(value)
            found.append(this.reference(role, match["path"] if match else value, written, path, _NO_REVISION))
    return found


def _from_json(this: _Container, given: Given, role: Role) -> list[ModelReference]:
    place = given.values[0].path if given.values else given.word.path
    where = (given.word.text, place)
    if isinstance(given.value, Unknown):
        return [this.reference(role, given.value, where[0], place, _NO_REVISION)]
    if given.dotted:
        # `--speculative-config.model X` sets one key; where the draft's own revision is set apart, it is not followed.
        named = given.dotted == "model" or given.flag == "default-mm-loras"
        return [this.reference(role, given.value, where[0], place, _NO_REVISION)] if named else []
    if given.flag == "default-mm-loras":
        return _all_values(this, _json(given.value), role, where)
    return _named_in(this, _json(given.value), ("model",), role, where, optional=True)


def _json(text: str) -> Json | Unknown:
    try:
        return load_json(text.encode("utf-8", "surrogatepass"), where="")
    except DocumentError:
        return Unknown("its value is not JSON that can be read")


def _named_in(
    this: _Container,
    document: Json | Unknown,
    keys: tuple[str, ...],
    role: Role,
    where: tuple[str, str],
    *,
    optional: bool = False,
) -> list[ModelReference]:
    written, path = where
    if isinstance(document, Unknown):
        return [this.reference(role, document, written, path, _NO_REVISION)]
    if not isinstance(document, dict):
        return [this.reference(role, Unknown("its value is not a JSON object"), written, path, _NO_REVISION)]
    values = [document[key] for key in keys if document.get(key) is not None]
    if not values and not optional:
        return [this.reference(role, Unknown("its JSON names nothing to load"), written, path, _NO_REVISION)]
    revision = document.get("revision")
    at = _Revision(revision) if isinstance(revision, str) else _NO_REVISION
    return [
        this.reference(role, value if isinstance(value, str) else Unknown("it is not a string"), written, path, at)
        for value in values
    ]


def _all_values(this: _Container, document: Json | Unknown, role: Role, where: tuple[str, str]) -> list[ModelReference]:
    values: list[Json | Unknown] = (
        list(document.values()) if isinstance(document, dict) else [Unknown("it is not an object")]
    )
    return [
        this.reference(role, value if isinstance(value, str) else Unknown("it is not a string"), *where, _NO_REVISION)
        for value in values
    ]


def _from_environment(this: _Container) -> list[ModelReference]:
    variables = this.environment.variables
    revision = _Revision.of(variables[name].value for name in _REVISION_VARIABLES if name in variables)
    return [
        this.reference(role, variables[name].value, f"{name}", variables[name].path, revision)
        for name, role in _MODEL_VARIABLES.items()
        if name in variables and variables[name].value != ""
    ]


def _program(word: Word) -> str:
    # `python -mvllm.entrypoints…` is one word.
    return _MODULE_FLAG.sub("", basename(word))


def _starts_vllm(this: _Container) -> bool:
    """Return whether vLLM is started; an image of its own is taken to start it, whatever its command says."""
    names = [_program(word) for word in this.words]
    by_name = any(name.startswith(_ENTRY_POINTS) for name in names)
    pairs = itertools.pairwise(names)
    return this.has_vllm or by_name or any(pair in (("vllm", "serve"), ("vllm", "run-batch")) for pair in pairs)
