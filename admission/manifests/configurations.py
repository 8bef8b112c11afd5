"""The webhook configurations: for which requests the API server asks the webhook, and what it does without an answer.

Never for status, binding, eviction, scale or `*`: a kubelet that reports, and a scheduler that binds, load nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.manifests.changes import match_conditions
from admission.manifests.naming import CONFIGURATION, ENFORCED_WEBHOOK, MAIN_WEBHOOK, metadata
from admission.references.kinds import WORKLOADS, plural_of, read_kinds

if TYPE_CHECKING:
    from admission.manifests.values import Values
    from dbom.canonical import Json, JsonObject

__all__ = ["webhook_configuration", "webhook_rules"]

_SECONDS: Final = 5
_CHANGES: Final[list[Json]] = ["CREATE", "UPDATE"]


def webhook_configuration(values: Values) -> list[JsonObject]:
    """Return the configuration: what isn't answered is refused in enforce, and in the namespaces enforced already."""
    main = _webhook(MAIN_WEBHOOK, values.main_failure, values.main, webhook_rules("*"), values)
    # What has no namespace is none of a namespace's: the main webhook is asked about it.
    enforced = _webhook(ENFORCED_WEBHOOK, "Fail", values.enforced, webhook_rules("Namespaced"), values)
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": metadata(CONFIGURATION, annotations=values.injection),
            "webhooks": [main, enforced],
        }
    ]


def webhook_rules(scope: Json) -> list[Json]:
    """Return the rules for every kind that the gate reads; `scope` is that of kinds that may have no namespace."""
    groups: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    for group, kind in read_kinds():
        found = groups if (group, kind) in WORKLOADS else others
        found.setdefault(group, []).append(plural_of(group, kind))
    rules: list[Json] = [
        _rule(group, names, versions="v1", operations=_CHANGES, scope="Namespaced") for group, names in groups.items()
    ]
    rules.append(_rule("", ["pods/ephemeralcontainers"], versions="v1", operations=["UPDATE"], scope="Namespaced"))
    # Of any version: matchPolicy converts only between versions that the API server knows to be one kind.
    rules += [_rule(group, names, versions="*", operations=_CHANGES, scope=scope) for group, names in others.items()]
    return rules


def _rule(group: str, resources: list[str], *, versions: str, operations: list[Json], scope: Json) -> JsonObject:
    return {
        "apiGroups": [group],
        "apiVersions": [versions],
        "operations": operations,
        "resources": [*sorted(resources)],
        "scope": scope,
    }


def _webhook(name: str, failure: Json, selected: Json, rules: list[Json], values: Values) -> JsonObject:
    return {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "NoneOnDryRun",
        "failurePolicy": failure,
        "matchPolicy": "Equivalent",
        "timeoutSeconds": _SECONDS,
        "clientConfig": values.client_config,
        "namespaceSelector": {"matchExpressions": selected},
        "rules": rules,
        "matchConditions": match_conditions(),
    }
