"""Policies that the API server itself decides, in CEL: they hold where the webhook isn't asked, or doesn't answer.

ValidatingAdmissionPolicy is `v1` since Kubernetes 1.30; image volumes are there since 1.33.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from admission.manifests.changes import UNCHANGED
from admission.manifests.configurations import webhook_rules
from admission.manifests.naming import TELLING, metadata
from admission.references.accelerators import ACCELERATOR_PATTERN
from admission.references.kinds import WORKLOADS, plural_of
from dbom.rules.admission import REFERENCE_UNPINNED

if TYPE_CHECKING:
    from admission.manifests.values import Values
    from dbom.canonical import Json, JsonObject

__all__ = ["GUARD", "PINNING", "guard_policies", "pinning_policies", "telling_policies"]

PINNING: Final = "dbom-image-volumes"
GUARD: Final = "dbom-excluded-namespaces"

_API: Final = "admissionregistration.k8s.io/v1"
_PINNED: Final = "@sha256:[0-9a-f]{64}$"


def pinning_policies(values: Values) -> list[JsonObject]:
    """Return the policy that image volumes name their image by digest, with its bindings.

    An update may keep what was there before. Where the mode is audit it warns, and writes into the API server's log.
    """
    variables: Json = [
        _variable("unpinned", _unpinned("object")),
        _variable("before", f"request.operation == 'UPDATE' ? {_unpinned('oldObject')} : []"),
        _variable("added", "variables.unpinned.filter(reference, !(reference in variables.before))"),
    ]
    said = (
        "'dbom: image volumes name their image by digest (IMAGE@sha256:…), and these do not: '"
        f" + variables.added.join(', ') + ' ({REFERENCE_UNPINNED.id})'"
    )
    validation: JsonObject = {
        "expression": "variables.added.size() == 0",
        "messageExpression": said,
        "reason": "Forbidden",
    }
    return [
        _policy(PINNING, _workload_rules(), "Fail", {"variables": variables, "validations": [validation]}),
        _binding(PINNING, PINNING, values.actions, values.main),
        _binding(f"{PINNING}-enforced", PINNING, ["Deny"], values.enforced),
    ]


def guard_policies(values: Values) -> list[JsonObject]:
    """Return the policy for the namespaces that the webhook isn't asked about, with its binding.

    No pod there asks for an accelerator, claims a device or mounts an image volume but by a listed service account.
    """
    variables: Json = [
        _variable("spec", "dyn(object).spec"),
        _variable(
            "containers",
            "(has(variables.spec.initContainers) ? variables.spec.initContainers : []) + variables.spec.containers",
        ),
        _variable("asks", f"variables.containers.exists(container, {_asks('limits')} || {_asks('requests')})"),
        _variable("claims", "has(variables.spec.resourceClaims) && variables.spec.resourceClaims.size() > 0"),
        _variable("mounts", "has(variables.spec.volumes) && variables.spec.volumes.exists(volume, has(volume.image))"),
        _variable("allowed", values.accelerator_accounts),
        _variable(
            "account",
            "request.namespace + '/' + (has(variables.spec.serviceAccountName) && variables.spec.serviceAccountName"
            " != '' ? variables.spec.serviceAccountName : 'default')",
        ),
    ]
    validation: JsonObject = {
        "expression": "!(variables.asks || variables.claims || variables.mounts)"
        " || variables.account in variables.allowed",
        "messageExpression": "'dbom: nobody judges models in the namespace ' + request.namespace + ': pods that ask"
        " for accelerators or mount image volumes are only for listed service accounts, and ' + variables.account"
        " + ' is not listed'",
        "reason": "Forbidden",
    }
    selected: Json = [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": values.excluded}]
    made: Json = [_rule("", ["pods"], ["CREATE"])]
    return [
        _policy(GUARD, made, "Fail", {"variables": variables, "validations": [validation]}),
        _binding(GUARD, GUARD, values.actions, selected),
    ]


def telling_policies(values: Values) -> list[JsonObject]:
    """Return the policy that writes into the audit log that an update wasn't asked about, with its binding.

    It refuses nothing. Without it nobody could tell such an update from one whose record is missing.
    """
    rules: Json = [{**rule, "operations": ["UPDATE"]} for rule in webhook_rules("*") if isinstance(rule, dict)]
    told = "'what is judged stays as it was, so the webhook is not asked'"
    spec: JsonObject = {
        "matchConditions": [{"name": "what-is-judged-stays", "expression": UNCHANGED}],
        "auditAnnotations": [{"key": "unchanged", "valueExpression": told}],
    }
    policy = _policy(TELLING, rules, "Ignore", spec)
    selected: Json = [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": values.excluded}]
    return [policy, _binding(TELLING, TELLING, ["Audit"], selected)]


def _unpinned(root: str) -> str:
    """Return the expression for the references of an object's image volumes that name no digest.

    `dyn`, since the kinds differ in where their pod stands; whether a field is there is asked of each step.
    """
    volumes = "[]"
    for path in sorted(set(WORKLOADS.values())):
        kinds = [kind for (_, kind), found in WORKLOADS.items() if found == path]
        spec = f"dyn({root}).{path}"
        volumes = f"request.kind.kind in {json.dumps(kinds)} ? (has({spec}.volumes) ? {spec}.volumes : []) : {volumes}"
    reference = "(has(volume.image.reference) ? volume.image.reference : '')"
    unpinned = f"has(volume.image) && !{reference}.matches('{_PINNED}')"
    return f"({volumes}).filter(volume, {unpinned}).map(volume, {reference})"


def _asks(kind: str) -> str:
    resources = f"container.resources.{kind}"
    pattern = f"r'{ACCELERATOR_PATTERN}'"
    asked = f"{resources}.exists(resource, resource.lowerAscii().matches({pattern}))"
    return f"(has(container.resources) && has({resources}) && {asked})"


def _workload_rules() -> Json:
    groups: dict[str, list[str]] = {}
    for group, kind in WORKLOADS:
        groups.setdefault(group, []).append(plural_of(group, kind))
    return [_rule(group, sorted(names), ["CREATE", "UPDATE"]) for group, names in sorted(groups.items())]


def _rule(group: str, resources: list[str], operations: list[str]) -> JsonObject:
    return {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": [*operations],
        "resources": [*resources],
        "scope": "Namespaced",
    }


def _variable(name: str, expression: Json) -> JsonObject:
    return {"name": name, "expression": expression}


def _policy(name: str, rules: Json, failure: str, more: JsonObject) -> JsonObject:
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata(name),
        "spec": {
            "failurePolicy": failure,
            "matchConstraints": {"matchPolicy": "Equivalent", "resourceRules": rules},
            **more,
        },
    }


def _binding(name: str, policy: str, actions: Json, selected: Json) -> JsonObject:
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata(name),
        "spec": {
            "policyName": policy,
            "validationActions": actions,
            "matchResources": {"namespaceSelector": {"matchExpressions": selected}},
        },
    }
