"""What is known of an artifact beside its bytes, ready to be written into a BOM."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbom.bom.licenses import License
    from dbom.content.tables import TableFacts
    from dbom.formats.huggingface import Card, Configuration
    from dbom.formats.table_snapshot import TablePin
    from dbom.model import Derivation

__all__ = ["ArtifactType", "Facts", "Parent", "Weights"]


class ArtifactType(StrEnum):
    """What a BOM describes."""

    DATASET = "dataset"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Parent:
    """Something that an artifact came from, with what is worth writing beside the derivation itself.

    `kind_word` is `dataset`, `model`, `data` or empty where it isn't known; `version` the parent's own; `bom_link` the
    `urn:cdx:` link to the parent's BOM, empty where there is none.
    """

    derivation: Derivation
    kind_word: str = ""
    version: str = ""
    bom_link: str = ""


@dataclass(frozen=True, slots=True)
class Weights:
    """What the headers of safetensors files say: numbers by dtype, tensors, and the files that were counted."""

    parameters: Mapping[str, int]
    tensors: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a BOM says of an artifact beside its fingerprint. Empty means: not known, so not written.

    `tables` are by path; `file_formats` give the format of each file that was looked at, by path; `media_type` is that
    of an artifact which is a single file. `pins` are of the Iceberg or Delta table that a tree is.
    """

    type: ArtifactType
    name: str
    version: str = ""
    supplier: str = ""
    licenses: tuple[License, ...] = ()
    licenses_by: str = ""
    media_type: str = ""
    parents: tuple[Parent, ...] = ()
    tables: Mapping[str, TableFacts] = field(default_factory=dict)
    file_formats: Mapping[str, str] = field(default_factory=dict)
    weights: Weights | None = None
    card: Card | None = None
    configuration: Configuration | None = None
    pins: tuple[TablePin, ...] = ()
