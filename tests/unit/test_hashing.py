"""Files are read whole and once, in any executor, and never a file other than the one that was listed."""

from __future__ import annotations

import hashlib
import os
import threading
import tracemalloc
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dbom.errors import CancelledError, ChangedError, PathError
from dbom.executors import MAX_THREADS, open_executor, worker_count
from dbom.hashing import FileState, hash_file, hash_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def state(path: Path) -> FileState:
    return FileState.of(path.lstat())


def made(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


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


@pytest.mark.parametrize("size", [0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 2_000_000])
def test_the_digest_is_sha256_at_every_size(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    path = made(tmp_path / "f", data)
    assert hashlib.sha256(data).hexdigest() == hash_file(str(path), state(path))


@pytest.mark.parametrize("jobs", [1, 4])
def test_many_files_of_all_sizes_each_give_their_digest(tmp_path: Path, jobs: int) -> None:
    contents = {str(tmp_path / f"f{n}"): os.urandom(n * 97 if n % 50 else 3_000_000) for n in range(600)}
    for path, data in contents.items():
        made(tmp_path / path, data)
    progress = Count()
    with open_executor(jobs) as executor:
        found = hash_files({path: state(tmp_path / path) for path in contents}, executor, progress=progress)
    assert {path: hashlib.sha256(data).hexdigest() for path, data in contents.items()} == found
    total = sum(map(len, contents.values()))
    assert (total, total) == (progress.expected, progress.read)


def test_no_files_are_no_work() -> None:
    with open_executor(1) as executor:
        assert {} == hash_files({}, executor)


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = made(tmp_path / "big", bytes(32 * 1024 * 1024))
    hash_file(str(path), state(path))
    tracemalloc.start()
    hash_file(str(path), state(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1024 * 1024


def test_workers_are_as_many_as_asked_or_one_a_core() -> None:
    assert 3 == worker_count(3)
    assert MAX_THREADS == worker_count(10**9)
    assert len(os.sched_getaffinity(0)) == worker_count(0)


def pipe_instead(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link_instead(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def copy_instead(path: Path) -> None:
    path.with_suffix(".copy").write_bytes(path.read_bytes())
    path.with_suffix(".copy").replace(path)


@pytest.mark.parametrize("swap", [pipe_instead, link_instead, folder_instead, copy_instead, lambda path: path.unlink()])
def test_what_took_the_place_of_a_listed_file_is_not_read(tmp_path: Path, swap: Callable[[Path], None]) -> None:
    """A pipe would be waited for, a link would lead elsewhere."""
    path = made(tmp_path / "f", b"data")
    listed = state(path)
    swap(path)
    with pytest.raises(ChangedError) as caught:
        hash_file(str(path), listed)
    assert 2 == caught.value.exit_code


@pytest.mark.parametrize("field", ["device", "inode", "size", "mtime_ns", "ctime_ns"])
def test_any_other_state_than_the_listed_one_is_refused(tmp_path: Path, field: str) -> None:
    path = made(tmp_path / "f", b"data")
    listed = state(path)
    with pytest.raises(ChangedError):
        hash_file(str(path), replace(listed, **{field: getattr(listed, field) + 1}))


def test_a_file_whose_size_lies_is_refused() -> None:
    """Files of /proc say that they are empty, and have content."""
    with open("/proc/self/status", "rb") as file:  # noqa: PTH123  its state must be taken while it is open
        listed = FileState.of(os.fstat(file.fileno()))
        with pytest.raises(ChangedError):
            hash_file("/proc/self/status", listed)


def test_a_file_that_cant_be_read_is_said_with_the_systems_reason(tmp_path: Path) -> None:
    """Reading another process's memory at address zero fails for everybody, root included."""
    path = made(tmp_path / "f", b"")
    with pytest.raises(PathError, match="can't be read"):
        hash_file("/proc/self/mem", FileState.of(os.stat("/proc/self/mem")))  # noqa: PTH116  no Path in /proc
    with pytest.raises(PathError, match="File name too long"):
        hash_file("/" + "x" * 5000, state(path))


def test_the_first_failure_stops_the_rest(tmp_path: Path) -> None:
    files = {str(path): state(path) for path in (made(tmp_path / f"f{n}", b"x" * n) for n in range(2000))}
    (tmp_path / "f1999").write_bytes(b"changed")
    with open_executor(1) as executor, pytest.raises(ChangedError, match="f1999"):
        hash_files(files, executor)


def test_an_interruption_ends_the_reading_of_a_big_file(tmp_path: Path) -> None:
    path = made(tmp_path / "f", bytes(4 * 1024 * 1024))
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        hash_file(str(path), state(path), stop=stop)


def test_any_executor_does(tmp_path: Path) -> None:
    class Inline:
        """An executor that runs what it is given at once."""

        def submit(self, work: Callable[..., object], *arguments: object) -> Future[object]:
            """Run it."""
            future: Future[object] = Future()
            future.set_result(work(*arguments))
            return future

    path = made(tmp_path / "f", b"x")
    found = hash_files({str(path): state(path)}, Inline())  # type: ignore[arg-type]  # only submit is needed
    assert {str(path): hashlib.sha256(b"x").hexdigest()} == found
