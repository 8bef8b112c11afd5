"""Who the two programs are in the cluster, and what the controller may do there. The webhook may do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.controller import rights
from admission.manifests.naming import (
    AUTHORITY_SECRET,
    CONTROLLER,
    TLS_SECRET,
    WEBHOOK,
    metadata,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.controller.rights import Right
    from admission.manifests.values import Values
    from dbom.canonical import Json, JsonObject

__all__ = ["certificate_access", "certificate_secrets", "controller_access", "webhook_account"]

_RBAC: Final = "rbac.authorization.k8s.io"


def webhook_account(values: Values) -> list[JsonObject]:
    """Return the webhook's service account: bound to no role, and without a token."""
    return [_account(WEBHOOK, values)]


def controller_access(values: Values) -> list[JsonObject]:
    """Return the controller's service account, and its roles with their bindings."""
    namespace = values.namespace
    return [
        _account(CONTROLLER, values),
        _role("ClusterRole", CONTROLLER, None, rights.CLUSTER_RIGHTS),
        _binding("ClusterRole", CONTROLLER, None, values),
        _role("Role", CONTROLLER, namespace, rights.NAMESPACE_RIGHTS),
        _binding("Role", CONTROLLER, namespace, values),
    ]


def certificate_access(values: Values) -> list[JsonObject]:
    """Return what the controller needs beside that where it makes the certificates itself."""
    name = f"{CONTROLLER}-certificates"
    return [
        _role("ClusterRole", name, None, rights.CONFIGURATION_RIGHTS),
        _binding("ClusterRole", name, None, values),
        _role("Role", name, values.namespace, rights.CERTIFICATE_RIGHTS),
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


def _role(kind: str, name: str, namespace: Json, granted: Sequence[Right]) -> JsonObject:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": metadata(name, namespace, app=CONTROLLER),
        "rules": [right.rule() for right in granted],
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
