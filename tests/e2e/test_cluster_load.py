"""What changes under load in a real cluster: certificates with their bundle, and policies. Nobody gets no answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import yaml
from gate_load import ALLOWED, DENIED, load
from gate_samples import GOOD, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509
    from gate_cluster import GateCluster
    from gate_load import Load

SPACE = "under-load"
ENOUGH = 50


@pytest.fixture(name="gate", scope="module")
def make_gate(gate_cluster: GateCluster) -> Iterator[GateCluster]:
    """Have a namespace to ask in; certificates and the policy are as they were before in the end."""
    gate_cluster.namespace(SPACE)
    yield gate_cluster
    gate_cluster.control()
    gate_cluster.apply_only((gate_cluster.site / "policy.yaml").read_text())


def test_requests_go_on_while_authority_bundle_and_certificate_are_replaced(gate: GateCluster) -> None:
    """By the controller itself, and twice, so that the bundle holds authorities that were there before."""
    gate.control("--certificates-last=20")
    started, shown = gate.status()["startedAt"], [gate.served()]
    with load(gate, SPACE) as asked:
        for _ in range(2):
            _rotate(gate)
            shown.append(gate.served())
        _await_more(gate, asked)
    assert {(GOOD, ALLOWED), (UNKNOWN, DENIED)} == set(asked.answers)
    assert len(set(shown)) == len(shown)
    assert _is_by(shown[-1], gate.webhook_authority().certificate)
    assert started == gate.status()["startedAt"]


def test_requests_go_on_while_the_policy_changes(gate: GateCluster) -> None:
    """Each answer is by the old policy or by the new one; from when the webhook says so, by the new one alone."""
    lax = yaml.safe_load((gate.site / "policy.yaml").read_text())
    strict = {**lax, "spec": {**lax["spec"], "licenses": {"allow": ["MIT"]}}}
    started = gate.status()["startedAt"]
    for policy, said in ((strict, DENIED), (lax, ALLOWED), (strict, DENIED), (lax, ALLOWED)):
        with load(gate, SPACE) as asked:
            gate.apply_policy(yaml.safe_dump(policy))
            _await_more(gate, asked)
        assert set(asked.answers) <= {(GOOD, ALLOWED), (GOOD, DENIED), (UNKNOWN, DENIED)}
        with load(gate, SPACE) as asked:
            _await_more(gate, asked)
        assert {(GOOD, said), (UNKNOWN, DENIED)} == set(asked.answers)
    assert started == gate.status()["startedAt"]


def _rotate(gate: GateCluster) -> None:
    """Ask for another authority, and wait until the webhook shows a certificate of its."""
    before = gate.webhook_authority().certificate
    moment = f"dbom.dev/rotate={datetime.now(UTC).isoformat()}"
    gate.kubectl("annotate", "secret", "dbom-ca", "--namespace=dbom-system", moment, "--overwrite")
    gate.until("a new authority", lambda: gate.webhook_authority().certificate != before)
    gate.until("its certificate", lambda: _is_by(gate.served(), gate.webhook_authority().certificate))


def _await_more(gate: GateCluster, asked: Load) -> None:
    before = asked.count(GOOD)
    gate.until("more answers", lambda: asked.count(GOOD) >= before + ENOUGH)


def _is_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError):
        return False
    return True
