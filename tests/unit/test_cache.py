"""What hasn't changed isn't read again; and no fault of a cache, however it came, gives a wrong digest."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbom import cache as cache_module
from dbom.cache import SETTLED_NS, Cache, cache_file
from dbom.model import COMPUTED, FROM_CACHE, Entry
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = str(Path(__file__).resolve().parents[2])


def later() -> int:
    """Return a clock's time at which all that the test has written has long settled."""
    return time.time_ns() + 2 * SETTLED_NS


def cache_in(folder: Path, *, now_ns: Callable[[], int] = later) -> Cache:
    return Cache(folder / "cache" / "digests.sqlite", now_ns=now_ns)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    for number in range(10):
        (root / f"{number}").write_bytes(b"%d" % number)
        (root / "sub" / f"{number}").write_bytes(b"sub %d" % number)
    return root


def read_count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that fills with the paths of all files that are opened from now on."""
    opened: list[str] = []
    really = os.open

    def noting(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        opened.append(str(path))
        return really(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", noting)
    return opened


# What it saves


def test_unchanged_files_are_not_read_again(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fingerprint_path(tree, cache=cache_in(tmp_path))
    opened = read_count(monkeypatch)
    cache = cache_in(tmp_path)
    again = fingerprint_path(tree, cache=cache)
    assert [] == opened
    assert (20, "") == (cache.hits, cache.trouble)
    assert first.digest == again.digest == fingerprint_path(tree).digest
    assert first.manifest() == again.manifest()


def test_a_digest_from_the_cache_says_so(tree: Path, tmp_path: Path) -> None:
    assert COMPUTED == fingerprint_path(tree, cache=cache_in(tmp_path)).known
    (tree / "3").write_bytes(b"new")
    again = fingerprint_path(tree, cache=cache_in(tmp_path))
    assert {"computed": 1, "computed (cache)": 19} == {
        text: sum(str(entry.known) == text for entry in again.entries) for text in map(str, (COMPUTED, FROM_CACHE))
    }
    assert "computed (cache)" == str(again.known)


def test_a_single_file_is_cached_too(tree: Path, tmp_path: Path) -> None:
    fingerprint_path(tree / "3", cache=cache_in(tmp_path))
    found = fingerprint_path(tree / "3", cache=cache_in(tmp_path))
    assert (hashlib.sha256(b"3").hexdigest(), FROM_CACHE) == (found.digest.hex, found.known)


def test_only_what_changed_is_read(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprint_path(tree, cache=cache_in(tmp_path))
    (tree / "3").write_bytes(b"x")
    opened = read_count(monkeypatch)
    assert fingerprint_path(tree, cache=cache_in(tmp_path)).digest == fingerprint_path(tree).digest
    assert str(tree / "3") == opened[0]


def test_an_interrupted_reading_leaves_what_was_read(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_PART_FILES", 7)
    listed = [place for place in sorted(tree.rglob("*")) if place.is_file()]

    class Interrupting:
        read = 0

        def expect(self, size: int) -> None:
            """Do nothing."""

        def advance(self, size: int) -> None:
            """Interrupt in the second part."""
            self.read += size
            if self.read > 30:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fingerprint_path(tree, cache=cache_in(tmp_path), progress=Interrupting())
    cache = cache_in(tmp_path)
    assert fingerprint_path(tree, cache=cache).digest == fingerprint_path(tree).digest
    assert 0 < cache.hits < len(listed)


def test_blake3_is_not_cached(tree: Path, tmp_path: Path) -> None:
    pytest.importorskip("blake3", reason="pip install 'dbom[blake3]'")
    fingerprint_path(tree, cache=cache_in(tmp_path))
    found = fingerprint_path(tree, cache=cache_in(tmp_path), blake3=True)
    assert (COMPUTED, 64) == (found.known, len(found.entries[0].blake3))


# What it must not believe


def edited(path: Path) -> None:
    """Edit a file, keeping its size, and put its modification time back."""
    before = path.stat()
    path.write_bytes(b"!" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path: Path) -> None:
    """Put another file of the same size and modification time in its place."""
    before = path.stat()
    other = path.with_suffix(".other")
    other.write_bytes(b"!" * before.st_size)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [edited, replaced])
def test_an_edit_with_the_mtime_put_back_is_caught(tree: Path, tmp_path: Path, change: Callable[[Path], None]) -> None:
    """No user can set the change time: the edit, and the putting back, both move it."""
    before = fingerprint_path(tree, cache=cache_in(tmp_path))
    change(tree / "3")
    after = fingerprint_path(tree, cache=cache_in(tmp_path))
    assert before.digest != after.digest
    assert after.digest == fingerprint_path(tree).digest


def test_files_written_within_two_seconds_of_the_reading_are_not_kept(tree: Path, tmp_path: Path) -> None:
    """A write right behind the reading could leave size and times as they were."""
    fingerprint_path(tree, cache=cache_in(tmp_path, now_ns=time.time_ns))
    cache = cache_in(tmp_path)
    fingerprint_path(tree, cache=cache)
    assert 0 == cache.hits


@pytest.mark.parametrize("ahead", [-SETTLED_NS - 1, -SETTLED_NS, 0, 10**18])
def test_the_bound_is_two_seconds_before_the_reading_and_no_time_ahead_is_kept(tmp_path: Path, ahead: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    now = time.time_ns() + 10 * SETTLED_NS
    os.utime(path, ns=(0, now + ahead))
    fingerprint_path(path, cache=cache_in(tmp_path, now_ns=lambda: now))
    cache = cache_in(tmp_path, now_ns=lambda: now)
    fingerprint_path(path, cache=cache)
    assert (1 if ahead < -SETTLED_NS else 0) == cache.hits


def test_what_cant_be_caught_a_write_that_moves_no_time_at_all(tmp_path: Path) -> None:
    """The documented limit: bytes that change beneath the file system, or under a clock set back to the nanosecond.

    Neither can be done in a test without a disk of one's own, so the record of the cache is given the state that such
    a change would have left. The cache believes it. A reading without the cache doesn't.
    """
    path = tmp_path / "f"
    path.write_bytes(b"old")
    fingerprint_path(path, cache=cache_in(tmp_path))
    old = fingerprint_path(path, cache=cache_in(tmp_path)).digest
    record = only_record(tmp_path)
    path.write_bytes(b"new")
    state = bytes(fingerprint_state(path))
    write_record(tmp_path, state + record[40:72], path)
    assert old == fingerprint_path(path, cache=cache_in(tmp_path)).digest
    assert old != fingerprint_path(path).digest


def fingerprint_state(path: Path) -> bytes:
    from dbom.hashing import FileState

    return FileState.of(path.lstat())


def database(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "cache" / "digests.sqlite")


def only_record(tmp_path: Path) -> bytes:
    with closing(database(tmp_path)) as connection:
        ((record,),) = connection.execute("SELECT record FROM digests").fetchall()
    assert isinstance(record, bytes)
    return record


def write_record(tmp_path: Path, content: bytes, path: Path) -> None:
    import zlib

    check = zlib.crc32(content, zlib.crc32(os.fsencode(path))).to_bytes(4, "big")
    with closing(database(tmp_path)) as connection, connection:
        connection.execute("UPDATE digests SET record = ?", (content + check,))


@pytest.mark.parametrize("place", [0, 39, 40, 71, 72, 75])
def test_a_record_whose_bits_have_turned_is_not_believed(tmp_path: Path, place: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    right = fingerprint_path(path, cache=cache_in(tmp_path)).digest
    record = bytearray(only_record(tmp_path))
    record[place] ^= 1
    with closing(database(tmp_path)) as connection, connection:
        connection.execute("UPDATE digests SET record = ?", (bytes(record),))
    cache = cache_in(tmp_path)
    assert right == fingerprint_path(path, cache=cache).digest
    assert 0 == cache.hits


@pytest.mark.parametrize("record", [None, "text", 7, b"", b"x" * 75, b"x" * 77])
def test_a_record_of_another_form_is_not_believed(tmp_path: Path, record: object) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    right = fingerprint_path(path, cache=cache_in(tmp_path)).digest
    with closing(database(tmp_path)) as connection, connection:
        connection.execute("UPDATE digests SET record = ?", (record,))
    cache = cache_in(tmp_path)
    assert right == fingerprint_path(path, cache=cache).digest
    assert 0 == cache.hits


def test_a_record_moved_to_another_name_is_not_believed(tree: Path, tmp_path: Path) -> None:
    fingerprint_path(tree, cache=cache_in(tmp_path))
    with closing(database(tmp_path)) as connection, connection:
        (record,) = connection.execute("SELECT record FROM digests WHERE name = ?", (b"1",)).fetchone()
        connection.execute("UPDATE digests SET record = ?", (record,))
    assert fingerprint_path(tree).digest == fingerprint_path(tree, cache=cache_in(tmp_path)).digest


# What can be wrong with it


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, but long enough to be one" * 100)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def scrambled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[200:] = os.urandom(len(data) - 200)
    path.write_bytes(data)


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE digests (folder, name, record)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")


def tableless(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE digests")


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


BROKEN = [garbage, cut_off, scrambled, foreign, newer, tableless, folder_instead]


@pytest.mark.parametrize("breaking", BROKEN)
def test_a_broken_cache_is_worked_without_and_said(
    tree: Path, tmp_path: Path, breaking: Callable[[Path], None]
) -> None:
    right = fingerprint_path(tree, cache=cache_in(tmp_path)).digest
    path = tmp_path / "cache" / "digests.sqlite"
    breaking(path)
    cache = cache_in(tmp_path)
    assert right == fingerprint_path(tree, cache=cache).digest
    assert 0 == cache.hits
    assert str(path) in cache.trouble
    assert right == fingerprint_path(tree, cache=cache).digest


def test_a_foreign_file_is_left_as_it_is(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "digests.sqlite"
    path.parent.mkdir()
    foreign_to_all = b"my own notes\n" * 50
    path.write_bytes(foreign_to_all)
    fingerprint_path(tree, cache=cache_in(tmp_path))
    assert foreign_to_all == path.read_bytes()


def test_a_cache_without_a_place_is_worked_without(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Cache(tmp_path / "file" / "below" / "digests.sqlite", now_ns=later)
    assert fingerprint_path(tree).digest == fingerprint_path(tree, cache=cache).digest
    assert "below" in cache.trouble


def test_an_empty_file_becomes_a_cache(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "digests.sqlite"
    path.parent.mkdir()
    path.touch()
    fingerprint_path(tree, cache=cache_in(tmp_path))
    cache = cache_in(tmp_path)
    fingerprint_path(tree, cache=cache)
    assert (20, "") == (cache.hits, cache.trouble)


def test_a_full_disk_is_worked_without_and_said(tree: Path, tmp_path: Path) -> None:
    """A child that may write no file beyond some kilobytes meets what a full disk is to SQLite."""
    code = (
        "import resource, signal, sys, time\n"
        "from pathlib import Path\n"
        "from dbom.cache import Cache\n"
        "from dbom.tree import fingerprint_path\n"
        "cache = Cache(Path(sys.argv[2]), now_ns=lambda: time.time_ns() + 10**10)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)\n"
        "print(fingerprint_path(sys.argv[1], cache=cache).digest)\n"
        "print(cache.trouble)\n"
    )
    for limit in (0, 4096, 8192):
        place = tmp_path / f"full{limit}" / "digests.sqlite"
        command = [sys.executable, "-P", "-c", code, str(tree), str(place), str(limit)]
        environment = {**os.environ, "PYTHONPATH": REPOSITORY}
        result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        digest, trouble = result.stdout.splitlines()
        assert str(fingerprint_path(tree).digest) == digest
        assert str(place) in trouble


def test_two_processes_share_one_cache(tree: Path, tmp_path: Path) -> None:
    """Each makes it, writes it and reads it while the others do; none fails, and none gives another digest."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from dbom.cache import Cache\n"
        "from dbom.tree import fingerprint_path\n"
        "for round in range(15):\n"
        "    cache = Cache(Path(sys.argv[2]), now_ns=lambda: time.time_ns() + 10**10)\n"
        "    print(fingerprint_path(sys.argv[1], cache=cache).digest, cache.trouble)\n"
        "    sub = fingerprint_path(sys.argv[1] + '/sub', cache=cache)\n"
    )
    command = [sys.executable, "-P", "-c", code, str(tree), str(tmp_path / "shared.sqlite")]
    environment = {**os.environ, "PYTHONPATH": REPOSITORY}
    children = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    outputs = [child.communicate() for child in children]
    expected = f"{fingerprint_path(tree).digest} \n" * 15
    assert [(expected, "")] * 3 == outputs


def test_a_cache_that_another_process_holds_is_worked_without(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint_path(tree / "1", cache=cache_in(tmp_path))
    monkeypatch.setattr(cache_module, "_BUSY_S", 0.05)
    with closing(database(tmp_path)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        cache = cache_in(tmp_path)
        assert fingerprint_path(tree).digest == fingerprint_path(tree, cache=cache).digest
    assert "locked" in cache.trouble


def test_a_cache_that_has_grown_too_large_begins_anew(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint_path(tree, cache=cache_in(tmp_path))
    monkeypatch.setattr(cache_module, "MAX_BYTES", 1)
    (tree / "3").write_bytes(b"new")
    fingerprint_path(tree, cache=cache_in(tmp_path))
    with closing(database(tmp_path)) as connection:
        assert [(b"3",)] == connection.execute("SELECT name FROM digests").fetchall()


def test_names_that_arent_utf8_above_the_tree_do(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")) / "data"
    folder.mkdir(parents=True)
    (folder / "f").write_bytes(b"x")
    fingerprint_path(folder, cache=cache_in(tmp_path))
    found = fingerprint_path(folder, cache=cache_in(tmp_path))
    assert (Entry("f", 1, hashlib.sha256(b"x").hexdigest(), FROM_CACHE),) == found.entries


def test_where_it_lies(tmp_path: Path) -> None:
    assert tmp_path / "digests.sqlite" == cache_file({"DBOM_CACHE_HOME": str(tmp_path)})
    assert "dbom/digests.sqlite" == "/".join(cache_file({}).parts[-2:])


def test_nobody_else_can_look_into_its_folder(tree: Path, tmp_path: Path) -> None:
    fingerprint_path(tree, cache=cache_in(tmp_path))
    assert 0 == (tmp_path / "cache").stat().st_mode & 0o077
