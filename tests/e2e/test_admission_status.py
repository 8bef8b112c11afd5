"""`dbom admission status`: how a gate is, from its files, or asked of the gate itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from admission.certificates import write_self_signed
from admission.evidence import Evidence
from admission.journal import Journal
from admission.policy import Match, Mode, Policy
from admission.status_reading import Status
from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)


def test_a_gate_is_told_from_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={}, replica="gate-0")
    journal.count("dryRuns")
    journal.close(at=NOW)
    certificate = write_self_signed(tmp_path / "tls", now=NOW).certificate
    flags = ["admission", "status", "--journal", str(tmp_path / "j"), "--tls-cert", str(certificate)]
    assert run([*flags, "-f", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["dryRuns"], found["denied"]) == ("dbom.dev/admission-status/v1", 1, 0)
    assert (found["journal"]["replica"], found["journal"]["head"]) == ("gate-0", journal.head.digest)
    assert found["certificate"]["secondsLeft"] > 0
    assert found["policies"] is None
    assert run(flags) == 0
    text = capsys.readouterr().out
    assert "replica gate-0" in text
    assert "certificate: notAfter" in text


def test_a_broken_journal_and_an_ended_certificate_are_no_yes(tmp_path: Path) -> None:
    Journal.open(tmp_path / "j", at=NOW, facts={}).close(at=NOW)
    data = (tmp_path / "j").read_bytes()
    (tmp_path / "j").write_bytes(data.replace(b'"torn":false', b'"torn":true'))
    assert run(["admission", "status", "--journal", str(tmp_path / "j")]) == 1
    old = write_self_signed(tmp_path / "tls", now=NOW - timedelta(days=400)).certificate
    assert run(["admission", "status", "--tls-cert", str(old)]) == 1


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ([], 2),
        (["--url", "https://127.0.0.1:1", "--journal", "j"], 2),
        (["--journal", "nowhere"], 2),
        (["--tls-cert", "nowhere"], 2),
        (["--snapshot", "nowhere"], 2),
        (["--url", "https://127.0.0.1:1"], 3),
        (["--url", "http://127.0.0.1:1"], 3),
        (["--url", "https://127.0.0.1:1", "--offline"], 2),
    ],
)
def test_what_can_not_be_told_is_said(
    flags: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["admission", "status", *flags]) == code


def test_all_that_is_known_is_said() -> None:
    policy = Policy("p", Mode.ENFORCE, Match(), (), (), (), "d" * 64)
    document = Status(
        at=NOW,
        policies=[policy],
        evidence=Evidence(synced_at=NOW - timedelta(seconds=90)),
        snapshot=("e" * 64, 7, NOW - timedelta(seconds=30)),
        certificate_end=NOW + timedelta(days=3),
        last_error=(NOW, "the snapshot is half"),
        decisions={"verified": 3},
        cache={"hits": 2, "misses": 1},
    ).to_json()
    assert document["policies"] == [{"name": "p", "namespace": "", "mode": "enforce", "digest": "d" * 64}]
    evidence, snapshot = document["evidence"], document["snapshot"]
    assert isinstance(evidence, dict)
    assert isinstance(snapshot, dict)
    assert (evidence["ageSeconds"], snapshot["sequence"], snapshot["ageSeconds"]) == (90, 7, 30)
    assert document["revocations"] == []
    error = document["lastError"]
    assert isinstance(error, dict)
    assert error["what"] == "the snapshot is half"


def test_a_person_is_told_what_is_so_and_what_cannot_be_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that holds, a policy with its digest, and revocations that it asks for and nobody publishes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.csv").write_text("a,b\n1,2\n")
    assert run(["sign", "model.csv", "--local", "--store", "store"]) == 0
    assert run(["policy", "init", "--local", "-o", "policy.yaml"]) == 0
    with (tmp_path / "policy.yaml").open("a") as file:
        file.write("\n  revocation:\n    revokers:\n      - authority: signer\n")
    assert run(["admission", "snapshot", "--policy", "policy.yaml", "--store", "store", "-o", "snapshot"]) == 0
    Journal.open(tmp_path / "j", at=NOW, facts={}, replica="gate-0").close(at=NOW)
    capsys.readouterr()
    assert run(["admission", "status", "--snapshot", "snapshot", "--journal", "j"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (policy,) = [line for line in lines if line.startswith("policy ")]
    assert policy.startswith("policy models: mode enforce, sha256:")
    (revocations,) = [line for line in lines if line.startswith("revocations: ")]
    assert revocations.startswith("revocations: policy models, can't be told: ")
    assert any(line.startswith("journal: ") and line.endswith(", holds yes") for line in lines)
