"""The whole gate on a real control plane: a policy object, the controller's snapshot, the webhook that enforces it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from gate_samples import GOOD, UNKNOWN, pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate_cluster import GateCluster

DENIED = 'admission webhook "provenance.dbom.dev" denied the request: dbom: '
WITHDRAWN = f"registry.example.com/models/withdrawn@sha256:{'6' * 64}"


@pytest.fixture(name="space", scope="module")
def make_space(gate_cluster: GateCluster) -> Iterator[str]:
    """Sign a model that will be withdrawn; the policy is as it was before in the end."""
    (gate_cluster.site / "withdrawn.csv").write_text("species,mass\nGentoo,5000\n")
    gate_cluster.dbom("sign", "withdrawn.csv", "--local", "--store", "store", "--location", f"oci://{WITHDRAWN}")
    gate_cluster.dbom("attest", "revocations", "publish", "store", "--local")
    yield "--namespace=" + gate_cluster.namespace("controlled")
    gate_cluster.install("enforce", _policy(gate_cluster))


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


def _is_refused(gate: GateCluster, space: str, image: str) -> bool:
    said = gate.said("create", space, "--dry-run=server", "--filename=-", document=pod("asked", image))
    return said.code != 0 and DENIED in said.err
