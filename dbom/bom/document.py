"""A BOM as a value: what we know of it is typed, what we don't know is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Self

from dbom.bom.derivations import KNOWN, KNOWN_BY, component_digest, read_derivations
from dbom.bom.linting import lint
from dbom.bom.reading import member, objects, property_value, text
from dbom.bom.schema import SPEC_VERSIONS, schema_faults
from dbom.canonical import MAX_DOCUMENT_BYTES, json_object
from dbom.errors import DocumentError
from dbom.model import Basis, Known, Severity, Unknown
from dbom.printable import printable
from dbom.rules.documents import BOM_MALFORMED

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject
    from dbom.model import Derivation, Digest

__all__ = ["LICENSES_BY", "Bom", "matches"]

LICENSES_BY = "dbom:licenses:by"
"""The component property that says whose word the licences are: `card README.md`, `given`."""


@dataclass(frozen=True, slots=True)
class Bom:
    """A valid CycloneDX document. `document` is all of it, and is not to be changed in place."""

    document: JsonObject

    @classmethod
    def parse(cls, data: bytes, *, where: str, limit: int = MAX_DOCUMENT_BYTES) -> Self:
        """Read a CycloneDX JSON document of version 1.2 to 1.7.

        Raises `DocumentError`, with every fault, where it isn't JSON, isn't CycloneDX, breaks the official schema,
        gives a `bom-ref` twice or refers to one that isn't there.
        """
        return cls.of_document(json_object(data, where=where, limit=limit), where=where)

    @classmethod
    def of_document(cls, document: JsonObject, *, where: str) -> Self:
        """Check a document that is parsed already, such as the predicate of a statement; otherwise as `parse`."""
        version = document.get("specVersion")
        if document.get("bomFormat") != "CycloneDX" or version not in SPEC_VERSIONS:
            raise DocumentError(
                BOM_MALFORMED,
                "not a CycloneDX document",
                where=where,
                got=f"bomFormat {_shown(document.get('bomFormat'))}, specVersion {_shown(version)}",
                expected=f'bomFormat "CycloneDX", specVersion {SPEC_VERSIONS[0]} to {SPEC_VERSIONS[-1]}',
            )
        faults = (
            *schema_faults(document, str(version)),
            *(finding.message for finding in lint(document) if finding.severity is Severity.ERROR),
        )
        if faults:
            count = f"{len(faults)} faults, the first: " if len(faults) > 1 else ""
            raise DocumentError(
                BOM_MALFORMED, f"malformed BOM: {count}{printable(faults[0])}", where=where, faults=faults
            )
        return cls(document)

    def to_json(self) -> bytes:
        """Return the document, everything that was read included, as indented JSON in the document's own order."""
        return json.dumps(self.document, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"

    def to_json_line(self) -> bytes:
        """Return the same document in one line, without an end of line."""
        return json.dumps(self.document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()

    @property
    def spec_version(self) -> str:
        """The version of CycloneDX that the document is written in."""
        return text(self.document, "specVersion")

    @property
    def component(self) -> JsonObject:
        """The described component, `metadata.component`; empty where there is none."""
        component = member(self.document, "metadata", "component")
        return component if isinstance(component, dict) else {}

    @property
    def artifact(self) -> Digest | Unknown:
        """The identity of the bytes that the BOM is about: the SHA-256, and the tree media type for a tree."""
        if not self.component:
            return Unknown("the BOM describes no component")
        return component_digest(self.component)

    @property
    def artifact_known(self) -> Known | Unknown:
        """How the BOM says that the digest of the bytes is known; unknown where it doesn't say it in dbom's words."""
        basis = property_value(self.component, KNOWN)
        if basis not in set(Basis):
            return Unknown("the BOM doesn't say how its digest is known")
        return Known(Basis(basis), property_value(self.component, KNOWN_BY))

    @property
    def name(self) -> str:
        """The name of the described component; empty where there is none."""
        return text(self.component, "name")

    @property
    def version(self) -> str:
        """The version of the described component; empty where none is stated."""
        return text(self.component, "version")

    @property
    def kind_word(self) -> str:
        """`model`, `dataset`, or `data` for everything else."""
        if self.component.get("type") == "machine-learning-model":
            return "model"
        is_dataset = any(item.get("type") == "dataset" for item in objects(self.component, "data"))
        return "dataset" if self.component.get("type") == "data" and is_dataset else "data"

    @property
    def licenses(self) -> tuple[str, ...] | Unknown:
        """The licences stated for the described component: SPDX ids, expressions and names, in the BOM's order."""
        found = tuple(
            stated
            for choice in objects(self.component, "licenses")
            if (stated := text(choice, "expression") or _license(choice.get("license")))
        )
        return found or Unknown("the BOM states no licence")

    @property
    def licenses_known(self) -> Known:
        """By whose word the licences are known; a BOM never has more than somebody's declaration."""
        return Known(Basis.DECLARED, property_value(self.component, LICENSES_BY))

    @property
    def derivations(self) -> tuple[Derivation, ...]:
        """What the BOM says the described component came from, in the BOM's order, each once."""
        return read_derivations(self.document, self.component)

    def _repr_html_(self) -> str:
        """Return what the BOM says, a fact a row, for a notebook."""
        from dbom.bom.summary import bom_summary  # noqa: PLC0415  it imports this module

        rows = "".join(f"<li>{escape(line)}</li>" for line in bom_summary(self))
        return f"<div><b>CycloneDX {escape(printable(self.spec_version))}</b><ul>{rows}</ul></div>"


def matches(bom: Bom, digest: Digest) -> bool:
    """Return whether the BOM is about the artifact of this digest, by kind and digits."""
    return bom.artifact == digest


def _license(value: Json) -> str:
    return text(value, "id") or text(value, "name")


def _shown(value: Json) -> str:
    return printable(json.dumps(value))
