"""`dbom fingerprint --save` and `--reuse` as a person meets them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from evidence import key_signed, public_pem, statement_of
from sigstore_keys import private_pem

from attest.stores.sidecar import Sidecar
from dbom.cli.app import run
from dbom.hashing import FileState
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


def own(bom: Any) -> dict[str, str]:  # noqa: ANN401  parsed JSON
    """Return what a BOM says of the artifact in dbom's words."""
    return {item["name"]: item["value"] for item in bom["metadata"]["component"]["properties"]}


def test_a_generated_bom_says_that_a_statement_vouches_for_what_was_not_read(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == run(["fingerprint", "data", *SAVED])
    sign(data)
    (data / "b").write_bytes(b"new")
    capsys.readouterr()
    assert 0 == run(["generate", "data", "--as", "dataset", *REUSE, "--no-cache"])
    out, err = capsys.readouterr()
    said = own(bom := json.loads(out))
    assert "derived" == said["dbom:known"]
    assert said["dbom:known:by"].startswith("from bom signed by ")
    files = [{item["name"] for item in file["properties"]} for file in bom["metadata"]["component"]["components"]]
    assert [True, False, True] == ["dbom:known" in names for names in files]
    assert "data: 2 of 3 files (2000 of 2003 bytes) were taken over from a statement signed by " in err


def signed_data(root: Path) -> list[str]:
    """Sign the folder by a key in full, save its states, and return the flags that sign it again by re-use."""
    assert 0 == run(["fingerprint", "data", *SAVED])
    (root.parent / "sign.pem").write_bytes(private_pem(KEY))
    signing = ["sign", "data", "--as", "dataset", "--signing-key", "sign.pem"]
    assert 0 == run(signing)
    return [*signing, *REUSE]


def test_sign_says_whose_word_it_takes_and_signs_that_it_did(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = signed_data(data)
    (data / "b").write_bytes(b"new")
    capsys.readouterr()
    assert 0 == run(again)
    assert "data: 2 of 3 files (2000 of 2003 bytes) were taken over from a statement signed by " in (
        capsys.readouterr().err
    )
    assert "derived" == own(json.loads(Sidecar.of(data).bom() or b""))["dbom:known"]
    assert 0 == run(["verify", "data", "--key", "key.pub"])
    assert 2 == run([*again, "--bundle", "nowhere"])


def test_sign_by_reuse_of_bytes_that_became_others_is_found_out_by_verify(data: Path) -> None:
    """What is signed rests on an earlier reading; verify reads, so it says no where the disk says otherwise."""
    again = signed_data(data)
    saved = json.loads((data.parent / "saved.json").read_bytes())
    (data / "b").write_bytes(b"x" * 1000)
    for file in saved["files"]:
        if file["path"] == "b":  # somebody with access to the account lies about the state
            file["state"] = str(FileState.of((data / "b").stat()))
    (data.parent / "saved.json").write_text(json.dumps(saved))
    assert 0 == run(again)
    assert 1 == run(["verify", "data", "--key", "key.pub"])


def test_a_bom_beside_the_data_that_says_all_was_read_is_made_anew(data: Path) -> None:
    again = signed_data(data)
    assert "computed" == own(json.loads(Sidecar.of(data).bom() or b""))["dbom:known"]
    assert 0 == run(again)
    assert "derived" == own(json.loads(Sidecar.of(data).bom() or b""))["dbom:known"]


def test_a_given_bom_that_says_all_was_read_is_not_signed_by_reuse(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = [flag for flag in signed_data(data) if flag not in ("--as", "dataset")]
    assert 0 == run(["generate", "data", "--as", "dataset", "-o", "computed.json"])
    assert 0 == run(["generate", "data", "--as", "dataset", *REUSE, "--no-cache", "-o", "derived.json"])
    capsys.readouterr()
    assert 2 == run([*again, "--bom", "computed.json"])
    assert "says more of how its digest is known than this reading knows" in capsys.readouterr().err
    assert 0 == run([*again, "--bom", "derived.json"])


def test_by_default_sign_rests_on_what_the_local_identity_signed(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBOM_HOME", str(data.parent / "home"))
    signing = ["sign", "data", "--as", "dataset", "--local"]
    assert 0 == run(["fingerprint", "data", *SAVED])
    assert 2 == run([*signing, "--reuse", "saved.json"])
    assert 0 == run(signing)
    capsys.readouterr()
    assert 0 == run([*signing, "--reuse", "saved.json"])
    assert "data: 3 of 3 files (3000 of 3000 bytes) were taken over" in capsys.readouterr().err
    assert 0 == run(["verify", "data"])


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("command", ["sign", "generate"])
def test_reuse_is_of_one_artifact_and_expectations_are_for_reuse(command: str) -> None:
    assert 0 == run(["fingerprint", "data", *SAVED])
    assert 2 == run([command, "data", "key.pub", *REUSE])
    assert 2 == run([command, "data", "--key", "key.pub"])
    assert 2 == run([command, "data", "--bundle", "key.pub"])


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
