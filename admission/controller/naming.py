"""The names of what the controller reads and writes. What must be there before it starts is installed by manifests."""

from __future__ import annotations

from typing import Final

__all__ = [
    "AUTHORITY_SECRET",
    "CONFIGURATION",
    "CONTROLLER",
    "LEASE",
    "MANAGED",
    "REPORT",
    "SERVICE",
    "SNAPSHOT",
    "SNAPSHOT_SLOTS",
    "TLS_SECRET",
    "slot_name",
]

AUTHORITY_SECRET: Final = "dbom-ca"  # noqa: S105  the name of an object
"""The authority that our controller signs certificates with: never mounted."""

CONFIGURATION: Final = "dbom"
"""The ValidatingWebhookConfiguration. Its webhooks always are these two, whatever the mode, so that applying another
mode leaves nothing of the one before."""

CONTROLLER: Final = "dbom-controller"
"""The controller's Deployment, service account and roles."""

SERVICE: Final = "dbom"
"""The Service by which the API server calls the webhook."""

SNAPSHOT: Final = "dbom-snapshot"
"""The ConfigMap of a snapshot's manifest; its pieces are in those called so with `-00` and so on behind it."""

SNAPSHOT_SLOTS: Final = 64
"""How many ConfigMaps of pieces the webhook mounts, each below 1 MiB: room for two snapshots of 32 MiB."""

TLS_SECRET: Final = "dbom-tls"  # noqa: S105  the name of an object
"""The serving certificate and its key (`tls.crt`, `tls.key`): mounted by the webhook."""

LEASE: Final = "dbom-controller"
"""The Lease of whoever leads."""

REPORT: Final = "dbom"
"""The PolicyReport of a namespace."""

MANAGED: Final = {"app.kubernetes.io/part-of": "dbom", "app.kubernetes.io/managed-by": CONTROLLER}
"""The labels of what it makes. No owner: what was handed over stays when the controller is taken away."""


def slot_name(number: int) -> str:
    """Return the name of a ConfigMap of pieces."""
    return f"{SNAPSHOT}-{number:02}"
