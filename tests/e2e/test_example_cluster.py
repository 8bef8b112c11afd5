"""`examples/04-a-real-cluster`: its very script on a real control plane, and its README against what it printed.

What the tests stand in for is a node: the two programs run as their Deployments say, their pods are said to be ready at
the address at which they are, and the journal's volume is a folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING

import pytest
from gate_cluster import ADDRESS
from gate_samples import BEFORE, UNKNOWN, pod
from programs import program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate_cluster import GateCluster

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "04-a-real-cluster"
SYSTEM, AVIARY = "--namespace=dbom-system", "--namespace=aviary"
INSTALLED = "validatingwebhookconfigurations,validatingadmissionpolicybindings,validatingadmissionpolicies,deployments"
READY = {
    "phase": "Running",
    "podIP": ADDRESS,
    "podIPs": [{"ip": ADDRESS}],
    "conditions": [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")],
}
LONGEST = 240.0


@dataclass(frozen=True)
class Told:
    """What the script printed, by its steps, and the folder that it worked in."""

    text: str
    work: Path

    def step(self, words: str) -> str:
        """Return what was printed in the one step with these words in its title."""
        (found,) = [step for step in self.text.split("\n== ")[1:] if words in step.splitlines()[0]]
        return found


@pytest.fixture(name="told", scope="module")
def make_told(gate_cluster: GateCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Take the gate away, run the script, which installs it, and install it again as it was."""
    gate, folder = gate_cluster, tmp_path_factory.mktemp("aviary")
    gate.kill()
    gate.stop_controller()
    gate.kubectl("delete", INSTALLED, SYSTEM, "--selector=app.kubernetes.io/part-of=dbom")
    gate.kubectl("delete", "provenancepolicies", "--all", SYSTEM)
    if gate.process is not None:
        shutil.rmtree(gate.process.folders["journal"])  # as with the pods, whose volumes these are
    try:
        yield Told(run(gate, folder), folder / "work")
    finally:
        gate.kubectl("delete", "namespace", "aviary", "--ignore-not-found", "--wait=false")
        gate.install("enforce", (gate.site / "policy.yaml").read_text())


def run(gate: GateCluster, folder: Path) -> str:
    """Run the script to its end beside what nodes would do, and return what it printed."""
    (folder / "work").mkdir()
    environment = {
        **os.environ,
        "PATH": f"{programs(gate, folder / 'programs')}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "IMAGE": f"registry.example.com/dbom@sha256:{'d' * 64}",
        "STORE": (folder / "work" / "evidence").as_uri(),
        "JOURNALS": str(folder / "journals"),
        "AUDIT_LOG": str(gate.folder / "audit.log"),
    }
    said = folder / "said.txt"
    with said.open("wb") as out:
        words = [str(EXAMPLE / "run.sh"), str(folder / "work")]
        script = subprocess.Popen(words, env=environment, stdout=out, stderr=subprocess.STDOUT)
        ended = threading.Event()
        timer = threading.Timer(LONGEST, script.kill)
        timer.start()
        try:
            while script.poll() is None:
                be_a_node(gate, folder / "journals")
                ended.wait(0.5)
        finally:
            timer.cancel()
            script.kill()
            script.wait()
    assert script.returncode == 0, said.read_text()[-4000:]
    return said.read_text()


def programs(gate: GateCluster, folder: Path) -> Path:
    """Return a folder with dbom and python3 as they are tested, and kubectl as it reaches the cluster."""
    folder.mkdir()
    configured = [program("kubectl"), f"--kubeconfig={gate.cluster.kubeconfig}", f"--cache-dir={folder / 'cache'}"]
    commands = {
        "dbom": [sys.executable, "-P", "-m", "dbom"],
        "python3": [sys.executable],
        "kubectl": gate.network.inside(configured),
    }
    for name, words in commands.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {join(words)} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def be_a_node(gate: GateCluster, journals: Path) -> None:
    """Run what there are Deployments of, and say of their pods that they are ready."""
    if len(gate.get("deployments", SYSTEM)["items"]) < 2:
        return
    gate.control()
    is_new = not gate.serving
    gate.serve()
    if is_new:  # What it decides by the snapshot of before must not be taken for what it decides by the new policy.
        gate.said("create", f"--namespace={BEFORE}", "--dry-run=server", "--filename=-", document=pod("asked", UNKNOWN))
    if not journals.is_symlink() and gate.process is not None:
        journals.symlink_to(gate.process.folders["journal"])
    for item in gate.get("pods", SYSTEM)["items"]:
        if "podIP" not in item["status"]:
            patch = f"--patch={json.dumps({'status': READY})}"
            # It may be gone by now, replaced by another.
            gate.said("patch", "pod", item["metadata"]["name"], SYSTEM, "--subresource=status", "--type=merge", patch)


def test_audit_says_what_would_have_been_refused_and_stops_nothing(told: Told) -> None:
    step = told.step("what would have been refused")
    assert "0 denied, 6 allowed in spite of a no" in step
    assert all(f"CREATE {kind} aviary/mystery" in step for kind in ("Deployment", "ReplicaSet", "Pod"))
    assert "the model 'Qwen/Qwen3-8B' is not pinned" in step
    assert "static pods, which the API server doesn't ask about" in step


def test_a_revoked_dataset_is_found_in_what_runs_and_stops_the_next_pod(told: Told) -> None:
    """Two signed edges away: the pod names an image, the image a model, the model's training the data."""
    runs = told.step("what runs and descends from it")
    way = r"\[model model <- dataset clean \(trained on\) <- artifact scraped [^\]<]*\(derived from\)\] \(DBOM-559\)"
    assert "refused        Deployment aviary/penguins" in runs
    assert re.search(way, runs)
    assert "penguins   what runs would be refused now (mode enforce): dbom: refused" in runs
    denied = told.step("the next pod is refused")
    said = 'admission webhook "enforced.provenance.dbom.dev" denied the request: dbom: refused: '
    assert re.search(re.escape(said) + r"[^;]*is revoked[^;]*three people withdrew their consent[^;]*" + way, denied)
    assert re.search(r"penguins-[0-9a-z]+ +Error creating: " + re.escape(said), denied)


def test_break_glass_lets_it_in_and_the_record_says_by_whom_and_why(told: Told) -> None:
    assert "pod/one-more created" in told.step("somebody has to have it")
    report = told.step("what an auditor reads")
    spared = report.split("Allowed in spite of a no")[1]
    assert re.search(
        r"let in by break-glass of key sha256:[0-9a-f]{64} until \S+: INC-1234: the aviary is open", spared
    )
    assert "CREATE Pod aviary/one-more by admin" in spared


def test_journal_audit_log_and_pods_agree(told: Told) -> None:
    """Nothing that the API server let in is without a record, and no pod runs that nobody decided on."""
    report = told.step("what an auditor reads")
    log, pods = (report.split(f"Reconciled with the {what}\n")[1].split("\n\n")[0] for what in ("audit log", "pods"))
    assert re.match(r"  \d\d agree\n", log)
    assert re.fullmatch(r"  \d agree", pods)
    assert "error:" not in report
    assert "holds together" in report


def test_a_replay_comes_to_the_same_and_a_stricter_policy_to_a_no(told: Told) -> None:
    assert re.search(r"\n  \d+ same\n", told.step("was it right?"))
    stricter = told.step("and a stricter policy")
    licence = "is under a licence that isn't allowed: got CC-BY-NC-4.0"
    way = "[model model <- dataset clean (trained on) <- dataset scraped (derived from)] (DBOM-540)"
    was = stricter.split("refused; it was verified, allowed\n")[1].split("\n    can't tell")[0]
    assert licence in was
    assert way in was
    assert "CREATE Deployment aviary/penguins" in was


def masked(text: str) -> str:
    """Return a text without what is another in each run: digests, times, made-up names, folders, numbers of records."""
    for pattern, by in (
        (r"\s+", " "),
        (r"/\S*/work/", "WORK/"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "TIME"),
        (r"[0-9a-f]{16,64}", "HEX"),
        (r"\S+ \(issuer https://local\.dbom\.dev/HEX\)", "SIGNER"),
        (r"(penguins|mystery|from-the-hub)-[0-9a-z]{8,10}(-[0-9a-z]{5})?\b", r"\1-MADE"),
        (
            r"\b\d+ (decisions|agree|same|records|would now be denied|under other policies|refused|denied|dry runs)",
            r"N \1",
        ),
        (r"\b\d+ (left out|allowed in spite of a no|can't tell|verified)", r"N \1"),
        (r"record \d+", "record N"),
    ):
        text = re.sub(pattern, by, text)
    return text


def test_the_readme_shows_what_was_printed(told: Told) -> None:
    """Each block of output stands in what the script printed, word by word; `[…]` is what the README leaves out."""
    readme = (EXAMPLE / "README.md").read_text()
    blocks = re.findall(r"^```text\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 6
    printed = masked(told.text)
    for block in blocks:
        at = 0
        for piece in block.split("[…]"):
            words = masked(piece).strip()
            at = printed.find(words, at)
            assert at >= 0, words
            at += len(words)
