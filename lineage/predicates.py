"""What a statement says of where its subjects came from, read out of the predicates that say such things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from attest.location import Location
from dbom.errors import EvidenceError
from dbom.model import Basis, Derivation, Digest, Kind, Known, Relation, Unknown
from dbom.names import (
    ANNOTATION_RELATION,
    PREDICATE_BOM,
    PREDICATE_LOCATION,
    PREDICATE_PROVENANCE,
    TREE_MEDIA_TYPE,
)
from dbom.printable import printable
from dbom.rules.lineage import PREDICATE_ABOUT_ANOTHER, PREDICATE_MALFORMED, RELATION_UNKNOWN

if TYPE_CHECKING:
    from attest.statement import Statement
    from dbom.bom import Bom
    from dbom.canonical import Json, JsonObject
    from dbom.rules import Rule

__all__ = ["Said", "said_by"]


@dataclass(frozen=True, slots=True)
class Said:
    """What one statement says.

    `derivations` is None where the statement isn't one that could name inputs, and empty where it could and names
    none. `about` is the artifact that the predicate itself names, where it does. `remarks` are rules and messages.
    """

    derivations: tuple[Derivation, ...] | None = None
    about: Digest | None = None
    name: str = ""
    what: str = ""
    locations: tuple[str, ...] = ()
    remarks: tuple[tuple[Rule, str], ...] = ()

    def is_about(self, digest: Digest) -> bool:
        """Return whether the derivations are those of this subject."""
        return self.about is None or self.about == digest


def said_by(statement: Statement, *, where: str, bom: Bom | None = None) -> Said:
    """Return what the statement says of inputs and locations. Raises `DbomError` where its predicate is malformed.

    `bom` is its predicate as a BOM where somebody has read that already.
    """
    if statement.predicate_type == PREDICATE_BOM:
        return _said_by_bom(statement, where, bom)
    if statement.predicate_type == PREDICATE_PROVENANCE:
        return _said_by_provenance(statement.predicate, where)
    if statement.predicate_type == PREDICATE_LOCATION:
        location, _ = Location.of_predicate(statement.predicate)
        return Said(locations=(printable(str(location)),))
    return Said()


def _said_by_bom(statement: Statement, where: str, bom: Bom | None) -> Said:
    from dbom.bom import Bom  # noqa: PLC0415  the BOM model is heavy, and many statements are none

    bom = Bom.of_document(statement.predicate, where=where) if bom is None else bom
    about = bom.artifact if isinstance(bom.artifact, Digest) else None
    remarks: tuple[tuple[Rule, str], ...] = ()
    if about is not None and statement.about(about) is None:
        remarks = ((PREDICATE_ABOUT_ANOTHER, f"the BOM describes {about}, which is not a subject of the statement"),)
        return Said(about=about, derivations=(), remarks=remarks)
    return Said(derivations=bom.derivations, about=about, name=_text(bom.name), what=bom.kind_word)


def _said_by_provenance(predicate: JsonObject, where: str) -> Said:
    definition = predicate.get("buildDefinition")
    if not isinstance(definition, dict):
        raise EvidenceError(PREDICATE_MALFORMED, "provenance without a buildDefinition", where=where)
    dependencies = definition.get("resolvedDependencies", [])
    if not isinstance(dependencies, list):
        raise EvidenceError(PREDICATE_MALFORMED, "resolvedDependencies is not a list", where=where)
    read = [_dependency(item) for item in dependencies]
    return Said(
        derivations=tuple(derivation for derivation, _ in read),
        remarks=tuple(remark for _, remarks in read for remark in remarks),
    )


def _dependency(item: Json) -> tuple[Derivation, list[tuple[Rule, str]]]:
    """Read one resource descriptor. One that can't be read is still a parent, of which nothing is known."""
    descriptor = item if isinstance(item, dict) else {}
    name = _text(descriptor.get("name")) or _text(descriptor.get("uri"))
    remarks = [] if descriptor else [(PREDICATE_MALFORMED, "a resolved dependency is not an object")]
    annotations = descriptor.get("annotations")
    word = annotations.get(ANNOTATION_RELATION, Relation.INPUT) if isinstance(annotations, dict) else Relation.INPUT
    try:
        relation = Relation(word)  # type: ignore[arg-type]  # anything but one of its words raises
    except ValueError:
        relation = Relation.INPUT
        remarks.append((RELATION_UNKNOWN, f"{printable(str(word))} is taken as input"))
    return Derivation(relation, name, _parent(descriptor), Known(Basis.DECLARED)), remarks


def _parent(descriptor: JsonObject) -> Digest | Unknown:
    digests = descriptor.get("digest")
    sha256 = digests.get("sha256") if isinstance(digests, dict) else None
    if not isinstance(sha256, str):
        return Unknown("the statement gives no sha256 for it")
    try:
        return Digest(Kind.TREE if descriptor.get("mediaType") == TREE_MEDIA_TYPE else Kind.FILE, sha256)
    except ValueError:
        return Unknown("what the statement gives as sha256 is none")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
