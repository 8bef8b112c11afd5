"""What the controller may do, as rules of Kubernetes' RBAC: this is all that it asks, and a test compares it with that.

Manifests render these values. Names that are fixed are named: nothing else of that kind can be read or written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.controller.naming import (
    AUTHORITY_SECRET,
    CONFIGURATION,
    LEASE,
    SNAPSHOT,
    SNAPSHOT_SLOTS,
    TLS_SECRET,
    slot_name,
)

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

__all__ = ["CERTIFICATE_RIGHTS", "CLUSTER_RIGHTS", "CONFIGURATION_RIGHTS", "NAMESPACE_RIGHTS", "Right"]


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on resources of one API group; with `names`, on the objects of these names alone."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()

    def rule(self) -> JsonObject:
        """Return the right as a rule of a Role or ClusterRole."""
        rule: JsonObject = {"apiGroups": [self.group], "resources": [*self.resources], "verbs": [*self.verbs]}
        return {**rule, "resourceNames": [*self.names]} if self.names else rule


_READ: Final = ("list", "watch")

CLUSTER_RIGHTS: Final = (
    Right("dbom.dev", ("provenancepolicies",), _READ),
    Right("dbom.dev", ("provenancepolicies/status",), ("patch",)),
    Right("", ("pods",), _READ),
    Right("apps", ("daemonsets", "deployments", "statefulsets"), _READ),
    Right("batch", ("cronjobs", "jobs"), _READ),
    Right("", ("events",), ("create",)),
    Right("wgpolicyk8s.io", ("policyreports",), ("create", "get", "list", "update")),
)
"""In all namespaces. Nothing of a user's is ever changed but the status of policies."""

NAMESPACE_RIGHTS: Final = (
    Right("", ("configmaps",), ("create",)),
    Right("", ("configmaps",), ("get", "update"), (SNAPSHOT, *map(slot_name, range(SNAPSHOT_SLOTS)))),
    Right("coordination.k8s.io", ("leases",), ("create",)),
    Right("coordination.k8s.io", ("leases",), ("get", "update"), (LEASE,)),
)
"""In its own namespace. (What is made has no name yet when that is judged, so `create` can't name any.)"""

CERTIFICATE_RIGHTS: Final = (Right("", ("secrets",), ("get", "update"), (TLS_SECRET, AUTHORITY_SECRET)),)
"""In its own namespace, where it makes the certificates. The two Secrets are installed empty."""

CONFIGURATION_RIGHTS: Final = (
    Right("admissionregistration.k8s.io", ("validatingwebhookconfigurations",), ("get", "update"), (CONFIGURATION,)),
)
"""In the cluster, where it makes the certificates: the webhook's own configuration."""
