"""`dbom admission report` on the journal of a real run, held against the API server's own audit log and its pods.

The journal is what the webhook wrote while a real API server asked it; the audit log is that server's, and the pods are
those that it has. So whatever one of them has and another hasn't is named, and a journal that somebody laid hands on is
told from what was written.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from gate_samples import GOOD, OTHER, UNKNOWN, deployment, pod, run_dbom

from admission.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gate_cluster import GateCluster

SPACE = "reported"
NAMESPACE = f"--namespace={SPACE}"
RECORD, VERDICT = "provenance.dbom.dev/record", "provenance.dbom.dev/verdict"
POLICY = "models"


@dataclass(frozen=True)
class Kept:
    """What was kept of the run in a folder: journal, audit log, pods, policies; and from when to when it went."""

    gate: GateCluster
    folder: Path
    since: str
    enforced_until: str

    @property
    def journal(self) -> Path:
        """The folder of the journal."""
        return self.folder / "journal"

    def report(self, *flags: str, journal: Path | None = None, code: int = 0) -> dict[str, Any]:
        """Return a report on the namespace by the real command, which must end with `code`."""
        words = ["--since", self.since, "--namespace", SPACE, "-f", "json", str(journal or self.journal), *flags]
        return dict(json.loads(run_dbom(self.gate.site, "admission", "report", *words, code=code)))

    @property
    def log(self) -> list[str]:
        """The flags that name the audit log."""
        return ["--audit-log", str(self.folder / "audit.log")]

    @property
    def pods(self) -> list[str]:
        """The flags that name the list of pods."""
        return ["--pods", str(self.folder / "pods.json")]

    def events(self) -> list[dict[str, Any]]:
        """Return what the log has of requests in the namespace that the gate is there for, dry runs among them."""
        found = [json.loads(line) for line in (self.folder / "audit.log").read_text().splitlines()]
        return [event for event in found if event["objectRef"].get("namespace") == SPACE and VERDICT in _notes(event)]


def _notes(event: dict[str, Any]) -> dict[str, str]:
    return dict(event.get("annotations", {}))


def _errors(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["rule"], item["message"]) for item in report["findings"] if item["severity"] == "error"]


@pytest.fixture(name="kept", scope="module")
def make_kept(gate_cluster: GateCluster, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Ask a real gate about everything that a report has to tell apart, once while nobody answered."""
    gate, folder = gate_cluster, tmp_path_factory.mktemp("kept")
    gate.namespace(SPACE)
    since = _now()
    _enforced(gate)
    enforced_until = _now()
    policy = (gate.site / "policy.yaml").read_text()
    in_force = gate.kubectl("get", "provenancepolicy", POLICY, "--namespace=dbom-system", "--output=yaml")
    (folder / "in-force.yaml").write_text(in_force)
    gate.install("audit", policy.replace("mode: enforce", "mode: audit"))
    try:
        gate.kubectl("create", NAMESPACE, "--filename=-", document=pod("watched", UNKNOWN))
        gate.kill()
        gate.kubectl("create", NAMESPACE, "--filename=-", document=pod("unseen", UNKNOWN))
    finally:
        gate.install("enforce", policy)
    assert gate.process is not None
    gate.until("the last line", lambda: _names(gate, "unseen"))
    shutil.copy(gate.folder / "audit.log", folder / "audit.log")
    (folder / "pods.json").write_text(gate.kubectl("get", "pods", "--all-namespaces", "--output=json"))
    # The journal comes last: it may have more than what it is held against.
    shutil.copytree(gate.process.folders["journal"], folder / "journal")
    return Kept(gate, folder, since, enforced_until)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _names(gate: GateCluster, name: str) -> bool:
    about = [event["objectRef"] for event in gate.audit_events()]
    return any((item.get("namespace"), item.get("name")) == (SPACE, name) for item in about)


def _enforced(gate: GateCluster) -> None:
    gate.kubectl("create", NAMESPACE, "--filename=-", document=pod("good"), user="alice")
    gate.refused("create", NAMESPACE, "--filename=-", document=pod("bad", UNKNOWN), user="alice")
    gate.kubectl("create", NAMESPACE, "--dry-run=server", "--filename=-", document=pod("dry"))
    gate.refused("create", NAMESPACE, "--dry-run=server", "--filename=-", document=pod("dry-bad", UNKNOWN))
    gate.kubectl("label", "pod/good", NAMESPACE, "team=a")
    gate.kubectl("run", "web", NAMESPACE, "--image=nginx:1.29")
    gate.kubectl("apply", "--server-side", NAMESPACE, "--filename=-", document=deployment("made", OTHER))
    gate.until("its pod", lambda: len(gate.get("pods", NAMESPACE, "--selector=app=made")["items"]) == 1)
    debugged = ["--attach=false", "--profile=general", "--image=busybox:1.37", "-c=shell"]
    gate.kubectl("debug", "good", NAMESPACE, *debugged)
    gate.kubectl("delete", "pod/web", NAMESPACE, "--grace-period=0", "--force")


def test_every_request_of_the_log_is_in_the_journal_or_named(kept: Kept) -> None:
    """Told by hand, too: each uid that the webhook gave the API server stands in a record, and the other way round."""
    report = kept.report(*kept.log, code=1)
    (found,) = report["reconciled"]
    (error,) = _errors(report)
    assert error[0] == "DBOM-607"
    assert error[1].startswith(f"create pods {SPACE}/unseen by ")
    assert "let in because the webhook didn't answer" in error[1]
    recorded = {_notes(event)[RECORD] for event in kept.events() if RECORD in _notes(event)}
    assert recorded == {item["uid"] for item in report["decisions"]}
    assert found["agree"] == len(recorded) == len(report["decisions"])
    said = {(item["kind"], item["subresource"], item["verdict"], item["allowed"]) for item in report["decisions"]}
    assert {
        ("Pod", "", "verified", True),
        ("Pod", "", "can't tell", False),
        ("Pod", "", "can't tell", True),
        ("Pod", "", "nothing found", True),
        ("Pod", "ephemeralcontainers", "verified", True),
        ("Deployment", "", "verified", True),
        ("ReplicaSet", "", "verified", True),
    } <= said


def test_a_dry_run_leaves_no_record_and_no_gap(kept: Kept) -> None:
    """The audit log has what was said of it, and no uid of a record, since there is none; nobody misses one."""
    dry = [event for event in kept.events() if "dryRun" in event["requestURI"]]
    assert [_notes(event)[VERDICT] for event in dry] == ["verified", "can't tell"]
    assert not [event for event in dry if RECORD in _notes(event)]
    report = kept.report(*kept.log, code=1)
    assert not [item for item in report["decisions"] if item["name"].startswith("dry")]
    assert report["reconciled"][0]["leftOut"]["dry runs"] == 2
    assert not [message for _, message in _errors(report) if "/dry" in message]


def test_every_pod_was_decided_on_or_is_named(kept: Kept) -> None:
    """What runs, against what was let in with this content, the debugger's container included."""
    report = kept.report(*kept.pods, code=1)
    (found,) = report["reconciled"]
    assert _errors(report) == [("DBOM-609", f"pod {SPACE}/unseen: no decision let it in")]
    listed = json.loads((kept.folder / "pods.json").read_text())["items"]
    running = [item for item in listed if item["metadata"]["namespace"] == SPACE]
    assert len(running) == 4
    assert found["agree"] == 3
    assert any("ephemeralContainers" in item["spec"] for item in running)


def test_other_content_under_a_known_name_is_told(kept: Kept, tmp_path: Path) -> None:
    """Somebody who can write to etcd changes what runs, and no admission was asked."""
    document = json.loads((kept.folder / "pods.json").read_text())
    (good,) = [
        item
        for item in document["items"]
        if (item["metadata"]["namespace"], item["metadata"]["name"]) == (SPACE, "good")
    ]
    (volume,) = [item for item in good["spec"]["volumes"] if "image" in item]
    volume["image"]["reference"] = UNKNOWN
    (tmp_path / "pods.json").write_text(json.dumps(document))
    errors = _errors(kept.report("--pods", str(tmp_path / "pods.json"), code=1))
    assert ("DBOM-609", f"pod {SPACE}/good: what was let in under its name has other content") in errors


def test_a_replay_comes_to_what_the_gate_said(kept: Kept) -> None:
    """With the policy as the cluster had it, and the store as it is by now: each verdict, the noes too."""
    flags = ["--until", kept.enforced_until, "--policy", str(kept.folder / "in-force.yaml"), "--store", "store"]
    report = kept.report("--replay", *flags)
    assert len(report["decisions"]) >= 6
    assert {item["outcome"] for item in report["replayed"]} == {"same"}


def test_a_replay_says_what_a_new_policy_would_have_refused(kept: Kept, tmp_path: Path) -> None:
    """Of all that came, in audit and enforce; what has no model in it stays as it is."""
    new = yaml.safe_load((kept.gate.site / "policy.yaml").read_text())
    new["spec"] |= {"mode": "enforce", "denied": {"digests": [_digest(kept.gate)]}}
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(new))
    report = kept.report("--replay", "--policy", str(tmp_path / "new.yaml"), "--store", "store")
    told = {
        (decided["name"].partition("-")[0], decided["operation"], decided["allowed"], played["allowed"])
        for decided, played in zip(report["decisions"], report["replayed"], strict=True)
    }
    assert ("good", "CREATE", True, False) in told  # its model is the one that is denied now
    assert ("made", "CREATE", True, True) in told
    assert ("watched", "CREATE", True, False) in told  # it was in audit
    assert ("bad", "CREATE", False, False) in told
    assert ("web", "CREATE", True, True) in told
    assert not [item for item in told if not item[2] and item[3]]


def _digest(gate: GateCluster) -> str:
    """Return the digest of the model in `GOOD`."""
    assert GOOD.endswith("1" * 64)
    return run_dbom(gate.site, "fingerprint", "model-0").split()[0]


def newest(folder: Path) -> Path:
    return folder / "journal.jsonl"


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def at_decision(lines: list[bytes], name: str) -> int:
    """Return at which line the decision on a pod of the run stands."""
    (found,) = [
        number
        for number, line in enumerate(lines)
        if b'"kind":"decision"' in line
        and f'"name":"{name}"'.encode() in line
        and f'"{SPACE}"'.encode() in line
        and b'"operation":"CREATE"' in line
    ]
    return found


def edited(folder: Path) -> None:
    """Make a yes of a no."""
    lines = lines_of(newest(folder))
    number = at_decision(lines, "bad")
    lines[number] = lines[number].replace(b'"allowed":false', b'"allowed":true')
    newest(folder).write_bytes(b"".join(lines))


def cut_out(folder: Path) -> None:
    """Take a record out of the middle."""
    lines = lines_of(newest(folder))
    del lines[at_decision(lines, "bad")]
    newest(folder).write_bytes(b"".join(lines))


def forked(folder: Path) -> None:
    """Write another end, from the decision on, and keep both."""
    other = folder / "other" / "journal.jsonl"
    other.parent.mkdir()
    lines = lines_of(newest(folder))
    other.write_bytes(b"".join(lines[: at_decision(lines, "bad")]))
    Journal.open(other, at=datetime.now(UTC), facts={}, replica="dbom-0").close(at=datetime.now(UTC))
    other.replace(folder / "b-journal.jsonl")


def of_another(folder: Path) -> None:
    """Put a file of another replica where a full one of this would be."""
    at = datetime.now(UTC) - timedelta(days=1)
    Journal.open(folder / "other", at=at, facts={}, replica="dbom-1").close(at=at)
    (folder / "other").replace(folder / "journal.jsonl.000000")


@pytest.mark.parametrize(
    ("attack", "rules"),
    [
        (edited, {"DBOM-560"}),
        (cut_out, {"DBOM-560", "DBOM-600"}),
        (forked, {"DBOM-601"}),
        (of_another, {"DBOM-602"}),
    ],
)
def test_what_was_done_to_the_journal_is_told(
    kept: Kept, tmp_path: Path, attack: Callable[[Path], None], rules: set[str]
) -> None:
    folder = tmp_path / "journal"
    shutil.copytree(kept.journal, folder)
    before = {path.name for path in folder.iterdir()}
    attack(folder)
    found = {rule for rule, _ in _errors(kept.report(journal=folder, code=1))}
    assert rules & found, (found, before)
    assert found <= rules


def test_an_end_that_was_cut_off_is_told_by_the_log_of_another(kept: Kept, tmp_path: Path) -> None:
    """The chain of what is left holds, and no head was signed here; the API server knows what else was let in."""
    folder = tmp_path / "journal"
    shutil.copytree(kept.journal, folder)
    lines = lines_of(newest(folder))
    newest(folder).write_bytes(b"".join(lines[: at_decision(lines, "good")]))
    assert not _errors(kept.report(journal=folder))
    errors = _errors(kept.report(*kept.log, journal=folder, code=1))
    assert {rule for rule, _ in errors} == {"DBOM-607"}
    assert any(message.startswith(f"create pods {SPACE}/good by alice") for _, message in errors)
    pods = _errors(kept.report(*kept.pods, journal=folder, code=1))
    assert ("DBOM-609", f"pod {SPACE}/good: no decision let it in") in pods


def test_a_record_that_nobody_asked_for_is_told(kept: Kept, tmp_path: Path) -> None:
    """The log lost a line, or the journal was made up: what it says was let in, no API server was asked."""
    kept_lines = [line for line in (kept.folder / "audit.log").read_text().splitlines() if not _is_of(line, "watched")]
    (tmp_path / "audit.log").write_text("\n".join(kept_lines))
    errors = _errors(kept.report("--audit-log", str(tmp_path / "audit.log"), code=1))
    (unasked,) = [message for rule, message in errors if rule == "DBOM-608"]
    assert f"CREATE Pod {SPACE}/watched" in unasked


def _is_of(line: str, name: str) -> bool:
    about = json.loads(line)["objectRef"]
    return (about.get("namespace"), about.get("name")) == (SPACE, name)


def test_what_a_person_reads_of_the_run(kept: Kept) -> None:
    """Reasons once, blind spots at the end, and no word that isn't so."""
    words = ["admission", "report", "--since", kept.since, "--namespace", SPACE, str(kept.journal), *kept.log]
    text = run_dbom(kept.gate.site, *words, code=1)
    assert "\nDenied\n  can't tell (mode enforce)\n    nothing is known of oci://registry.example.com/models/x" in text
    assert "\nAllowed in spite of a no\n  can't tell (mode audit)\n" in text
    assert "\nDecided by\n  models sha256:" in text
    assert f"create pods {SPACE}/unseen by " in text
    assert "kubectl exec and attach" in text
