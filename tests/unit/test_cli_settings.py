"""What settings give the commands where no flag does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with data, where a project's file and a user's file say what no flag says."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("a\n1\n")
    (tmp_path / "data" / "a.tmp").write_text("x")
    (tmp_path / "dbom.toml").write_text("license = 'CC0-1.0'\nsupplier = 'Somebody'\njobs = 1\n")
    (tmp_path / "mine.toml").write_text("ignore = ['*.tmp']\n")
    return tmp_path


def test_settings_give_licence_supplier_and_ignores_of_a_bom(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", "data", "--config", "mine.toml"]) == 0
    captured = capsys.readouterr()
    component = json.loads(captured.out)["metadata"]["component"]
    assert "CC0-1.0" in json.dumps(component["licenses"])
    assert "Somebody" in captured.out
    assert "a.tmp" not in captured.out
    assert f"license CC0-1.0, as the settings say: project ({project / 'dbom.toml'})" in captured.err


@pytest.mark.usefixtures("project")
def test_a_flag_goes_before_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", "data", "--license", "MIT", "--supplier", "Me"]) == 0
    captured = capsys.readouterr()
    assert "CC0-1.0" not in captured.out + captured.err
    assert "Somebody" not in captured.out
    assert '"MIT"' in captured.out


@pytest.mark.usefixtures("project")
def test_settings_give_the_ignores_of_a_fingerprint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fingerprint", "data", "-f", "json", "--config", "mine.toml"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert ["a.tmp"] == result["ignored"]
    assert "*.tmp" in result["ignores"]


def test_a_projects_file_may_not_say_what_to_leave_out(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "dbom.toml").write_text("ignore = ['*.csv']\n")
    for command in ("fingerprint", "generate"):
        assert run([command, "data"]) == 2
        assert "DBOM-905" in capsys.readouterr().err
