"""`dbom keys generate`, run as a person runs it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from attest.signers.keys import key_identity, load_key
from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DBOM_KEY_PASSWORD", raising=False)
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_key_is_encrypted_with_the_password_of_the_environment(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBOM_KEY_PASSWORD", "correct horse")
    assert 0 == run(["keys", "generate", "--out", "release", "-f", "json"])
    result = json.loads(capsys.readouterr().out)
    data = (here / "release.key").read_bytes()
    identity = key_identity(load_key(data, where="release.key", password="correct horse"))
    assert (identity.spki_sha256, True) == (result["spkiSha256"], result["encrypted"])
    assert b"ENCRYPTED" in data


def test_a_wrong_password_is_a_clear_error(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "data.csv").write_text("a\n1\n")
    monkeypatch.setenv("DBOM_KEY_PASSWORD", "right")
    assert 0 == run(["keys", "generate"])
    capsys.readouterr()
    monkeypatch.setenv("DBOM_KEY_PASSWORD", "wrong")
    assert 2 == run(["sign", "data.csv", "--signing-key", "dbom.key", "-f", "json"])
    error = json.loads(capsys.readouterr().out)
    assert ("DBOM-346", False) == (error["rule"], 'wrong"' in json.dumps(error))
    assert not (here / "data.csv.dbom").exists()


@pytest.mark.parametrize("kind", ["ecdsa-p384", "ed25519"])
def test_without_a_password_on_request(here: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    assert 0 == run(["keys", "generate", "--no-password", "--type", kind])
    said = capsys.readouterr()
    assert "public key  dbom.pub" in said.out
    assert "--signing-key dbom.key" in said.err
    assert b"BEGIN PRIVATE KEY" in (here / "dbom.key").read_bytes()


def test_nowhere_to_ask_for_a_password_is_a_usage_error(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run(["keys", "generate"])
    assert "--no-password" in capsys.readouterr().err
    assert [] == list(here.iterdir())


def test_a_key_is_never_overwritten(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["keys", "generate", "--no-password"])
    before = (here / "dbom.key").read_bytes()
    assert 2 == run(["keys", "generate", "--no-password"])
    assert "DBOM-347" in capsys.readouterr().err
    assert before == (here / "dbom.key").read_bytes()


@pytest.mark.parametrize(("second", "code"), [(b"horse\n", 0), (b"house\n", 2)])
def test_a_person_at_a_terminal_is_asked_twice(here: Path, second: bytes, code: int) -> None:
    """The password is typed on a real terminal; getpass reads it from there, not from standard input."""
    main, terminal = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    program = subprocess.Popen(
        [sys.executable, "-P", "-m", "dbom", "keys", "generate"],
        stdin=terminal,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    os.close(terminal)
    assert program.stderr is not None
    for prompt, typed in ((b"Password of the key: ", b"horse\n"), (b"Once more: ", second)):
        assert prompt in _until(program, prompt)
        os.write(main, typed)
    assert code == program.wait()
    program.stderr.close()
    os.close(main)
    assert (code == 0) == (here / "dbom.key").exists()


def _until(program: subprocess.Popen[bytes], prompt: bytes) -> bytes:
    assert program.stderr is not None
    seen = b""
    while prompt not in seen:
        read = os.read(program.stderr.fileno(), 1024)
        if not read:
            break
        seen += read
    return seen
