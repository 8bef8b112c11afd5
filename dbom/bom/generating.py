"""From an artifact on disk to the BOM that describes it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.bom.derivations import DATASET_RELATIONS
from dbom.bom.describing import describe
from dbom.bom.facts import ArtifactType, Facts, Parent
from dbom.bom.licenses import License
from dbom.bom.looking import look
from dbom.bom.schema import DEFAULT_SPEC_VERSION, WRITTEN_SPEC_VERSIONS
from dbom.content.tables import TableFormat
from dbom.errors import UsageError
from dbom.formats.recognition import FileFormat
from dbom.model import Basis, Derivation, Kind, Known, Relation, Unknown
from dbom.pins import Pins, may_be_table
from dbom.printable import printable
from dbom.rules.documents import KIND_UNKNOWN
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dbom.bom.document import Bom
    from dbom.bom.looking import Sight
    from dbom.formats.glances import Glances
    from dbom.formats.table_snapshot import TablePin
    from dbom.model import Finding, Fingerprint

__all__ = ["Description", "Options", "describe_path", "generate_bom"]

_MEDIA_TYPES = {
    FileFormat.PARQUET: "application/vnd.apache.parquet",
    FileFormat.ARROW_FILE: "application/vnd.apache.arrow.file",
    FileFormat.ARROW_STREAM: "application/vnd.apache.arrow.stream",
    FileFormat.JSON: "application/json",
    FileFormat.TEXT: "text/plain",
}
_TABLE_MEDIA_TYPES = {TableFormat.CSV: "text/csv", TableFormat.JSON_LINES: "application/jsonl"}
_MAY_BE_WEIGHTS = frozenset(
    {
        FileFormat.OPAQUE_PICKLE,
        FileFormat.HDF5,
        FileFormat.NUMPY,
        FileFormat.ZIP,
        FileFormat.COMPRESSED,
        FileFormat.UNKNOWN,
    }
)
_CARD = "card README.md"
_NO_STATEMENT = frozenset({"unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the person who describes an artifact says of it; empty is: nothing said."""

    type: ArtifactType | None = None
    name: str = ""
    version: str = ""
    licenses: tuple[str, ...] = ()
    supplier: str = ""
    parents: tuple[Parent, ...] = ()
    spec_version: str = DEFAULT_SPEC_VERSION


@dataclass(frozen=True, slots=True)
class Description:
    """A BOM, and what was found while it was made (unreadable cards and tables)."""

    bom: Bom
    findings: tuple[Finding, ...]


def generate_bom(
    path: str | os.PathLike[str],
    fingerprint: Fingerprint,
    options: Options | None = None,
    *,
    timestamp: datetime | None = None,
) -> Bom:
    """Return the BOM of the artifact at `path`, whose fingerprint this is; otherwise as `describe_path`."""
    return describe_path(path, fingerprint, options, timestamp=timestamp).bom


def describe_path(
    path: str | os.PathLike[str],
    fingerprint: Fingerprint,
    options: Options | None = None,
    *,
    timestamp: datetime | None = None,
    glances: Glances | None = None,
) -> Description:
    """Describe the artifact at `path`, whose fingerprint this is, by its own files and by what `options` add.

    `glances` are of the reading that the fingerprint comes from, where anybody looked on.

    Options go before what a card declares: a given licence replaces the card's, and so
    does a given parent of the same relation and name.
    Raises `UsageError` where the content doesn't tell dataset from model and `options` don't either, where a dataset
    is said to be trained, an artifact to come from itself, or a licence is empty; otherwise as `looking.look`.
    """
    options = options or Options()
    if options.spec_version not in WRITTEN_SPEC_VERSIONS:
        raise UsageError(
            USAGE, "a version of CycloneDX that isn't written", got=printable(options.spec_version),
            expected=" or ".join(WRITTEN_SPEC_VERSIONS),
        )  # fmt: skip
    sight = look(Path(os.path.realpath(path)), fingerprint, glances)
    pins = _pins(path, fingerprint)
    artifact_type = options.type or _told_type(sight, pins.pins, where=printable(os.fspath(path)))
    licenses, by = _licenses(options, sight)
    facts = Facts(
        type=artifact_type,
        name=options.name or fingerprint.name,
        version=options.version,
        supplier=options.supplier,
        licenses=licenses,
        licenses_by=by,
        media_type=_media_type(fingerprint, sight),
        parents=_parents(options, sight, artifact_type),
        tables=sight.tables,
        file_formats=_file_formats(sight),
        weights=sight.weights,
        card=sight.card,
        configuration=sight.configuration,
        pins=pins.pins,
    )
    if any(parent.derivation.parent == fingerprint.digest for parent in facts.parents):
        raise UsageError(
            USAGE, "an artifact doesn't come from itself", where=printable(os.fspath(path)),
            hint="leave it out of its own inputs",
        )  # fmt: skip
    bom = describe(fingerprint, facts, spec_version=options.spec_version, timestamp=timestamp)
    return Description(bom, (*sight.findings, *pins.findings))


def _pins(path: str | os.PathLike[str], fingerprint: Fingerprint) -> Pins:
    if not may_be_table(fingerprint):
        return Pins()
    from dbom.snapshots import find_pins  # noqa: PLC0415  only tables pay for it

    return find_pins(path, fingerprint)


def _file_formats(sight: Sight) -> dict[str, str]:
    tables = {path: str(table.format) for path, table in sight.tables.items()}
    return {path: tables.get(path, str(found)) for path, found in sight.formats.items()}


def _told_type(sight: Sight, pins: Sequence[TablePin], *, where: str) -> ArtifactType:
    """Tell a model by weights, a dataset by data without weights; an opaque pickle or anything else tells nothing.

    In a table of a known format, what is unknown in its metadata (Avro manifests) is no sign of weights.
    """
    formats = {
        found
        for path, found in sight.formats.items()
        if not (pins and found is FileFormat.UNKNOWN and path.startswith("metadata/"))
    }
    may_be_weights = bool(formats & _MAY_BE_WEIGHTS) or not sight.is_whole
    configured = sight.configuration is not None and bool(sight.configuration.architectures)
    if any(found.holds_weights for found in formats) or (configured and may_be_weights):
        return ArtifactType.MODEL
    if not may_be_weights and not configured and (sight.tables or any(found.holds_data for found in formats)):
        return ArtifactType.DATASET
    unseen = () if sight.is_whole else ("more than were looked at",)
    shown = ", ".join((*sorted(formats), *unseen))
    raise UsageError(
        KIND_UNKNOWN, "can't tell whether this is a dataset or a model", where=where, got=f"files: {shown}"
    )


def _licenses(options: Options, sight: Sight) -> tuple[tuple[License, ...], str]:
    if options.licenses:
        if not all(text.strip() for text in options.licenses):
            raise UsageError(USAGE, "an empty licence", expected="an SPDX id or expression, or a name")
        return tuple(dict.fromkeys(License.of(text) for text in options.licenses)), "given"
    if sight.card is None:
        return (), ""
    stated: list[License] = []
    for text in sight.card.licenses:
        if text == "other" and sight.card.license_name:
            stated.append(License(name=sight.card.license_name, url=_url(sight.card.license_link)))
        elif text not in _NO_STATEMENT:
            stated.append(License.of(text))
    return tuple(dict.fromkeys(stated)), _CARD


def _url(text: str) -> str:
    return text if text.startswith(("https://", "http://")) and text.isprintable() and " " not in text else ""


def _parents(options: Options, sight: Sight, artifact_type: ArtifactType) -> tuple[Parent, ...]:
    for parent in options.parents:
        if artifact_type is ArtifactType.DATASET and parent.derivation.relation in DATASET_RELATIONS:
            raise UsageError(
                USAGE,
                f"only a model is {parent.derivation.relation} something",
                hint="use --derived-from or --input for a dataset, or say --as model",
            )
    declared = list(sight.card.parents) if sight.card else []
    if sight.adapter:
        declared.append(sight.adapter)
    found = list(options.parents)
    given = {(parent.derivation.relation, parent.derivation.name) for parent in options.parents}
    for item in declared:
        relation = item.relation
        if relation is Relation.TRAINED_ON and artifact_type is ArtifactType.DATASET:
            relation = Relation.DERIVED_FROM
        if (relation, item.name) not in given:
            known = Known(Basis.DECLARED, "adapter_config.json" if item is sight.adapter else _CARD)
            found.append(Parent(Derivation(relation, item.name, Unknown("declared by name only"), known)))
    by_identity = {(p.derivation.relation, _identity(p.derivation)): p for p in reversed(found)}
    return tuple(reversed(by_identity.values()))


def _identity(derivation: Derivation) -> tuple[str, str]:
    is_named = isinstance(derivation.parent, Unknown)
    return ("name", derivation.name) if is_named else ("digest", str(derivation.parent))


def _media_type(fingerprint: Fingerprint, sight: Sight) -> str:
    if fingerprint.kind is Kind.TREE:
        return ""
    for table in sight.tables.values():
        if table.format in _TABLE_MEDIA_TYPES:
            return _TABLE_MEDIA_TYPES[table.format]
    return next((_MEDIA_TYPES.get(found, "") for found in sight.formats.values()), "")
