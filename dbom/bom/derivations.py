"""How a BOM says what something came from: one mapping, read and written.

Datasets that a model was trained or evaluated on are `data` components that the model card refers to. What something
was made out of (derived, fine-tuned, quantised, merged …) are its pedigree's ancestors. Any other input is a component
of the BOM. Each carries the property `dbom:relation`; without it CycloneDX's own meaning holds: `trained-on` for a
model card's datasets, `derived-from` for ancestors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.bom.reading import objects, property_value, text, walk_objects
from dbom.model import Basis, Derivation, Digest, Kind, Known, Relation, Unknown
from dbom.names import ANNOTATION_RELATION, TREE_MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbom.canonical import Json, JsonObject

__all__ = ["DATASET_RELATIONS", "KNOWN", "KNOWN_BY", "component_digest", "read_derivations"]

DATASET_RELATIONS = frozenset({Relation.TRAINED_ON, Relation.EVALUATED_ON})
"""The relations that CycloneDX expresses by a model card's datasets; all others but `input` are ancestors."""

KNOWN = "dbom:known"
"""The property that says how a digest, or a parent without one, is known."""

KNOWN_BY = "dbom:known:by"
"""The property that says by whose word, where it isn't ours."""

_BOM_LINK = "urn:cdx:"


def component_digest(component: Json) -> Digest | Unknown:
    """Return the identity of a component: its one SHA-256, and its `mime-type` for whether it is a tree."""
    found = {text(item, "content").lower() for item in objects(component, "hashes") if item.get("alg") == "SHA-256"}
    if len(found) != 1:
        return Unknown("several SHA-256 are stated" if found else "no SHA-256 is stated")
    kind = Kind.TREE if text(component, "mime-type") == TREE_MEDIA_TYPE else Kind.FILE
    try:
        return Digest(kind, found.pop())
    except ValueError:
        return Unknown("what is stated as SHA-256 is none")


_RELATIONS = frozenset(Relation)
_BASES = frozenset(Basis)


def read_derivations(document: JsonObject, component: JsonObject) -> tuple[Derivation, ...]:
    """Return what `component`, the described one, is said to have come from; each once, in the document's order."""
    return tuple(dict.fromkeys(_derivations(document, component)))


def _derivations(document: JsonObject, component: JsonObject) -> Iterator[Derivation]:
    datasets = list(objects(component, "modelCard", "modelParameters", "datasets"))
    every = walk_objects(document) if datasets else ()
    by_ref = {ref: item for item in every if isinstance(ref := item.get("bom-ref"), str)}
    for dataset in datasets:
        ref = text(dataset, "ref")
        if ref.startswith(_BOM_LINK):
            yield Derivation(Relation.TRAINED_ON, ref, Unknown("described in another BOM"), Known(Basis.DECLARED))
        else:
            yield _derivation(by_ref.get(ref, {}) if ref else dataset, Relation.TRAINED_ON)
    for ancestor in objects(component, "pedigree", "ancestors"):
        yield _derivation(ancestor, Relation.DERIVED_FROM)
    for item in objects(document, "components"):
        if property_value(item, ANNOTATION_RELATION) in _RELATIONS:
            yield _derivation(item, Relation.INPUT)


def _derivation(component: JsonObject, default: Relation) -> Derivation:
    stated, basis = property_value(component, ANNOTATION_RELATION), property_value(component, KNOWN)
    return Derivation(
        Relation(stated) if stated in _RELATIONS else default,
        text(component, "name"),
        component_digest(component),
        Known(Basis(basis) if basis in _BASES else Basis.DECLARED, property_value(component, KNOWN_BY)),
    )
