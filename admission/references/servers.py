"""What an inference server in a container loads, told from its words and its environment."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.references.environment import read_environment
from admission.references.flags import CONFIG, JSON_FLAGS, LIST_FLAGS, NAMING_FLAGS, ROLES, Given, read_flags, strays
from admission.references.mounts import read_mounts
from admission.references.places import is_path, uri_target
from admission.references.reference import ModelReference, Role, Target
from admission.references.words import basename, read_words, unwrapped
from dbom.canonical import load_json
from dbom.errors import DocumentError
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from admission.documents import Node
    from admission.references.environment import Environment
    from admission.references.mounts import Mounts, Volume
    from admission.references.words import Word
    from dbom.canonical import Json

__all__ = ["container_references"]

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
_OTHER_HUBS: Final = {
    "HF_ENDPOINT": ("https://huggingface.co", "https://huggingface.co/"),
    "VLLM_USE_MODELSCOPE": ("", "0", "false", "False"),
}
_LOADING_WORDS: Final = re.compile(
    r"vllm|--model|--lora|--tokenizer|sglang|from_pretrained|huggingface|hf_hub|hf download|storage-initializer"
    r"|llama-server|text-generation|tgi|tritonserver",
    re.IGNORECASE,
)
_VLLM_IMAGE: Final = re.compile(r"(?:^|/)vllm[^/]*", re.IGNORECASE)
_VLLM_WORD: Final = re.compile(r"vllm(?:\.[\w.]+)?", re.ASCII)
_LORA: Final = re.compile(r"(?P<name>[^=\s]+)=(?P<path>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Container:
    """A container, read."""

    node: Node
    words: tuple[Word, ...]
    environment: Environment
    mounts: Mounts
    is_vllm: bool

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
        if "://" not in text and self.mounts.shadows(text):
            return Target.opaque("a volume is mounted where this name would be a path, which a loader prefers")
        target = uri_target(text, revision.commit)
        if not target.base.startswith("hf://"):
            return target
        if revision.because:
            return Target.opaque(revision.because)
        return target if self._other_hub() is None else Target.opaque(str(self._other_hub()))

    def _other_hub(self) -> str | None:
        if not self.environment.is_whole:
            return "its environment comes from elsewhere (envFrom) and may name another hub"
        for name, usual in _OTHER_HUBS.items():
            value = self.environment.value(name)
            if value is not None and value not in usual:
                return f"{name} names another hub"
        return None


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
    environment = read_environment(container)
    words, scripts = unwrapped(read_words(container, environment))
    image = container.get("image").text() or ""
    is_vllm = _VLLM_IMAGE.search(image) is not None or any(_VLLM_WORD.fullmatch(basename(word)) for word in words)
    mounts = read_mounts(container, volumes)
    this = _Container(container, words, environment, mounts, is_vllm)
    found = [
        ModelReference(Role.MODEL, script.text, script.path, Target.opaque("a script can't be followed"))
        for script in scripts
        if is_vllm or _LOADING_WORDS.search(script.text)
    ]
    found += _from_words(this)
    found += _from_environment(this)
    if _starts_vllm(this) and not found:
        because = "vLLM is told no model here, and would choose one itself or take it from its image"
        found.append(ModelReference(Role.MODEL, image, container.get("image").path, Target.opaque(because)))
    return list(dict.fromkeys(found))


def _from_words(this: _Container) -> list[ModelReference]:
    naming = [given for given in read_flags(this.words, abbreviated=False) if given.flag in NAMING_FLAGS]
    flags = read_flags(this.words, abbreviated=this.is_vllm or bool(naming))
    revision = _Revision.of(given.value for given in flags if given.flag in ("revision", "model-revision"))
    own = [given.value for given in flags if given.flag == "tokenizer-revision"]
    found: list[ModelReference] = []
    models = [*(given.value for given in flags if ROLES.get(given.flag) is Role.MODEL)]
    for word in _positionals(this):
        found.append(this.reference(Role.MODEL, word.value, word.text, word.path, revision))
        models.append(word.value)
    for given in flags:
        found.extend(_from_flag(this, given, revision, own, models))
    if own and not any(given.flag == "tokenizer" for given in flags):
        # vLLM then takes the model's own repository for the tokenizer, at this other revision.
        path = next(given.word.path for given in flags if given.flag == "tokenizer-revision")
        found += [this.reference(Role.TOKENIZER, model, str(model), path, _Revision.of(own)) for model in models]
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
    start: int | None = None
    for number, word in enumerate(words):
        if word.value == "serve" and (number == 0 or basename(words[number - 1]) == "vllm"):
            start = number + 1
            break
    if start is None and this.is_vllm and not this.has_command:
        start = 0
    return [] if start is None else strays(words[start:])


def _from_flag(
    this: _Container,
    given: Given,
    revision: _Revision,
    own: list[str | Unknown],
    models: list[str | Unknown],
) -> list[ModelReference]:
    if given.flag == CONFIG:
        if not this.is_vllm:
            return []
        because = "a configuration file may name any model"
        return [ModelReference(Role.MODEL, given.word.text, given.word.path, Target.opaque(because))]
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


def _starts_vllm(this: _Container) -> bool:
    if not this.is_vllm:
        return False
    if not this.has_command:
        return True
    names = [basename(word) for word in this.words]
    if any(name.startswith("vllm.entrypoints") for name in names):
        return True
    return ("vllm", "serve") in itertools.pairwise(names)
