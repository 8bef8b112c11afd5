"""The CustomResourceDefinition of `ProvenancePolicy`, made of the one schema in `admission.policy_schema`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from admission.policy_schema import SPEC_SCHEMA
from dbom.names import API_VERSION, POLICY_KIND

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["crd_document", "render_crd"]

_GROUP, _, _VERSION = API_VERSION.partition("/")
_PLURAL: Final = "provenancepolicies"


def crd_document() -> JsonObject:
    """Return the definition as JSON."""
    spec: JsonObject = {
        "group": _GROUP,
        "scope": "Namespaced",
        "names": {
            "kind": POLICY_KIND,
            "listKind": f"{POLICY_KIND}List",
            "plural": _PLURAL,
            "singular": POLICY_KIND.lower(),
        },
        "versions": [
            {
                "name": _VERSION,
                "served": True,
                "storage": True,
                "additionalPrinterColumns": [{"name": "Mode", "type": "string", "jsonPath": ".spec.mode"}],
                "schema": {
                    "openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {"spec": SPEC_SCHEMA}}
                },
            }
        ],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{_PLURAL}.{_GROUP}"},
        "spec": spec,
    }


def render_crd() -> str:
    """Return the definition as YAML."""
    return "\n".join(_lines(crd_document())) + "\n"


def _lines(value: Json) -> list[str]:
    """Return a value as YAML in block style; every text is written as JSON writes it, which YAML reads alike."""
    if isinstance(value, dict) and value:
        return [line for key, item in value.items() for line in _member(f"{_scalar(key)}:", item)]
    if isinstance(value, list) and value:
        return [line for item in value for line in _item(item)]
    return [_scalar(value)]


def _member(head: str, value: Json) -> list[str]:
    if isinstance(value, (dict, list)) and value:
        return [head, *(f"  {line}" for line in _lines(value))]
    return [f"{head} {_scalar(value)}"]


def _item(value: Json) -> list[str]:
    first, *rest = _lines(value)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _scalar(value: Json) -> str:
    is_plain = isinstance(value, str) and value.isalpha() and value.lower() not in ("true", "false", "null", "y", "n")
    is_plain = is_plain and value not in ("yes", "no", "on", "off")
    return str(value) if is_plain else json.dumps(value)
