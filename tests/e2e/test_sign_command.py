"""`dbom sign`, run as a person runs it."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from dbom.bom import Bom
from dbom.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FOREIGN_MARKS = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "JENKINS_URL", "TF_BUILD")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand on a person's own machine: with a home of its own, and neither in CI nor in a pod."""
    for name in (*_FOREIGN_MARKS, "KUBERNETES_SERVICE_HOST", "SIGSTORE_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(tmp_path / "config"))
    work = tmp_path / "work"
    work.mkdir()
    (work / "data.csv").write_text("a,b\n1,2\n")
    (work / "tree").mkdir()
    (work / "tree" / "data.csv").write_text("a,b\n1,2\n")
    monkeypatch.chdir(work)
    return work


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = run([*arguments, "-f", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_first_use_signs_and_ends_with_the_commands_for_somebody_else(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == run(["sign", "data.csv"])
    lines = capsys.readouterr().out.splitlines()
    assert any("only as good as this machine" in line for line in lines)
    assert any("generated now" in line for line in lines)
    assert ["  cosign", "  dbom verify", "  dbom trust"] == [
        line[: len(head)]
        for line, head in zip(lines[:-4:-1], ("  cosign", "  dbom verify", "  dbom trust"), strict=True)
    ]
    assert {"bom.cdx.json"} < {path.name for path in (here / "data.csv.dbom").iterdir()}


def test_a_generated_bom_states_what_the_settings_say_and_a_given_one_what_it_says(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "dbom.toml").write_text('license = "CC0-1.0"\nsupplier = "Example Ltd"\n')
    assert 0 == run(["sign", "data.csv"])
    assert "license CC0-1.0, as the settings say: project (" in capsys.readouterr().err
    signed = Bom.parse((here / "data.csv.dbom" / "bom.cdx.json").read_bytes(), where="sidecar")
    assert (("CC0-1.0",), {"name": "Example Ltd"}) == (signed.licenses, signed.component["supplier"])
    (here / "dbom.toml").write_text('license = "MIT"\n')
    assert 0 == run(["sign", "data.csv"])
    assert "MIT" not in capsys.readouterr().err
    assert ("CC0-1.0",) == Bom.parse((here / "data.csv.dbom" / "bom.cdx.json").read_bytes(), where="sidecar").licenses


def test_in_ci_it_signs_only_as_whom_it_is_told_and_writes_nothing_otherwise(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    code, refused = _json(capsys, "sign", "data.csv")
    assert (2, "DBOM-348") == (code, refused["rule"])
    assert (False, False) == ((here / "data.csv.dbom").exists(), (here.parent / "home").exists())
    assert 0 == _json(capsys, "sign", "data.csv", "--local")[0]


def test_a_person_is_told_of_each_statement_and_of_a_key_s_public_half(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "note.csv").write_text("a\n1\n")
    assert 0 == run(["keys", "generate", "--out", "k", "--no-password"])
    place = f"hf://org/model@{'a' * 40}"
    words = ["--signing-key", "k.key", "--location", place, "--store", "store"]
    assert 0 == run(["sign", "note.csv", *words])
    text = capsys.readouterr().out
    assert 2 == text.count(f"location {place} -> ")
    assert "# hand them k.pub" in text
    assert "dbom verify note.csv --key k.pub" in text


def test_json_names_signer_statements_and_commands(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = f"oci://registry.example/m@sha256:{'1' * 64}"
    code, result = _json(capsys, "sign", "tree", "--location", place, "--store", str(here / "store"))
    (artifact,) = result["results"]
    assert (0, "dbom.dev/sign/v1", "generated") == (code, result["schema"], artifact["bom"])
    assert [None, place] == [statement.get("location") for statement in artifact["statements"]]
    assert "tree.dbom/manifest.sha256" == shlex.split(artifact["statements"][1]["cosign"])[-1]
    assert 2 == len(list((here / "store").rglob("*.sigstore.json")))
    assert {"identity", "issuer", "description"} == set(result["signer"])


def test_several_artifacts_are_signed_or_none(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, failed = _json(capsys, "sign", "data.csv", "missing")
    assert (2, False) == (code, (here / "data.csv.dbom").exists())
    assert "missing" in failed["error"]
    assert 2 == len(_json(capsys, "sign", "data.csv", "tree")[1]["results"])


@pytest.mark.parametrize(
    ("arguments", "code", "rule"),
    [
        (("data.csv", "tree", "--bom", "b.json"), 2, "DBOM-901"),
        (("data.csv", "--bom", "missing.json"), 2, "DBOM-101"),
        (("data.csv", "--bom", "/dev/zero"), 2, "DBOM-102"),
        (("",), 2, "DBOM-901"),
        (("data.csv", "--location", "hf://org/model@main"), 2, "DBOM-303"),
        (("data.csv", "--signing-key", "missing.key"), 2, "DBOM-101"),
        (("data.csv", "--signing-key", "data.csv"), 2, "DBOM-345"),
        (("data.csv", "--public", "--signing-key", "k.key"), 2, "DBOM-349"),
        (("data.csv", "--trust-config", "data.csv", "--offline"), 2, "DBOM-354"),
        (("data.csv", "--public", "--offline"), 2, "DBOM-354"),
        (("data.csv", "--public", "--local"), 2, "DBOM-349"),
        (("data.csv", "--identity-token", "t"), 2, "DBOM-355"),
        (("data.csv", "--trust-config", "data.csv", "--identity-token", "t"), 2, "DBOM-201"),
    ],
)
def test_what_can_not_be_done_is_one_clear_error_and_writes_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, rule: str
) -> None:
    found, document = _json(capsys, "sign", *arguments)
    assert (code, rule) == (found, document["rule"])
    assert {"data.csv", "tree"} == {path.name for path in here.iterdir()}


def test_a_bom_about_other_bytes_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["sign", "tree"])
    capsys.readouterr()
    code, document = _json(capsys, "sign", "data.csv", "--bom", "tree.dbom/bom.cdx.json")
    assert (1, "DBOM-353", False) == (code, document["rule"], (here / "data.csv.dbom").exists())


@pytest.mark.parametrize("way", ["link", "file", "dangling"])
def test_nothing_is_signed_where_something_is_in_the_sidecar_s_place(
    here: Path, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    """Nor is anything written to where a link leads, nor to a store."""
    (here / "elsewhere").mkdir()
    sidecar = here / "data.csv.dbom"
    if way == "file":
        sidecar.write_text("mine")
    else:
        sidecar.symlink_to("elsewhere" if way == "link" else "nowhere")
    code, document = _json(capsys, "sign", "data.csv", "--store", "store")
    assert (2, "DBOM-319") == (code, document["rule"])
    assert {"data.csv", "tree", "elsewhere", "data.csv.dbom"} == {path.name for path in here.iterdir()}
    assert [] == list((here / "elsewhere").iterdir())


@pytest.mark.parametrize("signer", ["local", "key"])
@pytest.mark.parametrize("artifact", ["data.csv", "tree"])
def test_the_commands_that_it_prints_verify_on_another_machine(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, signer: str, artifact: str
) -> None:
    """With the artifact, its sidecar and the file that was handed over, and no identity of one's own."""
    assert 0 == run(["keys", "generate", "--out", "k", "--no-password"])
    capsys.readouterr()
    words = ["--signing-key", "k.key"] if signer == "key" else ["--local"]
    assert 0 == run(["sign", artifact, *words])
    lines = capsys.readouterr().out.splitlines()
    printed = {line.split()[1]: shlex.split(line, comments=True) for line in lines if line.startswith("  dbom ")}
    if signer == "local":
        assert 0 == run(printed["trust"][1:])
    elsewhere = here.parent / "elsewhere"
    elsewhere.mkdir()
    for name in (artifact, f"{artifact}.dbom", "trusted_root.json" if signer == "local" else "k.pub"):
        (here / name).rename(elsewhere / name)
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("DBOM_HOME", str(here.parent / "another home"))
    assert 0 == run(printed["verify"][1:])
    changed = elsewhere / artifact if artifact == "data.csv" else elsewhere / "tree" / "data.csv"
    changed.write_text("a,b\n1,3\n")
    assert 1 == run(printed["verify"][1:])
    assert not (here.parent / "another home").exists()


def test_a_key_signs_without_a_log(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["keys", "generate", "--out", "release", "--no-password"])
    capsys.readouterr()
    code, result = _json(capsys, "sign", "data.csv", "--signing-key", "release.key")
    assert (0, "release.pub", "") == (code, result["trust"]["file"], result["trust"]["export"])
    assert result["signer"]["key"].startswith("sha256:")
    assert not (here.parent / "home").exists()


def _own_program(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "dbom", *arguments]


def test_a_key_in_the_user_s_settings_signs_unless_a_flag_says_otherwise(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 == run(["keys", "generate", "--out", "k", "--no-password"])
    capsys.readouterr()
    monkeypatch.setenv("DBOM_SIGNING_KEY", str(here / "k.key"))
    monkeypatch.setenv("DBOM_STORE", str(here / "store"))
    configured = _json(capsys, "sign", "data.csv")[1]
    assert ("key", str(here / "k.pub")) == (*configured["signer"].keys() - {"description"}, configured["trust"]["file"])
    assert 1 == len(list((here / "store").rglob("*.sigstore.json")))
    assert "identity" in _json(capsys, "sign", "data.csv", "--local")[1]["signer"]
    assert "DBOM-355" == _json(capsys, "sign", "data.csv", "--identity-token", "t", "--offline")[1]["rule"]


@pytest.mark.usefixtures("here")
def test_it_works_where_there_is_no_network_at_all() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    result = subprocess.run(
        ["unshare", "-rn", *_own_program("sign", "data.csv", "--offline")],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert (0, "") == (result.returncode, result.stderr)


@pytest.mark.peer("cosign")
@pytest.mark.parametrize("artifact", ["data.csv", "tree"])
def test_the_cosign_command_that_it_prints_runs_as_it_stands(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    peer: Callable[[str], str],
    artifact: str,
) -> None:
    peers = os.path.dirname(peer("cosign"))  # noqa: PTH120  it goes into PATH, a text
    _, result = _json(capsys, "sign", artifact)
    assert 0 == run(shlex.split(result["trust"]["export"])[1:])
    monkeypatch.setenv("PATH", os.pathsep.join((os.environ["PATH"], peers)))
    line = result["results"][0]["statements"][0]["cosign"]
    assert 0 == subprocess.run(["unshare", "-rn", "bash", "-c", line], check=False, capture_output=True).returncode
    blob = here / shlex.split(line)[-1]
    blob.write_bytes(blob.read_bytes() + b"\n")
    assert 1 == subprocess.run(["unshare", "-rn", "bash", "-c", line], check=False, capture_output=True).returncode


def test_what_the_content_does_not_tell_can_be_insisted_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    thing = tmp_path / "thing.json"
    thing.write_text('{"a": 1}', encoding="utf-8")
    assert 2 == run(["sign", str(thing), "--local"])
    assert "--as dataset or --as model" in capsys.readouterr().err
    assert 0 == run(["sign", str(thing), "--as", "dataset", "--local"])
    assert 0 == run(["verify", str(thing)])


def _statements(result: dict[str, Any]) -> list[str]:
    return [item["predicateType"] for item in result["results"][0]["statements"]]


_OMS = "https://model_signing/signature/v1.0"


def test_a_model_is_signed_as_model_signing_does_and_a_dataset_is_not(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, model = _json(capsys, "sign", "tree", "--as", "model")
    _, dataset = _json(capsys, "sign", "data.csv")
    assert ([True], [False]) == ([_OMS in _statements(model)], [_OMS in _statements(dataset)])
    (here / "tree" / ".gitattributes").write_text("* text\n")
    code, checked = _json(capsys, "verify", "tree")
    assert (1, "refused") == (code, checked["results"][0]["verdict"])


@pytest.mark.usefixtures("here")
def test_no_oms_leaves_it_out(capsys: pytest.CaptureFixture[str]) -> None:
    _, result = _json(capsys, "sign", "tree", "--as", "model", "--no-oms")
    assert _OMS not in _statements(result)


def test_oms_insists_and_writes_the_bundle_where_it_is_told_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, result = _json(capsys, "sign", "data.csv", "--oms", "data.sig")
    (statement,) = [item for item in result["results"][0]["statements"] if item["predicateType"] == _OMS]
    assert (0, statement["sha256"]) == (code, hashlib.sha256((here / "data.sig").read_bytes()).hexdigest())
    shutil.rmtree(here / "data.csv.dbom")
    code, checked = _json(capsys, "verify", "data.csv", "--bundle", "data.sig")
    assert (0, "verified") == (code, checked["results"][0]["verdict"])


@pytest.mark.parametrize(
    "words",
    [
        ("tree", "--oms", "tree/model.sig"),
        ("tree", "--oms", "model.sig", "--no-oms"),
        ("tree", "data.csv", "--oms", "model.sig"),
    ],
)
def test_a_place_for_the_model_signature_that_can_t_be_is_refused_before_anything_is_signed(
    words: tuple[str, ...], here: Path
) -> None:
    assert 2 == run(["sign", *words])
    assert not (here / "tree.dbom").exists()


def test_git_s_files_are_signed_in_the_bom_and_left_out_of_the_model_statement(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "tree" / ".gitattributes").write_text("* text\n")
    run(["sign", "tree", "--as", "model"])
    capsys.readouterr()
    code, result = _json(capsys, "verify", "tree")
    assert (0, 2) == (code, len(_statements(result)))
