"""The CustomResourceDefinition of `ProvenancePolicy`, made of the one schema in `admission.policy_schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.policy_schema import SPEC_SCHEMA
from admission.yaml_text import yaml_text
from dbom.names import API_VERSION, POLICY_KIND

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

__all__ = ["crd_document", "render_crd"]

_GROUP, _, _VERSION = API_VERSION.partition("/")
_PLURAL: Final = "provenancepolicies"

_STATUS: Final[JsonObject] = {
    "type": "object",
    "description": "What became of it: written by the controller.",
    "properties": {
        "conditions": {
            "type": "array",
            "maxItems": 16,
            "items": {
                "type": "object",
                "required": ["type", "status"],
                "properties": {
                    "type": {"type": "string"},
                    "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                    "reason": {"type": "string"},
                    "message": {"type": "string"},
                    "lastTransitionTime": {"type": "string", "format": "date-time"},
                    "observedGeneration": {"type": "integer", "format": "int64"},
                },
            },
        }
    },
}


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
                "additionalPrinterColumns": [
                    {"name": "Mode", "type": "string", "jsonPath": ".spec.mode"},
                    {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"},
                ],
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {"spec": SPEC_SCHEMA, "status": _STATUS},
                    }
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
    return yaml_text(crd_document())
