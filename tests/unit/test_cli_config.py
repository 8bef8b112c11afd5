"""`dbom config show`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_setting_and_its_origin_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "dbom.toml").write_text("jobs = 2\n")
    (folder / "given.toml").write_text("store = ['a', 'b']\n")
    monkeypatch.setenv("DBOM_SUPPLIER", "ACME")
    assert run(["config", "show", "--origin", "--config", "given.toml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"jobs = 2    project ({folder / 'dbom.toml'})" in lines
    assert "store = a, b    config (given.toml)" in lines
    assert "supplier = ACME    environment (DBOM_SUPPLIER)" in lines
    assert "policy = (not set)    default" in lines
    assert run(["config", "show"]) == 0
    assert "jobs = 2" in capsys.readouterr().out.splitlines()


def test_as_json_values_keep_their_types(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "dbom.toml").write_text("jobs = 2\n")
    assert run(["config", "show", "-f", "json"]) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert settings["jobs"] == {"value": 2, "origin": "project", "where": str(folder / "dbom.toml")}
    assert settings["store"] == {"value": [], "origin": "default", "where": ""}


def test_a_projects_identity_ends_with_two(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "dbom.toml").write_text("identity = 'eve'\n")
    assert run(["config", "show"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {folder / 'dbom.toml'}: the setting 'identity' can't stand")
    assert "DBOM-905" in captured.err
