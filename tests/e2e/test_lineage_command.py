"""`dbom lineage`, over a store that was really signed: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dbom.cli.app import run


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a folder in which model comes from clean.csv, that from raw.csv, all signed by this machine."""
    monkeypatch.chdir(tmp_path)
    Path("raw.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    Path("clean.csv").write_text("a,b\n3,4\n", encoding="utf-8")
    Path("model").mkdir()
    Path("model/weights.bin").write_bytes(b"weights")
    Path("alone.csv").write_text("x\n", encoding="utf-8")
    signed = [
        ("raw.csv", []),
        ("clean.csv", ["--derived-from", "raw.csv"]),
        ("model", ["--as", "model", "--trained-on", "clean.csv"]),
    ]
    for artifact, flags in signed:
        assert run(["generate", artifact, *flags, "-o", "a.bom", "-q"]) == 0
        assert run(["sign", artifact, "--bom", "a.bom", "--local", "-q"]) == 0
    capsys.readouterr()
    return tmp_path


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = run(["lineage", *words, "--store", ".", "-f", "json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("store")
def test_ancestors_of_a_path_are_found_through_every_sidecar(capsys: pytest.CaptureFixture[str]) -> None:
    code, document = asked(capsys, "ancestors", "model")
    assert (0, "dbom.dev/lineage/v1", 2, False) == (code, document["schema"], document["found"], document["truncated"])
    assert [("derived-from", "verified"), ("trained-on", "verified")] == sorted(
        (edge["relation"], edge["status"]) for edge in document["edges"]
    )


@pytest.mark.usefixtures("store")
def test_descendants_are_found_by_digest(capsys: pytest.CaptureFixture[str]) -> None:
    _, up = asked(capsys, "ancestors", "model")
    raw = next(node["id"] for node in up["nodes"] if "raw.csv" in node["names"])
    code, document = asked(capsys, "descendants", raw)
    assert (0, 2) == (code, len(document["foundByVerifiedEdges"]))


@pytest.mark.usefixtures("store")
def test_why_names_who_signed_each_hop_and_in_which_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lineage", "why", "model", "raw.csv", "--store", "."]) == 0
    out = capsys.readouterr().out
    assert "path 1, verified throughout" in out
    assert 2 == out.count("bundle sha256:")
    assert "model.dbom/bom-" in out


@pytest.mark.usefixtures("store")
def test_no_path_is_a_no(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lineage", "why", "raw.csv", "model", "--store", "."]) == 1
    assert "DBOM-407" in capsys.readouterr().err


@pytest.mark.usefixtures("store")
def test_an_artifact_that_no_statement_speaks_of_can_not_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, document = asked(capsys, "ancestors", "alone.csv")
    assert (3, "DBOM-401") == (code, document["rule"])


@pytest.mark.usefixtures("store")
def test_where_nobody_is_expected_edges_are_drawn_as_untrusted_and_prove_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "nobody"))
    assert run(["lineage", "ancestors", "model", "--store", "."]) == 0
    shown = capsys.readouterr()
    assert "2 ancestors, 0 by verified edges alone. Edges: 2 untrusted." in shown.out
    assert "Nobody is expected" in shown.err
    assert run(["lineage", "why", "model", "raw.csv", "--store", "."]) == 3


@pytest.mark.usefixtures("store")
def test_another_expected_signer_makes_these_edges_untrusted(capsys: pytest.CaptureFixture[str]) -> None:
    who = ["--identity", "ci@example.org", "--issuer", "https://accounts.example.org"]
    code, document = asked(capsys, "ancestors", "model", *who)
    assert (0, [], 2) == (code, document["foundByVerifiedEdges"], document["edgeCounts"]["untrusted"])


@pytest.mark.usefixtures("store")
def test_half_an_identity_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, document = asked(capsys, "ancestors", "model", "--identity", "ci@example.org")
    assert (2, "DBOM-302") == (code, document["rule"])


@pytest.mark.usefixtures("store")
def test_a_budget_that_is_hit_ends_with_can_not_tell(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lineage", "ancestors", "model", "--store", ".", "--limit", "2"]) == 3
    assert "Truncated" in capsys.readouterr().out


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("format_", ["text", "json", "dot", "mermaid", "svg"])
def test_a_cut_answer_to_why_says_so_in_every_format(
    format_: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that left boxes out was handed over with exit 0, and without a word."""
    Path("other.csv").write_text("a,b\n5,6\n", encoding="utf-8")
    assert run(["generate", "clean.csv", "--derived-from", "other.csv", "-o", "a.bom", "-q"]) == 0
    assert run(["sign", "clean.csv", "--bom", "a.bom", "--local", "-q"]) == 0
    capsys.readouterr()
    assert run(["lineage", "why", "model", "--store", ".", "-f", format_, "--limit", "1"]) == 3
    assert "truncated: there is more than is shown" in capsys.readouterr().err
    monkeypatch.setattr("lineage.svg.MAX_BOXES", 1)
    assert run(["lineage", "why", "model", "--store", ".", "-f", format_]) == (3 if format_ == "svg" else 0)
    assert ("truncated" in capsys.readouterr().err) is (format_ == "svg")


@pytest.mark.usefixtures("store")
def test_a_folder_is_known_by_the_ignore_list_that_it_was_signed_with(capsys: pytest.CaptureFixture[str]) -> None:
    """Only the usual list was applied, and a folder signed with another one was unknown to its own store."""
    Path("set").mkdir()
    Path("set/kept.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    Path("set/scratch.tmp").write_text("1", encoding="utf-8")
    assert run(["sign", "set", "--as", "dataset", "--ignore", "*.tmp", "--local", "-q"]) == 0
    Path("set/scratch.tmp").write_text("2", encoding="utf-8")
    capsys.readouterr()
    code, document = asked(capsys, "ancestors", "set")
    assert (0, "set") == (code, document["nodes"][0]["names"][0])
    Path("set/kept.csv").write_text("a,b\n1,3\n", encoding="utf-8")
    code, document = asked(capsys, "ancestors", "set")
    assert (3, "DBOM-401") == (code, document["rule"])


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("format_", "begins"), [("svg", "<svg "), ("dot", "digraph "), ("mermaid", "flowchart LR")])
def test_pictures_are_written_to_a_file(format_: str, begins: str) -> None:
    for words in (["ancestors", "model"], ["why", "model"]):
        assert run(["lineage", *words, "--store", ".", "-f", format_, "-o", "out"]) == 0
        assert Path("out").read_text(encoding="utf-8").startswith(begins)


@pytest.mark.usefixtures("store")
def test_a_broken_bundle_in_the_store_is_said_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.sigstore.json").write_text('{"cut":', encoding="utf-8")
    assert run(["lineage", "ancestors", "model", "--store", "."]) == 0
    shown = capsys.readouterr()
    assert "1 bundle of the store was not verified" in shown.err
    assert "2 by verified edges alone" in shown.out


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["ancestors", "model"], 2),
        (["ancestors", "nowhere", "--store", "."], 2),
        (["ancestors", "sha256:xyz", "--store", "."], 2),
        (["ancestors", "model", "--store", "missing"], 3),
        (["ancestors", "model", "--store", ".", "--key", "missing.pem"], 2),
    ],
)
def test_bad_input_is_one_clear_line(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert code == run(["lineage", *words])
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ") or "error: " in shown.err
    assert "Traceback" not in shown.err


def test_no_user_state_is_made_by_asking(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1\n", encoding="utf-8")
    assert run(["lineage", "ancestors", str(tmp_path / "a.csv"), "--store", str(tmp_path)]) == 3
    assert not Path(os.environ["DBOM_HOME"]).exists()
