"""What the objects are filled with: the values of one installation, or the expressions that a Helm chart has there.

Both fill the same objects, so that neither can have what the other lacks. What depends on a choice is chosen here.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.manifests.heads import NO_PARTS, HeadsParts, HeadsSigner, key_parts, token_parts
from admission.manifests.installation import ALWAYS_EXCLUDED, DEFAULT_MOST, Certificates
from admission.manifests.naming import SERVICE
from admission.manifests.network import ANY_TCP, DNS
from admission.yaml_text import Expression, flow_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from admission.manifests.heads import Heads
    from admission.manifests.installation import Installation, Resources
    from dbom.canonical import Json, JsonObject

__all__ = ["CHART_VALUES", "Values", "container_resources", "extended", "installed_values"]

_KUBERNETES_NAME: Final = "kubernetes.io/metadata.name"
_CERT_MANAGER: Final = 'eq .Values.certificates "cert-manager"'
_ENFORCE: Final = 'eq .Values.mode "enforce"'
_BY_TOKEN: Final = 'eq .Values.heads.signer "token"'  # noqa: S105  an expression
_EXCLUDED: Final = f'uniq (concat (list "{ALWAYS_EXCLUDED}" .Values.namespace) .Values.excluded)'


@dataclass(frozen=True, slots=True)
class Values:
    """What stands where installations differ; each a value in JSON, or an expression that gives one.

    `main` and `enforced` are the requirements by which the two webhooks, and the bindings of the pinning policy, select
    namespaces by name; `main_failure` is the main webhook's failure policy, `actions` what the API server's own
    policies do. `service_names` are the names by which the API server calls the webhook. `injection` are the
    annotations by which cert-manager puts the CA in. `store_words` are the controller's arguments for its stores,
    `rotation` that for certificates. `journal_words` say how much room a journal may take. `heads` is what the
    webhook's pods have more where heads are signed, `heads_egress` whom they reach then, `heads_trust` the Sigstore.
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
    journal_words: Json
    heads: HeadsMore
    heads_egress: Json
    heads_trust: Json


@dataclass(frozen=True, slots=True)
class HeadsMore:
    """`HeadsParts`, each a list, or an expression for `extended`."""

    words: Json
    mounts: Json
    volumes: Json
    variables: Json


def extended(fixed: list[Json], *more: Json) -> Json:
    """Return a list that is not empty with what others hold behind it; an expression gives `,ITEM` for each item."""
    if all(isinstance(items, list) for items in more):
        return [*fixed, *(item for items in more if isinstance(items, list) for item in items)]
    return Expression(flow_text(fixed).removesuffix("]") + "".join(map(str, more)) + "]")


def installed_values(installation: Installation) -> Values:
    """Return the values of an installation."""
    excluded, enforced = installation.excluded_namespaces, installation.enforced
    has_cert_manager = installation.certificates is Certificates.CERT_MANAGER
    namespace, bundle = installation.namespace, installation.ca_bundle
    service = _service(namespace)
    claim, heads = installation.journal_claim, installation.heads
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
        api_servers=_blocks(installation.api_servers),
        monitoring=[_from_namespace(name) for name in (namespace, *installation.monitoring)],
        journal_volume=_claimed(claim) if claim else _EMPTIED,
        journal_words=_most(installation.journal_bound),
        heads=_installed_heads(heads),
        heads_egress=_egress(_blocks(heads.networks)) if heads.signer is HeadsSigner.TOKEN else [],
        heads_trust=(heads.trust_config or b"").decode(),
    )


def _installed_heads(heads: Heads) -> HeadsMore:
    parts = {HeadsSigner.TOKEN: token_parts(heads.audience), HeadsSigner.KEY: key_parts()}
    found = parts.get(heads.signer, NO_PARTS)
    return HeadsMore(found.words, found.mounts, found.volumes, found.variables)


def _egress(networks: Json) -> Json:
    """Return whom the webhook reaches where a Sigstore signs: names, and these networks (none: any)."""
    return [DNS, {**ANY_TCP, "to": networks}]


def _blocks(networks: Sequence[str]) -> Json:
    return [{"ipBlock": {"cidr": network}} for network in networks]


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


def _most(size: str) -> Json:
    return [f"--journal-most={size}"] if size else []


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


def _networks(names: str) -> Expression:
    """Return the expression for a list of networks."""
    first: JsonObject = {"ipBlock": {"cidr": _given(f"first {names}")}}
    return _either(names, extended([first], _each(f"rest {names}", _NETWORK)), [])


def _signed_by(parts: Mapping[HeadsSigner, list[Json]]) -> Expression:
    """Return the expression for what is behind a list, which depends on who signs heads."""
    cases = (
        '{{ if eq .Values.heads.signer "'
        + signer
        + '" }}'
        + "".join(f",{flow_text(item)}" for item in items)
        + "{{ end }}"
        for signer, items in parts.items()
    )
    return Expression("".join(cases))


def _chart_heads(parts: Mapping[HeadsSigner, HeadsParts]) -> HeadsMore:
    return HeadsMore(
        _signed_by({signer: item.words for signer, item in parts.items()}),
        _signed_by({signer: item.mounts for signer, item in parts.items()}),
        _signed_by({signer: item.volumes for signer, item in parts.items()}),
        _signed_by({signer: item.variables for signer, item in parts.items()}),
    )


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
    api_servers=_networks(".Values.apiServers"),
    monitoring=extended([_from_namespace(_NAMESPACE)], _each(".Values.monitoring", _from_namespace(_ITEM))),
    journal_volume=_either(".Values.journal.claim", _claimed(_given(".Values.journal.claim")), _EMPTIED),
    journal_words=Expression(
        '{{ with .Values.journal.most | default (ternary "" "'
        + DEFAULT_MOST
        + '" (ne .Values.journal.claim "")) }},{{ printf "--journal-most=%s" . | toJson }}{{ end }}'
    ),
    heads=_chart_heads(
        {HeadsSigner.TOKEN: token_parts(_given(".Values.heads.audience")), HeadsSigner.KEY: key_parts()}
    ),
    heads_egress=_either(_BY_TOKEN, _egress(_networks(".Values.heads.networks")), []),
    heads_trust=_given(".Values.heads.trustConfig"),
)
"""What a Helm chart has in place of values."""
