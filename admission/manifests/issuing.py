"""What cert-manager is told to issue, where it makes the certificates (cert-manager.io/v1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.manifests.naming import AUTHORITY_SECRET, TLS_SECRET, WEBHOOK, metadata

if TYPE_CHECKING:
    from admission.manifests.values import Values
    from dbom.canonical import Json, JsonObject

__all__ = ["issuing_objects"]

_API: Final = "cert-manager.io/v1"
_SELF_SIGNED: Final = "dbom-self-signed"
_AUTHORITY: Final = "dbom-authority"


def issuing_objects(values: Values) -> list[JsonObject]:
    """Return an authority of the webhook's own, and the serving certificate that it signs."""
    return [
        _issuer(_SELF_SIGNED, {"selfSigned": {}}, values),
        _certificate(
            _AUTHORITY,
            {"isCA": True, "commonName": "dbom webhook authority", "secretName": AUTHORITY_SECRET, "duration": "8760h"},
            _SELF_SIGNED,
            values,
        ),
        _issuer(_AUTHORITY, {"ca": {"secretName": AUTHORITY_SECRET}}, values),
        _certificate(
            WEBHOOK,
            {
                "dnsNames": values.service_names,
                "secretName": TLS_SECRET,
                "duration": "2160h",
                "renewBefore": "720h",
                "usages": ["digital signature", "server auth"],
            },
            _AUTHORITY,
            values,
        ),
    ]


def _issuer(name: str, spec: Json, values: Values) -> JsonObject:
    return {"apiVersion": _API, "kind": "Issuer", "metadata": metadata(name, values.namespace), "spec": spec}


def _certificate(name: str, spec: JsonObject, issuer: str, values: Values) -> JsonObject:
    return {
        "apiVersion": _API,
        "kind": "Certificate",
        "metadata": metadata(name, values.namespace),
        "spec": {
            **spec,
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
            "issuerRef": {"name": issuer, "kind": "Issuer"},
        },
    }
