"""The webhook of a real cluster is gone, hangs or shows a wrong certificate: who is stopped then, and who never."""

from __future__ import annotations

import contextlib
import json
import re
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from gate_cluster import HOST, Authority
from gate_samples import UNKNOWN, deployment, job, pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate_cluster import GateCluster

DENIED = 'admission webhook "provenance.dbom.dev" denied the request: dbom: '
NO_ANSWER = 'failed calling webhook "provenance.dbom.dev"'
FAILED_OPEN = "failed-open.validating.webhook.admission.k8s.io/"


@pytest.fixture(name="prod", scope="module")
def make_prod(gate_cluster: GateCluster) -> str:
    return "--namespace=" + gate_cluster.namespace("prod-outage")


@pytest.fixture(name="dead")
def make_dead(gate_cluster: GateCluster, prod: str) -> Iterator[GateCluster]:
    """Kill the webhook as `kill -9` does, having let in a pod; it is there again for the next test."""
    gate_cluster.kubectl("apply", prod, "--filename=-", document=pod("there"))
    gate_cluster.kill()
    yield gate_cluster
    gate_cluster.serve()


@pytest.fixture(name="audited", scope="module")
def make_audited(gate_cluster: GateCluster) -> Iterator[GateCluster]:
    """Install the gate in audit for the tests that ask for it, and then in enforce again."""
    policy = (gate_cluster.site / "policy.yaml").read_text()
    gate_cluster.install("audit", policy.replace("mode: enforce", "mode: audit"))
    yield gate_cluster
    gate_cluster.install("enforce", policy)


def test_a_dead_webhook_is_a_no_under_enforce(dead: GateCluster, prod: str) -> None:
    """Even a verified pod is refused, and its words say that nobody answered, not that it was judged."""
    said = dead.refused("create", prod, "--filename=-", document=pod("good"))
    assert said.startswith('Error from server (InternalError): error when creating "STDIN": Internal error occurred: ')
    assert NO_ANSWER in said


def test_a_dead_webhook_stops_nothing_but_what_it_judges(dead: GateCluster, prod: str) -> None:
    """Deletes, statuses, other kinds, and the namespaces that a cluster recovers from go on under enforce."""
    dead.kubectl("create", "configmap", "alive", prod, "--from-literal=a=b")
    status = json.dumps({"status": {"message": "alive"}})
    dead.kubectl("patch", "pod/there", prod, "--subresource=status", "--type=merge", f"--patch={status}")
    dead.kubectl("delete", "pod/there", prod, "--grace-period=0", "--force")
    dead.kubectl("wait", "--for=create", "serviceaccount/default", "--namespace=kube-system", "--timeout=30s")
    dead.kubectl("run", "recovery", "--namespace=kube-system", "--image=registry.example.com/recovery:1")
    dead.kubectl("delete", "pod/recovery", "--namespace=kube-system", "--grace-period=0", "--force")


def test_the_webhook_can_start_while_it_is_dead(dead: GateCluster) -> None:
    """Its own namespace is excluded, so its pods never wait for it."""
    own = "--namespace=dbom-system"
    dead.kubectl("rollout", "restart", "deployment/dbom", own)
    before = len(dead.get("replicasets", own)["items"])
    dead.until("its next pods", lambda: len(dead.get("replicasets", own)["items"]) >= max(before, 2))


def test_one_line_takes_a_dead_webhook_out_of_the_way(dead: GateCluster, prod: str) -> None:
    """What to do when the webhook itself blocks recovery: the line that the manifests give."""
    line = re.search("`kubectl (delete validatingwebhookconfiguration [a-z.-]+)`", dead.manifests("enforce"))
    assert line is not None
    dead.kubectl(*line[1].split())
    dead.until("the way", lambda: dead.said("create", prod, "--filename=-", document=pod("recovered")).code == 0)
    dead.serve()
    dead.install("enforce", (dead.site / "policy.yaml").read_text())
    assert DENIED in dead.refused("create", prod, "--filename=-", document=pod("bad", UNKNOWN))
    dead.kill()


def test_controllers_make_up_for_what_a_dead_webhook_stopped(gate_cluster: GateCluster, prod: str) -> None:
    """A pod that a controller couldn't make is made when the webhook is there again: nobody has to try anew."""
    pods = ["pods", prod, "--selector=app=patient"]
    gate_cluster.kubectl("apply", prod, "--filename=-", document=deployment("patient"))
    gate_cluster.until("the pod", lambda: len(gate_cluster.get(*pods)["items"]) == 1)
    (lost,) = gate_cluster.get(*pods)["items"]
    gate_cluster.kill()
    try:
        gate_cluster.kubectl("delete", "pod", lost["metadata"]["name"], prod, "--grace-period=0", "--force")
        gate_cluster.until(
            "the event", lambda: any(NO_ANSWER in said for said in gate_cluster.events("prod-outage", "FailedCreate"))
        )
    finally:
        gate_cluster.serve()
    gate_cluster.until("the next pod", lambda: len(gate_cluster.get(*pods)["items"]) == 1)


def test_a_deployment_is_scaled_down_while_the_webhook_is_dead(gate_cluster: GateCluster, prod: str) -> None:
    """It updates its ReplicaSet, which leaves the template as it is; the pod is deleted. Scaled up, pods wait."""
    gate_cluster.kubectl("apply", prod, "--filename=-", document=deployment("scaled"))
    pods = ["pods", prod, "--selector=app=scaled"]
    gate_cluster.until("the pod", lambda: len(gate_cluster.get(*pods)["items"]) == 1)
    gate_cluster.kill()
    try:
        gate_cluster.kubectl("scale", "deployment/scaled", prod, "--replicas=0")
        gate_cluster.until("the scaling", lambda: gate_cluster.get(*pods)["items"] == [])
        gate_cluster.kubectl("scale", "deployment/scaled", prod, "--replicas=1")
        gate_cluster.until("the event", lambda: _is_told_no_answer(gate_cluster, "scaled-"))
        assert gate_cluster.get(*pods)["items"] == []
    finally:
        gate_cluster.serve()
    gate_cluster.until("the pod", lambda: len(gate_cluster.get(*pods)["items"]) == 1)


def test_a_job_finishes_while_the_webhook_is_dead(gate_cluster: GateCluster, prod: str) -> None:
    """Its controller takes the finalizer off the pod and says so in its status; then all of it can be deleted."""
    gate_cluster.kubectl("create", prod, "--filename=-", document=job("finite"))
    pods = ["pods", prod, "--selector=batch.kubernetes.io/job-name=finite"]
    gate_cluster.until("the pod", lambda: len(gate_cluster.get(*pods)["items"]) == 1)
    (made,) = gate_cluster.get(*pods)["items"]
    assert made["metadata"]["finalizers"] == ["batch.kubernetes.io/job-tracking"]
    gate_cluster.kill()
    try:
        ended = {"status": {"phase": "Succeeded"}}
        words = ["--subresource=status", "--type=merge", f"--patch={json.dumps(ended)}"]
        gate_cluster.kubectl("patch", f"pod/{made['metadata']['name']}", prod, *words)
        gate_cluster.kubectl("wait", "--for=condition=Complete", "job/finite", prod, "--timeout=30s")
        assert "finalizers" not in gate_cluster.get(*pods)["items"][0]["metadata"]
        gate_cluster.kubectl("delete", "job/finite", prod, "--timeout=30s")
        gate_cluster.until("the pod's end", lambda: gate_cluster.get(*pods)["items"] == [])
    finally:
        gate_cluster.serve()


def test_whole_namespaces_are_deleted_while_the_webhook_is_dead(gate_cluster: GateCluster) -> None:
    """With finalizers in them, which somebody else takes off."""
    space = "--namespace=" + gate_cluster.namespace("prod-given-up")
    held = pod("held", metadata={"finalizers": ["example.com/held"]})
    gate_cluster.kubectl("create", space, "--filename=-", document=[held, deployment("given-up"), job("given-up")])
    gate_cluster.kill()
    try:
        gate_cluster.kubectl("delete", "namespace/prod-given-up", "--wait=false")
        gate_cluster.until("its end", lambda: "deletionTimestamp" in gate_cluster.get("pod/held", space)["metadata"])
        off = json.dumps([{"op": "remove", "path": "/metadata/finalizers"}])
        gate_cluster.kubectl("patch", "pod/held", space, "--type=json", f"--patch={off}")
        # No kubelet ends the pods that are there: what is deleted at once needs none.
        gate_cluster.said("delete", "pods", "--all", space, "--grace-period=0", "--force")
        gate_cluster.kubectl("wait", "--for=delete", "namespace/prod-given-up", "--timeout=50s")
    finally:
        gate_cluster.serve()


def _is_told_no_answer(gate: GateCluster, owner: str) -> bool:
    """Return whether an event about what begins so says that nobody answered."""
    found = gate.get("events", "--namespace=prod-outage", "--field-selector=reason=FailedCreate")["items"]
    return any(item["involvedObject"]["name"].startswith(owner) and NO_ANSWER in item["message"] for item in found)


def test_a_webhook_that_hangs_is_a_no_under_enforce(gate_cluster: GateCluster, prod: str) -> None:
    """What doesn't answer within the API server's five seconds is refused."""
    with stopped(gate_cluster):
        said = gate_cluster.refused("create", prod, "--filename=-", document=pod("good"))
    assert NO_ANSWER in said
    assert "deadline exceeded" in said


def test_a_wrong_certificate_is_a_no_under_enforce_and_the_controller_mends_it(
    gate_cluster: GateCluster, prod: str
) -> None:
    """Expired, for another's name, by another authority; with nobody who would renew it, and then with somebody."""
    ours = gate_cluster.webhook_authority()
    pairs = [
        ours.serving(HOST, lasts=timedelta(minutes=-1)),
        ours.serving("evil.dbom-system.svc"),
        Authority.made("somebody else").serving(HOST),
    ]
    gate_cluster.stop_controller()
    try:
        for pair in pairs:
            gate_cluster.kill()
            gate_cluster.give_certificate(*pair)
            with contextlib.suppress(RuntimeError):  # it may also refuse to start, which is a no as well
                gate_cluster.serve()
            assert NO_ANSWER in gate_cluster.refused("create", prod, "--filename=-", document=pod("good"))
    finally:
        gate_cluster.control()
    # The webhook that shows the last of them goes on, and takes what the controller makes.
    words = ["create", prod, "--filename=-", "--dry-run=server"]
    gate_cluster.until("a certificate", lambda: gate_cluster.said(*words, document=pod("good")).code == 0)


def test_audit_lets_in_what_it_would_refuse_and_the_audit_log_says_so(audited: GateCluster, prod: str) -> None:
    audited.kubectl("create", prod, "--filename=-", document=pod("watched", UNKNOWN))
    found = _audited(audited, "watched")
    assert found["annotations"]["provenance.dbom.dev/verdict"] == "can't tell"
    assert found["annotations"]["provenance.dbom.dev/rules"] == "DBOM-530"


def test_a_dead_webhook_blocks_nobody_under_audit_and_the_audit_log_shows_the_gap(
    audited: GateCluster, prod: str
) -> None:
    """Pods start, nothing is judged, and the API server writes down that it went on without an answer."""
    audited.kill()
    try:
        audited.kubectl("create", prod, "--filename=-", document=pod("unseen", UNKNOWN))
    finally:
        audited.serve()
    annotations = _audited(audited, "unseen")["annotations"]
    assert [value for key, value in annotations.items() if key.startswith(FAILED_OPEN)] == ["provenance.dbom.dev"]
    assert "provenance.dbom.dev/verdict" not in annotations


def test_a_webhook_that_hangs_blocks_nobody_under_audit(audited: GateCluster, prod: str) -> None:
    with stopped(audited):
        audited.kubectl("create", prod, "--filename=-", document=pod("waited", UNKNOWN))
    annotations = _audited(audited, "waited")["annotations"]
    assert [value for key, value in annotations.items() if key.startswith(FAILED_OPEN)] == ["provenance.dbom.dev"]


@contextlib.contextmanager
def stopped(gate: GateCluster) -> Iterator[None]:
    """Have the webhook hang: it is there, takes connections, and answers nothing."""
    gate.network.send("webhook", signal.SIGSTOP)
    try:
        yield
    finally:
        gate.network.send("webhook", signal.SIGCONT)


def _audited(gate: GateCluster, name: str) -> dict[str, Any]:
    """Return what the audit log says of the making of a pod."""

    def found() -> list[dict[str, Any]]:
        asked = ((event, event["objectRef"]) for event in gate.audit_events())
        return [event for event, of in asked if (of.get("namespace"), of.get("name")) == ("prod-outage", name)]

    gate.until("the audit log's line", lambda: bool(found()))
    return found()[0]
