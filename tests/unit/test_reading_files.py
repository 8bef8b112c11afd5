"""Many files are read in any order, by any number of threads, and come back in their own."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING

import pytest

from dbom.errors import ChangedError
from dbom.hashing import FileState, LocalItem
from dbom.model import Entry
from dbom.reading import digest_files

if TYPE_CHECKING:
    from pathlib import Path


class Count:
    """A progress that adds up; from many threads, so under a lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.expected = 0
        self.read = 0

    def expect(self, size: int) -> None:
        """Add up what is announced."""
        self.expected += size

    def advance(self, size: int) -> None:
        """Add up what is read."""
        with self.lock:
            self.read += size


def item(path: Path, data: bytes) -> LocalItem:
    path.write_bytes(data)
    return LocalItem(path.name, str(path), FileState.of(path.lstat()))


def made(folder: Path, count: int = 600) -> tuple[list[LocalItem], list[Entry]]:
    contents = [os.urandom(3_000_000 if n % 50 == 7 else n * 97) for n in range(count)]
    items = [item(folder / f"f{n}", data) for n, data in enumerate(contents)]
    return items, [Entry(f"f{n}", len(data), hashlib.sha256(data).hexdigest()) for n, data in enumerate(contents)]


@pytest.mark.parametrize("jobs", [0, 1, 4])
def test_many_files_of_all_sizes_each_give_their_entry_in_order(tmp_path: Path, jobs: int) -> None:
    items, expected = made(tmp_path)
    progress = Count()
    assert expected == digest_files(items, jobs=jobs, progress=progress)
    total = sum(entry.size for entry in expected)
    assert (total, total) == (progress.expected, progress.read)


def test_no_files_are_no_work() -> None:
    assert [] == digest_files([])


def test_tiny_files_are_read_by_one_thread_unless_told(tmp_path: Path) -> None:
    items = [item(tmp_path / f"f{n}", b"x") for n in range(600)]
    seen: set[str] = set()

    class Watching(Count):
        def advance(self, size: int) -> None:
            """Note who reads."""
            seen.add(threading.current_thread().name)
            super().advance(size)

    digest_files(items, progress=Watching())
    assert {threading.main_thread().name} == seen
    seen.clear()
    digest_files(items, jobs=2, progress=Watching())
    assert threading.main_thread().name not in seen


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_first_failure_ends_it(tmp_path: Path, jobs: int) -> None:
    items, _ = made(tmp_path)
    (tmp_path / "f599").write_bytes(b"changed")
    with pytest.raises(ChangedError, match="f599"):
        digest_files(items, jobs=jobs)


def test_threads_stop_in_the_middle_of_a_batch_when_another_has_failed(tmp_path: Path) -> None:
    items = [item(tmp_path / f"f{n}", b"x" * 9000) for n in range(2000)]
    (tmp_path / "f0").write_bytes(b"changed")
    progress = Count()
    with pytest.raises(ChangedError, match="f0"):
        digest_files(items, jobs=2, progress=progress)
    assert progress.read < 2000 * 9000
