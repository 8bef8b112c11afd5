"""The names that only the controller uses; those that are installed are in `admission.manifests.naming`."""

from __future__ import annotations

from typing import Final

from admission.manifests.naming import CONTROLLER, SNAPSHOT

__all__ = ["LEASE", "MANAGED", "REPORT", "slot_name"]

LEASE: Final = "dbom-controller"
"""The Lease of whoever leads."""

REPORT: Final = "dbom"
"""The PolicyReport of a namespace."""

MANAGED: Final = {"app.kubernetes.io/part-of": "dbom", "app.kubernetes.io/managed-by": CONTROLLER}
"""The labels of what it makes. No owner: what was handed over stays when the controller is taken away."""


def slot_name(number: int) -> str:
    """Return the name of a ConfigMap of pieces."""
    return f"{SNAPSHOT}-{number:02}"
