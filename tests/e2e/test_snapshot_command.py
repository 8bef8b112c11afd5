"""`dbom admission snapshot` from the outside: what it writes is a snapshot, and a later one follows it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from admission.snapshot import read_snapshot
from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_snapshot_is_written_and_followed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    from attest.local import open_local

    open_local()
    assert run(["policy", "init", "--local", "-o", "policy.yaml"]) == 0
    (tmp_path / "data.csv").write_text("a\n1\n")
    assert run(["generate", "data.csv"]) == 0
    assert run(["sign", "data.csv", "--local", "--store", "store"]) == 0
    words = ["admission", "snapshot", "--policy", "policy.yaml", "--store", "store", "-o", "out"]
    assert run(words) == 0
    first = read_snapshot(tmp_path / "out")
    assert run(words) == 0
    second = read_snapshot(tmp_path / "out", before=first)
    assert (first.digest, True) == (second.digest, second.sequence > first.sequence)
    assert sum(len(found) for item in second.evidence.policies.values() for found in item.statements.values()) > 0
    (tmp_path / "out/snapshot.json").write_text(json.dumps({"schema": "x"}))
    assert run(words) == 2


def test_without_a_policy_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    assert run(["admission", "snapshot", "-o", "out"]) == 2
    assert not (tmp_path / "out").exists()
