"""Who the two programs are in the cluster, and what the controller may do there. The webhook may do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.manifests.naming import (
    AUTHORITY_SECRET,
    CONFIGURATION,
    CONTROLLER,
    TLS_SECRET,
    WEBHOOK,
    metadata,
)

if TYPE_CHECKING:
    from admission.manifests.values import Values
    from dbom.canonical import Json, JsonObject

__all__ = ["certificate_access", "certificate_secrets", "controller_access", "webhook_account"]

_RBAC: Final = "rbac.authorization.k8s.io"

CLUSTER_RIGHTS: Final[list[Json]] = [
    {"apiGroups": ["dbom.dev"], "resources": ["provenancepolicies"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["dbom.dev"], "resources": ["provenancepolicies/status"], "verbs": ["patch", "update"]},
    {"apiGroups": [""], "resources": ["namespaces", "pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
]
NAMESPACE_RIGHTS: Final[list[Json]] = [
    {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
    },
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"]},
]
CERTIFICATE_RIGHTS: Final[list[Json]] = [
    {
        "apiGroups": [""],
        "resources": ["secrets"],
        "resourceNames": [TLS_SECRET, AUTHORITY_SECRET],
        "verbs": ["get", "patch", "update"],
    },
]
BUNDLE_RIGHTS: Final[list[Json]] = [
    {
        "apiGroups": ["admissionregistration.k8s.io"],
        "resources": ["validatingwebhookconfigurations"],
        "resourceNames": [CONFIGURATION],
        "verbs": ["get", "patch", "update"],
    },
]


def webhook_account(values: Values) -> list[JsonObject]:
    """Return the webhook's service account: bound to no role, and without a token."""
    return [_account(WEBHOOK, values)]


def controller_access(values: Values) -> list[JsonObject]:
    """Return the controller's service account, and its roles with their bindings."""
    namespace = values.namespace
    return [
        _account(CONTROLLER, values),
        _role("ClusterRole", CONTROLLER, None, CLUSTER_RIGHTS),
        _binding("ClusterRole", CONTROLLER, None, values),
        _role("Role", CONTROLLER, namespace, NAMESPACE_RIGHTS),
        _binding("Role", CONTROLLER, namespace, values),
    ]


def certificate_access(values: Values) -> list[JsonObject]:
    """Return what the controller needs beside that where it makes the certificates itself."""
    name = f"{CONTROLLER}-certificates"
    return [
        _role("ClusterRole", name, None, BUNDLE_RIGHTS),
        _binding("ClusterRole", name, None, values),
        _role("Role", name, values.namespace, CERTIFICATE_RIGHTS),
        _binding("Role", name, values.namespace, values),
    ]


def certificate_secrets(values: Values) -> list[JsonObject]:
    """Return the Secrets of our own certificates, without content: the controller may fill them, and make no others."""
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata(name, values.namespace), "type": "Opaque"}
        for name in (TLS_SECRET, AUTHORITY_SECRET)
    ]


def _account(name: str, values: Values) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(name, values.namespace, app=name),
        "automountServiceAccountToken": False,
    }


def _role(kind: str, name: str, namespace: Json, rules: list[Json]) -> JsonObject:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": metadata(name, namespace, app=CONTROLLER),
        "rules": rules,
    }


def _binding(kind: str, name: str, namespace: Json, values: Values) -> JsonObject:
    subject: JsonObject = {"kind": "ServiceAccount", "name": CONTROLLER, "namespace": values.namespace}
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata(name, namespace, app=CONTROLLER),
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
        "subjects": [subject],
    }
