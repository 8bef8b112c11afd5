"""What a fingerprint is of a file and a tree, and each reason for which there is none."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import sys
from contextlib import nullcontext
from pathlib import Path
from subprocess import run
from typing import TYPE_CHECKING

import pytest

from dbom import walking
from dbom.errors import ChangedError, DbomError, NameRefusedError, PathError
from dbom.model import Digest, Kind, Severity
from dbom.tree import fingerprint_path
from dbom.walking import MAX_LINK_DEPTH

if TYPE_CHECKING:
    from collections.abc import Callable

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"a")
    (root / "sub" / "b.txt").write_bytes(b"bb")
    return root


def paths(root: Path, *, follow_links: bool = False) -> list[str]:
    return [entry.path for entry in fingerprint_path(root, follow_links=follow_links).entries]


def refusal(root: Path) -> str:
    with pytest.raises(DbomError) as caught:
        fingerprint_path(root)
    assert caught.value.exit_code == 2
    return str(caught.value)


class During:
    """A progress that does something when the first bytes have been read."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action: Callable[[], object] | None = action
        self.expected = 0
        self.read = 0

    def expect(self, size: int) -> None:
        """Add up what is announced."""
        self.expected += size

    def advance(self, size: int) -> None:
        """Add up what is read, and act the first time."""
        self.read += size
        action, self.action = self.action, None
        if action is not None:
            action()


# What it is


def test_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"x" * 1_000_000)
    found = fingerprint_path(tmp_path / "x.bin")
    assert Digest(Kind.FILE, sha256(b"x" * 1_000_000)) == found.digest
    assert ("x.bin", 1_000_000) == (found.entries[0].path, found.size)
    assert "computed" == str(found.known)


def test_a_tree_is_the_sha256_of_its_sorted_manifest(tree: Path) -> None:
    manifest = f"{sha256(b'a')}  a.txt\n{sha256(b'bb')}  sub/b.txt\n".encode()
    found = fingerprint_path(tree)
    assert manifest == found.manifest()
    assert Digest(Kind.TREE, sha256(manifest)) == found.digest
    assert ("data", 3) == (found.name, found.size)


def test_paths_are_ordered_by_their_bytes_not_by_folder(tmp_path: Path) -> None:
    for name in ("a/z", "a-b", "a.b", "é", "Z"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert ["Z", "a-b", "a.b", "a/z", "é"] == paths(tmp_path)


def test_a_relative_path_and_a_dot_take_the_real_name(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert "data" == fingerprint_path(".").name
    assert fingerprint_path(tree) == fingerprint_path("../data/")


def test_a_link_given_as_the_path_is_followed_and_gives_the_real_name(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to("data")
    assert fingerprint_path(tree) == fingerprint_path(tmp_path / "latest")


def test_empty_folders_dont_count(tree: Path) -> None:
    before = fingerprint_path(tree)
    (tree / "empty" / "deeper").mkdir(parents=True)
    assert before == fingerprint_path(tree)


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_number_of_threads_changes_nothing(tree: Path, jobs: int) -> None:
    for number in range(700):
        (tree / f"{number}").write_bytes(b"x" * number)
    assert fingerprint_path(tree) == fingerprint_path(tree, jobs=jobs)


def test_a_folder_nested_deeper_than_python_recurses_is_read(tmp_path: Path) -> None:
    folders = [tmp_path / "deep"]
    for _ in range(1200):
        folders.append(folders[-1] / "d")
    for folder in folders:
        folder.mkdir()
    (folders[-1] / "f").write_bytes(b"")
    assert 1 == len(fingerprint_path(folders[0]).entries)
    (folders[-1] / "f").unlink()
    for folder in reversed(folders):
        folder.rmdir()


# What is refused


@pytest.mark.parametrize("name", ["new\nline", "carriage\rreturn", "back\\slash"])
def test_names_that_sha256sum_escapes_are_refused_with_the_place(tree: Path, name: str) -> None:
    (tree / "sub" / name).write_bytes(b"")
    with pytest.raises(NameRefusedError, match="/data/sub/"):
        fingerprint_path(tree)
    with pytest.raises(NameRefusedError):
        fingerprint_path(tree / "sub" / name)


def test_such_a_name_of_a_folder_is_refused_even_if_it_is_empty(tree: Path) -> None:
    (tree / "new\nline").mkdir()
    assert "holds a newline" in refusal(tree)


def test_a_name_that_isnt_utf8_is_refused(tree: Path) -> None:
    Path(os.fsdecode(os.fsencode(tree) + b"/\xff")).write_bytes(b"")
    assert "is not UTF-8" in refusal(tree)


def test_a_dash_is_refused_at_the_root_alone(tree: Path) -> None:
    (tree / "sub" / "-").write_bytes(b"")
    assert ["a.txt", "sub/-", "sub/b.txt"] == paths(tree)
    (tree / "-").write_bytes(b"")
    assert "is -, which sha256sum reads" in refusal(tree)


def test_several_faults_are_reported_together(tree: Path) -> None:
    (tree / "new\nline").write_bytes(b"")
    (tree / "dangling").symlink_to("nowhere")
    with pytest.raises(DbomError) as caught:
        fingerprint_path(tree)
    assert 2 == len(caught.value.faults)


def test_very_many_faults_end_the_listing(tree: Path) -> None:
    for number in range(50):
        (tree / f"{number}\n").write_bytes(b"")
    with pytest.raises(NameRefusedError) as caught:
        fingerprint_path(tree)
    assert 20 == len(caught.value.faults)


def test_a_missing_path_is_said(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="nowhere: there is nothing here"):
        fingerprint_path(tmp_path / "nowhere")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PathError, match="there is nothing here"):
        fingerprint_path(tmp_path / "file" / "below")


def test_a_url_is_no_local_path_and_said_to_be_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PathError, match="only local paths"):
        fingerprint_path("s3://bucket/data")


def test_a_path_that_the_system_cant_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PathError):
        fingerprint_path(tmp_path / ("x" * 5000))
    with pytest.raises(PathError):
        fingerprint_path("nul\0byte")


@pytest.mark.parametrize("ignores", [None, ("a.txt", "/sub/")])
def test_a_tree_without_files_is_refused(tmp_path: Path, tree: Path, ignores: tuple[str, ...] | None) -> None:
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    with pytest.raises(PathError, match="holds no files"):
        fingerprint_path(tree if ignores else tmp_path / "empty", ignores=ignores)


def test_pipes_sockets_and_devices_are_refused(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    assert "pipe: is a pipe, a socket or a device" in refusal(tree)
    assert "is a pipe, a socket or a device" in refusal(tree / "pipe")
    (tree / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tree / "s"))
        assert "s: is a pipe, a socket or a device" in refusal(tree)
    (tree / "s").unlink()
    (tree / "null").symlink_to("/dev/null")
    assert "leads out of the tree" in refusal(tree)
    with pytest.raises(PathError, match="is a pipe, a socket or a device"):
        fingerprint_path(tree, follow_links=True)


def test_what_this_user_may_not_read_is_refused(tree: Path) -> None:
    """Root may read all, so the attempt is made by a child without rights where the tests run as root."""
    (tree / "sub").chmod(0o000)
    code = (
        "import os, sys\n"
        "from dbom.errors import PathError\n"
        "from dbom.tree import fingerprint_path\n"
        "os.geteuid() or os.setuid(65534)\n"
        "for path in sys.argv[1:]:\n"
        "    try: fingerprint_path(path)\n"
        "    except PathError as error: print(error)\n"
    )
    (tree / "secret").write_bytes(b"")
    (tree / "secret").chmod(0o000)
    for folder in tree.parents:
        if folder.stat().st_uid == os.geteuid() and "pytest" in str(folder):
            folder.chmod(folder.stat().st_mode | 0o011)
    command = [sys.executable, "-c", code, str(tree), str(tree / "secret"), str(tree / "sub" / "b.txt")]
    root = str(Path(__file__).resolve().parents[2])
    result = run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": root})
    (tree / "sub").chmod(0o755)
    lines = result.stdout.splitlines()
    assert 3 == len(lines), result
    assert lines[0].endswith("/sub: can't be listed: Permission denied")
    assert lines[1].endswith("/secret: can't be read: Permission denied")
    assert lines[2].endswith("/b.txt: can't be read: Permission denied")


# Links


def test_links_inside_the_root_are_read_as_what_they_point_to(tree: Path) -> None:
    (tree / "file-link").symlink_to("sub/b.txt")
    (tree / "folder-link").symlink_to(tree / "sub")
    (tree / "link-link").symlink_to("file-link")
    found = fingerprint_path(tree)
    assert ["a.txt", "file-link", "folder-link/b.txt", "link-link", "sub/b.txt"] == [e.path for e in found.entries]
    assert 4 == sum(entry.sha256 == sha256(b"bb") for entry in found.entries)
    assert () == found.findings


@pytest.mark.parametrize("target", ["nowhere", "a.txt/below"])
def test_dangling_links_are_refused(tree: Path, target: str) -> None:
    (tree / "link").symlink_to(target)
    assert "link: the link dangles" in refusal(tree)


@pytest.mark.parametrize("target", ["loop", ".", "sub", "../data"])
def test_links_that_loop_are_refused(tree: Path, target: str) -> None:
    place = tree / "sub" / "loop" if target == "sub" else tree / "loop"
    place.symlink_to(tree / "sub" if target == "sub" else target)
    assert "loop: the link leads back to" in refusal(tree)


def test_a_loop_through_a_folder_reached_by_another_link_is_refused(tree: Path) -> None:
    (tree / "t" / "m").mkdir(parents=True)
    (tree / "t" / "m" / "back").symlink_to("../../t")
    (tree / "in").symlink_to("t/m")
    with pytest.raises(NameRefusedError) as caught:
        fingerprint_path(tree)
    assert all(fault.endswith("leads back to a folder above it") for fault in caught.value.faults)
    assert any("/data/in/back/m: " in fault for fault in caught.value.faults)


def test_links_out_of_the_tree_are_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "data-outside").write_bytes(b"outside")
    (tree / "link").symlink_to("../data-outside")
    assert "link: the link leads out of the tree" in refusal(tree)


def test_follow_links_reads_links_out_of_the_tree_and_records_each(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside" / "inner").mkdir(parents=True)
    (tmp_path / "outside" / "inner" / "c").write_bytes(b"c")
    (tree / "file").symlink_to(tmp_path / "outside" / "inner" / "c")
    (tree / "folder").symlink_to(tmp_path / "outside")
    found = fingerprint_path(tree, follow_links=True)
    assert ["a.txt", "file", "folder/inner/c", "sub/b.txt"] == [entry.path for entry in found.entries]
    assert [("DBOM-110", "file"), ("DBOM-110", "folder")] == [(f.rule, f.where) for f in found.findings]


def test_follow_links_still_refuses_a_loop_through_the_outside(tree: Path) -> None:
    (tree / "up").symlink_to("..")
    with pytest.raises(NameRefusedError, match="leads back to a folder above it"):
        fingerprint_path(tree, follow_links=True)


def hub_cache(tmp_path: Path) -> Path:
    repository = tmp_path / "models--org--name"
    (repository / "blobs").mkdir(parents=True)
    (repository / "blobs" / "abc").write_bytes(b"weights")
    snapshot = repository / "snapshots" / COMMIT
    (snapshot / "onnx").mkdir(parents=True)
    (snapshot / "model.bin").symlink_to("../../blobs/abc")
    (snapshot / "onnx" / "model.onnx").symlink_to("../../../blobs/abc")
    return snapshot


def test_links_of_the_hugging_face_cache_into_its_blobs_are_read(tmp_path: Path) -> None:
    snapshot = hub_cache(tmp_path)
    assert ["model.bin", "onnx/model.onnx"] == paths(snapshot)
    assert () == fingerprint_path(snapshot).findings
    assert ["model.onnx"] == paths(snapshot / "onnx")


@pytest.mark.parametrize("target", ["other/blobs/abc", "models--org--name/secret", "models--org--name/blobs/deep/er"])
def test_only_a_blob_of_the_same_repository_is_read(tmp_path: Path, target: str) -> None:
    snapshot = hub_cache(tmp_path)
    (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / target).write_bytes(b"elsewhere")
    (snapshot / "other").symlink_to(tmp_path / target)
    assert "other: the link leads out of the tree" in refusal(snapshot)


def test_a_blobs_folder_is_no_blob(tmp_path: Path) -> None:
    snapshot = hub_cache(tmp_path)
    (snapshot.parents[1] / "blobs" / "folder").mkdir()
    (snapshot / "other").symlink_to("../../blobs/folder")
    assert "leads out of the tree" in refusal(snapshot)


def test_linked_folders_that_double_at_each_level_end_in_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2^30 paths stand for a few dozen links: what is reached through links is bounded (here by less, to be quick)."""
    assert walking.MAX_LINKED_ENTRIES <= 1_000_000
    monkeypatch.setattr(walking, "MAX_LINKED_ENTRIES", 1000)
    for level in range(30):
        folder = tmp_path / f"level{level}"
        folder.mkdir()
        (folder / "one").symlink_to(tmp_path / f"level{level + 1}")
        (folder / "two").symlink_to(tmp_path / f"level{level + 1}")
    (tmp_path / "level30").mkdir()
    (tmp_path / "level30" / "file").write_bytes(b"")
    with pytest.raises(PathError, match="more than 1000 entries"):
        fingerprint_path(tmp_path)


def test_linked_folders_one_below_another_are_bounded(tmp_path: Path) -> None:
    levels = MAX_LINK_DEPTH + 2
    for level in range(levels):
        (tmp_path / f"level{level:02}").mkdir()
        (tmp_path / f"level{level:02}" / "next").symlink_to(f"../level{level + 1:02}")
    (tmp_path / f"level{levels:02}").mkdir()
    (tmp_path / f"level{levels:02}" / "file").write_bytes(b"")
    with pytest.raises(PathError, match=f"more than {MAX_LINK_DEPTH} links to folders"):
        fingerprint_path(tmp_path)


def test_one_file_reached_by_many_links_is_read_once(tree: Path) -> None:
    for number in range(10):
        (tree / f"link{number}").symlink_to("sub/b.txt")
    progress = During(lambda: None)
    assert 12 == len(fingerprint_path(tree, progress=progress).entries)
    assert (3, 3) == (progress.expected, progress.read)


# Changes while it is read


CHANGES: dict[str, Callable[[Path], object]] = {
    "appended": lambda root: (root / "a.txt").write_bytes(b"ab"),
    "truncated": lambda root: (root / "a.txt").write_bytes(b""),
    "touched": lambda root: os.utime(root / "a.txt", (1, 1)),
    "removed": lambda root: (root / "a.txt").unlink(),
    "replaced by a copy": lambda root: (root / "sub" / "b.txt").replace(root / "a.txt"),
    "added": lambda root: (root / "new").write_bytes(b""),
    "folder moved": lambda root: (root / "sub").rename(root / "bus"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_tree_that_changes_under_the_read_is_an_error(tree: Path, change: Callable[[Path], object]) -> None:
    with pytest.raises((ChangedError, PathError)) as caught:
        fingerprint_path(tree, jobs=1, progress=During(lambda: change(tree)))
    assert "DBOM-106" == caught.value.rule.id


@pytest.mark.parametrize("change", ["append", "shrink", "rewrite", "replace", "remove"])
def test_a_file_that_changes_under_the_read_is_an_error(tmp_path: Path, change: str) -> None:
    path, other = tmp_path / "big", tmp_path / "other"
    path.write_bytes(b"x" * 1_000_000)
    other.write_bytes(b"y" * 1_000_000)
    actions: dict[str, Callable[[], object]] = {
        "append": lambda: path.write_bytes(b"x" * 1_500_000),
        "shrink": lambda: os.truncate(path, 300_000),
        "rewrite": lambda: path.write_bytes(b"z" * 1_000_000),
        "replace": lambda: other.replace(path),
        "remove": path.unlink,
    }
    with pytest.raises(ChangedError):
        fingerprint_path(path, progress=During(actions[change]))


def test_a_file_whose_folder_moves_away_under_the_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "f").write_bytes(b"x")
    moving = During(lambda: (tmp_path / "folder").rename(tmp_path / "moved"))
    with pytest.raises(ChangedError, match="was replaced while it was read"):
        fingerprint_path(tmp_path / "folder" / "f", progress=moving)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file"), "sub: went away while the tree was listed"),
        (OSError(errno.EIO, "Input/output error"), "sub: can't be listed: Input/output error"),
    ],
)
def test_a_folder_that_cant_be_listed_ends_it(
    tree: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, expected: str
) -> None:
    listed = os.scandir

    def failing(path: str) -> object:
        if path.endswith("/sub"):
            raise error
        return listed(path)

    monkeypatch.setattr(os, "scandir", failing)
    assert refusal(tree).endswith(expected)


@pytest.mark.parametrize("gone", ["a.txt", "sub"])
def test_what_goes_away_while_the_tree_is_listed_is_a_change(
    tree: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    listed = os.scandir

    def removing(path: str) -> object:
        children = listed(path)
        if path == str(tree):
            found = list(children)
            (tree / gone).rename(tree.parent / "elsewhere")
            return nullcontext(found)
        return children

    monkeypatch.setattr(os, "scandir", removing)
    with pytest.raises(ChangedError, match=f"{gone}: went away while the tree was listed"):
        fingerprint_path(tree)


def test_a_link_that_leads_through_what_may_not_be_read_is_said(tree: Path) -> None:
    (tree / "link").symlink_to("x" * 300)
    assert "link: can't be read: File name too long" in refusal(tree)


# Findings


def findings(root: Path) -> list[tuple[str, str]]:
    return [(finding.rule, finding.where) for finding in fingerprint_path(root).findings]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("README", "readme", "other"), ["README"]),
        (("caf\u00e9", "cafe\u0301"), ["cafe\u0301"]),
        (("Stra\u00dfe", "STRASSE"), ["STRASSE"]),
        (("A/x", "a/x", "a/y"), ["A"]),
        (("a/x", "b/X"), []),
    ],
)
def test_names_that_some_disks_cant_tell_apart_are_findings(
    tmp_path: Path, names: tuple[str, ...], expected: list[str]
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = fingerprint_path(tmp_path).findings
    assert [("DBOM-109", where, Severity.WARNING) for where in expected] == [
        (f.rule, f.where, f.severity) for f in found
    ]


def test_many_colliding_names_are_named_in_part(tmp_path: Path) -> None:
    for name in ("abc", "Abc", "aBc", "abC", "ABc", "ABC"):
        (tmp_path / name).write_bytes(b"")
    (finding,) = fingerprint_path(tmp_path).findings
    assert "can't be told from ABc, Abc, aBc … on some disks" == finding.message
