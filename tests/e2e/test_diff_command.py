"""`dbom diff`: what differs, in words and in JSON, and the exit code that a pipeline goes by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import dbom
from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for folder, files in {"a": {"x": "1", "y": "22", "z": "333"}, "b": {"x": "4444", "y": "22", "q": "333"}}.items():
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / name).write_text(content)
    return tmp_path


@pytest.mark.usefixtures("here")
def test_the_same_is_0_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "a", "a"]) == 0
    assert "the same: tree:sha256:" in capsys.readouterr().out


@pytest.mark.usefixtures("here")
def test_different_is_1_and_named_with_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "a", "b"]) == 1
    captured = capsys.readouterr()
    assert [
        "changed  x",
        "renamed  z -> q",
        "1 changed (1 bytes -> 4 bytes), 0 removed, 0 added, 1 renamed (3 bytes), 1 the same (2 bytes)",
    ] == captured.out.splitlines()
    assert "A  a (path): tree:sha256:" in captured.err


@pytest.mark.usefixtures("here")
def test_quiet_leaves_the_result_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "a", "b", "-q"]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("changed  x")


def test_a_signed_artifact_and_its_evidence_are_the_same(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published = dbom.sign(here / "a", bom=dbom.generate(here / "a", as_="dataset"))
    for document in ("a.dbom/manifest.sha256", "a.dbom/bom.cdx.json", str(published.files[0])):
        assert run(["diff", "a", document]) == 0
        assert run(["diff", document, "b"]) == 1
    assert "no signature was checked" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_the_json_holds_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "a", "b", "-f", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert ("dbom.dev/diff/v1", False, "path") == (document["schema"], document["same"], document["after"]["readAs"])
    assert {
        "added": [],
        "removed": [],
        "changed": [{"path": "x", "bytesBefore": 1, "bytesAfter": 4}],
        "renamed": [{"from": "z", "to": "q"}],
    } == document["files"]
    assert {"files": 1, "bytesBefore": 1, "bytesAfter": 4} == document["counts"]["changed"]
    assert {"files": 1, "bytes": 2} == document["counts"]["same"]


def test_a_size_that_a_manifest_does_not_state_is_null(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "m").write_bytes(dbom.fingerprint(here / "a").manifest())
    assert run(["diff", "m", "b", "-f", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (None, None, 2) == (
        document["before"]["bytes"],
        document["counts"]["changed"]["bytesBefore"],
        document["counts"]["same"]["bytes"],
    )


@pytest.mark.usefixtures("here")
def test_a_file_against_a_tree_is_a_difference_of_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "a", "a/x"]) == 1
    assert "one is a tree, the other a file" in capsys.readouterr().out
    assert run(["diff", "a", "a/x", "-f", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (None, None) == (document["files"], document["counts"])


def test_many_differences_are_bounded_unless_all_are_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(40):
        (here / "b" / f"{number:03}").write_text(str(number))
    assert run(["diff", "a", "b"]) == 1
    out = capsys.readouterr().out
    assert "… and 22 more" in out
    assert run(["diff", "a", "b", "--all"]) == 1
    assert 43 == len(capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("a" * 64 + "  x", 2),
        ('{"bomFormat": "CycloneDX", "specVersion": "1.6"}', 3),
    ],
)
def test_what_can_not_be_compared_is_never_the_same(
    here: Path, content: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "document").write_text(content)
    assert run(["diff", "a", "document"]) == code
    assert "DBOM-18" in capsys.readouterr().err
    assert run(["diff", "document", "document", "--as-data"]) == 0


@pytest.mark.usefixtures("here")
def test_what_is_missing_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "a", "nothing"]) == 2
    assert "DBOM-101" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_the_result_is_never_written_into_an_artifact(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "a", "b", "-o", "a/result"]) == 2
    assert "DBOM-113" in capsys.readouterr().err


def test_ignores_hold_for_both_sides(here: Path) -> None:
    (here / "c").mkdir()
    for name in ("x", "y", "z"):
        (here / "c" / name).write_bytes((here / "a" / name).read_bytes())
    (here / "c" / "more.tmp").write_text("t")
    assert run(["diff", "a", "c"]) == 1
    assert run(["diff", "a", "c", "--ignore", "*.tmp"]) == 0


def test_a_saved_fingerprint_is_compared_without_the_data(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fingerprint", "a", "--save", "a.saved", "--no-cache"]) == 0
    first = (here / "a.saved").read_bytes()
    assert run(["fingerprint", "a", "--save", "a.saved"]) == 0
    assert first == (here / "a.saved").read_bytes()
    assert run(["diff", "a.saved", "a"]) == 0
    capsys.readouterr()
    assert run(["diff", "a.saved", "b"]) == 1
    assert "1 changed (1 bytes -> 4 bytes)" in capsys.readouterr().out


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "words",
    [
        ["fingerprint", "a", "b", "--save", "f"],
        ["fingerprint", "a", "--save", "a/f"],
        ["fingerprint", "a/x", "--save", "f", "--scheme", "shards"],
    ],
)
def test_what_can_not_be_saved_is_a_usage_error(words: list[str]) -> None:
    assert run(words) == 2


@pytest.mark.usefixtures("here")
def test_offline_forbids_a_url(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "a", "s3://bucket/x", "--offline"]) == 3
    assert "--offline" in capsys.readouterr().err


def test_a_url_is_read(here: Path) -> None:
    assert run(["diff", (here / "a").as_uri(), "a"]) == 0
    assert run(["diff", (here / "a").as_uri(), "b"]) == 1
