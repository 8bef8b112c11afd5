"""Files are read whole and once, and never a file other than the one that was listed."""

from __future__ import annotations

import hashlib
import os
import pickle
import struct
import sys
import threading
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from dbom.errors import CancelledError, ChangedError, PathError, UsageError
from dbom.hashing import FileState, LocalItem, hash_file, hash_item
from dbom.model import Entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def state(path: Path) -> FileState:
    return FileState.of(path.lstat())


def made(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 2_000_000])
def test_the_digest_is_sha256_at_every_size(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    path = made(tmp_path / "f", data)
    assert hashlib.sha256(data).hexdigest() == hash_file(str(path), state(path))


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = made(tmp_path / "big", bytes(32 * 1024 * 1024))
    hash_file(str(path), state(path))
    tracemalloc.start()
    hash_file(str(path), state(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1024 * 1024


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


@pytest.mark.parametrize("place", range(5))
def test_any_other_state_than_the_listed_one_is_refused(tmp_path: Path, place: int) -> None:
    """Device, inode, size, modification time and change time each count."""
    path = made(tmp_path / "f", b"data")
    numbers = list(struct.unpack("=QQQqq", state(path)))
    numbers[place] += 1
    with pytest.raises(ChangedError):
        hash_file(str(path), FileState(struct.pack("=QQQqq", *numbers)))


def test_a_state_says_what_it_is_made_of(tmp_path: Path) -> None:
    path = made(tmp_path / "f", b"data")
    os.utime(path, ns=(1, -5))
    status = path.lstat()
    assert f"{status.st_dev}:{status.st_ino}:4:-5:{status.st_ctime_ns}" == str(state(path))
    assert (4, status.st_ctime_ns) == (state(path).size, state(path).newest_ns)
    assert 40 == len(state(path))


def test_an_item_can_be_sent_elsewhere_and_gives_its_entry(tmp_path: Path) -> None:
    path = made(tmp_path / "f", b"data")
    item = pickle.loads(pickle.dumps(LocalItem("in/tree", str(path), state(path))))  # noqa: S301  what we pickled ourselves
    assert Entry("in/tree", 4, hashlib.sha256(b"data").hexdigest()) == item.digest()
    assert (4, f"{state(path)}:{path}") == (item.size, item.state)


def test_an_items_state_differs_where_the_file_does(tmp_path: Path) -> None:
    items = [LocalItem("f", str(path), state(path)) for path in (made(tmp_path / n, b"x") for n in "ab")]
    assert items[0].state != items[1].state


@pytest.mark.parametrize("size", [0, 3, 256 * 1024, 700_000])
def test_blake3_stands_beside_sha256_from_one_read(tmp_path: Path, size: int) -> None:
    blake3 = pytest.importorskip("blake3", reason="pip install 'dbom[blake3]'")
    data = os.urandom(size)
    path = made(tmp_path / "f", data)
    entry = hash_item(LocalItem("f", str(path), state(path)), blake3=True)
    assert (hashlib.sha256(data).hexdigest(), blake3.blake3(data).hexdigest()) == (entry.sha256, entry.blake3)


def test_without_its_package_blake3_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "blake3", None)
    path = made(tmp_path / "f", b"")
    with pytest.raises(UsageError) as caught:
        hash_item(LocalItem("f", str(path), state(path)), blake3=True)
    assert ("DBOM-130", True) == (caught.value.rule.id, "dbom[blake3]" in caught.value.hint)


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


def test_an_interruption_ends_the_reading_of_a_big_file(tmp_path: Path) -> None:
    path = made(tmp_path / "f", bytes(4 * 1024 * 1024))
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        hash_file(str(path), state(path), stop=stop)
