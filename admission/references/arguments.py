"""What the flags of inference servers name: models, tokenizers, adapters, draft models, as vLLM words them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.container import NO_REVISION, Container, Revision
from admission.references.flags import (
    CODE_FLAGS,
    CONFIG,
    DOWNLOADS,
    JSON_FLAGS,
    LIST_FLAGS,
    LOADER,
    NAMING_FLAGS,
    ROLES,
    WEIGHTS,
    Given,
    read_flags,
)
from admission.references.reference import ModelReference, Role, Target
from dbom.canonical import load_json
from dbom.errors import DocumentError
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from admission.references.words import Word
    from dbom.canonical import Json

__all__ = ["draft_references", "flag_references", "json_value"]

_LORA: Final = re.compile(r"(?P<name>[^=\s]+)=(?P<path>.+)", re.DOTALL)
_DRAFT_LOADERS: Final = ("draft_load_config", "draft_model_config", "target_model_config")
_SETTINGS: Final = {
    CONFIG: "a configuration file may name any model",
    # Its strings are places (`tensorizer_uri`), names of files, or secrets: none is shown, and none is followed.
    LOADER: "the loader is told more, which may name another place to load from",
    WEIGHTS: "its weights may be replaced while it runs",
}


def flag_references(container: Container, positionals: Sequence[Word], *, is_vllm: bool) -> list[ModelReference]:
    """Return what the words of a container name; `positionals` are those that may be its model without a flag.

    `is_vllm` reads beginnings of flags as vLLM does, and takes its configuration file into account.
    """
    naming = [given for given in read_flags(container.words, abbreviated=False) if given.flag in NAMING_FLAGS]
    flags = read_flags(container.words, abbreviated=is_vllm or bool(naming))
    container = container.downloading_to(given.value for given in flags if given.flag == DOWNLOADS)
    revision = Revision.of(given.value for given in flags if given.flag in ("revision", "model-revision"))
    own = [given.value for given in flags if given.flag == "tokenizer-revision"]
    found: list[ModelReference] = []
    models = {given.value for given in flags if ROLES.get(given.flag) is Role.MODEL}
    for word in positionals:
        found.append(container.reference(Role.MODEL, word.value, word.path, written=word.text, revision=revision))
        models.add(word.value)
    for given in flags:
        if given.flag == CONFIG and not is_vllm:
            continue
        found.extend(_from_flag(container, given, revision, own, models))
    for flag in JSON_FLAGS:
        found += _from_dotted(container, flag, [given for given in flags if given.flag == flag and given.dotted])
    found += _trusted(given for given in flags if given.flag in CODE_FLAGS)
    if own and not any(given.flag == "tokenizer" for given in flags):
        # vLLM then takes the model's own repository for the tokenizer, at this other revision.
        path = next(given.path for given in flags if given.flag == "tokenizer-revision")
        at = Revision.of(own)
        found += [
            container.reference(Role.TOKENIZER, model, path, written=str(model), revision=at)
            for model in sorted(models, key=str)
        ]
    return found


def _trusted(switches: Iterable[Given]) -> list[ModelReference]:
    """Return the code that a repository may bring, where the last of the switches lets it run."""
    last = list(switches)[-1:]
    because = "the repository's own code is run, whatever it then loads"
    return [
        ModelReference(Role.CODE, f"--{given.flag}", given.word.path, Target.opaque(because))
        for given in last
        if given.flag == CODE_FLAGS[0]
    ]


def _from_flag(
    container: Container,
    given: Given,
    revision: Revision,
    own: list[str | Unknown],
    models: set[str | Unknown],
) -> list[ModelReference]:
    if given.flag in _SETTINGS:
        return _from_settings(given)
    if given.flag not in ROLES or (given.dotted and given.flag in JSON_FLAGS):
        return []
    role = ROLES[given.flag]
    if given.dotted:
        return [container.opaque(role, given.word.text, given.path, "a dotted flag makes JSON of it, which is no name")]
    if given.flag in JSON_FLAGS:
        return _from_json(container, given, role)
    if given.flag in LIST_FLAGS:
        return _from_list(container, given, role)
    if role is Role.TOKENIZER:
        revision = Revision.of(own) if own else revision if given.value in models else NO_REVISION
    elif role is not Role.MODEL:
        revision = NO_REVISION
    return [container.reference(role, given.value, given.path, written=given.word.text, revision=revision)]


def _from_settings(given: Given) -> list[ModelReference]:
    if given.flag == LOADER:
        value = given.value if isinstance(given.value, Unknown) or given.dotted else json_value(given.value)
        if not _holds_text(value):
            return []
    text = given.word.text if given.flag == CONFIG else f"--{given.flag}"
    return [ModelReference(Role.MODEL, text, given.path, Target.opaque(_SETTINGS[given.flag]))]


def _holds_text(value: Json | Unknown) -> bool:
    if isinstance(value, dict | list):
        return any(map(_holds_text, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str | Unknown)


def _from_list(container: Container, given: Given, role: Role) -> list[ModelReference]:
    values = [(word.value, word.text, word.path) for word in given.values]
    if not given.values:
        values = [(given.value, given.word.text, given.word.path)]
    found: list[ModelReference] = []
    for value, written, path in values:
        if isinstance(value, Unknown):
            found.append(container.reference(role, value, path, written=written))
        elif value.lstrip().startswith("{"):
            found.extend(_named_in(container, json_value(value), ("path", "local_path"), role, (written, path)))
        else:
            match = _LORA.fullmatch(value)
            found.append(container.reference(role, match["path"] if match else value, path, written=written))
    return found


def _from_json(container: Container, given: Given, role: Role) -> list[ModelReference]:
    where = (given.word.text, given.path)
    if isinstance(given.value, Unknown):
        return [container.reference(role, given.value, given.path, written=where[0])]
    if given.flag == "default-mm-loras":
        return _all_values(container, json_value(given.value), role, where)
    return draft_references(container, json_value(given.value), where)


def _from_dotted(container: Container, flag: str, parts: Sequence[Given]) -> list[ModelReference]:
    """Return what dotted flags name: vLLM merges them into one JSON object, of which they are keys.

    The same key twice is given at both places, since versions differ in which of them wins.
    """
    if flag == "default-mm-loras":
        return [container.reference(ROLES[flag], item.value, item.path, written=item.word.text) for item in parts]
    revisions = [item.value for item in parts if item.dotted == "revision"]
    found = [
        container.reference(ROLES[flag], item.value, item.path, written=item.word.text, revision=Revision.of(revisions))
        for item in parts
        if item.dotted.rstrip("+") == "model"
    ]
    because = "it is told more of how the draft is loaded, which may name another place"
    told = [item for item in parts if item.dotted.partition(".")[0] in _DRAFT_LOADERS]
    return [*found, *(container.opaque(ROLES[flag], item.word.text, item.path, because) for item in told)]


def draft_references(container: Container, document: Json | Unknown, where: tuple[str, str]) -> list[ModelReference]:
    """Return what vLLM's speculative configuration names; `where` is its text as written and its path."""
    found = _named_in(container, document, ("model",), Role.DRAFT_MODEL, where, optional=True)
    if isinstance(document, dict) and any(document.get(key) for key in _DRAFT_LOADERS):
        because = "it is told more of how the draft is loaded, which may name another place"
        found.append(container.opaque(Role.DRAFT_MODEL, where[0], where[1], because))
    return found


def json_value(text: str) -> Json | Unknown:
    """Return a text as JSON, or that it is none."""
    try:
        return load_json(text.encode("utf-8", "surrogatepass"), where="")
    except DocumentError:
        return Unknown("its value is not JSON that can be read")


def _named_in(
    container: Container,
    document: Json | Unknown,
    keys: tuple[str, ...],
    role: Role,
    where: tuple[str, str],
    *,
    optional: bool = False,
) -> list[ModelReference]:
    written, path = where
    if isinstance(document, Unknown):
        return [container.reference(role, document, path, written=written)]
    if not isinstance(document, dict):
        return [container.reference(role, Unknown("its value is not a JSON object"), path, written=written)]
    values = [document[key] for key in keys if document.get(key) is not None]
    if not values and not optional:
        return [container.reference(role, Unknown("its JSON names nothing to load"), path, written=written)]
    revision = document.get("revision")
    at = Revision(revision) if isinstance(revision, str) else NO_REVISION
    return [
        container.reference(
            role, value if isinstance(value, str) else Unknown("it is not a string"), path, written=written, revision=at
        )
        for value in values
    ]


def _all_values(
    container: Container, document: Json | Unknown, role: Role, where: tuple[str, str]
) -> list[ModelReference]:
    values: list[Json | Unknown] = (
        list(document.values()) if isinstance(document, dict) else [Unknown("it is not an object")]
    )
    return [
        container.reference(
            role, value if isinstance(value, str) else Unknown("it is not a string"), where[1], written=where[0]
        )
        for value in values
    ]
