"""What the objects are filled with: the values of one installation, or the expressions that a Helm chart has there.

Both fill the same objects, so that neither can have what the other lacks. What depends on a choice is chosen here.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.manifests.installation import ALWAYS_EXCLUDED, Certificates
from admission.manifests.naming import SERVICE
from admission.yaml_text import Expression, flow_text

if TYPE_CHECKING:
    from admission.manifests.installation import Installation, Resources
    from dbom.canonical import Json, JsonObject

__all__ = ["CHART_VALUES", "Values", "container_resources", "extended", "installed_values"]

_KUBERNETES_NAME: Final = "kubernetes.io/metadata.name"
_CERT_MANAGER: Final = 'eq .Values.certificates "cert-manager"'
_ENFORCE: Final = 'eq .Values.mode "enforce"'
_EXCLUDED: Final = f'uniq (concat (list "{ALWAYS_EXCLUDED}" .Values.namespace) .Values.excluded)'


@dataclass(frozen=True, slots=True)
class Values:
    """What stands where installations differ; each a value in JSON, or an expression that gives one.

    `main` and `enforced` are the requirements by which the two webhooks, and the bindings of the pinning policy, select
    namespaces by name; `main_failure` is the main webhook's failure policy, `actions` what the API server's own
    policies do. `service_names` are the names
    by which the API server calls the webhook. `injection` are the annotations by which cert-manager puts the CA in.
    `store_words` are the controller's arguments for its stores, `rotation` that for certificates.
    """

    namespace: Json
    image: Json
    replicas: Json
    webhook_resources: Json
    controller_resources: Json
    main_failure: Json
    main: Json
    enforced: Json
    excluded: Json
    actions: Json
    accelerator_accounts: Json
    client_config: Json
    injection: Json
    service_names: Json
    store_words: Json
    rotation: Json
    api_servers: Json
    monitoring: Json
    journal_volume: Json


def extended(fixed: list[Json], more: Json) -> Json:
    """Return a list that is not empty with what another holds behind it; an expression gives `,ITEM` for each item."""
    if isinstance(more, list):
        return [*fixed, *more]
    return Expression(flow_text(fixed).removesuffix("]") + f"{more}]")


def installed_values(installation: Installation) -> Values:
    """Return the values of an installation."""
    excluded, enforced = installation.excluded_namespaces, installation.enforced
    has_cert_manager = installation.certificates is Certificates.CERT_MANAGER
    namespace, bundle = installation.namespace, installation.ca_bundle
    service = _service(namespace)
    claim = installation.journal_claim
    return Values(
        namespace=namespace,
        image=installation.image,
        replicas=installation.replicas,
        webhook_resources=container_resources(installation.webhook_resources),
        controller_resources=container_resources(installation.controller_resources),
        main_failure="Fail" if installation.enforces else "Ignore",
        main=_by_name("NotIn", [*excluded, *enforced]),
        enforced=_by_name("In", [*enforced]) if enforced else _NOWHERE,
        excluded=[*excluded],
        actions=["Deny"] if installation.enforces else ["Audit", "Warn"],
        accelerator_accounts=flow_text([*installation.accelerator_accounts]),
        client_config=service if bundle is None else {**service, "caBundle": base64.b64encode(bundle).decode()},
        injection={"cert-manager.io/inject-ca-from": f"{namespace}/dbom"} if has_cert_manager else {},
        service_names=[f"dbom.{namespace}.svc", f"dbom.{namespace}.svc.cluster.local"],
        store_words=[f"--store={store}" for store in installation.stores],
        rotation=f"--certificates={installation.certificates}",
        api_servers=[{"ipBlock": {"cidr": network}} for network in installation.api_servers],
        monitoring=[_from_namespace(name) for name in (namespace, *installation.monitoring)],
        journal_volume=_claimed(claim) if claim else _EMPTIED,
    )


def _by_name(operator: Json, names: Json) -> Json:
    return [{"key": _KUBERNETES_NAME, "operator": operator, "values": names}]


_NOWHERE: Final[Json] = [{"key": _KUBERNETES_NAME, "operator": "DoesNotExist"}]
"""No namespace is without its name."""


def _from_namespace(name: Json) -> Json:
    return {"namespaceSelector": {"matchLabels": {_KUBERNETES_NAME: name}}}


def _service(namespace: Json) -> JsonObject:
    return {"service": {"name": SERVICE, "namespace": namespace, "path": "/validate", "port": 443}}


def container_resources(resources: Resources) -> Json:
    """Return what a container asks for and may use, as it stands in a pod."""
    return {
        "requests": {"cpu": resources.cpu, "memory": resources.memory},
        "limits": {"memory": resources.most_memory},
    }


def _claimed(name: Json) -> JsonObject:
    return {"name": "journal", "persistentVolumeClaim": {"claimName": name}}


_EMPTIED: Final[JsonObject] = {"name": "journal", "emptyDir": {"sizeLimit": "1Gi"}}


def _given(expression: str) -> Expression:
    return Expression("{{ " + expression + " | toJson }}")


def _either(condition: str, yes: Json, no: Json) -> Expression:
    return Expression("{{ if " + condition + " }}" + flow_text(yes) + "{{ else }}" + flow_text(no) + "{{ end }}")


def _each(names: str, item: Json) -> Expression:
    """Return an expression that gives `,ITEM` for each; in the item, `$item` is the one at hand."""
    return Expression("{{ range $item := " + names + " }}," + flow_text(item) + "{{ end }}")


_NAMESPACE: Final = _given(".Values.namespace")
_ITEM: Final = _given("$item")
_NETWORK: Final[JsonObject] = {"ipBlock": {"cidr": _ITEM}}

CHART_VALUES: Final = Values(
    namespace=_NAMESPACE,
    image=_given(".Values.image"),
    replicas=_given(".Values.replicas"),
    webhook_resources=_given(".Values.webhook.resources"),
    controller_resources=_given(".Values.controller.resources"),
    main_failure=_either(_ENFORCE, "Fail", "Ignore"),
    main=_by_name("NotIn", _given(f"concat ({_EXCLUDED}) .Values.enforced")),
    enforced=_either(".Values.enforced", _by_name("In", _given(".Values.enforced")), _NOWHERE),
    excluded=_given(_EXCLUDED),
    actions=_either(_ENFORCE, ["Deny"], ["Audit", "Warn"]),
    # Twice: CEL reads the list in JSON, and that text stands in YAML.
    accelerator_accounts=_given(".Values.acceleratorAccounts | toJson"),
    client_config=_either(
        ".Values.caBundle",
        {**_service(_NAMESPACE), "caBundle": _given(".Values.caBundle | b64enc")},
        _service(_NAMESPACE),
    ),
    injection=_either(
        _CERT_MANAGER, {"cert-manager.io/inject-ca-from": _given('printf "%s/dbom" .Values.namespace')}, {}
    ),
    service_names=[
        _given('printf "dbom.%s.svc" .Values.namespace'),
        _given('printf "dbom.%s.svc.cluster.local" .Values.namespace'),
    ],
    store_words=_each(".Values.stores", _given('printf "--store=%s" $item')),
    rotation=_given('printf "--certificates=%s" .Values.certificates'),
    api_servers=_either(
        ".Values.apiServers",
        extended(
            [{"ipBlock": {"cidr": _given("first .Values.apiServers")}}], _each("rest .Values.apiServers", _NETWORK)
        ),
        [],
    ),
    monitoring=extended([_from_namespace(_NAMESPACE)], _each(".Values.monitoring", _from_namespace(_ITEM))),
    journal_volume=_either(".Values.journal.claim", _claimed(_given(".Values.journal.claim")), _EMPTIED),
)
"""What a Helm chart has in place of values."""
