"""Predicates before they are signed: those whose form is known are held against it.

The schemas in `attest/schemas` are ours, written after each predicate's specification: what it calls required is
required, what it gives a type has that type, and what it doesn't name is let through, as in-toto's parsing rules say.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from attest.location import Location
from dbom.bom import Bom, matches
from dbom.bom.schema import SPEC_VERSIONS, json_schema_faults, schema_faults
from dbom.errors import DocumentError, EvidenceError, MismatchError, UsageError
from dbom.names import (
    PREDICATE_BOM,
    PREDICATE_LOCATION,
    PREDICATE_OMS,
    PREDICATE_POLICY,
    PREDICATE_PROVENANCE,
    PREDICATE_REVOCATION,
    PREDICATE_REVOCATION_HEAD,
    PREDICATE_VSA,
)
from dbom.printable import printable
from dbom.rules.attestations import BOM_OF_OTHER_BYTES
from dbom.rules.everyday import USAGE
from dbom.rules.stores import PREDICATE_MALFORMED

if TYPE_CHECKING:
    from dbom.canonical import JsonObject
    from dbom.model import Digest

__all__ = ["demand_predicate", "predicate_faults"]

_SCHEMAS: Final = {
    PREDICATE_PROVENANCE: "provenance-v1",
    PREDICATE_VSA: "verification-summary-v1",
    PREDICATE_REVOCATION: "revocation-v1",
    PREDICATE_REVOCATION_HEAD: "revocation-head-v1",
}
_OWN_COMMANDS: Final = {
    PREDICATE_REVOCATION: "dbom attest revoke",
    PREDICATE_REVOCATION_HEAD: "dbom attest revocations publish",
    PREDICATE_OMS: "dbom sign --oms",
    PREDICATE_POLICY: "dbom policy sign",
}


def demand_predicate(predicate_type: str, predicate: JsonObject, digest: Digest, *, where: str) -> None:
    """Hold a predicate against the form that its type has, before it is signed about `digest`.

    A type that isn't known passes. Raises `DocumentError` that lists every fault, `MismatchError` for a BOM about other
    bytes, `UsageError` for what isn't a type and for the types that have a command of their own, since their subjects
    aren't plain artifacts.
    """
    if "://" not in predicate_type or any(char.isspace() or not char.isprintable() for char in predicate_type):
        raise UsageError(
            USAGE, "not a predicate type", got=printable(predicate_type), expected="a URI, such as https://…"
        )
    if predicate_type in _OWN_COMMANDS:
        command = _OWN_COMMANDS[predicate_type]
        raise UsageError(USAGE, f"this predicate is made by `{command}`", got=predicate_type)
    faults = predicate_faults(predicate_type, predicate)
    if faults:
        raise DocumentError(
            PREDICATE_MALFORMED,
            f"no {predicate_type} predicate, for {len(faults)} reason{'s' if len(faults) > 1 else ''}",
            where=where,
            faults=faults,
        )
    if predicate_type == PREDICATE_BOM:
        bom = Bom.of_document(predicate, where=where)
        if not matches(bom, digest):
            raise MismatchError(
                BOM_OF_OTHER_BYTES,
                "the BOM is about other bytes, or doesn't say about which",
                where=where,
                got=printable(str(bom.artifact)),
                expected=str(digest),
            )


def predicate_faults(predicate_type: str, predicate: JsonObject) -> tuple[str, ...]:
    """Return what is wrong with a predicate of this type, each with its place; nothing for types that aren't known."""
    if predicate_type == PREDICATE_BOM:
        version = predicate.get("specVersion")
        if predicate.get("bomFormat") != "CycloneDX" or version not in SPEC_VERSIONS or not isinstance(version, str):
            return (f"no CycloneDX document of a version from {SPEC_VERSIONS[0]} to {SPEC_VERSIONS[-1]}",)
        return tuple(map(printable, schema_faults(predicate, version)))
    if predicate_type == PREDICATE_LOCATION:
        try:
            Location.of_predicate(predicate)
        except EvidenceError as error:
            return (error.what,)
        return ()
    name = _SCHEMAS.get(predicate_type)
    return () if name is None else tuple(map(printable, json_schema_faults(predicate, _schema(name))))


@cache
def _schema(name: str) -> str:
    """Return a schema of ours as text."""
    return files("attest").joinpath("schemas", f"{name}.schema.json").read_text()
