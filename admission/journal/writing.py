"""The journal as a gate writes it: many records, one flush.

Whoever has something to record hands it to one thread that writes. While that waits for the disk, what comes in the
meantime gathers, and goes out in the next write: a record waits for one flush at most before its own begins, never
for a timer. Once a record's caller goes on, the record is where the journal promised it to be. An event loop may write
itself, in two steps with the flush between them (`begin`, `finish`), while it is nobody else's turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import Counter
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Self

from admission.journal.contents import Written
from admission.journal.entries import Begun, Entry, Waiting
from admission.journal.files import Rotation, Tail, create_file, full_name, locked_file, read_tail, sync_folder
from admission.journal.flushing import flush_now
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
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import TypeAlias

    from admission.journal.contents import Content
    from dbom.canonical import Json, JsonObject

    _Add: TypeAlias = Callable[[str, datetime, bytes], None]

__all__ = ["Journal"]

_MOST_IN_A_BATCH: Final = 1000
_DISK_FAILED: Final = "the disk failed; start the gate anew"
_COUNTS_EVERY: Final = timedelta(minutes=1)


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
        # Whoever writes holds it, from the first byte until the disk has it.
        self._turn = threading.Lock()
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
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
        future: Future[Head] = Future()

        def told(found: Sequence[Head] | DbomError) -> None:
            if isinstance(found, DbomError):
                future.set_exception(_again(found))
            else:
                future.set_result(found[0])

        self._put(Waiting((entry,), told, future.set_running_or_notify_cancel))
        return future

    def hand_in(self, entries: Sequence[Entry], told: Callable[[Sequence[Head] | DbomError], None]) -> None:
        """Hand in entries that share a write and a flush.

        Once they are recorded, `told` is called with where each stands, or with the `PathError` that says why none is,
        in the thread that writes: it must be quick, and raise nothing.
        """
        self._put(Waiting(entries, told))

    def begin(self, entries: Sequence[Entry]) -> Begun | None:
        """Write entries here and now, without waiting for the disk; what is returned must be handed to `finish`.

        Returns None where that isn't quick, or the journal's own thread is at it: then they are to be handed in.
        Raises as `record`.
        """
        if not self._queue.empty() or not self._turn.acquire(blocking=False):
            return None
        begun = None
        try:
            begun = self._begun(entries) if self._is_quick(entries) else None
        except OSError as error:
            raise self._noted(error, entries[-1].at) from error
        except DbomError as error:
            self._noted(error, entries[-1].at)
            raise
        finally:
            if begun is None:
                self._turn.release()
        return begun

    def finish(self, begun: Begun, error: int = 0) -> list[Head]:
        """Return where the record of each entry stands that was begun, once the disk has what must be there.

        `error` is the error number with which its flush ended, 0 where all is well. Raises as `record`.
        """
        try:
            if not error:
                self._take(begun)
                return begun.heads
            raise self._noted(self._lost(error), begun.entries[-1].at)
        finally:
            self._turn.release()

    @property
    def descriptor(self) -> int:
        """The descriptor of the file that is written to."""
        return self._descriptor

    def _is_quick(self, entries: Sequence[Entry]) -> bool:
        """Return whether writing them is a matter of microseconds: no other file, no large content to be packed."""
        return not (self._failed or self._new_in(entries) or self._is_full(entries[0].at))

    def _new_in(self, entries: Sequence[Entry]) -> dict[str, Content]:
        """Return the contents of some entries that the file doesn't hold yet, by digest."""
        known = self._written.known
        return {
            content.digest: content
            for entry in entries
            for content in entry.contents
            if content.digest not in known and content.is_kept
        }

    def _put(self, waiting: Waiting) -> None:
        self._queue.put(waiting)
        if not self._thread.is_alive():
            self._give_up()

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
            entries = batch[0].entries if len(batch) == 1 else [entry for item in batch for entry in item.entries]
            try:
                heads = self._write(entries)
            except (DbomError, OSError) as error:
                refused = self._noted(error, entries[-1].at)
                for item in batch:
                    item.told(refused)
            else:
                begin = 0
                for item in batch:
                    end = begin + len(item.entries)
                    item.told(heads[begin:end])
                    begin = end

    def _gathered(self) -> list[Waiting]:
        """Return what is to be written next: what waits already, or the first that comes. Nothing means the end."""
        batch: list[Waiting] = []
        count = 0
        first = self._queue.get()
        while first is not None:
            if first.begins():
                batch.append(first)
                count += len(first.entries)
            if count >= _MOST_IN_A_BATCH:
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
                if item is not None and item.begins():
                    item.told(_unwritable(self.path, f"can't be written: {self._failed or 'closed'}"))

    def _noted(self, error: DbomError | OSError, at: datetime) -> DbomError:
        """Return what is said of an error, which is the last one from now on."""
        said = error if isinstance(error, DbomError) else _unwritable(self.path, f"can't be written: {error.strerror}")
        self.last_error = (at, str(said))
        return said

    def _write(self, entries: Sequence[Entry]) -> list[Head]:
        """Write entries and return where the record of each stands. Raises as `record`, having written nothing."""
        with self._turn:
            if self._failed:
                raise _unwritable(self.path, f"can't be written: {self._failed}")
            if self._is_full(entries[0].at):
                self._demand_alone()
                self._rotate(entries[0].at)
            begun = self._begun(entries)
            if begun.durable:
                self._sync()
            self._take(begun)
        return begun.heads

    def _begun(self, entries: Sequence[Entry]) -> Begun:
        """Write entries, not yet flushed. Where that fails, what was written is taken back."""
        self._demand_alone()
        self._counting.clear()
        lines, heads, contents = self._lines(entries)
        data = b"".join(lines)
        self._append(data)
        return Begun(entries, heads, contents, len(data), durable=any(entry.durable for entry in entries))

    def _take(self, begun: Begun) -> None:
        """Go on from what was written, and flushed where it had to be."""
        for digest in begun.contents:
            self._written.add(digest)
        if self._counting:
            with self._counts_lock:
                self._counts -= self._counting
        self.records += sum(bool(entry.kind) for entry in begun.entries)
        self._advance(begun.heads[-1], begun.size)

    def _lines(self, entries: Sequence[Entry]) -> tuple[list[bytes], list[Head], list[str]]:
        """Return the lines of some entries, the place of the record of each, and the contents among them."""
        number, digest = self._tail.number, self._tail.head
        lines: list[bytes] = []
        heads: list[Head] = []
        new, named = self._new_in(entries), []

        def add(kind: str, at: datetime, facts: bytes) -> None:
            nonlocal number, digest
            line = line_of(number, digest, kind, instant(at), facts)
            lines.extend((line, b"\n"))
            number, digest = number + 1, line_digest(line)

        newest = self.head
        for entry in entries:
            if not entry.kind:
                heads.append(newest)
                continue
            if entry.kind == END or (self._counts and self._are_counts_due(entry.at)):
                self._add_counts(add, entry.at)
            for content in entry.contents if new else ():
                if new.pop(content.digest, None) is not None:
                    add(CONTENT, entry.at, content.facts())
                    named.append(content.digest)
            add(entry.kind, entry.at, entry.facts)
            newest = Head(number - 1, digest, entry.at)
            heads.append(newest)
        return lines, heads, named

    def _are_counts_due(self, at: datetime) -> bool:
        return self._counted is None or at - self._counted >= _COUNTS_EVERY

    def _add_counts(self, add: _Add, at: datetime) -> None:
        with self._counts_lock:
            self._counting = Counter(self._counts)
        said: dict[str, Json] = dict(self._counting)
        if said:
            add(COUNTS, at, canonical(said))
        self._counted = at

    def _append(self, data: bytes) -> None:
        try:
            _write_whole(self._descriptor, data)
        except OSError:
            self._take_back()
            raise

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._failed = self._failed or "what was half written can't be taken back"

    def _sync(self) -> None:
        error = flush_now(self._descriptor)
        if error:
            raise self._lost(error)

    def _lost(self, error: int) -> OSError:
        """Give up after a failed flush: what the disk has isn't known, and the next could say yes without having it."""
        self._failed = _DISK_FAILED
        self._take_back()
        return OSError(error, os.strerror(error))

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
        self._append(data)
        self._sync()
        self._advance(Head(self._tail.number, line_digest(start), at), len(data))

    def _rotate(self, at: datetime) -> None:
        """Close the file that is full, and go on in a new one, whose first record names the last head."""
        line = line_of(self._tail.number, self._tail.head, CONTINUES, instant(at), canonical({"file": self._tail.file}))
        self._append(line + b"\n")
        self._sync()
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
