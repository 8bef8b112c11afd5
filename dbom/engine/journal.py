"""What an interrupted run had done already, on the disk (docs/formats/engine.md)."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from dbom.canonical import load_json
from dbom.engine.records import FileRecord, file_json, files_of, part_of, segment_json
from dbom.engine.segments import item_key
from dbom.errors import DbomError, DocumentError, PathError, UsageError
from dbom.hashing import FileState
from dbom.model import Entry
from dbom.names import schema_name
from dbom.printable import printable
from dbom.rules.artifacts import JOURNAL_FOREIGN, JOURNAL_MALFORMED, JOURNAL_UNUSABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbom.canonical import Json, JsonObject
    from dbom.engine.segments import Segment
    from dbom.items import Item

__all__ = ["Journal"]

_CHECK = 16  # hex digits of the sha256 of a record, before it
_SETTLED_NS: Final = 2_000_000_000
_MAX_REST: Final = 1 << 30


class Journal:
    """The digests that a run has computed, in a file that only grows; a run that finds it there goes on from it.

    An item is known by its path, size and state together, so one that was changed is read again. A local file that was
    written to less than 2 s before the journal was opened is not recorded: a second write within the
    clock's resolution could not be told from the first. The file is for one user and one run at a time. Use it as a
    context manager, or `close` it.
    """

    def __init__(self, descriptor: int, where: str, settled_ns: int) -> None:
        self._descriptor = descriptor
        self._where = where
        self._settled_ns = settled_ns
        self._files: dict[bytes, FileRecord] = {}
        self._parts: dict[str, tuple[Segment, ...]] = {}

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, tree: str, ignores: Sequence[str], now_ns: int | None = None
    ) -> Self:
        """Open the journal at `path` for a run over `tree` (its resolved path or URL) with `ignores`; make a new one.

        A last record that a killed run left half written is dropped. Raises `UsageError` where the file is the journal
        of another tree or other ignores, or no journal; `DocumentError` where a record in its middle is damaged;
        `PathError` where another run has it open, where it isn't this user's alone, or where it can't be written.
        """
        where = printable(os.fspath(path))
        opened = time.time_ns() if now_ns is None else now_ns
        descriptor = _opened(path, where)
        journal = cls(descriptor, where, opened - _SETTLED_NS)
        try:
            journal._resume({"schema": schema_name("engine-journal"), "tree": tree, "ignores": list(ignores)})
        except BaseException:
            journal.close()
            raise
        return journal

    def __len__(self) -> int:
        return len(self._files) + len(self._parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def entry_of(self, item: Item) -> Entry | None:
        """Return the entry of an item that an earlier run has read, None where none did or where it was changed."""
        found = self._files.get(item_key(item)) if self._files else None
        return None if found is None else Entry(item.path, item.size, found.sha256.hex(), found.known)

    def record(self, items: Sequence[Item], entries: Sequence[Entry]) -> None:
        """Write down the entries of some items; they are on the disk when this returns. Raises `PathError`."""
        rows: list[Json] = [
            file_json(item_key(item), entry)
            for item, entry in zip(items, entries, strict=True)
            if self._is_settled(item) and (item.path, item.size) == (entry.path, entry.size)
        ]
        if rows:
            self._append({"files": rows})

    def segments_of(self, part: str) -> tuple[Segment, ...]:
        """Return the segments that an earlier run has made of the part of this name."""
        return self._parts.get(part, ())

    def record_part(self, part: str, segments: Sequence[Segment]) -> None:
        """Write down the segments of a part, which lie in a folder; this is on the disk when it returns."""
        self._append({"part": part, "segments": [segment_json(segment) for segment in segments]})

    def close(self) -> None:
        """Close the file, so that another run may have it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _is_settled(self, item: Item) -> bool:
        # The state of the file that it lies in, where that is on a disk: its own, or that of the archive around it.
        listed = getattr(item, "listed", None)
        return not isinstance(listed, FileState) or listed.newest_ns < self._settled_ns

    def _resume(self, header: JsonObject) -> None:
        first = _line(header)
        good = 0
        for line in self._lines():
            if not good and line != first:
                self._demand_own(line, first)
                break
            record = _checked(line)
            if record is None:
                break
            if good:
                self._take(record)
            good += len(line)
        self._drop_after(good)
        if not good:
            self._write(first)

    def _lines(self) -> Iterator[bytes]:
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            yield from file

    def _demand_own(self, line: bytes, first: bytes) -> None:
        # A run killed at once leaves the beginning of its header. Anything else is somebody's file.
        if not first.startswith(line):
            what = "is not the journal of this tree with these ignores"
            raise UsageError(JOURNAL_FOREIGN, what, where=self._where)

    def _take(self, data: bytes) -> None:
        try:
            record = load_json(data, where=self._where)
            if isinstance(record, dict) and "part" in record:
                name, segments = part_of(record, self._where)
                self._parts[name] = segments
            else:
                self._files.update(files_of(record, self._where))
        except DbomError as error:
            raise DocumentError(JOURNAL_MALFORMED, f"a record is malformed: {error}", where=self._where) from error

    def _drop_after(self, good: int) -> None:
        """Drop what stands after the good records: half of one at most, since each is on the disk before the next."""
        size = os.fstat(self._descriptor).st_size
        rest = os.pread(self._descriptor, min(size - good, _MAX_REST), good)
        if rest.rstrip(b"\0").count(b"\n", 0, -1):
            raise DocumentError(JOURNAL_MALFORMED, "a record in its middle is damaged", where=self._where)
        try:
            os.ftruncate(self._descriptor, good)
            os.lseek(self._descriptor, good, os.SEEK_SET)
        except OSError as error:
            raise _unusable(f"can't be written: {error.strerror}", self._where) from error

    def _append(self, record: JsonObject) -> None:
        self._write(_line(record))

    def _write(self, line: bytes) -> None:
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise _unusable(f"can't be written: {error.strerror}", self._where) from error


def _opened(path: str | os.PathLike[str], where: str) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(f"can't be opened: {error.strerror}", where) from error
    try:
        _demand_ours(os.fstat(descriptor), where)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sync_folder(Path(path).parent)
    except OSError as error:
        os.close(descriptor)
        busy = isinstance(error, BlockingIOError)
        raise _unusable("is in use by another run" if busy else f"can't be used: {error.strerror}", where) from error
    except PathError:
        os.close(descriptor)
        raise
    return descriptor


def _demand_ours(status: os.stat_result, where: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _unusable("is not a regular file", where)
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unusable("is another user's, or others may write to it", where)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(what: str, where: str) -> PathError:
    return PathError(JOURNAL_UNUSABLE, what, where=where)


def _line(record: JsonObject) -> bytes:
    data = json.dumps(record, separators=(",", ":"), sort_keys=True).encode()
    return b"%s %s\n" % (hashlib.sha256(data).hexdigest()[:_CHECK].encode(), data)


def _checked(line: bytes) -> bytes | None:
    """Return the record of a line, None where the line isn't whole."""
    check, _, data = line.removesuffix(b"\n").partition(b" ")
    if not line.endswith(b"\n") or check != hashlib.sha256(data).hexdigest()[:_CHECK].encode():
        return None
    return data
