"""What the gate of a real cluster is asked about and what not, and what a tenant can't change about that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from gate_samples import UNKNOWN, deployment, pod

if TYPE_CHECKING:
    from gate_cluster import GateCluster

DENIED = 'admission webhook "provenance.dbom.dev" denied the request: dbom: '
TENANT = "alice"
NAME = "kubernetes.io/metadata.name"


@pytest.fixture(name="team", scope="module")
def make_team(gate_cluster: GateCluster) -> str:
    return "--namespace=" + gate_cluster.namespace("team-a")


def test_a_tenant_is_refused_as_everybody_is(gate_cluster: GateCluster, team: str) -> None:
    gate_cluster.kubectl("create", team, "--filename=-", document=pod("good"), user=TENANT)
    assert DENIED in gate_cluster.refused("create", team, "--filename=-", document=pod("bad", UNKNOWN), user=TENANT)


@pytest.mark.parametrize(
    "labels",
    [
        {"dbom.dev/policy": "ignore", "dbom.dev/ignore": "true", "dbom": "ignore"},
        {"control-plane": "true", "app.kubernetes.io/name": "dbom"},
        {NAME: "kube-system"},
    ],
    ids=["ignore", "control plane", "another's name"],
)
def test_labels_and_annotations_of_a_pod_change_nothing(
    gate_cluster: GateCluster, team: str, labels: dict[str, str]
) -> None:
    document = pod("bad", UNKNOWN, metadata={"labels": labels, "annotations": labels})
    assert DENIED in gate_cluster.refused("create", team, "--filename=-", document=document, user=TENANT)


def test_labels_of_a_namespace_change_nothing(gate_cluster: GateCluster) -> None:
    """No label that somebody can write excludes a namespace; the one that does can't be written."""
    labels = {"dbom.dev/policy": "ignore", "dbom.dev/ignore": "true", "dbom": "ignore", "control-plane": "true"}
    namespace = f"--namespace={gate_cluster.namespace('team-labelled', **labels)}"
    assert DENIED in gate_cluster.refused("create", namespace, "--filename=-", document=pod("bad", UNKNOWN))
    gate_cluster.said("label", "namespace/team-labelled", f"{NAME}=kube-system", "--overwrite")
    assert gate_cluster.get("namespace/team-labelled")["metadata"]["labels"][NAME] == "team-labelled"
    assert DENIED in gate_cluster.refused("create", namespace, "--filename=-", document=pod("bad", UNKNOWN))


@pytest.mark.parametrize(("api_version", "kind"), [("apps/v1", "ReplicaSet"), ("v1", "Node"), ("batch/v1", "Job")])
def test_a_forged_owner_changes_nothing(gate_cluster: GateCluster, team: str, api_version: str, kind: str) -> None:
    """A pod that names an owner is judged like one that names none: anybody can write such a name."""
    uid = "00000000-0000-0000-0000-000000000001"
    owner = {"apiVersion": api_version, "kind": kind, "name": "trusted", "uid": uid, "controller": True}
    document = pod("owned", UNKNOWN, metadata={"ownerReferences": [owner]})
    assert DENIED in gate_cluster.refused("create", team, "--filename=-", document=document, user=TENANT)


def test_an_owner_that_is_really_there_changes_nothing(gate_cluster: GateCluster, team: str) -> None:
    gate_cluster.kubectl("apply", team, "--filename=-", document=deployment("owner"), user=TENANT)
    uid = gate_cluster.get("deployment/owner", team)["metadata"]["uid"]
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "owner", "uid": uid, "controller": True}
    document = pod("owned", UNKNOWN, metadata={"ownerReferences": [owner]})
    assert DENIED in gate_cluster.refused("create", team, "--filename=-", document=document, user=TENANT)


@pytest.mark.parametrize("namespace", ["kube-system", "dbom-system"])
def test_the_namespaces_that_a_cluster_starts_from_are_not_judged(gate_cluster: GateCluster, namespace: str) -> None:
    """They are excluded by the name that nobody can change; the manifests print them as gaps."""
    container = {
        "name": "c",
        "image": "vllm/vllm-openai:v0.11",
        "args": ["--model", "org/model"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    restricted = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": restricted}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "unjudged"}, "spec": spec}
    gate_cluster.kubectl("wait", "--for=create", "serviceaccount/default", f"--namespace={namespace}", "--timeout=30s")
    gate_cluster.kubectl("create", f"--namespace={namespace}", "--filename=-", document=document)
    gate_cluster.kubectl("delete", "pod/unjudged", f"--namespace={namespace}", "--grace-period=0", "--force")
    assert "everything in kube-system and in dbom-system" in gate_cluster.manifests("enforce")


UNTOUCHED = {
    "configmap": ["create", "configmap", "untouched", "--from-literal=model=org/model"],
    "secret": ["create", "secret", "generic", "untouched", "--from-literal=model=org/model"],
    "service": ["create", "service", "clusterip", "untouched", "--tcp=80"],
    "serviceaccount": ["create", "serviceaccount", "untouched"],
    "quota": ["create", "quota", "untouched", "--hard=pods=50"],
}


@pytest.mark.parametrize("kind", [*UNTOUCHED, "lease"])
def test_other_kinds_never_reach_the_webhook(gate_cluster: GateCluster, team: str, kind: str) -> None:
    if kind == "lease":
        document = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "untouched"}}
        gate_cluster.kubectl("create", team, "--filename=-", document=document)
    else:
        gate_cluster.kubectl(*UNTOUCHED[kind], team)
    assert '"untouched"' not in gate_cluster.log()


def test_who_may_not_make_a_pod_is_told_so_by_the_cluster(gate_cluster: GateCluster) -> None:
    """Authorisation comes first: nobody learns from the gate what is signed."""
    said = gate_cluster.refused("create", "--namespace=default", "--filename=-", document=pod("p"), user=TENANT)
    assert "cannot create resource" in said
    assert "dbom:" not in said


def test_the_rules_hold_no_subresource_that_a_kubelet_writes(gate_cluster: GateCluster) -> None:
    """Of the configuration as it is stored: what a wrong rule would stop is a cluster's recovery."""
    found = gate_cluster.get("validatingwebhookconfigurations")["items"]
    (ours,) = (item for item in found if item["metadata"]["name"].startswith("dbom"))
    (webhook,) = (item for item in ours["webhooks"] if item["name"] == "provenance.dbom.dev")
    resources = {name for rule in webhook["rules"] for name in rule["resources"]}
    assert {name for name in resources if "/" in name or "*" in name} == {"pods/ephemeralcontainers"}
    assert {operation for rule in webhook["rules"] for operation in rule["operations"]} == {"CREATE", "UPDATE"}
    assert (webhook["failurePolicy"], webhook["sideEffects"], webhook["timeoutSeconds"]) == ("Fail", "NoneOnDryRun", 5)
    assert json.dumps(webhook["namespaceSelector"]["matchExpressions"][0]["values"]) == '["kube-system", "dbom-system"]'
