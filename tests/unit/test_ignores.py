"""What each ignore pattern leaves out, and that nothing can be hidden in a folder named like a sidecar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dbom.errors import UsageError
from dbom.ignores import IgnorePattern, Ignores, chosen_ignores
from dbom.names import DEFAULT_IGNORES
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from pathlib import Path


def left_out(pattern: str, path: str, *, folder: bool = False) -> bool:
    return Ignores.of([pattern]).match(path, folder=folder)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/a", "a"),
        ("a", "a"),
        ("a", "x/y/a"),
        ("a/b", "x/a/b"),
        ("/a/b", "a/b"),
        ("*.tmp", "x/.tmp"),
        ("*.tmp", "x/y.tmp"),
        ("*", "anything"),
        ("a*b*c", "a--b-b-c"),
        ("a**c", "abc"),
        ("?", "é"),
        ("/x/*/z", "x/y/z"),
        ("[a]", "[a]"),
        ("a.b", "x/a.b"),
    ],
)
def test_patterns_match(pattern: str, path: str) -> None:
    assert left_out(pattern, path)
    assert left_out(pattern, path, folder=True)
    assert left_out(pattern.rstrip("/") + "/", path, folder=True)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/a", "x/a"),
        ("a", "ab"),
        ("a", "A"),
        ("a", "xa"),
        ("a/b", "a/x/b"),
        ("/x/*/z", "x/y/y/z"),
        ("*.tmp", "a.tmp/b"),
        ("?", "ab"),
        ("?", ""),
        ("[a]", "a"),
        ("a.b", "axb"),
        ("a*b*c", "a-c-b"),
    ],
)
def test_patterns_dont_match(pattern: str, path: str) -> None:
    assert not left_out(pattern, path, folder=True)
    assert not left_out(pattern, path)


def test_a_trailing_slash_means_folders_alone() -> None:
    assert left_out("a/", "x/a", folder=True)
    assert not left_out("a/", "x/a")


@pytest.mark.parametrize("pattern", ["", "/", "//", "a//b", "./a", "a/..", "a\nb", "a\\b", "\udcff", "a\0b"])
def test_a_pattern_that_could_never_match_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="not an ignore pattern"):
        Ignores.of([pattern])


def test_a_hostile_pattern_of_many_stars_is_answered_at_once() -> None:
    assert not left_out("*a" * 120 + "b", "a" * 255)


def test_the_default_list_and_what_is_added_to_it() -> None:
    assert DEFAULT_IGNORES == Ignores.of().texts
    assert (*DEFAULT_IGNORES, "x") == chosen_ignores(["x"])
    assert ("x",) == chosen_ignores(["x"], defaults=False)
    assert ("x",) == Ignores.of(["x", "x"]).texts


def test_a_literal_name_is_told_from_other_patterns() -> None:
    literal = [text for text in ("a", "/a", "a/", "a/b", "a*", "?") if IgnorePattern.parse(text).is_literal_name]
    assert ["a"] == literal


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for name in ("keep", ".git/config", ".cache/huggingface/x", ".DS_Store", "sub/.DS_Store", "sub/.git/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def test_the_default_list_leaves_out_what_it_names_and_says_so(tree: Path) -> None:
    found = fingerprint_path(tree)
    assert ["keep", "sub/.git/config"] == [entry.path for entry in found.entries]
    assert (".DS_Store", ".cache/huggingface/", ".git/", "sub/.DS_Store") == found.ignored
    assert DEFAULT_IGNORES == found.ignores


def test_no_ignores_is_all_that_is_there(tree: Path) -> None:
    found = fingerprint_path(tree, ignores=())
    assert 6 == len(found.entries)
    assert ((), ()) == (found.ignores, found.ignored)


def test_a_tree_cant_bring_its_own_ignores(tree: Path) -> None:
    (tree / ".gitignore").write_text("keep\n")
    (tree / ".dbomignore").write_text("keep\n")
    assert "keep" in [entry.path for entry in fingerprint_path(tree).entries]


def test_an_ignored_link_is_never_followed(tree: Path) -> None:
    (tree / "dangling").symlink_to("nowhere")
    (tree / "loop").symlink_to("loop")
    (tree / "folder").symlink_to("sub")
    found = fingerprint_path(tree, ignores=("dangling", "loop", "folder"))
    assert ("dangling", "folder/", "loop") == found.ignored


def test_what_is_below_an_ignored_folder_isnt_looked_at(tree: Path) -> None:
    (tree / "junk").mkdir()
    (tree / "junk" / "new\nline").write_bytes(b"")
    assert "junk/" in fingerprint_path(tree, ignores=("junk/",)).ignored


def test_a_folder_of_nothing_but_sidecar_files_is_left_out(tree: Path) -> None:
    before = fingerprint_path(tree)
    sidecar = tree / "sub" / "x.csv.dbom"
    sidecar.mkdir()
    for name in ("bom.cdx.json", "manifest.sha256", "bom-0123456789abcdef.sigstore.json"):
        (sidecar / name).write_bytes(b"")
    found = fingerprint_path(tree)
    assert before.digest == found.digest
    assert "sub/x.csv.dbom/" in found.ignored


@pytest.mark.parametrize("stranger", ["payload.bin", "bom.cdx.json.bak", "folder", "link"])
def test_data_cant_hide_in_a_folder_named_like_a_sidecar(tree: Path, stranger: str) -> None:
    sidecar = tree / "x.dbom"
    sidecar.mkdir()
    (sidecar / "bom.cdx.json").write_bytes(b"")
    if stranger == "folder":
        (sidecar / "x.sigstore.json").mkdir()
    elif stranger == "link":
        (sidecar / "y.sigstore.json").symlink_to("../keep")
    else:
        (sidecar / stranger).write_bytes(b"")
    found = fingerprint_path(tree)
    assert "x.dbom/bom.cdx.json" in [entry.path for entry in found.entries]
    assert [("DBOM-111", "x.dbom")] == [(finding.rule, finding.where) for finding in found.findings]
    assert "x.dbom/" not in found.ignored


def test_a_link_to_a_sidecar_is_no_sidecar(tree: Path) -> None:
    (tree / "real").mkdir()
    (tree / "real" / "bom.cdx.json").write_bytes(b"")
    (tree / "x.dbom").symlink_to("real")
    assert "x.dbom/bom.cdx.json" in [entry.path for entry in fingerprint_path(tree).entries]


def test_a_file_named_like_a_sidecar_is_a_part_of_the_tree(tree: Path) -> None:
    (tree / "x.dbom").write_bytes(b"")
    assert "x.dbom" in [entry.path for entry in fingerprint_path(tree).entries]


def test_a_pattern_of_ones_own_leaves_out_such_a_folder_whatever_it_holds(tree: Path) -> None:
    (tree / "x.dbom").mkdir()
    (tree / "x.dbom" / "payload").write_bytes(b"")
    found = fingerprint_path(tree, ignores=(*DEFAULT_IGNORES, "/x.dbom/"))
    assert "x.dbom/" in found.ignored
    assert () == found.findings
