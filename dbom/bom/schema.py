"""The official CycloneDX JSON schemas, held offline, and what they find wrong."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import TYPE_CHECKING

from dbom.canonical import json_object, load_json

if TYPE_CHECKING:
    import jsonschema_rs

    from dbom.canonical import JsonObject

__all__ = ["DEFAULT_SPEC_VERSION", "SPEC_VERSIONS", "WRITTEN_SPEC_VERSIONS", "json_schema_faults", "schema_faults"]

DEFAULT_SPEC_VERSION = "1.6"
"""The version that is written where nobody asks for another."""

WRITTEN_SPEC_VERSIONS = ("1.6", "1.7")
"""The versions of CycloneDX that we write."""

SPEC_VERSIONS = ("1.2", "1.3", "1.4", "1.5", "1.6", "1.7")
"""The versions of CycloneDX that we read: all that have a JSON schema."""

MAX_FAULTS = 100
"""The most faults that are listed for one document."""

_REFERENCED = ("spdx", "jsf-0.82", "cryptography-defs")


def schema_faults(document: JsonObject, spec_version: str) -> tuple[str, ...]:
    """Return what the official schema of `spec_version` finds wrong, each with its place; at most `MAX_FAULTS`.

    Formats (`iri-reference`, `idn-email`) are not asserted: draft 7 leaves that open, and implementations differ.
    """
    return _faults(_validator(spec_version), document)


def json_schema_faults(document: JsonObject, schema: str) -> tuple[str, ...]:
    """Return what a JSON schema (2020-12, as text) finds wrong, each with its place; at most `MAX_FAULTS`."""
    return _faults(_validator_of(schema), document)


def _faults(
    validator: jsonschema_rs.Draft7Validator | jsonschema_rs.Draft202012Validator, document: JsonObject
) -> tuple[str, ...]:
    faults: list[str] = []
    for error in validator.iter_errors(document):
        place = "/".join(str(step) for step in error.instance_path) or "the document"
        faults.append(f"{place}: {error.message}")
        if len(faults) == MAX_FAULTS:
            break
    return tuple(sorted(faults))


@functools.cache
def _validator_of(schema: str) -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs  # noqa: PLC0415  only what reads or writes a predicate pays for it

    return jsonschema_rs.Draft202012Validator(json_object(schema.encode(), where="a schema"))


@functools.cache
def _validator(spec_version: str) -> jsonschema_rs.Draft7Validator:
    import jsonschema_rs  # noqa: PLC0415  only what reads or writes a BOM pays for it

    pairs = [(f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", _resource(name)) for name in _REFERENCED]
    registry = jsonschema_rs.Registry(pairs, draft=jsonschema_rs.Draft7)
    return jsonschema_rs.Draft7Validator(_resource(_main(spec_version)), registry=registry, validate_formats=False)


def _main(spec_version: str) -> str:
    return f"bom-{spec_version}{'-strict' if spec_version in ('1.2', '1.3') else ''}"


def _resource(name: str) -> JsonObject:
    path = files("cyclonedx").joinpath("schema", "_res", f"{name}.SNAPSHOT.schema.json")
    value = load_json(path.read_bytes(), where=path.name)
    return value if isinstance(value, dict) else {}
