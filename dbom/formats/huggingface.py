"""What a Hugging Face style repository says of itself: the card's front matter and the configuration.

All of it is *declared*: somebody wrote it, nobody checked it. Nothing is guessed: a field that isn't there, or isn't of
the type the hub documents, declares nothing. See the hub's documentation, "Model Cards" and "Dataset Cards".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbom.canonical import json_object
from dbom.formats.yaml_reader import load_yaml
from dbom.model import Relation

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["Card", "Configuration", "DeclaredParent", "read_adapter", "read_card", "read_configuration"]

_FRONT_MATTER = re.compile(
    rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$", re.DOTALL | re.MULTILINE
)

_BASE_RELATIONS = {
    "finetune": Relation.FINE_TUNED_FROM,
    "quantized": Relation.QUANTIZED_FROM,
    "merge": Relation.MERGED_FROM,
    "adapter": Relation.ADAPTER_OF,
}

_NOT_A_SOURCE = frozenset({"original", "extended", "other", "unknown"})


@dataclass(frozen=True, slots=True)
class DeclaredParent:
    """A parent that a repository names, without a digest: its relation and the name as written."""

    relation: Relation
    name: str


@dataclass(frozen=True, slots=True)
class Card:
    """The front matter of a README.md. Texts and tuples are empty where the card says nothing."""

    licenses: tuple[str, ...] = ()
    license_name: str = ""
    license_link: str = ""
    parents: tuple[DeclaredParent, ...] = ()
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    library: str = ""
    task: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a `config.json` declares of a model: its architectures (class names) and model type."""

    architectures: tuple[str, ...] = ()
    model_type: str = ""


def read_card(data: bytes, *, where: str) -> Card | None:
    """Read a README.md; None where it has no front matter. Raises `DocumentError` where that isn't a YAML mapping."""
    found = _FRONT_MATTER.match(data)
    if found is None:
        return None
    front = load_yaml(found[1], where=where)
    if not isinstance(front, dict):
        return None
    relation = _BASE_RELATIONS.get(_text(front.get("base_model_relation")), Relation.DERIVED_FROM)
    parents = [DeclaredParent(relation, name) for name in _texts(front.get("base_model"))]
    parents += [DeclaredParent(Relation.TRAINED_ON, name) for name in _texts(front.get("datasets"))]
    parents += [
        DeclaredParent(Relation.DERIVED_FROM, name)
        for source in _texts(front.get("source_datasets"))
        if (name := source.removeprefix("extended|")) and name.partition("-")[0] not in _NOT_A_SOURCE
    ]
    return Card(
        licenses=_texts(front.get("license")),
        license_name=_text(front.get("license_name")),
        license_link=_text(front.get("license_link")),
        parents=tuple(dict.fromkeys(parents)),
        tags=_texts(front.get("tags")),
        languages=_texts(front.get("language")),
        library=_text(front.get("library_name")),
        task=_text(front.get("pipeline_tag")),
    )


def read_configuration(data: bytes, *, where: str) -> Configuration:
    """Read a `config.json`. Raises `DocumentError` where it isn't a JSON object."""
    declared: JsonObject = json_object(data, where=where)
    return Configuration(_texts(declared.get("architectures")), _text(declared.get("model_type")))


def read_adapter(data: bytes, *, where: str) -> DeclaredParent | None:
    """Read an `adapter_config.json` (PEFT): the model that the adapter is for. Raises `DocumentError`."""
    name = _text(json_object(data, where=where).get("base_model_name_or_path"))
    return DeclaredParent(Relation.ADAPTER_OF, name) if name else None


def _text(value: Json) -> str:
    return value.strip() if isinstance(value, str) else ""


def _texts(value: Json) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(text for item in items if (text := _text(item))))
