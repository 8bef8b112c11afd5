"""`dbom fingerprint` of tables and of patterns, as a person types it."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from table_samples import DELTA_PROTOCOL, IcebergSample, add, commit

from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    delta = tmp_path / "delta"
    commit(delta, 0, DELTA_PROTOCOL, add("a.parquet"))
    commit(delta, 1, add("b.parquet"))
    for name in "ab":
        (delta / f"{name}.parquet").write_bytes(b"rows")
    table = IcebergSample(tmp_path / "iceberg")
    table.write("data/a.parquet")
    table.snapshot(2**62 + 1, [table.manifest("m0", [(1, 0, f"{table.location}/data/a.parquet", 4)])])
    return tmp_path


@dataclass(frozen=True)
class Done:
    """What a command wrote."""

    stdout: str
    stderr: str


def _run(folder: Path, *arguments: str, code: int = 0) -> Done:
    out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        ended = run(["fingerprint", "--no-cache", *arguments])
    assert code == ended, err.getvalue()
    out.seek(0)
    return Done(out.read(), err.getvalue())


def _result(folder: Path, *arguments: str) -> dict[str, Any]:
    (result,) = json.loads(_run(folder, "-f", "json", *arguments).stdout)["results"]
    found: dict[str, Any] = result
    return found


def test_the_pin_is_told_beside_the_digest(folder: Path) -> None:
    done = _run(folder, "delta", "iceberg")

    assert ["delta", "iceberg"] == [line.split("  ")[1] for line in done.stdout.splitlines()]
    assert "delta: delta version 1, manifests sha256:" in done.stderr
    assert f"iceberg: iceberg snapshot {2**62 + 1}, manifests sha256:" in done.stderr
    (pin,) = _result(folder, "iceberg")["pins"]
    assert ("iceberg", str(2**62 + 1)) == (pin["format"], pin["snapshot"])
    assert "pins" not in _result(folder, "delta/a.parquet")


def test_a_snapshot_alone_and_the_line_that_gives_its_digest(folder: Path) -> None:
    found = _result(folder, "delta", "--snapshot", "0", "--how")

    assert ["DBOM-195"] == [finding["rule"] for finding in found["findings"]]
    assert "0" == found["pins"][0]["snapshot"]
    assert 1 == found["fileCount"]
    printed = subprocess.run(["bash", "-c", found["how"]], capture_output=True, text=True, check=True)
    assert f"{found['digest'].removeprefix('tree:sha256:')}  -\n" == printed.stdout


def test_a_table_that_cannot_be_told_has_a_digest_and_a_warning(folder: Path) -> None:
    commit(folder / "delta", 2, {"protocol": {"minReaderVersion": 3, "readerFeatures": ["unheardOf"]}})

    found = _result(folder, "delta")

    assert [] == found["pins"]
    assert ["DBOM-193"] == [finding["rule"] for finding in found["findings"]]
    assert "unheardOf" in _run(folder, "delta").stderr
    assert "DBOM-193" in _run(folder, "delta", "--snapshot", "current", code=3).stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("delta", "iceberg", "--snapshot", "current"), 2),
        (("delta", "--snapshot", "current", "--follow-links"), 2),
        (("delta", "--snapshot", "current", "--engine", "threads"), 2),
        (("delta", "--snapshot", "x"), 2),
        (("delta", "--snapshot", "7"), 2),
        (("delta/_delta_log", "--snapshot", "current"), 2),
        (("delta/*.csv",), 2),
    ],
)
def test_what_cannot_be_is_refused(folder: Path, arguments: tuple[str, ...], code: int) -> None:
    done = _run(folder, *arguments, code=code)

    assert "" == done.stdout
    assert "hint:" in done.stderr


def test_a_quoted_pattern_and_the_line_that_gives_its_digest(folder: Path) -> None:
    found = _result(folder, "*/*.parquet", "--how")

    assert 2 == found["fileCount"]
    printed = subprocess.run(["bash", "-c", found["how"]], capture_output=True, text=True, check=True)
    assert f"{found['digest'].removeprefix('tree:sha256:')}  -\n" == printed.stdout
    assert "pins" not in _result(folder, "delta/**")
