"""A fingerprint and facts to a BOM: pure, and the same bytes for the same input (docs/formats/bom.md)."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from typing import TYPE_CHECKING

from dbom import __version__
from dbom.bom.derivations import DATASET_RELATIONS, KNOWN, KNOWN_BY
from dbom.bom.document import LICENSES_BY, Bom
from dbom.bom.facts import ArtifactType
from dbom.bom.licenses import license_choices
from dbom.bom.schema import DEFAULT_SPEC_VERSION
from dbom.bom.tables import table_data
from dbom.canonical import canonical_json
from dbom.model import Basis, Digest, Kind, Known, Relation
from dbom.names import ANNOTATION_IGNORE, ANNOTATION_RELATION, PROPERTY_PREFIX, TREE_MEDIA_TYPE

if TYPE_CHECKING:
    from datetime import datetime

    from dbom.bom.facts import Facts, Parent
    from dbom.canonical import Json, JsonObject
    from dbom.model import Entry, Fingerprint

__all__ = ["MAX_LISTED_FILES", "describe"]

MAX_LISTED_FILES = 1000
"""The most files of a tree that a BOM lists; a larger tree's are in its manifest, whose sha256 is the digest."""

_OF_MODELS = frozenset(
    {
        Relation.FINE_TUNED_FROM,
        Relation.QUANTIZED_FROM,
        Relation.MERGED_FROM,
        Relation.ADAPTER_OF,
        Relation.DISTILLED_FROM,
    }
)


def describe(
    fingerprint: Fingerprint,
    facts: Facts,
    *,
    spec_version: str = DEFAULT_SPEC_VERSION,
    timestamp: datetime | None = None,
) -> Bom:
    """Return the BOM of the artifact with this fingerprint. What `facts` leave empty is left out.

    The serial number is derived from the document itself; `timestamp`, in UTC, stands in it only where it is given.
    Raises `DocumentError` where the official schema refuses the result, which no input should bring about.
    """
    ref = str(fingerprint.digest)
    parents = sorted(facts.parents, key=_parent_ref)
    metadata: JsonObject = {} if timestamp is None else {"timestamp": _moment(timestamp)}
    metadata["tools"] = {"components": [{"type": "application", "name": "dbom", "version": __version__}]}
    metadata["component"] = _component(fingerprint, facts, parents)
    document: JsonObject = {
        "$schema": f"http://cyclonedx.org/schema/bom-{spec_version}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": spec_version,
        "version": 1,
        "metadata": metadata,
    }
    inside = [_parent(parent, facts.type) for parent in parents if not _is_ancestor(parent)]
    if inside:
        document["components"] = list(inside)
    refs = [_parent_ref(parent) for parent in parents]
    own: JsonObject = {"ref": ref, "dependsOn": list(refs)} if refs else {"ref": ref}
    leaves: list[Json] = [{"ref": item} for item in refs]
    document["dependencies"] = [own, *leaves]
    document["compositions"] = _compositions(fingerprint)
    identified: JsonObject = {"$schema": document.pop("$schema"), "serialNumber": _serial_number(document), **document}
    return Bom.of_document(identified, where="the generated BOM")


def _moment(timestamp: datetime) -> str:
    return timestamp.isoformat(timespec="seconds").replace("+00:00", "Z")


def _component(fingerprint: Fingerprint, facts: Facts, parents: list[Parent]) -> JsonObject:
    is_tree, is_model = fingerprint.kind is Kind.TREE, facts.type is ArtifactType.MODEL
    component: JsonObject = {
        "type": "machine-learning-model" if is_model else "data",
        "bom-ref": str(fingerprint.digest),
        "name": facts.name,
    }
    media_type = TREE_MEDIA_TYPE if is_tree else facts.media_type
    component |= {key: value for key, value in (("version", facts.version), ("mime-type", media_type)) if value}
    component["hashes"] = _hashes(fingerprint.digest.hex)
    if facts.supplier:
        component["supplier"] = {"name": facts.supplier}
    if facts.licenses:
        component["licenses"] = license_choices(facts.licenses)
    if facts.card and facts.card.tags:
        component["tags"] = list(facts.card.tags)
    ancestors = [_parent(parent, facts.type) for parent in parents if _is_ancestor(parent)]
    if ancestors:
        component["pedigree"] = {"ancestors": list(ancestors)}
    if is_model:
        component["modelCard"] = _model_card(facts, parents)
    else:
        component["data"] = table_data(facts)
    if is_tree and len(fingerprint.entries) <= MAX_LISTED_FILES:
        component["components"] = [_file(entry, facts) for entry in fingerprint.entries]
    component["properties"] = _properties(fingerprint, facts)
    return component


def _properties(fingerprint: Fingerprint, facts: Facts) -> list[Json]:
    formats = Counter(facts.file_formats.values())
    pairs = [
        ("dbom:kind", str(fingerprint.kind)),
        ("dbom:files", str(len(fingerprint.entries))),
        ("dbom:bytes", str(fingerprint.size)),
        *_known(fingerprint.known),
        *((ANNOTATION_IGNORE, pattern) for pattern in fingerprint.ignores if fingerprint.kind is Kind.TREE),
        *((f"dbom:format:{name}", str(count)) for name, count in formats.items()),
        (LICENSES_BY, facts.licenses_by if facts.licenses else ""),
    ]
    for pin in facts.pins:
        of_table = f"{PROPERTY_PREFIX}{pin.layout}:"
        pairs += [(of_table + pin.layout.word, str(pin.snapshot)), (f"{of_table}manifests", f"sha256:{pin.manifests}")]
    if len(formats) and formats.total() < len(fingerprint.entries):
        pairs.append(("dbom:files:looked-at", str(formats.total())))
    if facts.card:
        pairs += [("dbom:card:language", language) for language in facts.card.languages]
        pairs.append(("dbom:card:library", facts.card.library))
    return _property_list(sorted(pair for pair in pairs if pair[1]))


def _model_card(facts: Facts, parents: list[Parent]) -> JsonObject:
    parameters: JsonObject = {}
    if facts.card and facts.card.task:
        parameters["task"] = facts.card.task
    if facts.configuration and facts.configuration.architectures:
        parameters["modelArchitecture"] = ", ".join(facts.configuration.architectures)
    datasets = [_parent_ref(p) for p in parents if p.derivation.relation in DATASET_RELATIONS]
    if datasets:
        parameters["datasets"] = [{"ref": ref} for ref in datasets]
    card: JsonObject = {"modelParameters": parameters} if parameters else {}
    pairs = []
    if facts.weights:
        pairs += [("dbom:parameters", str(sum(facts.weights.parameters.values())))]
        pairs += [(f"dbom:parameters:{dtype}", str(n)) for dtype, n in sorted(facts.weights.parameters.items())]
        pairs += [("dbom:tensors", str(facts.weights.tensors)), ("dbom:weights:files", str(facts.weights.files))]
    if facts.configuration and facts.configuration.model_type:
        pairs.append(("dbom:model-type", facts.configuration.model_type))
    if pairs:
        card["properties"] = _property_list(pairs)
    return card


def _file(entry: Entry, facts: Facts) -> JsonObject:
    pairs = [("dbom:bytes", str(entry.size)), ("dbom:format", facts.file_formats.get(entry.path, ""))]
    if entry.known.basis is not Basis.COMPUTED:
        pairs += _known(entry.known)
    return {
        "type": "file",
        "name": entry.path,
        "hashes": _hashes(entry.sha256),
        "properties": _property_list([pair for pair in pairs if pair[1]]),
    }


def _is_ancestor(parent: Parent) -> bool:
    return parent.derivation.relation not in DATASET_RELATIONS and parent.derivation.relation is not Relation.INPUT


def _parent_ref(parent: Parent) -> str:
    derivation = parent.derivation
    which = str(derivation.parent) if isinstance(derivation.parent, Digest) else f"name:{derivation.name}"
    return f"{derivation.relation}/{which}"


def _parent(parent: Parent, child: ArtifactType) -> JsonObject:
    derivation = parent.derivation
    is_model = parent.kind_word == "model" or (
        not parent.kind_word
        and (
            derivation.relation in _OF_MODELS
            or (derivation.relation is Relation.DERIVED_FROM and child is ArtifactType.MODEL)
        )
    )
    component: JsonObject = {
        "type": "machine-learning-model" if is_model else "data",
        "bom-ref": _parent_ref(parent),
        "name": derivation.name,
    }
    if parent.version:
        component["version"] = parent.version
    if isinstance(derivation.parent, Digest):
        if derivation.parent.kind is Kind.TREE:
            component["mime-type"] = TREE_MEDIA_TYPE
        component["hashes"] = _hashes(derivation.parent.hex)
    if parent.kind_word == "dataset" or derivation.relation in DATASET_RELATIONS:
        component["data"] = [{"type": "dataset", "name": derivation.name}]
    if parent.bom_link:
        component["externalReferences"] = [{"type": "bom", "url": parent.bom_link}]
    pairs = [*_known(derivation.known), (ANNOTATION_RELATION, str(derivation.relation))]
    component["properties"] = _property_list(pairs)
    return component


def _compositions(fingerprint: Fingerprint) -> list[Json]:
    ref = str(fingerprint.digest)
    dependencies: JsonObject = {"aggregate": "incomplete", "dependencies": [ref]}
    if fingerprint.kind is Kind.FILE:
        return [dependencies]
    is_listed = len(fingerprint.entries) <= MAX_LISTED_FILES
    return [{"aggregate": "complete" if is_listed else "incomplete", "assemblies": [ref]}, dependencies]


def _known(known: Known) -> list[tuple[str, str]]:
    return [(KNOWN, str(known.basis)), *([(KNOWN_BY, known.by)] if known.by else [])]


def _hashes(digits: str) -> list[Json]:
    return [{"alg": "SHA-256", "content": digits}]


def _property_list(pairs: list[tuple[str, str]]) -> list[Json]:
    return [{"name": name, "value": value} for name, value in pairs]


def _serial_number(document: JsonObject) -> str:
    """Return a version 8 UUID (RFC 9562, section 5.8): the sha256 of the document without its serial number, cut."""
    number = bytearray(hashlib.sha256(canonical_json(document)).digest()[:16])
    number[6] = 0x80 | number[6] & 0x0F
    number[8] = 0x80 | number[8] & 0x3F
    return f"urn:uuid:{uuid.UUID(bytes=bytes(number))}"
