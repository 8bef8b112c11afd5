"""The journal as a gate writes it: many records, one flush.

Whoever has something to record hands it to one thread that writes. While that waits for the disk, what comes in the
meantime gathers, and goes out in the next write: a record waits for one flush at most before its own begins, never
for a timer. Once a record's caller goes on, the record is where the journal promised it to be.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Self

from admission.journal.contents import Content, Written
from admission.journal.files import Rotation, Tail, create_file, full_name, locked_file, read_tail, sync_folder
from admission.journal.records import (
    CONTENT,
    CONTINUED,
    CONTINUES,
    COUNTS,
    END,
    START,
    Head,
    canonical,
    instant,
    line_digest,
    line_of,
)
from dbom.errors import DbomError, PathError
from dbom.printable import printable
from dbom.rules.admission import JOURNAL_UNWRITABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path
    from typing import TypeAlias

    from dbom.canonical import Json, JsonObject

    _Add: TypeAlias = Callable[[str, datetime, bytes], None]

__all__ = ["Entry", "Journal"]

_MOST_IN_A_BATCH: Final = 1000
_COUNTS_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to be recorded: its facts, and the contents that they name by digest.

    `durable` says that the disk must have it before the caller goes on; else it is enough that it was written.
    """

    kind: str
    at: datetime
    facts: bytes
    contents: tuple[Content, ...] = ()
    durable: bool = True

    @classmethod
    def of(
        cls,
        kind: str,
        at: datetime,
        facts: JsonObject,
        *,
        contents: Iterable[Content] = (),
        durable: bool = True,
    ) -> Self:
        """Return an entry with these facts. Raises `DocumentError` for what JSON can't hold."""
        return cls(kind, at, canonical(facts), tuple(contents), durable)


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    future: Future[Head] = field(default_factory=Future)


class Journal:
    """An open journal of one gate. Records may be handed in from any threads, and from asyncio."""

    def __init__(self, path: Path, replica: str, rotation: Rotation, tail: Tail, lock: int) -> None:
        """Is for `open`, which checks what is there first."""
        self.path, self.replica, self.rotation = path, replica, rotation
        self.records = 0
        self.last_error: tuple[datetime, str] | None = None
        self._tail, self._lock, self._descriptor, self._size = tail, lock, -1, 0
        self._head: Head | None = None
        self._written = Written()
        self._counts: Counter[str] = Counter()
        self._counts_lock = threading.Lock()
        self._counting: Counter[str] = Counter()
        self._counted: datetime | None = None
        self._failed, self._is_ended = "", False
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        at: datetime,
        facts: JsonObject,
        replica: str = "",
        rotation: Rotation | None = None,
    ) -> Self:
        """Open a journal and write the start record, with `facts` about this gate.

        A journal that is there already is checked (its newest file) and continued; a last line that a crash left half
        is closed as it is and named in the start record. `replica` names this gate among its like. Raises `PathError`
        where it can't be written or another gate writes to it, `EvidenceError` where it is broken.
        """
        lock = locked_file(path)
        journal = None
        try:
            journal = cls(path, printable(replica, limit=253), rotation or Rotation(), read_tail(path), lock)
            journal._begin(at, facts)
        except BaseException as error:
            if journal is not None and journal._descriptor >= 0:
                os.close(journal._descriptor)
            os.close(lock)
            if isinstance(error, OSError):
                raise _unwritable(path, f"can't be opened: {error.strerror}") from error
            raise
        journal._thread.start()
        return journal

    @property
    def head(self) -> Head:
        """The newest record that is written."""
        if self._head is None:
            raise RuntimeError("a journal is made by Journal.open")
        return self._head

    @property
    def chain(self) -> str:
        """What tells this chain from any other: the digest of its very first record, in hex."""
        return self._tail.chain

    def record(self, kind: str, *, at: datetime, facts: JsonObject, durable: bool) -> Head:
        """Append a record and return where it stands; `durable` waits until the disk has it.

        Raises `PathError` where it can't be written; what was written of it is taken back, so that the chain goes on.
        """
        return self.append(Entry.of(kind, at, facts, durable=durable))

    def append(self, entry: Entry) -> Head:
        """Record an entry, and wait for it; otherwise as `record`."""
        return self.submit(entry).result()

    async def appended(self, entry: Entry) -> Head:
        """Record an entry, and await it; otherwise as `record`."""
        return await asyncio.wrap_future(self.submit(entry))

    def submit(self, entry: Entry) -> Future[Head]:
        """Hand in an entry; the result comes once it is recorded, or the `PathError` that says why it is not."""
        waiting = _Waiting(entry)
        self._queue.put(waiting)
        if not self._thread.is_alive():
            self._give_up()
        return waiting.future

    def flush(self) -> Head:
        """Have the disk hold all that was recorded, and return the newest record. Raises as `record`."""
        return self.head if self._is_ended else self.append(Entry("", self.head.at, b""))

    def count(self, what: str) -> None:
        """Count what leaves no record of its own (`dryRuns`, `late`, …); a record now and then says how often."""
        with self._counts_lock:
            self._counts[what] += 1

    def close(self, *, at: datetime) -> None:
        """Write the end record and close the file. Raises as `record`."""
        try:
            self.record(END, at=at, facts={}, durable=True)
            self._is_ended = True
        finally:
            self._failed = "it is closed"
            self._queue.put(None)
            self._thread.join()
            os.close(self._descriptor)
            os.close(self._lock)

    def _run(self) -> None:
        while True:
            batch = self._gathered()
            if not batch:
                self._give_up()
                return
            try:
                heads = self._write(batch)
            except (DbomError, OSError) as error:
                refused = error if isinstance(error, DbomError) else self._refused(error)
                self.last_error = (batch[-1].entry.at, str(refused))
                for item in batch:
                    item.future.set_exception(_again(refused))
            else:
                for item, head in zip(batch, heads, strict=True):
                    item.future.set_result(head)

    def _gathered(self) -> list[_Waiting]:
        """Return what is to be written next: what waits already, or the first that comes. Nothing means the end."""
        batch: list[_Waiting] = []
        first = self._queue.get()
        while first is not None:
            if first.future.set_running_or_notify_cancel():
                batch.append(first)
            if len(batch) >= _MOST_IN_A_BATCH:
                break
            try:
                first = self._queue.get_nowait()
            except Empty:
                if batch:
                    break
                first = self._queue.get()
        if first is None and batch:
            self._queue.put(None)
        return batch

    def _give_up(self) -> None:
        """Refuse what still waits: nobody will write it."""
        with contextlib.suppress(Empty):
            while True:
                item = self._queue.get_nowait()
                if item is not None and item.future.set_running_or_notify_cancel():
                    item.future.set_exception(_unwritable(self.path, f"can't be written: {self._failed or 'closed'}"))

    def _refused(self, error: OSError) -> PathError:
        return _unwritable(self.path, f"can't be written: {error.strerror}")

    def _write(self, batch: list[_Waiting]) -> list[Head]:
        """Write a batch and return where each of its records stands. Raises as `record`, having written nothing."""
        if self._failed:
            raise _unwritable(self.path, f"can't be written: {self._failed}")
        self._demand_alone()
        if self._is_full(batch[0].entry.at):
            self._rotate(batch[0].entry.at)
        self._counting.clear()
        lines, heads, contents = self._lines(batch)
        data = b"".join(lines)
        self._append(data, durable=any(item.entry.durable for item in batch))
        for digest in contents:
            self._written.add(digest)
        with self._counts_lock:
            self._counts -= self._counting
        self.records += sum(bool(item.entry.kind) for item in batch)
        self._advance(heads[-1], len(data))
        return heads

    def _lines(self, batch: list[_Waiting]) -> tuple[list[bytes], list[Head], list[str]]:
        """Return the lines of a batch, the place of each entry's record, and the contents among them."""
        number, digest = self._tail.number, self._tail.head
        lines: list[bytes] = []
        heads: list[Head] = []
        new: list[str] = []

        def add(kind: str, at: datetime, facts: bytes) -> None:
            nonlocal number, digest
            line = line_of(number, digest, kind, instant(at), facts)
            lines.extend((line, b"\n"))
            number, digest = number + 1, line_digest(line)

        newest = self.head
        for item in batch:
            entry = item.entry
            if not entry.kind:
                heads.append(newest)
                continue
            if entry.kind == END or (self._counts and self._are_counts_due(entry.at)):
                self._add_counts(add, entry.at)
            for content in entry.contents:
                if content.is_kept and content.digest not in self._written and content.digest not in new:
                    add(CONTENT, entry.at, content.facts())
                    new.append(content.digest)
            add(entry.kind, entry.at, entry.facts)
            newest = Head(number - 1, digest, entry.at)
            heads.append(newest)
        return lines, heads, new

    def _are_counts_due(self, at: datetime) -> bool:
        return self._counted is None or at - self._counted >= _COUNTS_EVERY

    def _add_counts(self, add: _Add, at: datetime) -> None:
        with self._counts_lock:
            self._counting = Counter(self._counts)
        said: dict[str, Json] = dict(self._counting)
        if said:
            add(COUNTS, at, canonical(said))
        self._counted = at

    def _append(self, data: bytes, *, durable: bool) -> None:
        try:
            _write_whole(self._descriptor, data)
            if durable:
                self._sync()
        except OSError:
            try:
                os.ftruncate(self._descriptor, self._size)
            except OSError:
                self._failed = "what was half written can't be taken back"
            raise

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError:
            # What the disk has after a failed flush isn't known, and a second flush may say yes without having it.
            self._failed = "the disk failed; start the gate anew"
            raise

    def _advance(self, head: Head, size: int) -> None:
        self._tail.number, self._tail.head = head.number + 1, head.digest
        self._size += size
        self._head = head

    def _demand_alone(self) -> None:
        found = os.fstat(self._descriptor)
        if found.st_size != self._size:
            raise _unwritable(self.path, "somebody else writes to it")
        if not found.st_nlink:
            raise _unwritable(self.path, "somebody removed it")

    def _is_full(self, at: datetime) -> bool:
        began = self._tail.began
        return self._size >= self.rotation.most_bytes or (began is not None and at - began >= self.rotation.longest)

    def _begin(self, at: datetime, facts: JsonObject) -> None:
        """Write the start record: in a new file, or where an earlier gate ended."""
        torn = self._tail.torn
        facts = {**facts, "replica": self.replica, "torn": bool(torn)}
        if self._tail.is_full:
            if self.path.exists() and self.path.stat().st_size:
                self.path.rename(self._free_name())
            self._continue(at)
        elif not self._tail.chain:
            if torn:
                self.path.rename(self.path.with_name(f"{self.path.name}.torn"))
                facts["torn"] = False
                self._tail = Tail()
            line = line_of(0, self._tail.head, START, instant(at), canonical(facts))
            self._tail.chain = line_digest(line)
            self._create(line, at)
            return
        else:
            self._open()
        start = line_of(self._tail.number, self._tail.head, START, instant(at), canonical(facts))
        data = (b"\n" if torn else b"") + start + b"\n"
        self._append(data, durable=True)
        self._advance(Head(self._tail.number, line_digest(start), at), len(data))

    def _rotate(self, at: datetime) -> None:
        """Close the file that is full, and go on in a new one, whose first record names the last head."""
        line = line_of(self._tail.number, self._tail.head, CONTINUES, instant(at), canonical({"file": self._tail.file}))
        self._append(line + b"\n", durable=True)
        self._advance(Head(self._tail.number, line_digest(line), at), len(line) + 1)
        try:
            self.path.rename(self._free_name())
            sync_folder(self.path.parent)
            old = self._descriptor
            self._continue(at)
            os.close(old)
        except (OSError, PathError):
            self._failed = "its file is full, and the next one can't be begun; start the gate anew"
            raise

    def _free_name(self) -> Path:
        name = full_name(self.path, self._tail.file)
        if name.exists():
            raise _unwritable(self.path, f"there is a file {printable(name.name)} already")
        return name

    def _continue(self, at: datetime) -> None:
        tail = self._tail
        self._tail = replace(tail, file=tail.file + 1, is_full=False, contents=set(), torn=b"")
        facts: JsonObject = {"chain": tail.chain, "file": self._tail.file, "replica": self.replica}
        self._create(line_of(tail.number, tail.head, CONTINUED, instant(at), canonical(facts)), at)

    def _create(self, line: bytes, at: datetime) -> None:
        create_file(self.path, line + b"\n")
        self._tail.began = at
        self._written.clear()
        self._open()
        self._head = Head(self._tail.number, line_digest(line), at)
        self._tail.number, self._tail.head = self._tail.number + 1, self._head.digest

    def _open(self) -> None:
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND)
        self._size = os.fstat(self._descriptor).st_size
        for digest in self._tail.contents:
            self._written.add(digest)


def _again(error: DbomError) -> DbomError:
    """Return an error of its own for each who waits: one value raised in many threads would mix their tracebacks."""
    return type(error)(error.rule, error.what, where=error.where, hint=error.hint)


def _write_whole(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _unwritable(path: Path, what: str) -> PathError:
    return PathError(JOURNAL_UNWRITABLE, what, where=printable(str(path)))
