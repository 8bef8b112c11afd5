"""Deployments, Jobs and their like at the gate of a real cluster: refused as they are made, and as they make pods."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from gate_samples import BEFORE, GOOD, OTHER, UNKNOWN, cron_job, deployment, job, stateful_set

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate_cluster import GateCluster

DENIED = 'admission webhook "provenance.dbom.dev" denied the request: dbom: '
KNOWN_NOTHING = f"nothing is known of oci://{UNKNOWN} (DBOM-530)"

WORKLOADS: dict[str, tuple[Callable[..., dict[str, Any]], str]] = {
    "deployment": (deployment, "spec.template.spec"),
    "statefulset": (stateful_set, "spec.template.spec"),
    "job": (job, "spec.template.spec"),
    "cronjob": (cron_job, "spec.jobTemplate.spec.template.spec"),
}


@pytest.fixture(name="prod", scope="module")
def make_prod(gate_cluster: GateCluster) -> str:
    return "--namespace=" + gate_cluster.namespace("prod-workloads")


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_template_is_judged_when_it_is_made(gate_cluster: GateCluster, prod: str, kind: str) -> None:
    """Whoever applies it hears the no at once, with the place in the template."""
    made, place = WORKLOADS[kind]
    assert "created" in gate_cluster.kubectl("create", prod, "--filename=-", document=made("good"))
    said = gate_cluster.refused("create", prod, "--filename=-", document=made("bad", UNKNOWN))
    assert DENIED in said
    assert f"{place}.volumes[0].image.reference: {KNOWN_NOTHING}" in said


@pytest.mark.parametrize("selector", ["app=running", "app=running-set", "batch.kubernetes.io/job-name=running-job"])
def test_the_controllers_make_the_pods_of_a_verified_workload(
    gate_cluster: GateCluster, prod: str, selector: str
) -> None:
    made = [deployment("running"), stateful_set("running-set"), job("running-job")]
    gate_cluster.kubectl("apply", prod, "--filename=-", document=made)
    gate_cluster.until("the pod", lambda: len(gate_cluster.get("pods", prod, f"--selector={selector}")["items"]) == 1)


def test_a_replica_set_s_events_carry_the_gate_s_words(gate_cluster: GateCluster) -> None:
    """A Deployment that was there before the gate can't make another pod, and says why where its owner looks."""
    before = f"--namespace={BEFORE}"
    gate_cluster.kubectl("scale", "deployment/old", before, "--replicas=2")
    gate_cluster.kubectl("wait", "--for=condition=ReplicaFailure", "deployment/old", before, "--timeout=30s")
    _await_event(gate_cluster, BEFORE, "ReplicaSet", KNOWN_NOTHING)
    condition = _condition(gate_cluster.get("deployment/old", before), "ReplicaFailure")
    assert (condition["reason"], DENIED in condition["message"]) == ("FailedCreate", True)
    assert len(gate_cluster.get("pods", before, "--selector=app=old", "--field-selector=metadata.name!=kept")["items"])


@pytest.mark.parametrize(
    ("kind", "selector"), [("StatefulSet", "app=old"), ("Job", "batch.kubernetes.io/job-name=old")]
)
def test_a_lost_pod_of_a_workload_from_before_is_not_made_again(
    gate_cluster: GateCluster, kind: str, selector: str
) -> None:
    before = f"--namespace={BEFORE}"
    pods = gate_cluster.get("pods", before, f"--selector={selector}")["items"]
    owners = [[owner["kind"] for owner in item["metadata"].get("ownerReferences", ())] for item in pods]
    (lost,) = (item for item, kinds in zip(pods, owners, strict=True) if kind in kinds)
    gate_cluster.kubectl("delete", "pod", lost["metadata"]["name"], before, "--grace-period=0", "--force")
    _await_event(gate_cluster, BEFORE, kind, KNOWN_NOTHING)


def test_a_cron_job_from_before_starts_no_job(gate_cluster: GateCluster) -> None:
    said = gate_cluster.refused("create", "job", "by-hand", "--from=cronjob/old", f"--namespace={BEFORE}")
    assert DENIED in said
    assert KNOWN_NOTHING in said


def test_a_workload_from_before_is_scaled_and_relabelled_but_not_rolled(gate_cluster: GateCluster) -> None:
    """Its model part is unchanged when replicas and labels change; a changed template is judged."""
    before = f"--namespace={BEFORE}"
    gate_cluster.kubectl("label", "statefulset/old", before, "team=a")
    gate_cluster.kubectl("scale", "statefulset/old", before, "--replicas=0")
    patch = json.dumps({"spec": {"replicas": 1}})
    gate_cluster.kubectl("patch", "statefulset/old", before, f"--patch={patch}")
    image = "server=registry.example.com/vllm:v0.12"
    assert DENIED in gate_cluster.refused("set", "image", "statefulset/old", before, image)


def test_a_roll_out_is_judged_and_rolled_back(gate_cluster: GateCluster, prod: str) -> None:
    gate_cluster.kubectl("apply", prod, "--filename=-", document=deployment("rolled"))
    gate_cluster.kubectl("apply", prod, "--filename=-", document=deployment("rolled", OTHER))
    said = gate_cluster.refused("apply", prod, "--filename=-", document=deployment("rolled", UNKNOWN))
    assert KNOWN_NOTHING in said
    gate_cluster.kubectl("rollout", "undo", "deployment/rolled", prod)
    volumes = gate_cluster.get("deployment/rolled", prod)["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["image"]["reference"] == GOOD


def _await_event(gate: GateCluster, namespace: str, kind: str, words: str) -> None:
    def is_there() -> bool:
        chosen = f"--field-selector=reason=FailedCreate,involvedObject.kind={kind}"
        found = gate.get("events", f"--namespace={namespace}", chosen)["items"]
        return any(DENIED in item["message"] and words in item["message"] for item in found)

    gate.until(f"an event of the {kind}", is_there)


def _condition(item: dict[str, Any], kind: str) -> dict[str, Any]:
    return dict(next(condition for condition in item["status"]["conditions"] if condition["type"] == kind))
