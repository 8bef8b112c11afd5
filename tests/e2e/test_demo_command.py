"""`dbom demo`: the whole chain, for real; each of its outcomes is checked, and a wrong one is a no."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import dbom
from dbom.cli import demo
from dbom.cli.app import run
from dbom.demo import files, image, story

if TYPE_CHECKING:
    from attest.identity import Identity

HOME = Path(dbom.__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Play the demo once, as a person would: in a process of its own, in another folder."""
    folder = tmp_path_factory.mktemp("demo") / "a demo"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dbom", "demo", "--keep", str(folder)],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_each_step_tells_its_outcome(played: tuple[Path, str]) -> None:
    _, told = played
    places = [
        told.index(words)
        for words in (
            "1. A dataset",
            "2. A model",
            "unseen birds told right",
            "3. The model as an OCI image",
            "verified.",
            "trained-on [verified]",
            "A pod with this model:  let in.",
            "Adelie becomes Gentoo",
            "Verifying the dataset:  REFUSED.",
            "changed  penguins.csv",
            "A pod with the poisoned model:  REFUSED.",
            "8. A report",
            "The same by hand:",
        )
    ]
    assert places == sorted(places)


def test_it_leaves_a_report_a_picture_and_evidence(played: tuple[Path, str]) -> None:
    folder, told = played
    assert f"The report:  {folder}/report.html" in told
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert "<svg" in (folder / "lineage.svg").read_text()
    assert len(list(folder.rglob("*.sigstore.json"))) == 5


def test_the_commands_that_it_prints_do_each_step(played: tuple[Path, str], tmp_path: Path) -> None:
    folder, told = played
    (tmp_path / "dbom").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m dbom "$@"\n')
    (tmp_path / "dbom").chmod(0o755)
    commands = [line.strip() for line in told.split("The same by hand:\n", 1)[1].splitlines() if line.strip()]
    # The line for PATH is printed where the shell of whoever reads it wouldn't find `dbom`.
    commands = [command for command in commands if not command.startswith("export PATH=")]
    assert len(commands) == 13
    done = subprocess.run(
        ["/bin/bash", "-e"],
        input="\n".join(commands),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HOME), "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"cd '{folder}'" == commands[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "demo"


def _refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["demo", "--keep", str(folder), "-q"]) == 1
    captured = capsys.readouterr()
    assert "(DBOM-921)" in captured.err
    return captured.err


def test_a_training_that_fails_is_a_no(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write_trainer(path: Path) -> None:
        path.write_text("raise SystemExit(3)\n")

    monkeypatch.setattr(story, "write_trainer", write_trainer)
    assert "the training wasn't recorded: got exit status 3: None" in _refused(folder, capsys)


def test_a_flip_that_is_not_seen_is_a_no(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def flip_one_label(_table: Path) -> tuple[int, str, str]:
        return 2, "Adelie", "Adelie"

    monkeypatch.setattr(story, "flip_one_label", flip_one_label)
    assert "a flipped label isn't seen: got verified" in _refused(folder, capsys)


def test_a_gate_that_refuses_the_good_pod_is_a_no(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = files.policy_text

    def policy_text(identity: Identity, root: str) -> str:
        return real(identity, root).replace("Apache-2.0", "MIT")

    monkeypatch.setattr(story, "policy_text", policy_text)
    assert "the gate refuses a pod that it has to let in" in _refused(folder, capsys)


def test_a_gate_that_lets_the_poisoned_pod_in_is_a_no(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = files.policy_text

    def policy_text(identity: Identity, root: str) -> str:
        return real(identity, root).replace("enforce", "audit")

    monkeypatch.setattr(story, "policy_text", policy_text)
    assert "the gate lets in a pod that it has to refuse" in _refused(folder, capsys)


def test_data_that_is_not_verified_is_a_no(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = image.write_image

    def write_image(model: Path, layout: Path) -> str:
        (model.parent / "penguins" / "more.csv").write_text("added after signing")
        return real(model, layout)

    monkeypatch.setattr(story, "write_image", write_image)
    assert "penguins isn't verified: got refused" in _refused(folder, capsys)


def test_a_malformed_policy_leaves_no_server_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def policy_text(_identity: Identity, _root: str) -> str:
        return "kind: Poem\n"

    monkeypatch.setattr(story, "policy_text", policy_text)
    assert run(["demo", "--keep", str(folder), "-q"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_quiet_says_where_the_report_is_and_no_more(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--keep", str(folder), "-q"]) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if not line.startswith("trained on")]
    assert lines == [f"The report:  {folder}/report.html", f"The lineage: {folder}/lineage.svg"]


def test_without_a_folder_it_makes_one_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run(["demo"]) == 0
    (made,) = tmp_path.iterdir()
    assert f"All of it lies in {made}; remove that folder" in capsys.readouterr().out


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("x")
    assert run(["demo", "--keep", str(tmp_path)]) == 2
    assert run(["demo", "--keep", str(tmp_path / "mine")]) == 2
    assert capsys.readouterr().out == ""
    assert [item.name for item in tmp_path.iterdir()] == ["mine"]


def test_even_in_ci_the_demo_signs_with_its_own_local_identity(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert run(["demo", "--keep", str(folder), "-q"]) == 0
    assert not Path(os.environ["DBOM_HOME"]).exists()


def test_the_commands_by_hand_find_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `make demo` the program is .venv/bin/dbom, which no shell finds."""
    script = tmp_path / "a venv" / "dbom"
    script.parent.mkdir()
    assert demo._path_line(script.parent) == ()  # noqa: SLF001  no program there that could be meant
    script.write_text("#!/bin/sh\necho found\n")
    script.chmod(0o755)
    (line,) = demo._path_line(script.parent)  # noqa: SLF001  what it prints is tried
    done = subprocess.run(["bash", "-c", f"{line}; dbom"], capture_output=True, text=True, check=True)
    assert done.stdout == "found\n"
    monkeypatch.setenv("PATH", str(script.parent))
    assert demo._path_line(script.parent) == ()  # noqa: SLF001  the shell finds it
