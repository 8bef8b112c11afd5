"""The one schema of provenance policies: the CRD and the published JSON Schema are made of it, and files read by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from admission.authority_reading import AUTHORITIES_SCHEMA, TRUST_ROOTS_SCHEMA
from admission.match_reading import LOCATIONS_SCHEMA, MATCH_SCHEMA
from admission.policy import Mode
from admission.requirements.known import REQUIREMENTS
from admission.schema import bounded, json_schema_of
from dbom.names import API_VERSION, POLICY_KIND

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

__all__ = ["NAME_PATTERN", "SPEC_SCHEMA", "policy_json_schema"]

NAME_PATTERN: Final = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
"""What Kubernetes takes as the name of an object."""

SPEC_SCHEMA: Final[JsonObject] = bounded(
    {
        "type": "object",
        "required": ["authorities"],
        "properties": {
            "mode": {
                "type": "string",
                "enum": [str(mode) for mode in Mode],
                "default": str(Mode.ENFORCE),
                "description": "enforce: a no denies. warn: allowed, with a warning. audit: allowed, and recorded.",
            },
            "match": MATCH_SCHEMA,
            "trustRoots": TRUST_ROOTS_SCHEMA,
            "authorities": AUTHORITIES_SCHEMA,
            "locations": LOCATIONS_SCHEMA,
            **{requirement.KEY: requirement.SCHEMA for requirement in REQUIREMENTS},
        },
    }
)
"""The structural schema of `spec`."""

_METADATA: Final[JsonObject] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 253, "pattern": NAME_PATTERN},
        "namespace": {"type": "string", "minLength": 1, "maxLength": 63},
    },
}


def policy_json_schema() -> bytes:
    """Return the JSON Schema (2020-12) of a policy document, as it is published: docs/formats/policy.schema.json."""
    metadata = {**json_schema_of(_METADATA), "additionalProperties": True}
    document: JsonObject = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://dbom.dev/schemas/{POLICY_KIND}-{API_VERSION.rpartition('/')[2]}.json",
        "title": POLICY_KIND,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": POLICY_KIND},
            "metadata": metadata,
            "spec": json_schema_of(SPEC_SCHEMA),
            "status": {"type": "object"},
        },
    }
    return (json.dumps(document, indent=2) + "\n").encode()
