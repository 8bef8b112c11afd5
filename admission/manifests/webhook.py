"""The Deployment of the webhook: no rights, no network of its own, files that it reads, a journal that it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.manifests.naming import (
    HTTPS_PORT,
    POLICIES,
    SNAPSHOT,
    SNAPSHOT_SLOTS,
    STORE_CLAIM,
    TLS_SECRET,
    WEBHOOK,
    metadata,
    selected,
)
from admission.manifests.pods import CONTAINER_SECURITY, TEMPORARY_MOUNT, TEMPORARY_VOLUME, hardened_pod, probe
from admission.manifests.values import extended

if TYPE_CHECKING:
    from admission.manifests.values import Values
    from dbom.canonical import Json, JsonObject

__all__ = ["budget_objects", "critical_quota", "lone_webhook_deployment", "webhook_deployment"]

_SNAPSHOT: Final = "/var/lib/dbom/snapshot"
_POLICIES: Final = "/etc/dbom/policies"
_STORE: Final = "/var/lib/dbom/store"

_WORDS: Final[list[Json]] = [
    "admission",
    "serve",
    f"--listen=0.0.0.0:{HTTPS_PORT}",
    "--tls-cert=/etc/dbom/tls/tls.crt",
    "--tls-key=/etc/dbom/tls/tls.key",
    "--journal=/var/log/dbom/journal.jsonl",
]
_MOUNTS: Final[list[Json]] = [
    {"name": "tls", "mountPath": "/etc/dbom/tls", "readOnly": True},
    # A chain a replica: each writes in a folder of its own, also where they share a volume.
    {"name": "journal", "mountPath": "/var/log/dbom", "subPathExpr": "$(POD_NAME)"},
]

_GRACE: Final = 45
"""Seconds to end in: those before the signal, the longest request, the drain, and closing the journal."""

_LEAVE: Final = 10
"""Seconds from leaving the Service until the signal: the API server hears of it in that time."""


def webhook_deployment(values: Values) -> list[JsonObject]:
    """Return the Deployment of a webhook that reads the controller's snapshots."""
    names = [SNAPSHOT, *(f"{SNAPSHOT}-{number:02}" for number in range(SNAPSHOT_SLOTS))]
    sources: Json = [{"configMap": {"name": name, "optional": True}} for name in names]
    return _deployment(
        values,
        words=[f"--snapshot={_SNAPSHOT}"],
        mounts=[{"name": "snapshot", "mountPath": _SNAPSHOT, "readOnly": True}],
        volumes=[{"name": "snapshot", "projected": {"defaultMode": 0o444, "sources": sources}}],
    )


def lone_webhook_deployment(values: Values) -> list[JsonObject]:
    """Return the Deployment of a webhook without a controller: it reads policy files and a store when it starts."""
    return _deployment(
        values,
        words=[f"--policy={_POLICIES}", f"--store={_STORE}"],
        mounts=[
            {"name": "policies", "mountPath": _POLICIES, "readOnly": True},
            {"name": "store", "mountPath": _STORE, "readOnly": True},
        ],
        volumes=[
            {"name": "policies", "configMap": {"name": POLICIES}},
            {"name": "store", "persistentVolumeClaim": {"claimName": STORE_CLAIM, "readOnly": True}},
        ],
    )


def budget_objects(values: Values) -> list[JsonObject]:
    """Return the PodDisruptionBudget: draining nodes leaves one replica at least."""
    return [
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata(WEBHOOK, values.namespace, app=WEBHOOK),
            "spec": {
                "minAvailable": 1,
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
                "selector": {"matchLabels": selected(WEBHOOK)},
            },
        }
    ]


def critical_quota(values: Values) -> list[JsonObject]:
    """Return the quota without which some clusters take no pods of a critical priority outside kube-system."""
    expression: JsonObject = {
        "scopeName": "PriorityClass",
        "operator": "In",
        "values": ["system-cluster-critical"],
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": metadata("dbom-critical-pods", values.namespace),
            "spec": {"hard": {"pods": "200"}, "scopeSelector": {"matchExpressions": [expression]}},
        }
    ]


def _deployment(values: Values, *, words: list[Json], mounts: list[Json], volumes: list[Json]) -> list[JsonObject]:
    """Return the Deployment. A replica is replaced only once another is ready."""
    name: JsonObject = {"matchLabels": selected(WEBHOOK)}
    # Keys are named one by one: until the certificate is there, the pod waits instead of failing.
    keys: Json = [{"key": key, "path": key} for key in ("tls.crt", "tls.key")]
    tls: JsonObject = {"name": "tls", "secret": {"secretName": TLS_SECRET, "defaultMode": 0o440, "items": keys}}
    pod = hardened_pod(
        WEBHOOK,
        container=_container(values, words, mounts),
        volumes=extended([*volumes, tls, values.journal_volume, TEMPORARY_VOLUME], values.heads.volumes),
        has_token=False,
        grace=_GRACE,
        placement={
            "topologySpreadConstraints": [_spread("kubernetes.io/hostname"), _spread("topology.kubernetes.io/zone")],
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [_apart(name)]}},
        },
    )
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(WEBHOOK, values.namespace, app=WEBHOOK),
            "spec": {
                "replicas": values.replicas,
                "revisionHistoryLimit": 3,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "selector": name,
                "template": pod,
            },
        }
    ]


def _container(values: Values, words: list[Json], mounts: list[Json]) -> JsonObject:
    return {
        "name": "webhook",
        "image": values.image,
        "command": ["dbom"],
        "args": extended([*_WORDS, *words], values.heads.words, values.journal_words),
        "env": extended(
            [{"name": "HOME", "value": "/tmp"}, _field("POD_NAME", "metadata.name")],  # noqa: S108  a volume
            values.heads.variables,
        ),
        "ports": [{"name": "https", "containerPort": HTTPS_PORT, "protocol": "TCP"}],
        "startupProbe": probe("/healthz", "https", scheme="HTTPS", seconds=2, failures=60),
        "readinessProbe": probe("/readyz", "https", scheme="HTTPS", seconds=5, failures=2),
        "livenessProbe": probe("/healthz", "https", scheme="HTTPS", seconds=10, failures=6),
        # Without a shell: the kubelet itself waits.
        "lifecycle": {"preStop": {"sleep": {"seconds": _LEAVE}}},
        "resources": values.webhook_resources,
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": extended([*mounts, *_MOUNTS, TEMPORARY_MOUNT], values.heads.mounts),
    }


def _apart(name: JsonObject) -> JsonObject:
    return {"weight": 100, "podAffinityTerm": {"labelSelector": name, "topologyKey": "kubernetes.io/hostname"}}


def _field(name: str, path: str) -> JsonObject:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _spread(key: str) -> JsonObject:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selected(WEBHOOK)},
    }
