"""What differs between two installations, checked for what Kubernetes takes and for what would weaken them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from admission.manifests.demands import demand, is_network
from admission.manifests.heads import Heads
from admission.policy import Mode

__all__ = [
    "ALWAYS_EXCLUDED",
    "DEFAULT_MOST",
    "HELD_PATTERN",
    "IMAGE_PATTERN",
    "LABEL_PATTERN",
    "MOST_PATTERN",
    "STORE_PATTERN",
    "Certificates",
    "Installation",
    "Resources",
]

DEFAULT_MOST: Final = "768Mi"
"""What a journal may take where its volume goes with its pod. A kubelet ends a pod whose volume outgrows its limit, and
who may make pods could have both replicas ended like that."""

ALWAYS_EXCLUDED: Final = "kube-system"
"""The namespace whose pods the cluster can't start without."""

IMAGE_PATTERN: Final = "[a-z0-9][A-Za-z0-9./:_-]*@sha256:[0-9a-f]{64}"
HELD_PATTERN: Final = "(19[2-9]|[2-8][0-9]{2})Mi"
MOST_PATTERN: Final = "(19[2-9]|[2-9][0-9]{2}|[1-9][0-9]{3,5})Mi|[1-9][0-9]{0,2}Gi"
LABEL_PATTERN: Final = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
STORE_PATTERN: Final = "[a-z][a-z0-9+.-]*://[^\\s\\x00-\\x20]+"
_ACCOUNT: Final = re.compile(rf"{LABEL_PATTERN}/[a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?")
_QUANTITY: Final = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_CERTIFICATES: Final = re.compile(rb"\s*(?:-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+")


class Certificates(StrEnum):
    """Who makes and rotates the webhook's certificate: our controller, cert-manager, or whoever installs the gate."""

    OWN = "own"
    CERT_MANAGER = "cert-manager"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Resources:
    """What a container asks for and may use, as Kubernetes' quantities. No limit of CPU: it would only slow."""

    cpu: str = "100m"
    memory: str = "256Mi"
    most_memory: str = "1Gi"

    def __post_init__(self) -> None:
        for quantity in (self.cpu, self.memory, self.most_memory):
            demand(_QUANTITY.fullmatch(quantity) is not None, "not an amount of a resource", quantity)


@dataclass(frozen=True, slots=True)
class Installation:
    """What differs between two installations. Raises `UsageError` for what Kubernetes doesn't take.

    `image` is that of dbom itself, by digest. `mode` is enforce where the API server refuses what the webhook doesn't
    answer, audit where it never blocks; in audit, `enforced` names namespaces that are enforced already. `excluded` are
    namespaces to leave alone beside our own and kube-system; `accelerator_accounts` (`NAMESPACE/NAME`) may have pods
    with accelerators or image volumes there. `stores` are URLs of evidence for the controller; `api_servers` networks
    from which alone the webhook is called, `monitoring` namespaces that may read metrics. `journal_claim` names a
    PersistentVolumeClaim that many pods can write to, `journal_most` how much a replica's journal may take before its
    oldest files are deleted (nothing: 768Mi without a claim, all there is with one), `heads` who signs the journals'
    heads. `ca_bundle` are the PEM certificates by which the API server knows the webhook where its certificate is
    `given`, None where the controller or cert-manager puts them in. Without `has_controller` policies come from the
    ConfigMap dbom-policies, and evidence from the volume claim dbom-store.
    """

    image: str
    namespace: str = "dbom-system"
    mode: Mode = Mode.ENFORCE
    ca_bundle: bytes | None = None
    certificates: Certificates = Certificates.OWN
    enforced: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    accelerator_accounts: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    replicas: int = 2
    webhook_resources: Resources = field(default_factory=Resources)
    controller_resources: Resources = field(default_factory=Resources)
    api_servers: tuple[str, ...] = ()
    monitoring: tuple[str, ...] = ()
    journal_claim: str = ""
    journal_most: str = ""
    heads: Heads = field(default_factory=Heads)
    has_controller: bool = True

    def __post_init__(self) -> None:
        demand(re.fullmatch(IMAGE_PATTERN, self.image) is not None, "the image is not pinned", self.image)
        demand(self.mode is not Mode.WARN, "a webhook blocks or doesn't; warn is a mode of policies", self.mode)
        demand(self.namespace != ALWAYS_EXCLUDED, "not a namespace to install into", self.namespace)
        for name in (self.namespace, *self.enforced, *self.excluded, *self.monitoring):
            demand(re.fullmatch(LABEL_PATTERN, name) is not None, "not the name of a namespace", name)
        both = {*self.enforced} & {self.namespace, ALWAYS_EXCLUDED, *self.excluded}
        demand(not both, "a namespace can't be both excluded and enforced", ", ".join(sorted(both)))
        demand(not (self.enforced and self.enforces), "namespaces to enforce are named in audit mode", *self.enforced)
        for account in self.accelerator_accounts:
            demand(_ACCOUNT.fullmatch(account) is not None, "not a service account (NAMESPACE/NAME)", account)
        for store in self.stores:
            demand(re.fullmatch(STORE_PATTERN, store) is not None, "not the URL of a store", store)
        for network in self.api_servers:
            demand(is_network(network), "not a network (203.0.113.0/24)", network)
        demand(2 <= self.replicas <= 100, "two replicas at least: one is down while it is replaced", self.replicas)  # noqa: PLR2004  said in the message
        claim = self.journal_claim
        demand(not claim or re.fullmatch(LABEL_PATTERN, claim) is not None, "not the name of a volume claim", claim)
        most = self.journal_most
        demand(not most or re.fullmatch(MOST_PATTERN, most) is not None, "not a size (192Mi to 999Gi)", most)
        is_held = not most or bool(claim) or re.fullmatch(HELD_PATTERN, most) is not None
        demand(is_held, "a journal without a claim may take 192Mi to 899Mi", most)
        bundle = self.ca_bundle
        is_given = self.certificates is Certificates.GIVEN
        demand(
            is_given or bundle is None,
            "with a CA bundle, the certificate is given too",
            f"certificates {self.certificates}",
        )
        is_own = self.certificates is Certificates.OWN
        demand(
            self.has_controller or not is_own, "without the controller, nobody makes certificates", "certificates own"
        )
        demand(
            bundle is None or _CERTIFICATES.fullmatch(bundle) is not None,
            "the CA bundle is not PEM certificates, or holds something else too",
        )

    @property
    def enforces(self) -> bool:
        """Whether what the webhook doesn't answer is refused everywhere."""
        return self.mode is Mode.ENFORCE

    @property
    def journal_bound(self) -> str:
        """How much a replica's journal may take; empty: all that there is."""
        return self.journal_most or ("" if self.journal_claim else DEFAULT_MOST)

    @property
    def excluded_namespaces(self) -> tuple[str, ...]:
        """Every namespace that the webhook isn't called for."""
        return tuple(dict.fromkeys((ALWAYS_EXCLUDED, self.namespace, *self.excluded)))
