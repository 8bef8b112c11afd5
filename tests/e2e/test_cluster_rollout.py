"""A roll-out on a real control plane: audit, enforce, a dataset is revoked, the next pod is refused, break-glass.

All of it by objects of the API and by what is in the store: nobody is restarted.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from gate_samples import UNKNOWN, deployment, pod, run_dbom

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gate_cluster import GateCluster

DENIED = 'admission webhook "provenance.dbom.dev" denied the request: dbom: '
MODEL = f"registry.example.com/models/species@sha256:{'5' * 64}"
SHOP, LATER = "shop-rollout", "later-rollout"
WAY = "[model species <- dataset clean (trained on) <- artifact scraped (its statements are revoked) (derived from)]"

CLEAN = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2]); open(sys.argv[2] + '/clean', 'w').write('yes')"
TRAIN = "import os, sys; os.mkdir(sys.argv[2]); open(sys.argv[2] + '/model.csv', 'w').write('weights')"


@pytest.fixture(name="shop", scope="module")
def make_shop(gate_cluster: GateCluster) -> Iterator[str]:
    """Sign a model whose dataset was cleaned from another, by the real commands; enforce as before in the end."""
    gate = gate_cluster
    scraped = gate.site / "scraped"
    scraped.mkdir()
    (scraped / "penguins.csv").write_text("species,mass\nAdelie,3750\n")
    local = ["--local", "--store", "store"]
    _sign(gate, "scraped", "dataset")
    python = ["python3", "-c"]
    gate.dbom("run", *local, "--in", "derived-from=scraped", "--out", "clean", "--", *python, CLEAN, "scraped", "clean")
    _sign(gate, "clean", "dataset")
    gate.dbom("run", *local, "--in", "trained-on=clean", "--out", "species", "--", *python, TRAIN, "clean", "species")
    _sign(gate, "species", "model", "--location", f"oci://{MODEL}")
    gate.dbom("attest", "revocations", "publish", "store", "--local")
    yield "--namespace=" + gate.namespace(SHOP)
    gate.apply_only((gate.site / "policy.yaml").read_text())


def _sign(gate: GateCluster, name: str, kind: str, *words: str) -> None:
    gate.dbom("generate", name, "--as", kind, "--name", name, "-o", f"{name}.cdx.json")
    gate.dbom("sign", name, "--bom", f"{name}.cdx.json", "--local", "--store", "store", *words)


def policy(site: Path, mode: str, name: str = "models", *namespaces: str) -> str:
    """Return the policy of the site, asking for ancestors and revocations too; for some namespaces, or for all."""
    document = yaml.safe_load((site / "policy.yaml").read_text())
    document["metadata"]["name"] = name
    document["spec"] |= {
        "mode": mode,
        "ancestors": {"signed": True, "noInputs": "allow"},
        "revocation": {"revokers": [{"authority": "signer"}]},
        "breakGlass": {"authorities": ["signer"], "longest": "4h"},
        **({"match": {"namespaces": [*namespaces]}} if namespaces else {}),
    }
    return str(yaml.safe_dump(document))


def test_a_roll_out_from_audit_to_break_glass(gate_cluster: GateCluster, shop: str) -> None:
    """One story, step by step, on one cluster."""
    gate, later = gate_cluster, f"--namespace={gate_cluster.namespace(LATER)}"
    started = gate.status()["startedAt"]
    # Audit: nothing is blocked, and what would be refused is written down.
    gate.install("audit", policy(gate.site, "audit"))
    gate.kubectl("create", shop, "--filename=-", document=[pod("seen", UNKNOWN), deployment("species", MODEL)])
    assert _verdict(gate, "seen", "pods") == "can't tell"
    assert _verdict(gate, "species", "deployments") == "verified"
    # Enforce, one namespace: the same pod is refused there, and nowhere else.
    gate.apply_policy(policy(gate.site, "enforce", "enforced", SHOP))
    assert DENIED in gate.refused("create", shop, "--filename=-", document=pod("unseen", UNKNOWN))
    gate.kubectl("create", later, "--filename=-", document=pod("watched", UNKNOWN))
    # One more, by the same object.
    gate.apply_policy(policy(gate.site, "enforce", "enforced", SHOP, LATER))
    assert DENIED in gate.refused("create", later, "--filename=-", document=pod("unseen", UNKNOWN))
    # All of them: the verified Deployment runs on.
    gate.install("enforce", policy(gate.site, "enforce"))
    assert DENIED in gate.refused("create", shop, "--filename=-", document=pod("unseen", UNKNOWN))
    gate.kubectl("create", shop, "--filename=-", document=pod("species", MODEL))
    # A dataset two hops up is revoked by who signed it.
    gate.dbom("attest", "revoke", "scraped", "--reason", "withdrawn records", "--local", "--store", "store")
    gate.dbom("attest", "revocations", "publish", "store", "--local")
    gate.synced()
    # What runs goes on; the controller says which of it would be refused today, and a review of a list says the same.
    assert gate.get("deployment/species", shop)["status"]["replicas"] == 1
    _is_told_of(gate, shop)
    assert {"Deployment species", "Pod species"} <= _refused_today(gate, shop)
    # The next pod of it is refused, and says along which way.
    said = gate.refused("create", shop, "--filename=-", document=pod("next", MODEL))
    assert DENIED + "refused: " in said
    assert re.search(r"is revoked[^;]*withdrawn records[^;]*" + re.escape(WAY), said), said
    (lost,) = gate.get("pods", shop, "--selector=app=species")["items"]
    gate.kubectl("delete", "pod", lost["metadata"]["name"], shop, "--grace-period=0", "--force")
    gate.until("the event", lambda: any("is revoked" in words for words in gate.events(SHOP, "FailedCreate")))
    # Break-glass: somebody signs that it may start all the same, for an hour, and says why.
    _break_glass(gate, pod("next", MODEL))
    gate.kubectl("create", shop, "--filename=-", document=pod("next", MODEL))
    assert _verdict(gate, "next", "pods") == "refused"
    assert DENIED in gate.refused("create", shop, "--filename=-", document=pod("unseen", UNKNOWN))
    assert started == gate.status()["startedAt"]


def _is_told_of(gate: GateCluster, shop: str) -> None:
    """Wait until Events and the namespace's report say it of what runs, with the way to the dataset."""

    def events() -> dict[str, str]:
        found = gate.get("events", shop, "--field-selector=reason=ProvenanceRefused")["items"]
        return {f"{item['involvedObject']['kind']} {item['involvedObject']['name']}": item["message"] for item in found}

    def failed() -> dict[str, str]:
        reports = gate.get("policyreports", shop)["items"]
        results = [item for report in reports for item in report["results"] if item["result"] == "fail"]
        return {f"{item['resources'][0]['kind']} {item['resources'][0]['name']}": item["message"] for item in results}

    both = {"Deployment species", "Pod species"}
    gate.until("an Event of each", lambda: both <= set(events()))
    gate.until("a result of each", lambda: both <= set(failed()))
    for said in (*events().values(), *failed().values()):
        assert re.search(r"is revoked[^;]*withdrawn records[^;]*" + re.escape(WAY), said), said
    # The Deployment's pod stands in the report; its Event is the Deployment's.
    assert any(name.startswith("Pod species-") for name in failed())
    assert set(events()) == both


def _refused_today(gate: GateCluster, shop: str) -> set[str]:
    """Return what runs and would be refused now, by kind and name."""
    (gate.site / "running.yaml").write_text(gate.kubectl("get", "pods,deployments", shop, "--output=yaml"))
    words = ["running.yaml", "--policy", "asked.yaml", "--store", "store", "-f", "json"]
    (gate.site / "asked.yaml").write_text(policy(gate.site, "enforce"))
    found = json.loads(run_dbom(gate.site, "admission", "review", *words, code=1))
    return {f"{item['kind']} {item['name']}" for item in found["objects"] if item["verdict"] == "refused"}


def _break_glass(gate: GateCluster, document: dict[str, Any]) -> None:
    (gate.site / "next.yaml").write_text(yaml.safe_dump(document))
    words = ["--policy", "asked.yaml", "--store", "store", "--local", "--namespace", SHOP]
    gate.dbom("admission", "break-glass", "next.yaml", *words, "--for", "1h", "--reason", "INC-1")
    gate.synced()


def _verdict(gate: GateCluster, name: str, resource: str) -> str:
    """Return what the audit log says of the making of an object that was let in."""

    def found() -> list[str]:
        return [
            event["annotations"]["provenance.dbom.dev/verdict"]
            for event in gate.audit_events()
            if event["objectRef"].get("namespace") == SHOP
            and (event["objectRef"]["resource"], event["objectRef"].get("name")) == (resource, name)
            and (event["verb"], event["responseStatus"]["code"]) == ("create", 201)
        ]

    gate.until("the audit log's line", lambda: bool(found()))
    return str(found()[0])
