"""The installed webhook has the heads of its journal signed: as its service account, by a token the API server gives.

The token is the one that a kubelet would project; a Sigstore of ours, beside the cluster, asks the API server for the
keys of its issuer.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
from gate_samples import UNKNOWN, pod, run_dbom

from dbom.rules.attestations import REMOTE_SIGNING
from dbom.rules.journals import JOURNAL_TAIL_LOST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gate_cluster import GateCluster

DENIED = 'admission webhook "provenance.dbom.dev" denied the request: dbom: '
SIGSTORE = "http://127.0.0.1:26555"
IDENTITY = "https://kubernetes.io/namespaces/dbom-system/serviceaccounts/dbom"


@pytest.fixture(name="signed", scope="module")
def make_signed(gate_cluster: GateCluster) -> Iterator[GateCluster]:
    """Install the gate with the Sigstore that signs its heads; as before in the end."""
    gate = gate_cluster
    (gate.site / "heads").mkdir()
    start_sigstore(gate)
    text = gate.manifests("enforce", "--no-controller", "--trust-config", "heads/client_trust_config.json")
    gate.install("enforce", (gate.site / "policy.yaml").read_text(), text)
    yield gate
    gate.install("enforce", (gate.site / "policy.yaml").read_text())
    gate.network.stop("sigstore", signal.SIGTERM)


def start_sigstore(gate: GateCluster) -> None:
    files = gate.site / "heads"
    issuer = f"--issuer={gate.cluster.issuer}=kubernetes,ca-file={gate.folder / 'ca.pem'}"
    at = [f"--home={files / 'home'}", f"--listen={SIGSTORE.removeprefix('http://')}", f"--url={SIGSTORE}"]
    command = [sys.executable, "-P", "-m", "dbom", "trust", "serve", issuer, *at, f"--client-files={files}"]
    gate.network.start("sigstore", command)
    asked = f"from urllib.request import urlopen; urlopen({SIGSTORE + '/healthz'!r}).read()"
    gate.network.ready("sigstore", gate.network.succeeds([sys.executable, "-c", asked]))


def end(gate: GateCluster) -> None:
    """End the webhook as a kubelet does, by SIGTERM: it closes its journal and has the last head signed."""
    gate.network.stop("webhook", signal.SIGTERM)
    gate.serving = False


def heads(gate: GateCluster, since: int) -> list[dict[str, Any]]:
    """Return what the webhook's log says of heads behind its first `since` characters."""
    lines = gate.log()[since:].splitlines(keepends=True)
    told = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]
    return [item for item in told if item.get("event") == "head"]


def starts_pods(gate: GateCluster) -> None:
    """Wait until the Deployment as it is now has a pod: Pod Security, quota and accounts let it in."""

    def are_there() -> bool:
        found = gate.get("deployment/dbom", "--namespace=dbom-system")
        status = found["status"]
        return status.get("observedGeneration") == found["metadata"]["generation"] and "updatedReplicas" in status

    gate.until("the webhook's pods", are_there)


def journal(gate: GateCluster) -> Path:
    return gate.folder / "pod" / "journal" / "journal.jsonl"


def report(gate: GateCluster, path: Path, *, identity: str = IDENTITY, code: int = 0) -> dict[str, Any]:
    """Return the newest chain of what `dbom admission report` says, with its findings."""
    whom = ["--trusted-root", "heads/trusted_root.json", "--identity", identity, "--issuer", gate.cluster.issuer]
    found = json.loads(run_dbom(gate.site, "admission", "report", str(path), *whom, "-f", "json", code=code))
    return {**found["journals"][-1], "findings": found["findings"]}


def test_the_end_of_its_journal_is_signed_by_its_service_account(signed: GateCluster, tmp_path: Path) -> None:
    """From the manifests alone: a projected token, the Sigstore's ConfigMap; nothing that the webhook may do more."""
    gate = signed
    space = "--namespace=" + gate.namespace("signed-heads")
    gate.until("the first head", lambda: any("head" in item for item in heads(gate, 0)))
    since = len(gate.log())
    gate.kubectl("create", space, "--filename=-", document=pod("good"))
    assert DENIED in gate.refused("create", space, "--filename=-", document=pod("bad", UNKNOWN))
    end(gate)
    starts_pods(gate)
    (last,) = heads(gate, since)
    assert "system:serviceaccount:dbom-system:dbom " in last["by"] + " ", last
    found = report(gate, journal(gate), code=0)
    assert (found["provenHead"]["number"], found["provenHead"]["digest"]) == (found["number"], found["head"])
    assert found["head"] == last["head"]
    # Another account of the cluster is not who is expected to sign it.
    other = IDENTITY.replace("accounts/dbom", "accounts/dbom-controller")
    assert report(gate, journal(gate), identity=other, code=3)["provenHead"] is None
    # Whoever cuts the end off shows by it: the head that was signed is no longer there.
    cut = tmp_path / "journal.jsonl"
    lines = journal(gate).read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[:-1]))
    (tmp_path / "journal.heads.jsonl").write_bytes(journal(gate).with_name("journal.heads.jsonl").read_bytes())
    assert JOURNAL_TAIL_LOST.id in [item["rule"] for item in report(gate, cut, code=1)["findings"]]
    gate.serve()


def test_a_sigstore_that_is_gone_stops_nobody_and_is_said(signed: GateCluster) -> None:
    """The webhook starts, judges and ends without it: evidence is missing then, and its log says so."""
    gate = signed
    space = "--namespace=" + gate.namespace("unsigned-heads")
    end(gate)
    gate.network.stop("sigstore", signal.SIGTERM)
    try:
        since = len(gate.log())
        gate.serve()
        gate.kubectl("create", space, "--filename=-", document=pod("good"))
        assert DENIED in gate.refused("create", space, "--filename=-", document=pod("bad", UNKNOWN))
        gate.until("the error", lambda: bool(heads(gate, since)))
        end(gate)
    finally:
        start_sigstore(gate)
        if not gate.serving:
            gate.serve()
    assert [REMOTE_SIGNING.id, REMOTE_SIGNING.id] == [item["rule"] for item in heads(gate, since)]
