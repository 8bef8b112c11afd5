"""What the flags of inference servers name: models, tokenizers, adapters, draft models, as vLLM words them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.container import NO_REVISION, Container, Revision
from admission.references.flags import (
    CONFIG,
    DOWNLOADS,
    JSON_FLAGS,
    LIST_FLAGS,
    LOADER,
    NAMING_FLAGS,
    ROLES,
    Given,
    read_flags,
)
from admission.references.reference import ModelReference, Role, Target
from dbom.canonical import load_json
from dbom.errors import DocumentError
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.words import Word
    from dbom.canonical import Json

__all__ = ["flag_references", "json_value"]

_LORA: Final = re.compile(r"(?P<name>[^=\s]+)=(?P<path>.+)", re.DOTALL)


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
    if own and not any(given.flag == "tokenizer" for given in flags):
        # vLLM then takes the model's own repository for the tokenizer, at this other revision.
        path = next(given.word.path for given in flags if given.flag == "tokenizer-revision")
        at = Revision.of(own)
        found += [
            container.reference(Role.TOKENIZER, model, path, written=str(model), revision=at)
            for model in sorted(models, key=str)
        ]
    return found


def _from_flag(
    container: Container,
    given: Given,
    revision: Revision,
    own: list[str | Unknown],
    models: set[str | Unknown],
) -> list[ModelReference]:
    if given.flag in (CONFIG, LOADER):
        return _from_settings(given)
    if given.flag not in ROLES:
        return []
    role = ROLES[given.flag]
    if given.flag in JSON_FLAGS:
        return _from_json(container, given, role)
    if given.flag in LIST_FLAGS:
        return _from_list(container, given, role)
    place = given.values[0].path if given.values else given.word.path
    if role is Role.TOKENIZER:
        revision = Revision.of(own) if own else revision if given.value in models else NO_REVISION
    elif role is not Role.MODEL:
        revision = NO_REVISION
    return [container.reference(role, given.value, place, written=given.word.text, revision=revision)]


def _from_settings(given: Given) -> list[ModelReference]:
    if given.flag == CONFIG:
        text, because = given.word.text, "a configuration file may name any model"
        says = True
    else:
        # Its strings are places (`tensorizer_uri`), names of files, or secrets: none is shown, and none is followed.
        text, because = f"--{given.flag}", "the loader is told more, which may name another place to load from"
        says = _holds_text(given.value if isinstance(given.value, Unknown) or given.dotted else json_value(given.value))
    return [ModelReference(Role.MODEL, text, given.word.path, Target.opaque(because))] if says else []


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
    place = given.values[0].path if given.values else given.word.path
    where = (given.word.text, place)
    if isinstance(given.value, Unknown):
        return [container.reference(role, given.value, place, written=where[0])]
    if given.dotted:
        # `--speculative-config.model X` sets one key; where the draft's own revision is set apart, it is not followed.
        named = given.dotted == "model" or given.flag == "default-mm-loras"
        return [container.reference(role, given.value, place, written=where[0])] if named else []
    if given.flag == "default-mm-loras":
        return _all_values(container, json_value(given.value), role, where)
    return _named_in(container, json_value(given.value), ("model",), role, where, optional=True)


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
