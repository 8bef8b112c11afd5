"""The names of what is installed, and the metadata that every object of it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.controller.naming import (
    AUTHORITY_SECRET,
    CONFIGURATION,
    CONTROLLER,
    SERVICE,
    SNAPSHOT,
    SNAPSHOT_SLOTS,
    TLS_SECRET,
)

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = [
    "AUTHORITY_SECRET",
    "CONFIGURATION",
    "CONTROLLER",
    "CREDENTIALS_SECRET",
    "ENFORCED_WEBHOOK",
    "HEADS_KEY_SECRET",
    "HEADS_TRUST",
    "HTTPS_PORT",
    "MAIN_WEBHOOK",
    "METRICS_PORT",
    "PART_OF",
    "POLICIES",
    "SERVICE",
    "SNAPSHOT",
    "SNAPSHOT_SLOTS",
    "STORE_CLAIM",
    "TELLING",
    "TLS_SECRET",
    "WEBHOOK",
    "metadata",
    "selected",
]

WEBHOOK: Final = "dbom"
"""The webhook's Deployment, service account and budget."""

MAIN_WEBHOOK: Final = "provenance.dbom.dev"
"""The webhook for all namespaces but those excluded; in enforce it refuses where nothing answers."""

ENFORCED_WEBHOOK: Final = "enforced.provenance.dbom.dev"
"""The webhook for the namespaces that are enforced already while the mode is audit."""

TELLING: Final = "dbom-unchanged"
"""The policy of the API server's own that says which updates the webhook isn't asked about."""

POLICIES: Final = "dbom-policies"
"""The ConfigMap of policy files, where there is no controller."""

STORE_CLAIM: Final = "dbom-store"
"""The PersistentVolumeClaim of evidence, where there is no controller."""

CREDENTIALS_SECRET: Final = "dbom-store-credentials"  # noqa: S105  the name of an object
"""Environment variables for the stores, where somebody makes it: for the controller alone."""

HEADS_TRUST: Final = "dbom-heads-trust"
"""The ConfigMap of the Sigstore at which the webhook has its journals' heads signed."""

HEADS_KEY_SECRET: Final = "dbom-heads-key"  # noqa: S105  the name of an object
"""The key that signs them where no Sigstore does, where somebody makes it."""

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
