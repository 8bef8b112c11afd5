"""The Helm chart: the same objects, with expressions where installations differ, and values that a schema checks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.manifests.demands import NETWORK_PATTERN
from admission.manifests.gaps import gaps_of
from admission.manifests.heads import AUDIENCE_PATTERN, HeadsSigner
from admission.manifests.installation import (
    ALWAYS_EXCLUDED,
    HELD_PATTERN,
    IMAGE_PATTERN,
    LABEL_PATTERN,
    MOST_PATTERN,
    STORE_PATTERN,
    Certificates,
)
from admission.manifests.parts import PARTS
from admission.manifests.values import CHART_VALUES, container_resources
from admission.policy import Mode
from admission.yaml_text import yaml_text

if TYPE_CHECKING:
    from admission.manifests.heads import Heads
    from admission.manifests.installation import Installation
    from admission.manifests.parts import Part
    from dbom.canonical import Json, JsonObject

__all__ = ["chart_files"]

_NAME: Final[JsonObject] = {"type": "string", "pattern": f"^{LABEL_PATTERN}$"}
_NETWORK: Final[JsonObject] = {"type": "string", "pattern": NETWORK_PATTERN}
_QUANTITIES: Final[JsonObject] = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
_RESOURCES: Final[JsonObject] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"requests": _QUANTITIES, "limits": _QUANTITIES},
}


@dataclass(frozen=True, slots=True)
class _Setting:
    """A value of the chart: what it is by default, what may be given, and what it is for."""

    name: str
    default: Json
    schema: JsonObject
    comment: str


def chart_files(installation: Installation, version: str) -> dict[str, str]:
    """Return the files of the chart by their paths in it; its values are those of the installation.

    `version` is that of dbom, as a semantic version.
    """
    settings = _settings(installation)
    chart: JsonObject = {
        "apiVersion": "v2",
        "name": "dbom",
        "description": "The dbom admission gate: which pods may start, by signed evidence about what they load.",
        "type": "application",
        "version": version,
        "appVersion": version,
        "kubeVersion": ">=1.33.0-0",
    }
    return {
        "Chart.yaml": yaml_text(chart),
        "values.yaml": "\n".join(_described(setting) for setting in settings),
        "values.schema.json": json.dumps(_schema(settings), indent=2) + "\n",
        "templates/NOTES.txt": _notes(installation),
        **{f"templates/{part.name}.yaml": _template(part) for part in PARTS},
    }


def _template(part: Part) -> str:
    text = "".join(f"---\n{yaml_text(found)}" for found in part.objects(CHART_VALUES))
    if part.condition is None:
        return text
    return "{{- if " + part.condition.expression + " }}\n" + text + "{{- end }}\n"


def _described(setting: _Setting) -> str:
    return f"# {setting.comment}\n{yaml_text({setting.name: setting.default})}"


def _notes(installation: Installation) -> str:
    lines = [
        "The gate is installed in the namespace {{ .Values.namespace }}, in {{ .Values.mode }}.",
        "`kubectl delete validatingwebhookconfiguration dbom` alone stops all blocking by the webhook at once.",
        "",
        "GAPS of the values that this chart came with:",
        *(f"- {gap}" for gap in gaps_of(installation)),
    ]
    return "\n".join(lines) + "\n"


def _settings(given: Installation) -> tuple[_Setting, ...]:
    bundle = "" if given.ca_bundle is None else given.ca_bundle.decode("ascii")
    controller: JsonObject = {
        "enabled": given.has_controller,
        "resources": container_resources(given.controller_resources),
    }
    return (
        _Setting(
            "image",
            given.image,
            {"type": "string", "pattern": f"^{IMAGE_PATTERN}$"},
            "The image of dbom, by digest: IMAGE@sha256:HEX.",
        ),
        _Setting("namespace", given.namespace, {**_NAME, "not": {"const": ALWAYS_EXCLUDED}}, "Where it is installed."),
        _Setting(
            "mode",
            str(given.mode),
            _one_of(Mode.AUDIT, Mode.ENFORCE),
            "audit never blocks; enforce refuses what the webhook doesn't answer.",
        ),
        _Setting(
            "enforced",
            [*given.enforced],
            _list({**_NAME, "not": {"const": ALWAYS_EXCLUDED}}),
            "In audit: namespaces that are enforced already.",
        ),
        _Setting(
            "excluded",
            [*given.excluded],
            _list(_NAME),
            f"Namespaces to leave alone, beside {ALWAYS_EXCLUDED} and ours.",
        ),
        _Setting(
            "acceleratorAccounts",
            [*given.accelerator_accounts],
            _list({"type": "string", "pattern": f"^{LABEL_PATTERN}/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"}),
            "NAMESPACE/NAME of service accounts whose pods may have accelerators or image volumes there.",
        ),
        _Setting(
            "certificates",
            str(given.certificates),
            _one_of(*Certificates),
            "Who makes the webhook's certificate: our controller (own), cert-manager, or you (given: Secret dbom-tls).",
        ),
        _Setting("caBundle", bundle, {"type": "string"}, "With certificates given: the CA in PEM."),
        _Setting(
            "stores",
            [*given.stores],
            _list({"type": "string", "pattern": f"^{STORE_PATTERN}$"}),
            "URLs of the stores of evidence that the controller reads.",
        ),
        _Setting(
            "replicas",
            given.replicas,
            {"type": "integer", "minimum": 2, "maximum": 100},
            "Of the webhook.",
        ),
        _Setting(
            "webhook",
            {"resources": container_resources(given.webhook_resources)},
            _object({"resources": _RESOURCES}),
            "What the webhook may use.",
        ),
        _Setting(
            "controller",
            controller,
            _object({"enabled": {"type": "boolean"}, "resources": _RESOURCES}),
            "Without it, policies come from the ConfigMap dbom-policies, evidence from the volume claim dbom-store.",
        ),
        _Setting(
            "apiServers",
            [*given.api_servers],
            _list(_NETWORK),
            "Networks of the API server, from which alone the webhook is called; none: from anywhere.",
        ),
        _Setting("monitoring", [*given.monitoring], _list(_NAME), "Namespaces that may read metrics."),
        _Setting(
            "journal",
            {"claim": given.journal_claim, "most": given.journal_most},
            _object(
                {
                    "claim": {"type": "string", "pattern": f"^({LABEL_PATTERN})?$"},
                    "most": {"type": "string", "pattern": f"^({MOST_PATTERN})?$"},
                }
            ),
            "A volume claim, for many pods, that keeps the journals of replicas that are gone; most is what a replica's"
            " may take (192Mi to 999Gi) before its oldest files are deleted.",
        ),
        _heads(given.heads),
    )


def _heads(given: Heads) -> _Setting:
    default: JsonObject = {
        "signer": str(given.signer),
        "trustConfig": (given.trust_config or b"").decode(),
        "audience": given.audience,
        "networks": [*given.networks],
    }
    schema: JsonObject = {
        "signer": _one_of(*HeadsSigner),
        "trustConfig": {"type": "string"},
        "audience": {"type": "string", "pattern": f"^{AUDIENCE_PATTERN}$"},
        "networks": _list(_NETWORK),
    }
    comment = (
        "Who signs the heads of journals: none; key, the Secret dbom-heads-key; token, the webhook's service account at"
        " the Sigstore whose ClientTrustConfig (JSON) trustConfig is, reached in networks (none: anywhere)."
    )
    return _Setting("heads", default, _object(schema), comment)


def _schema(settings: tuple[_Setting, ...]) -> JsonObject:
    """Return the schema of the values: what `Installation` refuses is refused here too."""
    described = {item.name: {**item.schema, "description": item.comment} for item in settings}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": [item.name for item in settings],
        "additionalProperties": False,
        # Helm puts `global` into the values of every chart.
        "properties": {**described, "global": {"type": "object"}},
        "allOf": [
            _when({"mode": {"const": "enforce"}}, {"enforced": {"maxItems": 0}}),
            _when({"certificates": {"enum": ["own", "cert-manager"]}}, {"caBundle": {"maxLength": 0}}),
            _when(
                {"heads": _signed_by({"const": "token"})}, {"heads": {"properties": {"trustConfig": {"minLength": 2}}}}
            ),
            _when(
                {"heads": _signed_by({"enum": ["none", "key"]})},
                {"heads": {"properties": {"trustConfig": {"maxLength": 0}, "networks": {"maxItems": 0}}}},
            ),
            _when(
                {"journal": {"properties": {"claim": {"const": ""}}}},
                {"journal": {"properties": {"most": {"pattern": f"^({HELD_PATTERN})?$"}}}},
            ),
            _when({"certificates": {"const": "own"}}, {"controller": {"properties": {"enabled": {"const": True}}}}),
        ],
    }


def _when(these: Json, then: Json) -> JsonObject:
    return {"if": {"properties": these}, "then": {"properties": then}}


def _signed_by(signer: Json) -> JsonObject:
    return {"properties": {"signer": signer}}


def _object(properties: JsonObject) -> JsonObject:
    return {"type": "object", "additionalProperties": False, "required": [*properties], "properties": properties}


def _list(item: Json) -> JsonObject:
    return {"type": "array", "uniqueItems": True, "items": item}


def _one_of(*values: str) -> JsonObject:
    return {"type": "string", "enum": [str(value) for value in values]}
