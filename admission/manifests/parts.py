"""All that is installed, part by part, in the order in which it is applied; and which parts an installation has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.crd import crd_document
from admission.manifests.access import certificate_access, certificate_secrets, controller_access, webhook_account
from admission.manifests.configurations import webhook_configuration
from admission.manifests.controller import controller_deployment
from admission.manifests.guards import guard_policies, pinning_policies, telling_policies
from admission.manifests.heads import HeadsSigner
from admission.manifests.installation import Certificates, Installation
from admission.manifests.issuing import issuing_objects
from admission.manifests.naming import HEADS_TRUST, metadata
from admission.manifests.network import controller_network, webhook_network
from admission.manifests.values import installed_values
from admission.manifests.webhook import budget_objects, critical_quota, lone_webhook_deployment, webhook_deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    from admission.manifests.values import Values
    from dbom.canonical import JsonObject

__all__ = ["PARTS", "Condition", "Part", "installed_objects"]


@dataclass(frozen=True, slots=True)
class Condition:
    """When a part is there: for an installation, and said in the language of Helm's templates."""

    holds: Callable[[Installation], bool]
    expression: str


@dataclass(frozen=True, slots=True)
class Part:
    """Objects that belong together, called by a name of a file; `condition` is None where they are always there."""

    name: str
    objects: Callable[[Values], list[JsonObject]]
    condition: Condition | None = None


def installed_objects(installation: Installation) -> dict[str, list[JsonObject]]:
    """Return the objects of an installation by part, in the order in which they are applied."""
    values = installed_values(installation)
    return {
        part.name: part.objects(values)
        for part in PARTS
        if part.condition is None or part.condition.holds(installation)
    }


def _namespace(values: Values) -> list[JsonObject]:
    standard = "pod-security.kubernetes.io"
    found: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": values.namespace}}
    labels = metadata("")["labels"]
    assert isinstance(labels, dict)
    levels = {f"{standard}/{level}": "restricted" for level in ("enforce", "audit", "warn")}
    found["metadata"] = {"name": values.namespace, "labels": {**labels, **levels}}
    return [found]


def _definition(values: Values) -> list[JsonObject]:
    del values
    found = crd_document()
    # Taking the definition away takes every policy with it: uninstalling a chart leaves it, and them.
    name = found["metadata"]["name"] if isinstance(found["metadata"], dict) else ""
    found["metadata"] = metadata(str(name), annotations={"helm.sh/resource-policy": "keep"})
    return [found]


def _heads_trust(values: Values) -> list[JsonObject]:
    found: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(HEADS_TRUST, values.namespace)}
    return [{**found, "data": {"trust-config.json": values.heads_trust}}]


_OWN: Final = Condition(lambda it: it.certificates is Certificates.OWN, 'eq .Values.certificates "own"')
_THEIRS: Final = Condition(
    lambda it: it.certificates is Certificates.CERT_MANAGER, 'eq .Values.certificates "cert-manager"'
)
_CONTROLLED: Final = Condition(lambda it: it.has_controller, ".Values.controller.enabled")
_SIGNED: Final = Condition(lambda it: it.heads.signer is HeadsSigner.TOKEN, 'eq .Values.heads.signer "token"')
_ALONE: Final = Condition(lambda it: not it.has_controller, "not .Values.controller.enabled")

PARTS: Final = (
    Part("namespace", _namespace),
    Part("definition", _definition),
    Part("webhook-account", webhook_account),
    Part("controller-access", controller_access, _CONTROLLED),
    Part("certificate-access", certificate_access, _OWN),
    Part("certificate-secrets", certificate_secrets, _OWN),
    Part("issuing", issuing_objects, _THEIRS),
    Part("webhook-network", webhook_network),
    Part("controller-network", controller_network, _CONTROLLED),
    Part("heads-trust", _heads_trust, _SIGNED),
    Part("quota", critical_quota),
    Part("budget", budget_objects),
    Part("controller", controller_deployment, _CONTROLLED),
    Part("webhook", webhook_deployment, _CONTROLLED),
    Part("webhook-alone", lone_webhook_deployment, _ALONE),
    Part("image-volumes", pinning_policies),
    Part("excluded-namespaces", guard_policies),
    Part("unchanged", telling_policies),
    # Last: what is asked should be there before it is asked.
    Part("webhook-configuration", webhook_configuration),
)
