"""The names of what is installed, and the metadata that every object of it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = [
    "AUTHORITY_SECRET",
    "CONFIGURATION",
    "CONTROLLER",
    "CREDENTIALS_SECRET",
    "ENFORCED_WEBHOOK",
    "HTTPS_PORT",
    "MAIN_WEBHOOK",
    "METRICS_PORT",
    "PART_OF",
    "POLICIES",
    "SERVICE",
    "SNAPSHOT",
    "SNAPSHOT_SLOTS",
    "STORE_CLAIM",
    "TLS_SECRET",
    "WEBHOOK",
    "metadata",
    "selected",
]

WEBHOOK: Final = "dbom"
"""The webhook's Deployment, service account and budget."""

SERVICE: Final = "dbom"
"""The Service by which the API server calls the webhook."""

CONTROLLER: Final = "dbom-controller"
"""The controller's Deployment, service account and roles."""

CONFIGURATION: Final = "dbom"
"""The ValidatingWebhookConfiguration. Its webhooks always are these two, whatever the mode, so that applying another
mode leaves nothing of the one before."""

MAIN_WEBHOOK: Final = "provenance.dbom.dev"
"""The webhook for all namespaces but those excluded; in enforce it refuses where nothing answers."""

ENFORCED_WEBHOOK: Final = "enforced.provenance.dbom.dev"
"""The webhook for the namespaces that are enforced already while the mode is audit."""

TLS_SECRET: Final = "dbom-tls"  # noqa: S105  the name of an object
"""The serving certificate and its key (`tls.crt`, `tls.key`): mounted by the webhook."""

AUTHORITY_SECRET: Final = "dbom-ca"  # noqa: S105  the name of an object
"""The authority that our controller signs certificates with: never mounted."""

POLICIES: Final = "dbom-policies"
"""The ConfigMap of policy files, where there is no controller."""

STORE_CLAIM: Final = "dbom-store"
"""The PersistentVolumeClaim of evidence, where there is no controller."""

CREDENTIALS_SECRET: Final = "dbom-store-credentials"  # noqa: S105  the name of an object
"""Environment variables for the stores, where somebody makes it: for the controller alone."""

SNAPSHOT: Final = "dbom-snapshot"
"""The ConfigMap of a snapshot's manifest; its pieces are in those called so with `-00` and so on behind it."""

SNAPSHOT_SLOTS: Final = 64
"""How many ConfigMaps of pieces the webhook mounts, each below 1 MiB: room for two snapshots of 32 MiB."""

HTTPS_PORT: Final = 8443
METRICS_PORT: Final = 8080

PART_OF: Final = "app.kubernetes.io/part-of"
_NAME: Final = "app.kubernetes.io/name"


def metadata(name: str, namespace: Json = None, *, app: str = "", annotations: Json = None) -> JsonObject:
    """Return the metadata of an object; `app` is which of the two programs it belongs to."""
    found: JsonObject = {"name": name}
    if namespace is not None:
        found["namespace"] = namespace
    found["labels"] = {PART_OF: "dbom", **(selected(app) if app else {})}
    if annotations:
        found["annotations"] = annotations
    return found


def selected(app: str) -> JsonObject:
    """Return the labels by which the pods of one of the two programs are selected."""
    return {_NAME: app}
