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


@pytest.fixture(name="controlled_gate", scope="module")
def make_controlled_gate(gate_cluster: GateCluster) -> Iterator[GateCluster]:
    """Install the gate with its controller; as it was before in the end."""
    (gate_cluster.site / "withdrawn.csv").write_text("species,mass\nAdelie,3750\n")
    gate_cluster.dbom("sign", "withdrawn.csv", "--local", "--store", "store", "--location", f"oci://{WITHDRAWN}")
    gate_cluster.dbom("attest", "revocations", "publish", "store", "--local")
    gate_cluster.install_controlled("enforce", _policy(gate_cluster))
    yield gate_cluster
    gate_cluster.install("enforce", (gate_cluster.site / "policy.yaml").read_text())


def _policy(gate: GateCluster, **more: object) -> str:
    document = yaml.safe_load((gate.site / "policy.yaml").read_text())
    document["spec"] |= {"mode": "enforce", **more}
    return str(yaml.safe_dump(document))


def test_policies_and_revocations_reach_a_webhook_that_nobody_restarts(controlled_gate: GateCluster) -> None:
    """What kubectl applies, and what is written into the store, decides about the next pod."""
    gate = controlled_gate
    space = "--namespace=" + gate.namespace("controlled")
    started = gate.log().count('"event": "listening"')
    gate.kubectl("create", space, "--filename=-", document=pod("first"))
    assert DENIED in gate.refused("create", space, "--filename=-", document=pod("unknown", UNKNOWN))
    # Another policy, by kubectl alone: the model was signed, and has no license that is allowed.
    gate.kubectl("apply", "--namespace=dbom-system", "--filename=-", stdin=_policy(gate, licenses={"allow": ["MIT"]}))
    gate.until("the stricter policy", lambda: _is_refused(gate, space, GOOD))
    revocation = {"revokers": [{"authority": "signer"}]}
    gate.kubectl("apply", "--namespace=dbom-system", "--filename=-", stdin=_policy(gate, revocation=revocation))
    gate.until("the policy about revocations", lambda: not _is_refused(gate, space, WITHDRAWN))
    # A revocation, by the store alone.
    gate.dbom("attest", "revoke", "withdrawn.csv", "--reason", "withdrawn weights", "--local", "--store", "store")
    gate.dbom("attest", "revocations", "publish", "store", "--local")
    gate.until("the revocation", lambda: _is_refused(gate, space, WITHDRAWN))
    said = gate.refused("create", space, "--filename=-", document=pod("next", WITHDRAWN))
    assert DENIED + "refused: " in said
    assert "withdrawn weights" in said
    gate.kubectl("create", space, "--filename=-", document=pod("second"))
    assert gate.log().count('"event": "listening"') == started


def _is_refused(gate: GateCluster, space: str, image: str) -> bool:
    said = gate.said("create", space, "--dry-run=server", "--filename=-", document=pod("asked", image))
    return said.code != 0 and DENIED in said.err
