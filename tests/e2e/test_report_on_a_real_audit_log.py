"""`dbom admission report --audit-log` on the log of a real API server: which of its requests a journal accounts for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from admission.evidence import Evidence
from admission.journal import Journal
from admission.policy_files import policies_at
from admission.webhook import Webhook
from dbom.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = Path(__file__).parent.parent / "audit_logs" / "kube-apiserver.jsonl"
BLIND = "create pods shop/unseen by admin"


def events() -> list[dict[str, Any]]:
    """Return the events that the webhook answered, and that leave a record: no dry runs."""
    found = [json.loads(line) for line in LOG.read_text().splitlines()]
    return [event for event in found if record_of(event) and "dryRun" not in event["requestURI"]]


def record_of(event: dict[str, Any]) -> str:
    notes = event.get("annotations", {})
    return str(notes.get("provenance.dbom.dev/record", ""))


def keep_journal(folder: Path, asked: Sequence[dict[str, Any]]) -> None:
    """Have a gate that lets all in decide on what the log says it was asked, at those times, by those uids."""
    assert run(["policy", "init", "--local", "--mode", "audit", "-o", "policy.yaml"]) == 0
    times = [datetime.fromisoformat(event["requestReceivedTimestamp"]).astimezone(UTC) for event in asked]
    clock = iter(times)
    now = {"at": times[0]}
    journal = Journal.open(folder / "journal.jsonl", at=times[0], facts={}, replica="gate-0")
    webhook = Webhook(policies_at([folder / "policy.yaml"]), Evidence(), lambda: now["at"], journal)
    for event in asked:
        now["at"] = next(clock)
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": []}}
        request = {
            "uid": record_of(event),
            "operation": "CREATE",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "namespace": "shop",
            "userInfo": {"username": "alice"},
            "object": document,
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        webhook.answer(json.dumps(review).encode())
    journal.close(at=times[-1])


def report(capsys: pytest.CaptureFixture[str], log: Path = LOG) -> tuple[int, list[str]]:
    """Return the exit code and the errors of a report that is held against the log."""
    capsys.readouterr()
    code = run(["admission", "report", "journal.jsonl", "--audit-log", str(log), "-f", "json"])
    found = json.loads(capsys.readouterr().out)
    return code, [item["message"] for item in found["findings"] if item["severity"] == "error"]


@pytest.fixture(name="folder")
def make_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    from attest.local import open_local

    open_local()
    return tmp_path


def test_what_was_let_in_unseen_is_the_one_gap(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_journal(folder, events())
    code, faults = report(capsys)
    assert (code, len(faults)) == (1, 1)
    assert faults[0].startswith(BLIND)
    assert "let in because the webhook didn't answer" in faults[0]


def test_a_record_that_is_missing_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = events()
    (missing,) = [event for event in kept if event["objectRef"].get("name") == "web"]
    keep_journal(folder, [event for event in kept if event is not missing])
    _, faults = report(capsys)
    assert len(faults) == 2
    assert any(fault.startswith("create pods shop/web by admin") and "no record of it" in fault for fault in faults)


def test_an_update_without_a_record_of_which_the_server_does_not_say_that_it_did_not_ask_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the webhook's configuration leaves out is told by the API server alone, and by nobody's silence."""
    keep_journal(folder, events())
    found = [json.loads(line) for line in LOG.read_text().splitlines()]
    for event in found:
        event["annotations"].pop("dbom-unchanged/unchanged", None)
    (folder / "silent.jsonl").write_text("".join(json.dumps(event) + "\n" for event in found))
    code, faults = report(capsys, folder / "silent.jsonl")
    assert (code, len(faults)) == (1, 2)
    assert any(fault.startswith("patch pods shop/good by admin") and "no record of it" in fault for fault in faults)
