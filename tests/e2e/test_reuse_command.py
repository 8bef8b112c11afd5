"""`dbom fingerprint --save` and `--reuse` as a person meets them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from evidence import key_signed, public_pem, statement_of

from attest.sidecar import Sidecar
from dbom.cli.app import run
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from pathlib import Path

KEY = ec.generate_private_key(ec.SECP256R1())
SAVED, REUSE = ["--save", "saved.json"], ["--reuse", "saved.json", "--key", "key.pub"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of three files of an hour ago, as far as anybody can tell, with a clock that is ahead."""
    root = tmp_path / "data"
    root.mkdir()
    for name in "abc":
        (root / name).write_bytes(name.encode() * 1000)
    later = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr("dbom.cli.reused._now", lambda: later)
    (tmp_path / "key.pub").write_bytes(public_pem(KEY))
    monkeypatch.chdir(tmp_path)
    return root


def sign(root: Path) -> None:
    statement = statement_of(fingerprint_path(root))
    Sidecar.of(root).add_bundle(key_signed(statement.payload, KEY), statement)


def test_it_says_how_much_was_taken_over_and_by_whose_word(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "data", *SAVED])
    sign(data)
    (data / "b").write_bytes(b"new")
    capsys.readouterr()
    assert 0 == run(["fingerprint", "data", *REUSE, "-f", "json", "--no-cache", "--save", "next.json"])
    out, err = capsys.readouterr()
    (result,) = json.loads(out)["results"]
    assert str(fingerprint_path(data).digest) == result["digest"]
    assert result["known"].startswith("derived (from bom signed by ")
    assert "data: 2 of 3 files (2000 of 2003 bytes) were taken over from a statement signed by " in err
    saved = json.loads((data.parent / "next.json").read_bytes())
    assert [True, False, True] == ["known" in file for file in saved["files"]]


def test_verify_reads_all_and_has_no_such_flag(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "data", *SAVED])
    sign(data)
    assert 2 == run(["verify", "data", *REUSE])
    assert "No such option: --reuse" in capsys.readouterr().err


def test_it_rests_on_a_bundle_or_a_store_elsewhere_too(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "data", *SAVED])
    sign(data)
    (data.parent / "data.dbom").rename(data.parent / "elsewhere.dbom")
    (bundle,) = (data.parent / "elsewhere.dbom").iterdir()
    assert 3 == run(["fingerprint", "data", *REUSE])
    assert "no verified statement is about its digest" in capsys.readouterr().err
    assert 0 == run(["fingerprint", "data", *REUSE, "--bundle", str(bundle)])
    assert 0 == run(["fingerprint", "data", *REUSE, "--store", str(data.parent)])
    assert 2 == capsys.readouterr().err.count("were taken over from a statement signed by ")


def test_another_key_is_a_no(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "data", *SAVED])
    sign(data)
    (data.parent / "key.pub").write_bytes(public_pem(ec.generate_private_key(ec.SECP256R1())))
    assert 1 == run(["fingerprint", "data", *REUSE])
    assert "DBOM-184" in capsys.readouterr().err


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    "flags",
    [
        [*REUSE, "--computed"],
        [*REUSE, "--also", "blake3"],
        [*REUSE, "--scheme", "shards"],
        [*REUSE, "key.pub"],
        ["--key", "key.pub"],
        ["--bundle", "key.pub"],
        ["--store", "."],
        ["--local"],
    ],
)
def test_words_that_do_not_go_together(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "data", *SAVED])
    assert 2 == run(["fingerprint", "data", *flags])
    assert "(DBOM-901)" in capsys.readouterr().err
