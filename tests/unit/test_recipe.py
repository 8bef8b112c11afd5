"""The line that reproduces a digest does so in bash, whatever the names are, and sends nothing to the terminal."""

from __future__ import annotations

import os
from subprocess import run
from typing import TYPE_CHECKING

import pytest

from dbom.recipe import shell_line
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from pathlib import Path

PLACES = ["plain", "with space", "it's", "$(x)`y`", "-n", "\x1b[2J", "é\u202e", "a\x07'\"b", "!x"]


def bash(line: str) -> str:
    result = run(["bash", "-c", line], cwd="/", capture_output=True, text=True, check=True)
    assert "" == result.stderr
    return result.stdout


@pytest.mark.parametrize("name", PLACES)
def test_the_line_of_a_file_gives_its_digest(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"data")
    found = fingerprint_path(tmp_path / name)
    line = shell_line(str(tmp_path / name), found)
    assert f"{found.digest.hex}  -\n" == bash(line)
    assert line.isprintable()


def test_the_line_of_a_plain_tree_is_the_one_of_the_design(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    pipeline = r"find -L . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0r sha256sum -- | sha256sum"
    assert f"(cd -- {tmp_path} && {pipeline})" == shell_line(str(tmp_path), fingerprint_path(tmp_path))


AWKWARD = ["a b", "it's", "*", "[x]", "?", "é", "-o", "\x1b[2J", "..x"]


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("kind", ["file", "folder", "below"])
def test_the_line_leaves_out_what_is_ignored_and_no_more(tmp_path: Path, name: str, kind: str) -> None:
    root = tmp_path / "it's here"
    place = root / "sub" / name if kind == "below" else root / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        place.mkdir()
        (place / "inner").write_bytes(b"inner")
    else:
        place.write_bytes(b"ignored")
    for kept in ("kept", "ax", "x", "o", "sub/kept", f"{name}-kept"):
        (root / kept).parent.mkdir(exist_ok=True)
        (root / kept).write_bytes(kept.encode())
    for pattern in (name.replace("*", "?"), f"/{place.relative_to(root)}".replace("*", "?")):
        found = fingerprint_path(root, ignores=(pattern,))
        assert str(place.relative_to(root)) in [path.rstrip("/") for path in found.ignored]
        line = shell_line(os.path.realpath(root), found)
        assert f"{found.digest.hex}  -\n" == bash(line)
        assert line.isprintable()


def test_the_default_ignores_stand_in_the_line_by_name_and_place(tmp_path: Path) -> None:
    for name in (".git/config", ".DS_Store", "a/.DS_Store", "a/x.dbom/bom.cdx.json", "a/y.dbom/data", "a/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = fingerprint_path(tmp_path)
    line = shell_line(str(tmp_path), found)
    assert r"\( -name .DS_Store -o -path ./.git -o -path ./a/x.dbom \) -prune -o -type f" in line
    assert f"{found.digest.hex}  -\n" == bash(line)
