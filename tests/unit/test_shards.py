"""Shards are Model Signing's, in any number of threads; and they are no identity."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from pathlib import Path

import pytest

from dbom import hashing
from dbom.errors import CancelledError, ChangedError, DbomError, PathError
from dbom.model import Digest, Fingerprint
from dbom.shards import SHARD_BYTES, Shard, ShardedFingerprint, shard_path

FORMAT = Path(__file__).resolve().parents[2] / "docs" / "formats" / "shards.md"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    (root / "a").write_bytes(b"0123456789")
    (root / "sub" / "b").write_bytes(b"0123")
    (root / "sub-c").write_bytes(b"x")
    (root / "empty").write_bytes(b"")
    return root


def test_a_file_is_cut_into_parts_of_one_size_and_a_rest(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    found = shard_path(tmp_path / "f", shard_size=4)
    assert (
        Shard(".", 0, 4, sha256(b"0123")),
        Shard(".", 4, 8, sha256(b"4567")),
        Shard(".", 8, 10, sha256(b"89")),
    ) == found.shards
    assert [".:0:4", ".:4:8", ".:8:10"] == [shard.name for shard in found.shards]
    assert ("f", 10, "sha256-sharded-4") == (found.name, found.size, found.algorithm)
    assert sha256(b"".join(hashlib.sha256(part).digest() for part in (b"0123", b"4567", b"89"))) == found.root


def test_a_trees_shards_are_ordered_segment_by_segment(tree: Path) -> None:
    found = shard_path(tree, shard_size=8)
    assert ["a:0:8", "a:8:10", "sub/b:0:4", "sub-c:0:1"] == [shard.name for shard in found.shards]
    assert ("empty",) == found.empty


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("size", [1, 256 * 1024 - 1, 256 * 1024, 700_001])
def test_neither_threads_nor_buffers_show_in_the_digests(tmp_path: Path, jobs: int, size: int) -> None:
    data = os.urandom(700_001)
    (tmp_path / "f").write_bytes(data)
    size = max(size, 1000)
    found = shard_path(tmp_path / "f", shard_size=size, jobs=jobs)
    assert [sha256(data[start : start + size]) for start in range(0, len(data), size)] == [
        shard.sha256 for shard in found.shards
    ]


def test_what_is_ignored_found_and_refused_is_as_for_a_tree(tree: Path) -> None:
    (tree / ".git").mkdir()
    (tree / ".git" / "x").write_bytes(b"")
    (tree / "y.dbom").mkdir()
    (tree / "y.dbom" / "data").write_bytes(b"d")
    found = shard_path(tree)
    assert ((".git/",), ["DBOM-111"]) == (found.ignored, [finding.rule for finding in found.findings])
    with pytest.raises(PathError, match="holds no files"):
        shard_path(tree, ignores=("*",))
    (tree / "link").symlink_to("/etc/passwd")
    with pytest.raises(DbomError, match="leads out of the tree"):
        shard_path(tree)


def test_it_is_no_identity(tree: Path) -> None:
    """It can't be mistaken for a fingerprint: it has no digest, and what it is written as is none."""
    found = shard_path(tree)
    assert Fingerprint not in type(found).__mro__
    assert not hasattr(found, "digest")
    assert str(found).startswith("shards:sha256:")
    with pytest.raises(ValueError, match="not sha256:"):
        Digest.parse(str(found))


def test_the_root_is_silent_on_names_and_on_empty_files(tree: Path) -> None:
    """Why it is none: three different trees have one root."""
    before = shard_path(tree)
    (tree / "empty").unlink()
    assert before.root == shard_path(tree).root
    (tree / "a").rename(tree / "A")
    assert before.root == shard_path(tree).root
    assert before != shard_path(tree)


class Acting:
    """A progress that does something when the first bytes have been read."""

    def __init__(self, path: Path, data: bytes | None) -> None:
        self.path, self.data = path, data
        self.expected = self.read = 0
        self.lock = threading.Lock()

    def expect(self, size: int) -> None:
        """Add up what is announced."""
        self.expected += size

    def advance(self, size: int) -> None:
        """Add up what is read, and write the first time."""
        with self.lock:
            self.read += size
            data, self.data = self.data, None
        if data is not None:
            self.path.write_bytes(data)


def test_progress_hears_of_every_byte_once(tree: Path) -> None:
    progress = Acting(tree, None)
    shard_path(tree, shard_size=3, progress=progress)
    assert (15, 15) == (progress.expected, progress.read)


@pytest.mark.parametrize("data", [b"", b"y" * 1_000_000, b"y" * 2_000_000])
@pytest.mark.parametrize("where", ["f", "."])
def test_a_change_under_the_read_is_an_error(tmp_path: Path, data: bytes, where: str) -> None:
    (tmp_path / "f").write_bytes(b"x" * 1_000_000)
    with pytest.raises(ChangedError):
        shard_path(tmp_path / where, shard_size=600_000, progress=Acting(tmp_path / "f", data), jobs=1)


def test_a_file_added_under_the_read_is_an_error(tree: Path) -> None:
    with pytest.raises(ChangedError):
        shard_path(tree, progress=Acting(tree / "new", b""))


def test_a_reading_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"x")

    def failing(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "preadv", failing)
    with pytest.raises(PathError, match="f: can't be read: Input/output error"):
        shard_path(tmp_path / "f")


def test_the_first_failure_stops_the_other_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that reads on is told so in the middle of its shard."""
    (tmp_path / "f").write_bytes(bytes(8 * hashing.CHUNK))
    really, first, cancelled = os.preadv, threading.Event(), threading.Event()

    def failing(descriptor: int, buffers: list[memoryview], position: int) -> int:
        if position >= 4 * hashing.CHUNK:
            assert first.wait(10)
            raise OSError(5, "Input/output error")
        first.set()
        return really(descriptor, buffers, position % hashing.CHUNK)

    class Endless(Acting):
        def advance(self, size: int) -> None:
            """Wait in the first shard until the other's failure has been heard."""
            cancelled.wait(0.05 if size else 0)

    monkeypatch.setattr(os, "preadv", failing)
    with pytest.raises((PathError, CancelledError)):
        shard_path(tmp_path / "f", shard_size=4 * hashing.CHUNK, jobs=2, progress=Endless(tmp_path, None))


def test_the_vectors_of_the_format(tmp_path: Path) -> None:
    """docs/formats/shards.md: a block a tree; `file` lines, `size`, then each shard's line and the root."""
    blocks = re.findall(r"```vector\n(.*?)```", FORMAT.read_text(), re.DOTALL)
    assert len(blocks) >= 3
    for number, block in enumerate(blocks):
        root = tmp_path / f"{number}"
        root.mkdir()
        assert block.splitlines()[-1] == computed(block, root)[-1]
        assert block.splitlines() == computed(block, root)


def computed(block: str, root: Path) -> list[str]:
    lines = [line.split() for line in block.splitlines()]
    files = [line for line in lines if line[0] == "file"]
    (size,) = (int(line[1]) for line in lines if line[0] == "size")
    for _, path, text, times in files:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode() * int(times))
    found: ShardedFingerprint = shard_path(root / files[0][1] if ["one"] in lines else root, shard_size=size)
    kept = [line for line in block.splitlines() if line.split()[0] in ("file", "size", "one")]
    return [*kept, *(f"shard {shard.name} {shard.sha256}" for shard in found.shards), f"root {found.root}"]


def test_the_size_is_model_signings() -> None:
    assert 1_000_000_000 == SHARD_BYTES
