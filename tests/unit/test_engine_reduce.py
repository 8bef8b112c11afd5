"""Trees reduced on the workers: segments of the manifest in place of entries, and the same digest."""

from __future__ import annotations

import io
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from made_items import Bar, MadeItem, reads

from dbom.engine import (
    Batch,
    Journal,
    ReducedTree,
    SharedItem,
    Subtree,
    batches,
    local_parts,
    reduce_tree,
    tree_digest_of,
)
from dbom.engine.segments import segment_lines, segment_of
from dbom.errors import ChangedError, DocumentError, MismatchError, NameRefusedError, PathError, StoreError
from dbom.hashing import FileState
from dbom.model import Basis, Known, manifest_bytes, tree_digest
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dbom.engine import Part

NAMES = ("-n", "Z", "a b", "a-b", "a.b", "a/b", "a/c/d", "a0", "b", "é")


def reduced(parts: Iterable[Part], **options: Any) -> ReducedTree:  # noqa: ANN401  passed on as they are
    with ThreadPoolExecutor(2) as executor:
        return reduce_tree(parts, executor, **options)


def made(log: str = "") -> list[MadeItem]:
    return [MadeItem(name, name, log) for name in NAMES]


def test_the_digest_and_the_manifest_are_those_of_the_tree() -> None:
    entries = tuple(item.digest() for item in made())
    out = io.BytesIO()
    tree = reduced(batches(made(), max_items=3), out=out, segment_items=2)
    assert tree_digest(entries) == tree.digest
    assert manifest_bytes(entries) == out.getvalue()
    assert (len(NAMES), sum(entry.size for entry in entries)) == (tree.files, tree.size)
    assert 7 == len(tree.segments)


def test_a_tree_is_known_as_its_weakest_file_is() -> None:
    weak = Known(Basis.DECLARED, "x")
    assert weak == reduced([Batch((MadeItem("a"), MadeItem("b", known=weak)))]).known


def test_segments_are_written_to_a_folder_by_their_digest(tmp_path: Path) -> None:
    tree = reduced(batches(made(), max_items=4), spill=str(tmp_path / "spill"))
    assert sorted(segment.name for segment in tree.segments) == sorted(
        file.name for file in (tmp_path / "spill").iterdir()
    )
    assert {None} == {segment.data for segment in tree.segments}
    assert reduced(batches(made())).digest == tree.digest


def test_a_segment_whose_file_has_other_bytes_is_refused(tmp_path: Path) -> None:
    tree = reduced(batches(made()), spill=str(tmp_path))
    file = tmp_path / tree.segments[0].name
    file.write_bytes(file.read_bytes().replace(b"a", b"b", 1))
    with pytest.raises(MismatchError, match="not the segment of this name"):
        tree_digest_of(tree.segments, spill=str(tmp_path))
    file.unlink()
    with pytest.raises(StoreError):
        tree_digest_of(tree.segments, spill=str(tmp_path))
    with pytest.raises(StoreError, match="no folder"):
        tree_digest_of(tree.segments)


def test_a_segment_that_came_back_with_other_lines_is_refused() -> None:
    segment = segment_of([MadeItem("a").digest()], "0" * 64)
    with pytest.raises(MismatchError):
        segment_lines(replace(segment, data=b""), None)


def test_parts_that_overlap_or_share_a_path_are_refused() -> None:
    for first, second in ((("a", "c"), ("b", "d")), (("a", "b"), ("b", "c"))):
        parts = [Batch(tuple(MadeItem(name) for name in names)) for names in (first, second)]
        with pytest.raises(DocumentError):
            reduced(parts)


def test_a_part_out_of_order_or_with_a_path_twice_is_refused() -> None:
    for names in (("b", "a"), ("a", "a"), ("a/b", "a-b")):
        with pytest.raises(DocumentError):
            reduced([Batch(tuple(MadeItem(name) for name in names))])


def test_a_path_that_a_manifest_cannot_hold_is_refused() -> None:
    with pytest.raises(NameRefusedError):
        reduced([Batch((MadeItem("a\nb"),))])


def test_a_tree_without_files_has_no_digest() -> None:
    with pytest.raises(PathError, match="no files"):
        reduced([])
    with pytest.raises(ValueError, match="empty"):
        tree_digest_of([])


def test_a_journal_needs_a_folder_for_the_segments(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j", tree="t", ignores=()) as journal, pytest.raises(ValueError, match="folder"):
        reduced(batches(made()), journal=journal)


def test_a_resumed_reduction_reads_only_what_changed_or_is_gone(tmp_path: Path) -> None:
    spill, log = str(tmp_path / "spill"), str(tmp_path / "log")

    def again(items: list[MadeItem]) -> ReducedTree:
        with Journal.open(tmp_path / "j", tree="t", ignores=()) as journal:
            return reduced(batches(items, max_items=5), spill=spill, journal=journal, segment_items=5)

    first = again(made())
    assert first == again(made(log))
    assert [] == reads(log)
    changed = [replace(item, content="other") if item.path == "b" else item for item in made(log)]
    assert tree_digest(tuple(replace(item, log="").digest() for item in changed)) == again(changed).digest
    assert 5 == len(reads(log))
    (tmp_path / "spill" / first.segments[0].name).unlink()
    assert first.digest == again(made(log)).digest


def test_progress_hears_of_each_part() -> None:
    bar = Bar()
    size = reduced(batches(made(), max_items=2), progress=bar).size
    assert (size, size) == (bar.expected, bar.advanced)


def tree_on_disk(root: Path) -> Path:
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    for name in (".git/config", "x.dbom/bom.cdx.json", "y.dbom/data", "a/.DS_Store"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root.resolve()


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_folders_listed_on_the_workers_are_the_same_tree(depth: int, tmp_path: Path) -> None:
    root = tree_on_disk(tmp_path / "tree")
    expected = fingerprint_path(root)
    tree = reduced(local_parts(str(root), expected.ignores, depth=depth), spill=str(tmp_path / "spill"))
    assert (expected.digest, len(expected.entries)) == (tree.digest, tree.files)


def test_parts_can_be_sent_to_another_machine(tmp_path: Path) -> None:
    parts = list(local_parts(str(tree_on_disk(tmp_path)), ()))
    assert [part.name for part in parts] == [part.name for part in pickle.loads(pickle.dumps(parts))]  # noqa: S301  ours
    names = ["-n", ".git/", "Z", "a/", "a0", "x.dbom/", "y.dbom/", "é"]
    assert names == [part.name for part in parts]


def test_links_and_special_files_of_a_part_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "link").symlink_to("nowhere")
    with pytest.raises(NameRefusedError, match="link"):
        reduced(local_parts(str(tmp_path), ()))
    (tmp_path / "sub" / "link").unlink()
    os.mkfifo(tmp_path / "sub" / "pipe")
    with pytest.raises(PathError, match="pipe"):
        reduced(local_parts(str(tmp_path), ()))


def test_names_that_a_manifest_cannot_hold_are_refused_where_they_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a\nb").write_text("")
    with pytest.raises(NameRefusedError, match="newline"):
        reduced(local_parts(str(tmp_path), ()))
    (tmp_path / "a\nb").unlink()
    (tmp_path / os.fsdecode(b"\xff")).write_text("")
    with pytest.raises(NameRefusedError, match="UTF-8"):
        reduced(local_parts(str(tmp_path), ()))


def test_a_folder_that_went_away_is_a_change(tmp_path: Path) -> None:
    with pytest.raises(ChangedError):
        list(Subtree(str(tmp_path), "gone", ()).items())


def test_a_shared_file_is_checked_on_the_machine_that_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("a")
    status = file.stat()
    elsewhere = os.stat_result((*status[:2], 4711, *status[3:]), {"st_mtime_ns": status.st_mtime_ns})
    assert elsewhere.st_dev == 4711
    item = SharedItem("a", str(file), FileState.of(status))
    assert ("a", 1) == (item.digest().path, item.size)
    assert item.state != SharedItem("a", str(file), FileState(bytes(40))).state
    file.write_text("bb")
    with pytest.raises(ChangedError, match="written to"):
        item.digest()
    file.unlink()
    with pytest.raises(ChangedError, match="went away"):
        item.digest()
    with pytest.raises(PathError, match="can't be read"):
        item._replace(real=str(tmp_path / ("x" * 300))).digest()
