"""`dbom attest revoke`, `dbom attest revocations` and `dbom verify --revoker`, as they are run."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from evidence import local_sigstore

from attest.bundle import Bundle
from attest.statement import Statement
from dbom.cli.app import run
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from attest.local import LocalSigstore

REVOKER = ("--revoker", "revoker.pub", "--revocations", "revoked")
SIGN = ("--signing-key", "revoker.key")


@pytest.fixture
def local() -> LocalSigstore:
    return local_sigstore(Path(os.environ["DBOM_HOME"]))


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local: LocalSigstore) -> Path:
    """Return a signed artifact; a revoker's key pair lies beside it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.bin"
    path.write_bytes(b"weights\n")
    assert run(["sign", "weights.bin", "--local", "-q"]) == 0
    assert run(["keys", "generate", "--no-password", "--out", "revoker", "-q"]) == 0
    assert local.identity.issuer
    return path


def json_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = run([*arguments, "-f", "json"])
    return code, json.loads(capsys.readouterr().out)


def rules(document: Any) -> set[str]:  # noqa: ANN401  JSON
    return {item["rule"] for item in document["results"][0]["findings"] if item["severity"] == "error"}


def verify(capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, set[str]]:
    code, document = json_of(capsys, "verify", "weights.bin", "--local", *flags)
    return code, rules(document)


def test_an_artifact_is_revoked_from_one_head_to_the_next(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["attest", "revocations", "publish", "revoked", *SIGN]) == 0
    assert verify(capsys, *REVOKER) == (0, set())
    assert run(["attest", "revoke", "weights.bin", "--reason", "bad data", "--store", "revoked", *SIGN]) == 0
    assert verify(capsys, *REVOKER) == (1, {"DBOM-392"})
    assert run(["attest", "revocations", "publish", "revoked", *SIGN]) == 0
    shutil.rmtree("weights.bin.dbom")
    assert run(["sign", "weights.bin", "--local", "-q"]) == 0
    capsys.readouterr()
    assert run(["verify", "weights.bin", "--local", *REVOKER]) == 1
    assert "bad data" in capsys.readouterr().out
    code, document = json_of(capsys, "attest", "revocations", "status", *REVOKER)
    assert (code, document["heads"][0]["sequence"]) == (0, 2)
    assert document["revocations"][0]["reason"] == "bad data"
    assert model.is_file()


def test_a_head_that_is_missing_or_older_than_one_seen_is_a_cant_tell(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["attest", "revocations", "publish", "revoked", *SIGN]) == 0
    shutil.copytree("revoked", "kept")
    assert run(["attest", "revocations", "publish", "revoked", *SIGN]) == 0
    assert verify(capsys, *REVOKER) == (0, set())
    assert verify(capsys, "--revoker", "revoker.pub", "--revocations", "kept") == (3, {"DBOM-397"})
    Path("empty").mkdir()
    assert verify(capsys, "--revoker", "revoker.pub", "--revocations", "empty") == (3, {"DBOM-395"})
    assert verify(capsys, "--revoker", "revoker.pub", "--store", "empty", "--require-revocations") == (3, {"DBOM-395"})
    assert verify(capsys, "--revoker", "revoker.pub") == (0, set())
    capsys.readouterr()
    assert run(["attest", "revocations", "status", "--revoker", "revoker.pub", "--revocations", "kept"]) == 3
    assert "can't tell" in capsys.readouterr().out
    assert model.is_file()


def test_a_revoked_signer_counts_for_nothing(
    model: Path, local: LocalSigstore, capsys: pytest.CaptureFixture[str]
) -> None:
    who = ("--identity", local.identity.subject, "--issuer", local.identity.issuer)
    window = ("--from", "2999-01-01T00:00:00Z", "--until", "2999-02-01T00:00:00Z")
    words = ["attest", "revoke", "--signer", *who, *window, "--reason", "laptop stolen", "--store", "revoked", *SIGN]
    assert run(words) == 0
    assert run(["attest", "revocations", "publish", "revoked", *SIGN]) == 0
    assert verify(capsys, *REVOKER) == (1, {"DBOM-392"}), "a self-asserted time shows nothing"
    assert verify(capsys, *REVOKER, "--revoker-scope", "artifacts") == (0, set())
    assert verify(capsys, *REVOKER, "--revoker-scope", f"issuer:{local.identity.issuer}") == (1, {"DBOM-392"})
    code, document = json_of(
        capsys, "verify", "--digest", digest_of(model), "--bundle", str(bundle_of(model)), *REVOKER
    )
    assert (code, rules(document)) == (1, {"DBOM-392"})
    capsys.readouterr()
    run(["attest", "revocations", "status", *REVOKER])
    assert "laptop stolen" in capsys.readouterr().out


def test_a_signer_revokes_what_it_signed_and_nothing_else(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = model.with_name("other.bin")
    other.write_bytes(b"other\n")
    assert run(["sign", "other.bin", "--local", "-q"]) == 0
    assert run(["attest", "revoke", "weights.bin", "--reason", "withdrawn", "--local"]) == 0
    assert verify(capsys) == (1, {"DBOM-392"})
    assert run(["verify", "other.bin", "--local"]) == 0


def test_a_key_is_revoked_and_its_owner_may_do_it(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("weights.bin.dbom")
    assert run(["sign", "weights.bin", *SIGN, "-q"]) == 0
    assert run(["verify", "weights.bin", "--key", "revoker.pub"]) == 0
    revoke = ["attest", "revoke", "--signer", "--key", "revoker.pub", "--reason", "lost", "--store", "revoked", *SIGN]
    assert run(revoke) == 0
    assert run(["verify", "weights.bin", "--key", "revoker.pub", "--store", "revoked"]) == 1
    assert "lost" in capsys.readouterr().out
    assert model.is_file()


def test_a_local_revoker_is_named_by_identity(
    model: Path, local: LocalSigstore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["attest", "revoke", digest_of(model), "--reason", "r", "--store", "revoked", "--local"]) == 0
    code, document = json_of(capsys, "attest", "revocations", "publish", "revoked", "--local", "--days", "2")
    assert (code, document["sequence"], len(document["revocations"])) == (0, 1, 1)
    who = ("--revoker-identity", local.identity.subject, "--revoker-issuer", local.identity.issuer)
    assert verify(capsys, *who, "--revocations", "revoked") == (1, {"DBOM-392"})


def test_a_head_never_leaves_out_what_an_earlier_one_lists(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = json_of(capsys, "attest", "revoke", digest_of(model), "--reason", "r", "--store", "revoked", *SIGN)
    assert (code, document["subject"]) == (0, digest_of(model))
    assert run(["attest", "revocations", "publish", "revoked", *SIGN]) == 0
    assert run(["attest", "revocations", "publish", "elsewhere", *SIGN]) == 3
    for path in Path("revoked").rglob("revocation-[0-9a-f]*"):
        path.unlink()
    assert run(["attest", "revocations", "publish", "revoked", *SIGN]) == 3
    assert "DBOM-399" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--reason", "r"],
        ["weights.bin", "--signer", "--key", "revoker.pub", "--reason", "r"],
        ["weights.bin", "--key", "revoker.pub", "--reason", "r"],
        ["weights.bin", "--reason", " ", "--store", "s"],
        ["sha256:12", "--reason", "r", "--store", "s"],
        ["hf://org/name@0000", "--reason", "r", "--store", "s"],
        ["sha256:" + "0" * 64, "--reason", "r"],
        ["--signer", "--reason", "r"],
        ["--signer", "--identity", "a", "--reason", "r"],
        ["--signer", "--identity", "a", "--issuer", "b", "--key", "revoker.pub", "--reason", "r"],
        ["--signer", "--key", "revoker.pub", "--until", "2026-01-01T00:00:00Z", "--reason", "r"],
        ["--signer", "--key", "revoker.pub", "--under", "root.json", "--reason", "r"],
        ["--signer", "--key", "revoker.pub", "--from", "yesterday", "--reason", "r"],
        ["--signer", "--key", "revoker.pub", "--from", "2026-02-31T00:00:00Z", "--reason", "r"],
        [
            *("--signer", "--identity", "a", "--issuer", "b", "--reason", "r"),
            *("--from", "2026-01-02T00:00:00Z", "--until", "2026-01-01T00:00:00Z"),
        ],
    ],
)
def test_what_is_no_revocation_is_a_usage_error(model: Path, words: list[str]) -> None:
    assert run(["attest", "revoke", *words, *SIGN]) == 2
    assert model.is_file()
    assert not Path("s").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--revocations", "revoked"],
        ["--require-revocations"],
        ["--revoker-scope", "keys"],
        ["--revoker", "revoker.pub", "--revoker-scope", "everything"],
        ["--revoker", "revoker.pub", "--revoker-scope", "issuer:"],
        ["--revoker-identity", "a"],
        ["--revoker-identity", "a", "--revoker-issuer", "https://elsewhere.example"],
        ["--revoker", "revoker.pub", "--revoker-trusted-root", "root.json"],
        ["--revoker", "absent.pub"],
    ],
)
def test_revocations_of_nobody_are_a_usage_error(model: Path, words: list[str]) -> None:
    assert run(["verify", "weights.bin", "--local", *words]) == 2
    assert model.is_file()


def test_publishing_says_what_it_needs(model: Path) -> None:
    assert run(["attest", "revocations", "publish", "revoked", *SIGN, *REVOKER]) == 2
    assert run(["attest", "revocations", "publish", "revoked", *SIGN, "--days", "1000"]) == 2
    two = ("--revoker", "revoker.pub", "--revoker", "revoker.pub")
    assert run(["attest", "revocations", "publish", "revoked", *SIGN, *two]) == 2
    assert run(["attest", "revocations", "status", "--revoker", "revoker.pub"]) == 2
    assert run(["keys", "generate", "--no-password", "--out", "other", "-q"]) == 0
    assert run(["attest", "revocations", "publish", "revoked", *SIGN, "--revoker", "other.pub"]) == 3
    assert model.is_file()
    assert not Path("revoked").exists()


def test_a_summary_says_what_was_asked_and_what_was_used(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["attest", "revocations", "publish", "revoked", *SIGN]) == 0
    assert run(["verify", "weights.bin", "--local", *REVOKER, "--vsa", "vsa.json", "--resource-uri", "oci://r/m"]) == 0
    predicate = json.loads(Path("vsa.json").read_bytes())["predicate"]
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["resourceUri"] == "oci://r/m"
    assert predicate["verifiedLevels"] == ["SLSA_BUILD_LEVEL_UNEVALUATED", "DBOM_BYTES_SIGNED"]
    assert len(predicate["inputAttestations"]) == 2, "the BOM, and the head of revocations"
    assert run(["verify", "weights.bin", "--local", "--vsa-signing-key", "revoker.key", "--vsa", "s.json"]) == 0
    statement = Statement.parse(Bundle.parse(Path("s.json").read_bytes(), where="s").payload, where="s")
    assert str(statement.subjects[0].digest) == digest_of(model)
    assert [path.read_bytes() for path in Path("weights.bin.dbom").glob("vsa-*")] == [Path("s.json").read_bytes()]
    capsys.readouterr()
    assert run(["verify", "weights.bin", "--local", "--vsa", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["predicate"]["verificationResult"] == "PASSED"
    assert run(["attest", "show", "s.json"]) == 0
    assert "PASSED by https://dbom.dev/verify/v1" in capsys.readouterr().out


def test_a_no_is_a_failed_summary_and_a_cant_tell_none(model: Path) -> None:
    unsigned = model.with_name("unsigned.bin")
    unsigned.write_bytes(b"unsigned\n")
    assert run(["verify", "unsigned.bin", "--local", "--vsa", "none.json", "--sign-vsa"]) == 3
    assert not Path("none.json").exists()
    assert not Path("unsigned.bin.dbom").exists()
    model.write_bytes(b"changed\n")
    assert run(["verify", "weights.bin", "--local", "--vsa", "failed.json"]) == 1
    statement = json.loads(Path("failed.json").read_bytes())
    assert statement["predicate"]["verifiedLevels"] == ["FAILED"]
    assert statement["predicate"]["verificationResult"] == "FAILED"
    assert statement["subject"][0]["digest"]["sha256"] == digest_of(model).removeprefix("sha256:")


def test_a_summary_is_one_verdicts_and_changes_no_artifact(model: Path) -> None:
    two = ["verify", "weights.bin", "revoker.pub", "--local", "--vsa", "vsa.json"]
    assert run(two) == 2
    assert run(["verify", "weights.bin", "--local", "--resource-uri", "oci://r/m"]) == 2
    assert run(["verify", "weights.bin", "--local", "--vsa", "vsa.json", "--resource-uri", "no uri"]) == 2
    assert run(["verify", "weights.bin", "--local", "--vsa", "weights.bin"]) == 2
    assert model.read_bytes() == b"weights\n"


def digest_of(path: Path) -> str:
    return str(fingerprint_path(path).digest)


def bundle_of(path: Path) -> Path:
    return next(Path(f"{path}.dbom").glob("bom-*"))


def test_lineage_shows_what_is_revoked(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--in", "weights.bin", "--out", "tuned.bin", "--local", "-q", "--"]
    assert run([*words, sys.executable, "-c", "open('tuned.bin', 'wb').write(b'tuned')"]) == 0
    tuned = digest_of(model.with_name("tuned.bin"))
    ask = ("lineage", "ancestors", tuned, "--store", ".", "--local")
    code, before = json_of(capsys, *ask)
    assert (code, before["edgeCounts"]["verified"], before["edgeCounts"]["revoked"]) == (0, 1, 0)
    assert run(["attest", "revoke", digest_of(model), "--reason", "bad data", "--store", "revoked", *SIGN]) == 0
    code, after = json_of(capsys, *ask, "--revoker", "revoker.pub")
    nodes = {node["digest"]: node for node in after["nodes"]}
    assert (code, "bad data" in nodes[digest_of(model)]["revoked"], nodes[tuned]["revoked"]) == (0, True, None)
    assert after["foundByVerifiedEdges"] == [digest_of(model)], "what was made from it stays known"
    assert run([*ask, "--revoker", "revoker.pub", "--revocations", "revoked"]) == 3
    assert run(["attest", "revoke", tuned, "--reason", "r", "--store", "revoked", *SIGN]) == 0
    assert run(["attest", "revocations", "publish", "revoked", *SIGN]) == 0
    code, last = json_of(capsys, *ask, "--revoker", "revoker.pub", "--revocations", "revoked")
    assert (code, last["edgeCounts"]["verified"], last["edgeCounts"]["revoked"]) == (0, 0, 1)
    run([*ask, "--revoker", "revoker.pub"])
    assert "revoked: " in capsys.readouterr().out
