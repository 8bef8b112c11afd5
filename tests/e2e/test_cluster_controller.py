"""The whole gate on a real control plane: a policy object, the controller's snapshot, the webhook that enforces it.

And what the controller says of what runs, in Events and PolicyReports.
"""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from gate_samples import GOOD, OTHER, UNKNOWN, deployment, pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate_cluster import GateCluster

DENIED = 'admission webhook "provenance.dbom.dev" denied the request: dbom: '
SPACE = "controlled"
FAILED = 'dbom_controller_failures_total{step="sync"}'
WITHDRAWN = f"registry.example.com/models/withdrawn@sha256:{'6' * 64}"


@pytest.fixture(name="place", scope="module")
def make_place(gate_cluster: GateCluster) -> Iterator[str]:
    """Sign a model that will be withdrawn; the policy is as it was before in the end."""
    (gate_cluster.site / "withdrawn.csv").write_text("species,mass\nGentoo,5000\n")
    gate_cluster.dbom("sign", "withdrawn.csv", "--local", "--store", "store", "--location", f"oci://{WITHDRAWN}")
    gate_cluster.dbom("attest", "revocations", "publish", "store", "--local")
    yield "--namespace=" + gate_cluster.namespace(SPACE)
    gate_cluster.apply_only(_policy(gate_cluster))


@pytest.fixture(name="space")
def make_space(gate_cluster: GateCluster, place: str) -> str:
    """Have the site's policy and no other, whatever the test before left."""
    gate_cluster.apply_only(_policy(gate_cluster))
    return place


def _policy(gate: GateCluster, name: str = "models", **more: object) -> str:
    document = yaml.safe_load((gate.site / "policy.yaml").read_text())
    document["metadata"]["name"] = name
    document["spec"] |= {"mode": "enforce", **more}
    return str(yaml.safe_dump(document))


def test_policies_and_revocations_reach_a_webhook_that_nobody_restarts(gate_cluster: GateCluster, space: str) -> None:
    """What kubectl applies, and what is written into the store, decides about the next pod."""
    gate, started = gate_cluster, gate_cluster.status()["startedAt"]
    gate.kubectl("create", space, "--filename=-", document=pod("first"))
    assert DENIED in gate.refused("create", space, "--filename=-", document=pod("unknown", UNKNOWN))
    # Another policy, by kubectl alone: the model was signed, and has no license that is allowed.
    gate.apply_policy(_policy(gate, licenses={"allow": ["MIT"]}))
    assert _is_refused(gate, space, GOOD)
    gate.apply_policy(_policy(gate, revocation={"revokers": [{"authority": "signer"}]}))
    assert not _is_refused(gate, space, WITHDRAWN)
    # A revocation, by the store alone.
    gate.dbom("attest", "revoke", "withdrawn.csv", "--reason", "withdrawn weights", "--local", "--store", "store")
    gate.dbom("attest", "revocations", "publish", "store", "--local")
    gate.synced()
    said = gate.refused("create", space, "--filename=-", document=pod("next", WITHDRAWN))
    assert DENIED + "refused: " in said
    assert "withdrawn weights" in said
    gate.kubectl("create", space, "--filename=-", document=pod("second"))
    assert started == gate.status()["startedAt"]


def test_what_runs_is_told_of_where_its_owner_looks_and_only_when_something_changed(
    gate_cluster: GateCluster, space: str
) -> None:
    """A policy of the namespace refuses one of two models: Events at workloads, a report of all, and not once more."""
    gate = gate_cluster
    gate.apply_policy(_policy(gate))
    made = [deployment("serves", OTHER), pod("alone", OTHER), pod("fine", GOOD)]
    gate.kubectl("create", space, "--filename=-", document=made)
    gate.until("its pod", lambda: len(gate.get("pods", space, "--selector=app=serves")["items"]) == 1)
    gate.until("a report of them", lambda: {"fine", "alone", "serves"} <= set(results(gate)))
    assert {results(gate)[name]["result"] for name in ("fine", "alone", "serves")} == {"pass"}
    # The policy changes: all of it is judged again, and what would be refused now is told.
    gate.apply_policy(_denying(gate, "model-1"), SPACE)
    gate.until("the refusals", lambda: {"alone", "serves"} <= told(gate))
    gate.until("a report of them", lambda: _result(gate, "serves") == "fail")
    found = results(gate)
    assert (found["fine"]["result"], found["alone"]["result"]) == ("pass", "fail")
    assert found["alone"]["policy"] == f"{SPACE}/team"
    # The Deployment is told of, and its pod, which stands in the report too, isn't told of once more.
    assert not {name for name in told(gate) if name.startswith("serves-")}
    assert any(name.startswith("serves-") for name in found)
    # Nothing changes: nothing is judged, and nothing written but when the stores were read.
    judged, written = _judged(gate), _written(gate)
    for _ in range(3):
        gate.synced()
    assert (judged, {"dbom-snapshot"}) == (_judged(gate), {name for _, name in _written(gate)[len(written) :]})
    # One object more is one judgement more.
    gate.kubectl("create", space, "--filename=-", document=pod("another", GOOD))
    gate.until("a report of it", lambda: "another" in results(gate))
    assert judged + 1 == _judged(gate)


def test_a_policy_may_be_deleted_while_pods_of_it_run(gate_cluster: GateCluster, space: str) -> None:
    """Its noes end with it, in the report and for the next pod; what runs isn't touched, and the webhook goes on."""
    gate, started = gate_cluster, gate_cluster.status()["startedAt"]
    gate.kubectl("create", space, "--filename=-", document=pod("runs"))
    gate.apply_policy(_denying(gate, "model-0"), SPACE)
    assert _is_refused(gate, space, GOOD)
    gate.until("a report of it", lambda: _result(gate, "runs") == "fail")
    before = {item["metadata"]["uid"] for item in gate.get("pods", space)["items"]}
    gate.kubectl("delete", "provenancepolicy", "team", space)
    gate.until("its end", gate.is_in_force)
    assert not _is_refused(gate, space, GOOD)
    gate.until("a report of that", lambda: _result(gate, "runs") == "pass")
    # With the last one, too: then nobody says what is to be refused, and nothing is called verified.
    gate.kubectl("delete", "provenancepolicy", "models", "--namespace=dbom-system")
    gate.until("the end of the last", gate.is_in_force)
    assert gate.status()["policies"] == []
    gate.until("a report of that", lambda: _result(gate, "runs") == "error")
    assert "no policy matches the namespace" in results(gate)["runs"]["message"]
    gate.apply_policy(_policy(gate))
    assert _is_refused(gate, space, UNKNOWN)
    gate.until("a report of that", lambda: _result(gate, "runs") == "pass")
    assert before == {item["metadata"]["uid"] for item in gate.get("pods", space)["items"]}
    assert started == gate.status()["startedAt"]


def test_policies_change_while_the_store_is_away(gate_cluster: GateCluster, space: str) -> None:
    """Who loosens a policy may do so because the store is away; what was verified stays so, as old as it is."""
    gate, store = gate_cluster, gate_cluster.site / "store"
    gate.apply_policy(_policy(gate))
    store.rename(gate.site / "away")
    store.write_text("no folder")
    try:
        gate.until("a failure", lambda: gate.controller_metrics().get(FAILED, 0) > 0)
        read = gate.status()["evidence"]["syncedAt"]
        gate.apply_policy(_policy(gate, mode="audit"))
        assert not _is_refused(gate, space, UNKNOWN)
        gate.apply_policy(_policy(gate))
        assert _is_refused(gate, space, UNKNOWN)
        assert not _is_refused(gate, space, GOOD)
        assert read == gate.status()["evidence"]["syncedAt"]
    finally:
        store.unlink()
        (gate.site / "away").rename(store)
    gate.synced()


def test_the_api_server_is_killed_and_comes_back_to_a_gate_that_never_left(
    gate_cluster: GateCluster, space: str
) -> None:
    """The webhook needs nobody to be ready; the controller leads again by itself, and hears of what comes then."""
    gate = gate_cluster
    gate.apply_policy(_policy(gate))
    before = gate.status()
    gate.cluster.stop_server()
    try:
        gate.until(
            "a failure", lambda: gate.controller_metrics().get('dbom_controller_failures_total{step="lease"}', 0) > 0
        )
        assert gate.status()["ready"]
    finally:
        gate.cluster.start_server()
    gate.apply_policy(_policy(gate, mode="audit"))
    assert not _is_refused(gate, space, UNKNOWN)
    gate.apply_policy(_policy(gate))
    assert _is_refused(gate, space, UNKNOWN)
    gate.synced()
    assert before["startedAt"] == gate.status()["startedAt"]
    assert before["source"]["sequence"] < gate.status()["source"]["sequence"]


def test_a_killed_controller_leaves_a_gate_that_works_on_and_grows_stale(gate_cluster: GateCluster, space: str) -> None:
    """Where a policy says how old evidence may be, the gate can't tell after that; and can when there is another."""
    gate = gate_cluster
    gate.apply_policy(_policy(gate, evidence={"notOlderThan": "8s"}))
    assert not _is_refused(gate, space, GOOD)
    gate.stop_controller(signal.SIGKILL)
    gate.kubectl("apply", "--namespace=dbom-system", "--filename=-", stdin=_policy(gate))
    gate.until("evidence that is too old", lambda: _is_refused(gate, space, GOOD))
    said = gate.refused("create", space, "--filename=-", document=pod("late"))
    assert DENIED + "can't tell: " in said
    assert "the stores were read too long ago" in said
    assert gate.status()["evidence"]["ageSeconds"] >= 8
    assert not gate.is_in_force()
    # Whoever holds the Lease is gone without a word; here nobody waits for it to end.
    gate.kubectl("delete", "lease", "dbom-controller", "--namespace=dbom-system")
    gate.control()
    gate.until("the policy that came meanwhile", gate.is_in_force)
    gate.kubectl("create", space, "--filename=-", document=pod("in-time"))


def told(gate: GateCluster) -> set[str]:
    """Return the names of what Events say that it would be refused now."""
    return {
        item["involvedObject"]["name"]
        for item in gate.get("events", f"--namespace={SPACE}")["items"]
        if item["reason"] == "ProvenanceRefused"
    }


def results(gate: GateCluster) -> dict[str, dict[str, Any]]:
    """Return the results of the namespace's report by the objects' names; a Deployment and its pods have their own."""
    items = gate.get("policyreports", f"--namespace={SPACE}")["items"]
    return {result["resources"][0]["name"]: result for item in items for result in item["results"]}


def _result(gate: GateCluster, name: str) -> str:
    return str(results(gate).get(name, {}).get("result", ""))


def _denying(gate: GateCluster, model: str) -> str:
    """Return the policy of a team that wants no pod to load one of the site's models."""
    found = json.loads(gate.dbom("fingerprint", model, "-f", "json"))["results"][0]["digest"]
    return _policy(gate, "team", denied={"digests": [found], "unknown": "allow"})


def _judged(gate: GateCluster) -> float:
    return gate.controller_metrics()["dbom_controller_judgements_total"]


def _written(gate: GateCluster) -> list[tuple[str, str]]:
    """Return what the controller wrote so far, by kind and name, its Lease aside: that isn't in the audit log."""
    return [
        (str(event["objectRef"]["resource"]), str(event["objectRef"].get("name")))
        for event in gate.audit_events()
        if event["user"]["username"] == "system:serviceaccount:dbom-system:dbom-controller"
    ]


def _is_refused(gate: GateCluster, space: str, image: str) -> bool:
    said = gate.said("create", space, "--dry-run=server", "--filename=-", document=pod("asked", image))
    return said.code != 0 and DENIED in said.err
