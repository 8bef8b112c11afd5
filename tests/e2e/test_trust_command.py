"""`dbom trust export`, run as a person runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from attest.local import find_local, open_local
from attest.trust import TrustRoot
from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_it_writes_the_exact_trust_root_and_says_whom_to_expect(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sigstore = open_local(home)
    assert 0 == run(["trust", "export", "-o", "ours.json"])
    written, said = (tmp_path / "ours.json").read_bytes(), capsys.readouterr()
    assert sigstore.trusted_root() == written
    assert sigstore.identity.issuer == TrustRoot.parse(written, where="ours.json").issuer_scope
    assert "" == said.out
    assert f"--issuer {sigstore.identity.issuer} --trusted-root ours.json" in said.err
    assert "only as good as this machine" in said.err


def test_standard_output_holds_nothing_but_the_root(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sigstore = open_local(home)
    assert 0 == run(["trust", "export"])
    assert sigstore.trusted_root() == capsys.readouterr().out.encode()


def test_it_holds_no_private_key(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_local(home)
    assert 0 == run(["trust", "export"])
    assert "PRIVATE" not in capsys.readouterr().out


def test_where_there_is_no_local_identity_yet_it_says_so_and_makes_none(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 3 == run(["trust", "export"])
    assert "no local identity yet" in capsys.readouterr().err
    assert (None, False) == (find_local(home), home.exists())


def test_the_root_of_a_trust_config_is_written(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = open_local(home).trusted_root()
    (tmp_path / "config.json").write_text(json.dumps({"trustedRoot": json.loads(root), "signingConfig": {}}))
    assert 0 == run(["trust", "export", "--trust-config", "config.json"])
    assert json.loads(root) == json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("text", ["not json", "{}"])
def test_a_malformed_trust_config_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert 2 == run(["trust", "export", "--trust-config", "config.json"])
