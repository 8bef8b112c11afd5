"""`dbom audit report`, over a store with good, foreign, broken and unreadable bundles."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from dbom.cli.app import run

HOSTILE = "<img src=x onerror=alert(1)>.csv"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("raw.csv", "clean.csv", HOSTILE):
        Path(name).write_text(f"column\n{len(name)}\n", encoding="utf-8")
    assert run(["generate", "clean.csv", "--derived-from", "raw.csv", "-o", "a.bom", "-q"]) == 0
    assert run(["sign", "raw.csv", "--local", "-q"]) == 0
    assert run(["sign", "clean.csv", "--bom", "a.bom", "--local", "-q"]) == 0
    own = os.environ["DBOM_HOME"]
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "somebody-else"))
    assert run(["sign", HOSTILE, "--local", "-q"]) == 0
    monkeypatch.setenv("DBOM_HOME", own)
    (good,) = Path("clean.csv.dbom").glob("*.sigstore.json")
    Path("copy.sigstore.json").write_bytes(good.read_bytes())
    bundle = json.loads(good.read_text(encoding="utf-8"))
    payload = bundle["dsseEnvelope"]["payload"]
    bundle["dsseEnvelope"]["payload"] = ("A" if payload[100] != "A" else "B").join((payload[:100], payload[101:]))
    Path("tampered.sigstore.json").write_text(json.dumps(bundle), encoding="utf-8")
    Path("cut.sigstore.json").write_text('{"cut":', encoding="utf-8")
    os.mkfifo("pipe.sigstore.json")
    capsys.readouterr()
    return folder


def test_every_bundle_file_of_the_store_appears_once(store: Path) -> None:
    assert run(["audit", "report", "--store", ".", "-f", "json", "-o", "../report.json", "-q"]) == 0
    document = json.loads(Path("../report.json").read_text(encoding="utf-8"))
    files = sorted(str(path) for path in store.rglob("*.sigstore.json"))
    assert files == sorted(place for bundle in document["bundles"] for place in bundle["places"])
    results = {Path(place).name: bundle["result"] for bundle in document["bundles"] for place in bundle["places"]}
    assert {"cut": "broken", "tampered": "broken", "pipe": "undecided", "copy": "verified"} == {
        name: results[f"{name}.sigstore.json"] for name in ("cut", "tampered", "pipe", "copy")
    }
    assert {"bundles": 6, "verified": 2, "untrusted": 1, "broken": 2, "undecided": 1} == {
        key: document["summary"][key] for key in ("bundles", "verified", "untrusted", "broken", "undecided")
    }
    assert all(bundle["reason"] and bundle["rule"] for bundle in document["bundles"] if bundle["result"] != "verified")


def test_the_page_has_each_of_them_once_too_and_runs_nothing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "report", "--store", ".", "-o", "../report.html"]) == 0
    assert "3 artifacts; 2 of 6 bundles verified" in capsys.readouterr().err
    page = Path("../report.html").read_text(encoding="utf-8")
    assert len(list(store.rglob("*.sigstore.json"))) == len(re.findall('data-place="', page)) == 7
    assert "<img" not in page
    assert "<script" not in page
    assert "&lt;img src=x onerror" in page


@pytest.mark.usefixtures("store")
def test_the_report_is_written_to_stdout_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "report", "--store", ".", "-q"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")


def test_a_store_without_bundles_can_not_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "report", "--store", str(tmp_path), "-o", str(tmp_path / "report.html")]) == 3
    assert "no bundle in the store" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("flags", "code"), [([], 2), (["--store", "missing"], 3), (["--store", ".", "--issuer", "x"], 2)]
)
def test_bad_input_is_one_clear_line(flags: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert code == run(["audit", "report", *flags])
    assert "error: " in capsys.readouterr().err
