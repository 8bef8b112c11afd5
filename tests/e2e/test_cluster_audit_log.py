"""What an API server's audit log says of the gate: tests/audit_logs holds one of a real run, and this is that run.

`DBOM_GOLDEN_UPDATE=1` writes the files anew. Otherwise the run is compared with them, times and made-up names aside, so
that what reads them (`dbom admission report --audit-log`) is tried on what an API server really writes.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gate_samples import UNKNOWN, deployment, pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate_cluster import GateCluster

FOLDER = Path(__file__).resolve().parent.parent / "audit_logs"
SHOP = "shop"


@pytest.fixture(name="shop")
def make_shop(gate_cluster: GateCluster) -> Iterator[str]:
    """Have a namespace that is empty again in the end: others call theirs so, too."""
    shop = f"--namespace={gate_cluster.namespace(SHOP)}"
    yield shop
    gate_cluster.kubectl("delete", "deployments,replicasets,pods", "--all", shop, "--grace-period=0", "--force")


def test_the_log_of_a_real_run_is_the_one_that_is_kept(gate_cluster: GateCluster, shop: str) -> None:
    """Verified, refused, unchanged, a dry run, pods of controllers, a debugger, a delete, and a gap under audit."""
    gate = gate_cluster
    before = len(gate.audit_events())
    _requests(gate, shop)
    policy = (gate.site / "policy.yaml").read_text()
    gate.install("audit", policy.replace("mode: enforce", "mode: audit"))
    try:
        gate.kubectl("create", shop, "--filename=-", document=pod("watched", UNKNOWN))
        gate.kill()
        gate.kubectl("create", shop, "--filename=-", document=pod("unseen", UNKNOWN))
    finally:
        gate.install("enforce", policy)
    gate.until("the last line", lambda: any(_name(event) == "unseen" for event in gate.audit_events()))
    events = [trimmed(event) for event in gate.audit_events()[before:] if is_kept(event)]
    pods = [item["metadata"]["name"] for item in gate.get("pods", shop)["items"]]
    if os.environ.get("DBOM_GOLDEN_UPDATE"):
        lines = [json.dumps(event, sort_keys=True) + "\n" for event in events]
        (FOLDER / "kube-apiserver.jsonl").write_text("".join(lines))
        (FOLDER / "pods.json").write_text(json.dumps(gate.get("pods", shop), indent=1, sort_keys=True) + "\n")
    kept = [json.loads(line) for line in (FOLDER / "kube-apiserver.jsonl").read_text().splitlines()]
    assert sorted(map(summary, events)) == sorted(map(summary, kept))
    listed = json.loads((FOLDER / "pods.json").read_text())["items"]
    assert len(pods) == len(listed)


def _requests(gate: GateCluster, shop: str) -> None:
    """Make the requests that a reconciliation has to tell apart, under enforce."""
    gate.kubectl("create", shop, "--filename=-", document=pod("good"), user="alice")
    gate.refused("create", shop, "--filename=-", document=pod("bad", UNKNOWN), user="alice")
    gate.kubectl("create", shop, "--dry-run=server", "--filename=-", document=pod("dry"))
    gate.kubectl("label", "pod/good", shop, "team=a")
    gate.kubectl("run", "web", shop, "--image=nginx:1.29")
    gate.kubectl("create", shop, "--filename=-", document=deployment("made"))
    gate.until("its pod", lambda: len(gate.get("pods", shop, "--selector=app=made")["items"]) == 1)
    gate.kubectl("debug", "good", shop, "--attach=false", "--profile=general", "--image=busybox:1.37", "-c=shell")
    gate.kubectl("delete", "pod/web", shop, "--grace-period=0", "--force")


def is_kept(event: dict[str, Any]) -> bool:
    """Return whether an event is about what runs in the namespace; how often controllers try again is left to them."""
    about = event["objectRef"]
    return (
        about.get("namespace") == SHOP
        and about.get("resource") in ("pods", "deployments", "replicasets")
        and about.get("subresource") != "status"
        and not (about["resource"] != "pods" and event["verb"] == "update")
    )


def trimmed(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without what a reconciliation has no use for."""
    left_out = ("sourceIPs",)
    kept = {key: value for key, value in event.items() if key not in left_out}
    annotations = {
        key: value for key, value in event.get("annotations", {}).items() if not key.startswith("apiserver.latency")
    }
    item = dict(kept.get("requestObject") or {})
    if "metadata" in item:
        item["metadata"] = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return {**kept, "annotations": annotations, **({"requestObject": item} if item else {})}


def summary(event: dict[str, Any]) -> str:
    """Return what is the same in each run."""
    told = ("failed-open", "provenance.dbom.dev/verdict", "provenance.dbom.dev/rules")
    ours = {key: value for key, value in event["annotations"].items() if key.startswith(told)}
    user = event["user"]["username"]
    about = event["objectRef"]
    said = (about["resource"], about.get("subresource"), event["verb"], event["responseStatus"]["code"])
    return re.sub(r"-[0-9a-z]{9,10}\b", "-…", json.dumps([*said, _name(event), user, ours]))


def _name(event: dict[str, Any]) -> str:
    return str(event["objectRef"].get("name", ""))
