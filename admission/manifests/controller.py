"""The Deployment of the controller: the one part with rights in the cluster and a way out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admission.manifests.naming import CONTROLLER, CREDENTIALS_SECRET, METRICS_PORT, metadata, selected
from admission.manifests.pods import CONTAINER_SECURITY, TEMPORARY_MOUNT, TEMPORARY_VOLUME, hardened_pod, probe
from admission.manifests.values import extended

if TYPE_CHECKING:
    from admission.manifests.values import Values
    from dbom.canonical import Json, JsonObject

__all__ = ["controller_deployment"]


def controller_deployment(values: Values) -> list[JsonObject]:
    """Return the Deployment: one replica, since the gate works on without it; a Lease says who leads while two run."""
    volumes: Json = [TEMPORARY_VOLUME]
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(CONTROLLER, values.namespace, app=CONTROLLER),
            "spec": {
                "replicas": 1,
                "revisionHistoryLimit": 3,
                "selector": {"matchLabels": selected(CONTROLLER)},
                "template": hardened_pod(
                    CONTROLLER, container=_container(values), volumes=volumes, has_token=True, grace=30
                ),
            },
        }
    ]


def _container(values: Values) -> JsonObject:
    fixed: list[Json] = ["admission", "controller", f"--listen=0.0.0.0:{METRICS_PORT}", values.rotation]
    return {
        "name": "controller",
        "image": values.image,
        "command": ["dbom"],
        "args": extended(fixed, values.store_words),
        "env": [
            {"name": "HOME", "value": "/tmp"},  # noqa: S108  a volume of the pod's own
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "envFrom": [{"secretRef": {"name": CREDENTIALS_SECRET, "optional": True}}],
        "ports": [{"name": "http", "containerPort": METRICS_PORT, "protocol": "TCP"}],
        "startupProbe": probe("/healthz", "http", scheme="HTTP", seconds=2, failures=60),
        "readinessProbe": probe("/readyz", "http", scheme="HTTP", seconds=10, failures=3),
        "livenessProbe": probe("/healthz", "http", scheme="HTTP", seconds=10, failures=6),
        "resources": values.controller_resources,
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [TEMPORARY_MOUNT],
    }
