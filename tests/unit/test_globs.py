"""A pattern is the tree of the files that it matches, and the same on a disk and in a store."""

from __future__ import annotations

import os
import subprocess
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dbom
from dbom.errors import ChangedError, NameRefusedError, PathError
from dbom.globs import Glob, glob_pattern
from dbom.model import Kind
from dbom.recipe import shell_line
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbom.model import Entry, Fingerprint

FILES = (
    "a.csv",
    "b.CSV",
    "c.csv.gz",
    "é 1.csv",
    "[x].csv",
    "deep/a.csv",
    "deep/er/a.csv",
    "deep/er/still/part-0.csv",
    "other/a.csv",
    "other/a.csv.dbom/bom.cdx.json",
    "other/.git/x.csv",
    ".git/x.csv",
    "x/deep/a.csv",
)
PATTERNS = (
    "*.csv",
    "?*.csv",
    "**/*.csv",
    "deep/**",
    "deep/*/*.csv",
    "*/a.csv",
    "**/a.csv",
    "**/deep/*.csv",
    "deep/**/a.csv",
    "deep/**/still/*",
    "**",
    "[x]*",
    "*é*",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


@pytest.fixture
def bucket(tree: Path) -> Iterator[str]:
    memory = fsspec.filesystem("memory")
    for path in tree.rglob("*"):
        if path.is_file():
            memory.pipe_file(f"/globs/data/{path.relative_to(tree)}", path.read_bytes())
    yield "memory://globs/data"
    memory.rm("/globs", recursive=True)


def _paths(found: Fingerprint) -> list[str]:
    return [entry.path for entry in found.entries]


def _names_of(found: Fingerprint) -> tuple[object, ...]:
    return found.name, found.digest, found.entries, found.ignores, found.findings


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_the_same_on_a_disk_and_in_a_store(tree: Path, bucket: str, pattern: str) -> None:
    here, there = dbom.fingerprint(f"{tree}/{pattern}"), dbom.fingerprint(f"{bucket}/{pattern}")

    assert _names_of(there) == _names_of(here)
    assert _names_of(dbom.fingerprint(f"file://{tree}/{pattern}")) == _names_of(here)
    assert Kind.TREE is here.kind
    assert [f"only the files that match {here.findings[0].message.rpartition(' ')[2]}"] == [
        finding.message for finding in here.findings if finding.rule == "DBOM-195"
    ]


def test_which_files_a_pattern_takes(tree: Path) -> None:
    assert ["[x].csv", "a.csv", "é 1.csv"] == _paths(dbom.fingerprint(f"{tree}/*.csv"))
    assert ["er/a.csv"] == _paths(dbom.fingerprint(f"{tree}/deep/*/*.csv"))
    assert ["deep/a.csv", "other/a.csv"] == _paths(dbom.fingerprint(f"{tree}/*/a.csv"))
    assert ["a.csv", "er/a.csv"] == _paths(dbom.fingerprint(f"{tree}/deep/**/a.csv"))
    assert ["deep/a.csv", "x/deep/a.csv"] == _paths(dbom.fingerprint(f"{tree}/**/deep/*.csv"))


@pytest.mark.parametrize("pattern", ["*.csv", "**/a.csv", "deep/**", "*é*"])
def test_the_shell_line_gives_the_same_digest(tree: Path, pattern: str) -> None:
    found = dbom.fingerprint(f"{tree}/{pattern}")
    glob = Glob.of(f"{tree}/{pattern}")
    assert glob is not None

    printed = subprocess.run(["bash", "-c", shell_line(glob.root, found)], capture_output=True, check=True, text=True)

    assert f"{found.digest.hex}  -\n" == printed.stdout


def test_a_file_of_that_very_name_goes_before_the_pattern(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "*.csv").write_text("star")
    monkeypatch.chdir(tree)

    assert Kind.FILE is dbom.fingerprint("*.csv").kind
    assert Kind.FILE is dbom.fingerprint("[x].csv").kind
    assert ["*.csv", "[x].csv", "a.csv", "é 1.csv"] == _paths(dbom.fingerprint("./**.csv"))
    (tree / "*.csv").unlink()
    (tree / "*.csv").symlink_to("nowhere")
    with pytest.raises(PathError):
        dbom.fingerprint("*.csv")


@pytest.mark.parametrize("pattern", ["*.parquet", "a.csv/*", "nothing/*.csv", "*/", "deep/a.csv/**", ".git/x*/y"])
def test_a_pattern_that_matches_nothing_is_an_error(tree: Path, pattern: str) -> None:
    with pytest.raises(PathError) as caught:
        dbom.fingerprint(f"{tree}/{pattern}")
    assert "DBOM-101" == caught.value.rule.id


def test_what_is_not_meant_is_neither_read_nor_refused(tree: Path) -> None:
    """A socket, a dangling link, a name that no manifest holds, and a folder that isn't entered: nobody asked."""
    os.mkfifo(tree / "pipe")
    (tree / "dangling").symlink_to("nowhere")
    (tree / "loop").symlink_to("loop")
    (tree / "new\nline").write_text("")
    (tree / "out").symlink_to("/")
    before = dbom.fingerprint(f"{tree}/*.csv")

    assert before == dbom.fingerprint(f"{tree}/*.csv")
    (tree / "pipe.csv").symlink_to("pipe")
    with pytest.raises(PathError, match="pipe"):
        dbom.fingerprint(f"{tree}/*.csv")


@pytest.mark.parametrize("target", ["nowhere", "/etc/hostname"])
def test_what_is_meant_is_as_strict_as_ever(tree: Path, target: str) -> None:
    (tree / "link.csv").symlink_to(target)

    with pytest.raises(NameRefusedError) as caught:
        dbom.fingerprint(f"{tree}/*.csv")
    assert "DBOM-104" == caught.value.rule.id


def test_links_within_the_folder_are_read_as_what_they_lead_to(tree: Path) -> None:
    (tree / "same").symlink_to("deep")

    assert ["deep/a.csv", "other/a.csv", "same/a.csv"] == _paths(dbom.fingerprint(f"{tree}/*/a.csv"))


def test_ignores_hold_for_patterns_too(tree: Path) -> None:
    assert [".git/x.csv", "deep/a.csv"] == _paths(dbom.fingerprint(f"{tree}/*/*.csv", ignores=["/other/"]))
    assert [".git/x.csv", "deep/a.csv", "other/a.csv"] == _paths(dbom.fingerprint(f"{tree}/*/*.csv", ignores=[]))
    with pytest.raises(PathError, match="ignored"):
        dbom.fingerprint(f"{tree}/deep/*.csv", ignores=["*.csv"])


def test_a_file_that_comes_to_match_while_it_is_read_is_an_error(tree: Path) -> None:
    def read(items: object) -> list[Entry]:
        from dbom.reading import digest_files

        entries = digest_files(items)  # type: ignore[arg-type]  # the listing
        (tree / "late.csv").write_text("late")
        return entries

    with pytest.raises(ChangedError, match=r"late\.csv"):
        fingerprint_path(f"{tree}/*.csv", read=read, globs=True)


@pytest.mark.parametrize("refused", [fingerprint_path, dbom.generate, dbom.sign])
def test_what_is_about_one_artifact_takes_no_pattern(tree: Path, refused: Callable[[str], object]) -> None:
    with pytest.raises(PathError) as caught:
        refused(f"{tree}/*.csv")
    assert "take patterns" in caught.value.hint


def test_no_text_without_a_star_is_a_pattern(tmp_path: Path) -> None:
    assert None is Glob.of(f"{tmp_path}/?.csv")
    root = Glob.of("/*.csv")
    here = Glob.of("*.csv")
    assert root is not None
    assert here is not None
    assert ("/", ".") == (root.root, here.root)


def test_many_stars_and_a_hostile_name_end() -> None:
    """Without atomic groups, this takes longer than anybody waits."""
    many = glob_pattern("*a" * 40 + "*b")

    assert many.fullmatch("a" * 5000) is None
    assert many.fullmatch("a" * 5000 + "b") is not None
    assert glob_pattern("**/" * 30 + "b").fullmatch("a/" * 5000 + "a") is None
    assert glob_pattern("**/**/**").fullmatch("x") is not None


@given(st.text("ab*?/", max_size=8), st.text("ab/", max_size=8))
def test_a_segment_matches_as_fnmatch_does(pattern: str, name: str) -> None:
    """Segment by segment, with fnmatch of the standard library as the other opinion."""
    if "**" in pattern:
        return
    wanted, there = pattern.split("/"), name.split("/")
    expected = len(wanted) == len(there) and all(map(fnmatchcase, there, wanted))

    assert expected is (glob_pattern(pattern).fullmatch(name) is not None)
