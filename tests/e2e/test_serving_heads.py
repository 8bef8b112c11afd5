"""`dbom admission serve` as a process: its journal names the pod, and its heads are signed, the last one at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


def serve_and_end(folder: Path, *words: str) -> str:
    """Serve until it listens, end it by SIGTERM, and return what it wrote to stderr."""
    command = [sys.executable, "-P", "-m", "dbom", "admission", "serve", "--policy=policy.yaml", "--store=store"]
    place = ["--self-signed=tls", "--listen=127.0.0.1:0", "--drain=0", "--journal=journal.jsonl"]
    path = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen(
        [*command, *place, *words],
        cwd=folder,
        env={**os.environ, "POD_NAME": "dbom-7", "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if '"event": "listening"' in line:
                process.send_signal(signal.SIGTERM)
    assert process.returncode == 0, said
    return said


@pytest.fixture(name="site")
def make_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "data.csv").write_text("a\n1\n")
    assert run(["sign", "data.csv", "--local", "--store", "store"]) == 0
    assert run(["policy", "init", "--local", "-o", "policy.yaml"]) == 0
    return tmp_path


def test_the_end_of_a_journal_is_proven_by_a_head_that_was_signed_when_it_was_closed(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = serve_and_end(site, "--local")
    assert '"event": "head"' in said
    capsys.readouterr()
    assert run(["admission", "report", "journal.jsonl", "--local", "-f", "json"]) == 0
    (journal,) = json.loads(capsys.readouterr().out)["journals"]
    assert journal["replica"] == "dbom-7"
    assert (journal["provenHead"]["number"], journal["provenHead"]["digest"]) == (journal["number"], journal["head"])


@pytest.mark.usefixtures("site")
def test_without_a_signer_no_head_is_signed_and_the_replica_is_named_all_the_same(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert '"event": "head"' not in serve_and_end(site)
    assert not (site / "journal.heads.jsonl").exists()
    capsys.readouterr()
    assert run(["admission", "report", "journal.jsonl", "-f", "json"]) == 0
    (journal,) = json.loads(capsys.readouterr().out)["journals"]
    assert journal["replica"] == "dbom-7"


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("size", ["1Mi", "-200Mi", "200", "two", "", "9" * 40, "\u0669\u0669\u0669Gi", "200MiB"])
def test_a_journal_is_held_to_a_size_that_it_can_be_held_to(capsys: pytest.CaptureFixture[str], size: str) -> None:
    words = ["admission", "serve", "--policy=policy.yaml", "--store=store", "--self-signed=tls", "--journal=j.jsonl"]
    assert run([*words, f"--journal-most={size}"]) == 2
    assert "not a size that a journal can be held to" in capsys.readouterr().err


def test_a_journal_that_may_take_so_much_is_served_like_any_other(site: Path) -> None:
    serve_and_end(site, "--journal-most=192Mi", "--local")
    assert (site / "journal.jsonl").is_file()


@pytest.mark.usefixtures("site")
def test_a_size_without_a_journal_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["admission", "serve", "--policy=policy.yaml", "--store=store", "--self-signed=tls"]
    assert run([*words, "--journal-most=200Mi"]) == 2
    assert "--journal says where it is" in capsys.readouterr().err


@pytest.mark.usefixtures("site")
def test_a_signer_without_a_journal_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["admission", "serve", "--policy=policy.yaml", "--store=store", "--self-signed=tls"]
    assert run([*words, "--local"]) == 2
    assert "--journal says where it is" in capsys.readouterr().err
