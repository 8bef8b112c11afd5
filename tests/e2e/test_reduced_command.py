"""`dbom fingerprint --segments` as a person meets it: the same digest, and the files are never all in one place."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from dbom.cli.app import run
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder whose order by names isn't that of a walk, with things to leave out."""
    root = tmp_path / "data"
    for name in ("a/b", "a-b", "a.b/c/d", "a0", "z", ".git/config", "a/.DS_Store", "z.dbom/bom.cdx.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return root


def test_digest_and_manifest_are_those_of_the_tree(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = fingerprint_path(data)
    assert 0 == run(["fingerprint", "data", "--segments", "segments", "--manifest", "manifest"])
    assert f"{expected.digest}  data\n" == capsys.readouterr().out
    manifest = data.parent / "manifest"
    assert expected.manifest() == manifest.read_bytes()
    subprocess.run(["sha256sum", "-c", "--quiet", manifest], cwd=data, check=True)
    for segment in (data.parent / "segments").iterdir():
        assert segment.name == f"{hashlib.sha256(segment.read_bytes()).hexdigest()}.segment"


def test_json_names_the_segments_and_a_second_run_resumes(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = [
        "fingerprint",
        "data",
        "--segments",
        "segments",
        "--journal",
        "journal",
        "--engine",
        "threads",
        "-f",
        "json",
    ]
    assert 0 == run(line)
    first = capsys.readouterr().out
    (result,) = json.loads(first)["results"]
    expected = fingerprint_path(data)
    assert (str(expected.digest), 5, expected.size) == (result["digest"], result["fileCount"], result["bytes"])
    assert set(result["segments"]) == {file.name for file in (data.parent / "segments").iterdir()}
    assert 0 == run(line)
    assert first == capsys.readouterr().out


def test_ignored_by_flag_is_left_out(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "data", "--segments", "segments", "--ignore", "/a/"])
    assert str(fingerprint_path(data, ignores=(*fingerprint_path(data).ignores, "/a/")).digest) in (
        capsys.readouterr().out
    )


def test_a_file_url_is_the_folder_it_names(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", data.as_uri(), "--segments", "segments"])
    assert str(fingerprint_path(data).digest) in capsys.readouterr().out


def test_a_manifest_that_cannot_be_whole_is_not_written(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "link").symlink_to("z")
    assert 2 == run(["fingerprint", "data", "--segments", "segments", "--manifest", "manifest"])
    assert "is a link, which a part of a tree can't follow" in capsys.readouterr().err
    assert {"data", "segments"} >= {path.name for path in data.parent.iterdir()}


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    "words",
    [
        ["data", "--segments", "data/segments"],
        ["s3://b/data", "--segments", "s3://b/data/segments"],
        ["data/z", "--segments", "s"],
        ["nowhere", "--segments", "s"],
        ["data", "data", "--segments", "s"],
        ["data", "--segments", "s", "--save", "x"],
        ["data", "--segments", "s", "--how"],
        ["data", "--segments", "s", "--also", "blake3"],
        ["data", "--segments", "s", "--scheme", "shards"],
        ["data", "--segments", "s", "--follow-links"],
        ["data", "--segments", "s", "--ray-address", "local"],
        ["memory://data", "--segments", "s"],
        ["s3://b/*.csv", "--segments", "s"],
    ],
)
def test_what_cannot_be_reduced_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run(["fingerprint", *words])
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.usefixtures("data")
def test_offline_no_store_is_reduced(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--offline", "fingerprint", "s3://b/data", "--segments", "s"]) in (2, 3)
    assert "offline" in capsys.readouterr().err
