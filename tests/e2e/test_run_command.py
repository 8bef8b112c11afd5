"""`dbom run` as a person meets it: the command's own streams and end, and evidence beside what it wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dbom
from attest.stores.sidecar import Sidecar
from dbom.cli.app import run

HOME = Path(dbom.__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("a\n1\n")
    return tmp_path


def _program(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    return subprocess.run(
        [sys.executable, "-P", "-m", "dbom", "run", *words],
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_commands_streams_are_its_own_and_the_record_lies_beside_the_output(folder: Path) -> None:
    done = _program(
        "--in",
        "trained-on=data",
        "--out",
        "model",
        "--store",
        "store",
        "--",
        "sh",
        "-c",
        "cat; echo err >&2; cp data/a.csv model",
        stdin="hello",
    )
    assert (done.returncode, done.stdout) == (0, "hello")
    assert done.stderr.startswith("err\nrecorded model sha256:")
    (bundle,) = Sidecar.of(folder / "model").bundles()
    assert [file.read_bytes() for file in (folder / "store").rglob("*.sigstore.json")] == [bundle.raw]


@pytest.mark.parametrize(("script", "code"), [("exit 9", 9), ("kill -TERM $$", 143)])
def test_a_failed_commands_status_passes_and_nothing_is_signed(script: str, code: int, folder: Path) -> None:
    done = _program("--out", "model", "--", "sh", "-c", f"echo x > model; {script}")
    assert done.returncode == code
    assert done.stderr == f"the command ended with {code}: nothing is recorded\n"
    assert not (folder / "model.dbom").exists()


def test_a_run_that_cannot_be_recorded_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--out", "model", "--", "true"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("warning: the command ended well but was not recorded: ")
    assert "(DBOM-914); --strict makes this an error" in err


def test_with_strict_it_is_could_not_tell(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--out", "model", "--strict", "--", "true"]) == 3
    assert "(DBOM-915)" in capsys.readouterr().err


def test_an_input_that_changes_is_said(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    words = ["--in", "data", "--out", "m", "--strict", "--", "sh", "-c", "echo 2 >> data/a.csv; echo x > m"]
    assert run(["run", *words]) == 3
    assert "1 of its files changed during the run, a.csv among them" in capsys.readouterr().err
    assert not (folder / "m.dbom").exists()


def test_an_output_that_was_not_touched_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--out", "data", "--", "true"]) == 0
    assert "has the same bytes as before the run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--out", "m"], "DBOM-911"),
        (["--", "true"], "DBOM-911"),
        (["--in", "none", "--out", "m", "--", "true"], "DBOM-101"),
        (["--out", "m", "--", "no-such-program-anywhere"], "DBOM-912"),
        (["--in", "data", "--out", "data", "--", "true"], "DBOM-911"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line_and_ends_with_two(
    words: list[str], rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["run", *words]) == 2
    err = capsys.readouterr().err
    assert rule in err
    assert err.count("\n") == 2


def test_nobody_to_sign_is_said_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    assert run(["run", "--out", "model", "--", "sh", "-c", "echo x > model"]) == 2
    assert "this is CI" in capsys.readouterr().err
    assert not (folder / "model").exists()


def test_a_project_file_that_names_a_store_is_refused_before_anything_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "dbom.toml").write_text("store = 'evil'\n")
    assert run(["run", "--out", "model", "--", "sh", "-c", "echo x > model"]) == 2
    assert "DBOM-905" in capsys.readouterr().err
    assert not (folder / "model").exists()
