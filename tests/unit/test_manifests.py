"""The manifests are valid YAML, the same each time, and hold what the installation rests on."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from admission.manifests import Installation, render_manifests
from admission.policy import Mode
from admission.references.kinds import plural_of, read_kinds
from dbom.errors import UsageError

IMAGE = "registry.example.com/dbom@sha256:" + "a" * 64
CA = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def rendered(**changes: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401  fields of an Installation, and YAML
    text = render_manifests(Installation(IMAGE, **changes))
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def test_everything_that_is_needed_is_there() -> None:
    assert list(rendered()) == [
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "Deployment",
        "Service",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "ValidatingWebhookConfiguration",
    ]
    assert render_manifests(Installation(IMAGE)) == render_manifests(Installation(IMAGE))


@pytest.mark.parametrize(("mode", "expected"), [(Mode.ENFORCE, "Fail"), (Mode.WARN, "Ignore"), (Mode.AUDIT, "Ignore")])
def test_only_enforce_blocks_when_the_webhook_is_silent(mode: Mode, expected: str) -> None:
    (webhook,) = rendered(mode=mode)["ValidatingWebhookConfiguration"]["webhooks"]
    assert webhook["failurePolicy"] == expected


def test_the_webhook_is_called_for_what_the_gate_reads_and_nothing_else() -> None:
    (webhook,) = rendered(namespace="gate", ca_bundle=CA)["ValidatingWebhookConfiguration"]["webhooks"]
    assert webhook["sideEffects"] == "NoneOnDryRun"
    assert webhook["timeoutSeconds"] == 5
    assert webhook["matchPolicy"] == "Equivalent"
    assert webhook["clientConfig"]["caBundle"] == base64.b64encode(CA).decode()
    assert webhook["namespaceSelector"]["matchExpressions"] == [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "gate"]}
    ]
    resources = {item for rule in webhook["rules"] for item in rule["resources"]}
    assert "pods/ephemeralcontainers" in resources
    assert not {"*", "pods/status", "pods/binding", "pods/eviction", "deployments/scale"} & resources


def test_the_webhook_has_no_rights_and_runs_restricted() -> None:
    documents = rendered()
    assert documents["ServiceAccount"]["automountServiceAccountToken"] is False
    assert not any("Role" in kind for kind in documents)
    pod = documents["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["image"] == IMAGE
    assert documents["NetworkPolicy"]["spec"]["egress"] == []


def test_gaps_are_said_at_the_top() -> None:
    text = render_manifests(Installation(IMAGE, mode=Mode.AUDIT))
    heading = text.partition("---\n")[0]
    assert all(line.startswith("#") for line in heading.splitlines())
    for gap in ("static pods", "kube-system", "failurePolicy is Ignore", "caBundle"):
        assert gap in heading
    assert "failurePolicy is Ignore" not in render_manifests(Installation(IMAGE, ca_bundle=CA))


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "registry.example.com/dbom:latest"},
        {"image": IMAGE + "\nevil: true"},
        {"namespace": "kube-system"},
        {"namespace": "a: b"},
        {"ca_bundle": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
        {"ca_bundle": b""},
    ],
)
def test_what_kubernetes_would_not_take_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        Installation(**{"image": IMAGE, **changes})
    assert caught.value.rule.id == "DBOM-570"


def test_every_kind_that_the_webhook_is_called_for_is_one_that_the_gate_reads() -> None:
    """A kind that isn't read can't be told, and so would be denied: that would stop a cluster."""
    (webhook,) = rendered()["ValidatingWebhookConfiguration"]["webhooks"]
    called = {
        (group, resource.partition("/")[0])
        for rule in webhook["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    read = {(group, plural_of(group, kind)) for group, kind in read_kinds()}
    assert called == read
