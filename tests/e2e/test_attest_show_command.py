"""`dbom attest show`: what a bundle claims, marked as that."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from evidence import key_signed, local_sigstore, signed_artifact, statement_about

from dbom.cli.app import run
from dbom.model import Digest, Kind

if TYPE_CHECKING:
    from attest.local import LocalSigstore


@pytest.fixture
def local() -> LocalSigstore:
    return local_sigstore(Path(os.environ["DBOM_HOME"]))


@pytest.fixture
def bundle(tmp_path: Path, local: LocalSigstore) -> Path:
    path = tmp_path / "flowers"
    path.write_bytes(b"x")
    return signed_artifact(path, local)


def test_it_says_who_what_and_when_and_that_nothing_is_verified(
    bundle: Path, local: LocalSigstore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["attest", "show", str(bundle)]) == 0
    out = capsys.readouterr().out
    assert "(claimed, not verified)" in out
    assert str(local.identity) in out
    assert "bom: CycloneDX 1.6: data flowers 1, 0 components" in out
    assert "(transparency log)" in out
    assert "(time stamp authority)" in out
    assert "log      index 0" in out


def test_the_json_marks_it_too(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["attest", "show", str(bundle), "-f", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["verified"]) == ("dbom.dev/attest-show/v1", False)
    claim = document["claims"][0]
    assert claim["subjects"][0]["kind"] == "file"
    assert claim["predicateType"] == "https://cyclonedx.org/bom"
    assert [time["by"] for time in claim["times"]] == ["transparency log", "time stamp authority"]


def test_a_bare_key_is_shown_by_its_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    payload = statement_about(Digest(Kind.TREE, "a" * 64)).payload
    for hint in ("my key", ""):
        (tmp_path / "b").write_bytes(key_signed(payload, ed25519.Ed25519PrivateKey.generate(), hint=hint))
        assert run(["attest", "show", str(tmp_path / "b")]) == 0
        out = capsys.readouterr().out
        assert ("a key with the hint my key" if hint else "a key without a hint") in out
        assert "it doesn't say" in out
        assert "tree:sha256:aaaa" in out


def test_what_is_no_bundle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b").write_bytes(b"{}")
    assert run(["attest", "show", str(tmp_path / "b")]) == 1
    assert "DBOM-304" in capsys.readouterr().err
    assert run(["attest", "show", str(tmp_path / "missing")]) == 2
    assert run(["attest", "show", str(tmp_path)]) == 2
