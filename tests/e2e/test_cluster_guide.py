"""The guide to rolling the gate out, run on a real control plane: its blocks as they stand, in their order.

What a reader does between them (sign a model, wait) is done here, and what the guide says comes of it is looked at.
Not run are the blocks that say so for another reason than that they need a cluster.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gate_samples import GOOD, UNKNOWN, pod
from programs import program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate_cluster import GateCluster

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "rollout.md"
HERE = "tests/e2e/test_cluster_guide.py"
BLOCK = re.compile(r"(?P<before>[^\n]*)\n```sh\n(?P<script>.*?)```", re.DOTALL)
DENIED = 'admission webhook "{}provenance.dbom.dev" denied the request: dbom: '
SHOP, REST = "--namespace=shop", "--namespace=rest"


def blocks() -> list[str]:
    """Return the blocks that a cluster is enough for, in their order."""
    found = BLOCK.finditer(GUIDE.read_text(encoding="utf-8"))
    return [item["script"] for item in found if "not run" not in item["before"] or HERE in item["before"]]


@dataclass(slots=True)
class Reader:
    """Somebody who follows the guide in a folder of their own, from a machine that reaches the API server."""

    gate: GateCluster
    folder: Path
    left: list[str]

    def follow(self, words: str) -> str:
        """Run the blocks up to the next one with these words in it, that one too; return what that one printed."""
        while self.left:
            script = self.left.pop(0)
            said = self.run(script)
            if words in script:
                return said
        raise AssertionError(f"the guide has no block with {words!r} any more")

    def run(self, script: str) -> str:
        """Run a script that knows what the guide has named; return what it printed."""
        folders = [str(Path(sys.executable).parent), *(str(Path(program(name)).parent) for name in ("kubectl", "helm"))]
        state = {name: str(self.folder / name.lower()) for name in ("HOME", "DBOM_HOME", "DBOM_CONFIG_HOME")}
        environment = {
            **os.environ,
            **state,
            "PATH": os.pathsep.join([*folders, os.environ["PATH"]]),
            "KUBECONFIG": str(self.gate.cluster.kubeconfig),
            "STORE": self.store.as_uri(),
        }
        named = "\n".join(re.findall(r"^[A-Z]+=.*$", blocks()[0], re.MULTILINE))
        command = self.gate.network.inside(["bash", "-euo", "pipefail", "-c", f"{named}\n{script}"])
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
        return done.stdout

    @property
    def store(self) -> Path:
        """Where the evidence is."""
        return self.folder / "store"


@pytest.fixture(name="reader")
def make_reader(gate_cluster: GateCluster, tmp_path: Path) -> Iterator[Reader]:
    """Take the gate away; it is installed as before in the end."""
    gate_cluster.take_away()
    for name in ("shop", "rest"):
        gate_cluster.namespace(name)
    yield Reader(gate_cluster, tmp_path, blocks())
    gate_cluster.kubectl("delete", "provenancepolicies", "--all", "--all-namespaces", "--ignore-not-found")
    gate_cluster.install("enforce", (gate_cluster.site / "policy.yaml").read_text())


def test_the_guide_holds_from_the_first_audit_to_the_last_trace(reader: Reader) -> None:
    gate = reader.gate
    gaps = reader.follow("grep '^# -' gate.yaml")
    assert "- everything in kube-system and in dbom-system and in calico-system" in gaps
    reader.follow("kubectl apply --filename gate.yaml")
    gate.control()
    # A model that the policy's signer signs, before it is asked for.
    reader.follow("dbom policy init")
    sign(reader)
    reader.follow("kubectl apply --namespace dbom-system --filename watching.yaml")
    gate.serve()
    gate.until("the policy", gate.is_in_force)
    gate.synced()
    # Audit: nothing is refused, and a report says what would have been.
    gate.until("a verdict", lambda: "verdict" in tried(reader, REST, "first", UNKNOWN))
    gate.kubectl("create", SHOP, "--filename=-", document=[pod("seen", UNKNOWN), pod("good")])
    (reader.folder / "journals").symlink_to(gate.folder / "pod" / "journal")
    report = reader.follow("dbom admission report --since")
    assert "can't tell" in report
    # One namespace is enforced: there the same is refused, elsewhere not.
    reader.follow("kubectl apply --namespace shop --filename policy.yaml")
    gate.until("the policies", gate.is_in_force)
    gate.until("a no", lambda: is_denied(gate, SHOP, "enforced."))
    assert not is_denied(gate, REST, "")
    gate.kubectl("create", SHOP, "--filename=-", document=pod("next"))
    gate.kubectl("label", "pod/seen", SHOP, "runs=on")
    # All of them are.
    reader.follow("kubectl delete --namespace shop --filename policy.yaml")
    gate.until("the policies", gate.is_in_force)
    gate.until("a no", lambda: is_denied(gate, REST, ""))
    gate.until("a no", lambda: is_denied(gate, SHOP, ""))
    # The webhook blocks recovery: one line takes that away.
    gate.kill()
    assert 'failed calling webhook "provenance.dbom.dev"' in gate.refused(
        "create", REST, "--filename=-", document=pod("blocked")
    )
    reader.follow("kubectl delete validatingwebhookconfiguration dbom\n")
    gate.until("the way", lambda: gate.said("create", REST, "--filename=-", document=pod("recovered")).code == 0)
    # And one line takes all of it away, while its programs don't run.
    gate.stop_controller()
    reader.follow("--selector app.kubernetes.io/part-of=dbom")
    kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings,namespaces"
    assert gate.kubectl("get", kinds, "--selector=app.kubernetes.io/part-of=dbom", "--output=name") == ""
    gate.kubectl("create", SHOP, "--filename=-", document=pod("free", UNKNOWN))
    assert reader.left == []
    gate.prepare()


def sign(reader: Reader) -> None:
    """Sign a model with the key of the guide's policy, as the guide says one does before."""
    model = reader.folder / "model"
    model.mkdir()
    (model / "weights.csv").write_text("w\n1\n")
    words = [
        "dbom",
        "sign",
        "model",
        "--signing-key",
        "signer.key",
        "--store",
        '"$STORE"',
        "--location",
        f"oci://{GOOD}",
    ]
    reader.run(" ".join(words))


def tried(reader: Reader, space: str, name: str, image: str) -> str:
    """Return what the API server's audit log says of making a pod, which only is a dry run."""
    reader.gate.said("create", space, "--dry-run=server", "--filename=-", document=pod(name, image))
    found = [event for event in reader.gate.audit_events() if event["objectRef"].get("name") == name]
    return " ".join(found[-1].get("annotations", {})) if found else ""


def is_denied(gate: GateCluster, space: str, which: str) -> bool:
    said = gate.said("create", space, "--dry-run=server", "--filename=-", document=pod("asked", UNKNOWN))
    return DENIED.format(which) in said.err
