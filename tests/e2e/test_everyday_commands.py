"""Settings as an attacker would use them: a file that came with the artifact never says whom to trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import dbom
from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "artifact"
    folder.mkdir()
    (folder / "x.csv").write_text("a\n1\n")
    (folder / "dbom.toml").write_text("identity = 'eve'\nissuer = 'https://evil.example'\n")
    dbom.sign(folder)
    return folder


def test_a_dbom_toml_inside_the_artifact_has_no_effect(artifact: Path) -> None:
    assert run(["verify", str(artifact)]) == 0


@pytest.mark.parametrize("flags", [[], ["--local"], ["--identity", "alice", "--issuer", "https://good.example"]])
def test_where_it_is_the_projects_file_it_is_an_error_that_names_key_and_file(
    artifact: Path, flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(artifact)
    assert run(["verify", str(artifact), *flags]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{artifact / 'dbom.toml'}: the setting 'identity' can't stand in a project's file" in captured.err
    assert "DBOM-905" in captured.err


def test_a_misspelt_variable_is_an_error(
    artifact: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBOM_IDENTTY", "alice")
    assert run(["verify", str(artifact)]) == 2
    assert "did you mean 'DBOM_IDENTITY'?" in capsys.readouterr().err


def test_the_users_own_file_says_whom_to_expect(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.toml").write_text("identity = 'alice'\nissuer = 'https://good.example'\n")
    assert run(["verify", str(artifact), "--config", str(tmp_path / "mine.toml")]) != 0
    assert "verified" not in capsys.readouterr().out.split()[:1]
