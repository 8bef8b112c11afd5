"""Digests of files that were read before, so that what hasn't changed isn't read again (docs/formats/cache.md).

A cache can only save work. Where it is missing, full, corrupt, locked, foreign or newer than this program, all is read
and `Cache.trouble` says why; no fault of a cache is an error, and none gives a digest.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.model import FROM_CACHE, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from dbom.hashing import Files, LocalItem

__all__ = ["MAX_BYTES", "SETTLED_NS", "Cache", "cache_file"]

SETTLED_NS = 2_000_000_000
"""How much older than the reading a file's times must be: a later write could leave younger ones as they are."""

MAX_BYTES = 1024 * 1024 * 1024
"""A cache that has grown to this begins anew."""

_APPLICATION = 0x64626F6D  # "dbom", where SQLite keeps whose file it is
_VERSION = 1
_BUSY_S = 5.0
_STATE_BYTES, _SHA256_BYTES, _CHECK_BYTES = 40, 32, 4
_PART_FILES = 100_000
_PART_BYTES = 16 * 1024**3

_TABLE = (
    "CREATE TABLE IF NOT EXISTS digests (folder BLOB, name BLOB, record BLOB, PRIMARY KEY (folder, name)) WITHOUT ROWID"
)


def cache_file(environment: Mapping[str, str]) -> Path:
    """Return where the cache lies: in the folder `DBOM_CACHE_HOME`, or in the user's cache directory."""
    home = environment.get("DBOM_CACHE_HOME")
    if home:
        return Path(home) / "digests.sqlite"
    from platformdirs import user_cache_path  # noqa: PLC0415  only where it is asked for

    return user_cache_path("dbom", appauthor=False) / "digests.sqlite"


@dataclass(slots=True)
class Cache:
    """The digests of files, by where they are and the state they were in, in one SQLite file that processes share.

    `hits` counts the digests that were taken from it. `trouble` is empty while it works; once it doesn't, it isn't
    asked again. `now_ns` is the clock, in nanoseconds since 1970.
    """

    path: Path
    now_ns: Callable[[], int] = time.time_ns
    hits: int = 0
    trouble: str = field(default="", init=False)

    def read(self, items: Files, read: Callable[[Files], list[Entry]]) -> list[Entry]:
        """Return the entry of each of `items`: from here where its state hasn't changed, else from `read`.

        What was read is kept for the next time, part by part, so that an interruption doesn't lose it all.
        """
        before = self.now_ns() - SETTLED_NS
        entries = self.recall(items)
        for part in _parts([place for place in range(len(items)) if place not in entries], items):
            found = read([items[place] for place in part])
            entries.update(zip(part, found, strict=True))
            self.remember(((items[place], entry.sha256) for place, entry in zip(part, found, strict=True)), before)
        return [entries[place] for place in range(len(items))]

    def recall(self, items: Files) -> dict[int, Entry]:
        """Return the entries of those of `items` whose state is the one they were read in, by their places."""
        known: dict[int, Entry] = {}
        if self.trouble:
            return known
        try:
            if not self.path.exists():
                return known
            with closing(self._connected()) as connection:
                known.update(_recalled(connection, items))
        except (sqlite3.Error, OSError) as error:
            self.trouble = f"{self.path}: {error}"
            return {}
        self.hits += len(known)
        return known

    def remember(self, digests: Iterable[tuple[LocalItem, str]], before_ns: int) -> None:
        """Keep digests of files whose times are all older than `before_ns`, in one transaction."""
        if self.trouble:
            return
        rows = (_row(item, sha256) for item, sha256 in digests if item.listed.newest_ns < before_ns)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(self._connected()) as connection:
                _store(connection, rows)
        except (sqlite3.Error, OSError) as error:
            self.trouble = f"{self.path}: {error}"

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            _demand_ours(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _demand_ours(connection: sqlite3.Connection) -> None:
    """Make the table in a new file. Raises `sqlite3.Error` for a file of somebody else's, or of a later version."""
    if _number(connection, "application_id") == 0 and _number(connection, "schema_version") == 0:
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have been quicker.
        if _number(connection, "schema_version") == 0:
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute(_TABLE)
        connection.execute("COMMIT")
    if _number(connection, "application_id") != _APPLICATION:
        raise sqlite3.DatabaseError("not a cache of dbom's")
    if _number(connection, "user_version") != _VERSION:
        raise sqlite3.DatabaseError("a cache of another version of dbom")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _recalled(connection: sqlite3.Connection, items: Files) -> Iterator[tuple[int, Entry]]:
    """Look the items up folder by folder: one question for each run of files of one folder."""
    folder, rows = None, {}
    for place, (path, real, listed) in enumerate(items):
        above, _, name = real.rpartition("/")
        if above != folder:
            folder, key = above, _bytes(above)
            rows = dict(connection.execute("SELECT name, record FROM digests WHERE folder = ?", (key,)))
        record = rows.get(_bytes(name))
        if isinstance(record, bytes) and record[:_STATE_BYTES] == listed and _is_whole(real, record):
            sha256 = record[_STATE_BYTES : _STATE_BYTES + _SHA256_BYTES].hex()
            yield place, Entry(path, listed.size, sha256, FROM_CACHE)


def _bytes(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _row(item: LocalItem, sha256: str) -> tuple[bytes, bytes, bytes]:
    folder, _, name = item.real.rpartition("/")
    content = bytes(item.listed) + bytes.fromhex(sha256)
    return _bytes(folder), _bytes(name), content + _check(item.real, content)


def _check(real: str, content: bytes) -> bytes:
    """Return what tells a record whose bits have turned on the disk; SQLite itself has no checksums."""
    return zlib.crc32(content, zlib.crc32(_bytes(real))).to_bytes(_CHECK_BYTES, "big")


def _is_whole(real: str, record: bytes) -> bool:
    content = record[: _STATE_BYTES + _SHA256_BYTES]
    return record[len(content) :] == _check(real, content)


def _store(connection: sqlite3.Connection, rows: Iterable[tuple[bytes, bytes, bytes]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _number(connection, "page_count") * _number(connection, "page_size") > MAX_BYTES:
            connection.execute("DELETE FROM digests")
        connection.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _parts(places: Sequence[int], items: Files) -> Iterator[list[int]]:
    part: list[int] = []
    size = 0
    for place in places:
        part.append(place)
        size += items[place].size
        if len(part) == _PART_FILES or size >= _PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
