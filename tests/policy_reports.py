"""The kind PolicyReport (wgpolicyk8s.io/v1alpha2), as far as a report of ours and `kubectl get` are concerned.

Fields, the words that are allowed and the columns are those of the working group's definition; what isn't named here
an API server drops, and a test compares.
"""

from __future__ import annotations

from typing import Any

__all__ = ["POLICY_REPORTS"]

_TEXT = {"type": "string"}
_OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": dict.fromkeys(
        ("apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid"), _TEXT
    ),
}
_RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["policy"],
    "properties": {
        **dict.fromkeys(("category", "message", "policy", "rule", "source"), _TEXT),
        "properties": {"type": "object", "additionalProperties": _TEXT},
        "resources": {"type": "array", "items": _OBJECT},
        "result": {"type": "string", "enum": ["pass", "fail", "warn", "error", "skip"]},
        "scored": {"type": "boolean"},
        "severity": {"type": "string", "enum": ["critical", "high", "low", "medium", "info"]},
        "timestamp": {
            "type": "object",
            "required": ["nanos", "seconds"],
            "properties": {
                "nanos": {"type": "integer", "format": "int32"},
                "seconds": {"type": "integer", "format": "int64"},
            },
        },
    },
}
_COUNTS = ("pass", "fail", "warn", "error", "skip")
POLICY_REPORTS: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "policyreports.wgpolicyk8s.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
    },
    "spec": {
        "group": "wgpolicyk8s.io",
        "scope": "Namespaced",
        "names": {
            "kind": "PolicyReport",
            "plural": "policyreports",
            "singular": "policyreport",
            "shortNames": ["polr"],
        },
        "versions": [
            {
                "name": "v1alpha2",
                "served": True,
                "storage": True,
                "additionalPrinterColumns": [
                    {"name": count.capitalize(), "type": "integer", "jsonPath": f".summary.{count}"}
                    for count in _COUNTS
                ],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "results": {"type": "array", "items": _RESULT},
                            "scope": _OBJECT,
                            "summary": {
                                "type": "object",
                                "properties": {count: {"type": "integer"} for count in _COUNTS},
                            },
                        },
                    }
                },
            }
        ],
    },
}
"""The definition, to be applied."""
