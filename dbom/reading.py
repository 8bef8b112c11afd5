"""Many files to their entries: big ones first and alone, small ones in batches, a bounded number at a time."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbom.errors import CancelledError
from dbom.executors import open_executor, worker_count
from dbom.hashing import hash_item
from dbom.rules.everyday import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    from dbom.hashing import Files, LocalItem
    from dbom.items import Progress
    from dbom.model import Entry

__all__ = ["digest_elsewhere", "digest_files"]

_BATCH_FILES = 256
_BATCH_BYTES = 8 * 1024 * 1024
_BIG = 1024 * 1024
_TINY = 8 * 1024
_IN_FLIGHT = 4  # batches a worker: enough that none waits for work, few enough to hold


def digest_files(items: Files, *, jobs: int = 0, progress: Progress | None = None, blake3: bool = False) -> list[Entry]:
    """Return the entry of each of `items`, in their order.

    `jobs` is the number of threads, 0 for what suits the files: one for each core, or one alone where they are tiny on
    average, since threads would then only wait for each other's turn at the interpreter. `blake3` adds that digest to
    each. What is held beside the entries is a buffer a thread. Raises as `hash_file` does; the first failure ends it.
    """
    sizes = [item.size for item in items]
    if progress is not None:
        progress.expect(sum(sizes))
    reader = _Reader(items, [None] * len(sizes), threading.Event(), progress, blake3=blake3)
    workers = worker_count(jobs) if jobs or sum(sizes) >= _TINY * len(sizes) else 1
    if workers == 1:
        for places in _batches(sizes):
            reader.take(places, reader.read(places))
    else:
        with open_executor(workers) as executor:
            reader.spread(_batches(sizes), lambda places: executor.submit(reader.read, places), _IN_FLIGHT * workers)
    return [entry for entry in reader.entries if entry is not None]


def digest_elsewhere(items: Files, executor: Executor, *, progress: Progress | None = None) -> list[Entry]:
    """Return the entry of each of `items`, in their order, read by the workers of `executor`.

    They may be other processes or machines: what they are given can be pickled, and the progress hears of a batch when
    it is done.
    """
    sizes = [item.size for item in items]
    if progress is not None:
        progress.expect(sum(sizes))
    reader = _Reader(items, [None] * len(sizes), threading.Event(), progress, blake3=False)

    def submit(places: Sequence[int]) -> Future[list[Entry]]:
        future = executor.submit(_read_there, [items[place] for place in places])
        if progress is not None:
            size = sum(sizes[place] for place in places)
            future.add_done_callback(lambda _: progress.advance(size))
        return future

    reader.spread(_batches(sizes), submit, _IN_FLIGHT * worker_count(0))
    return [entry for entry in reader.entries if entry is not None]


def _read_there(items: Sequence[LocalItem]) -> list[Entry]:
    return [item.digest() for item in items]


@dataclass(slots=True)
class _Reader:
    """The files that are read, by their places in the list, and the entries that are there so far."""

    items: Files
    entries: list[Entry | None]
    stop: threading.Event
    progress: Progress | None
    blake3: bool

    def read(self, places: Sequence[int]) -> list[Entry]:
        """Read a batch. What is small is told to the progress once, not file by file."""
        if len(places) == 1:
            item = self.items[places[0]]
            return [hash_item(item, progress=self.progress, stop=self.stop, blake3=self.blake3)]
        read = []
        for place in places:
            if self.stop.is_set():
                raise CancelledError(CANCELLED, "reading was stopped")
            read.append(hash_item(self.items[place], blake3=self.blake3))
        if self.progress is not None:
            self.progress.advance(sum(entry.size for entry in read))
        return read

    def take(self, places: Sequence[int], read: Sequence[Entry]) -> None:
        for place, entry in zip(places, read, strict=True):
            self.entries[place] = entry

    def spread(
        self, batches: Iterator[Sequence[int]], submit: Callable[[Sequence[int]], Future[list[Entry]]], in_flight: int
    ) -> None:
        """Have the batches read, a bounded number of them in flight."""
        flying: dict[Future[list[Entry]], Sequence[int]] = {}
        try:
            for places in batches:
                flying[submit(places)] = places
                if len(flying) >= in_flight:
                    self._land(flying)
            while flying:
                self._land(flying)
        except BaseException:
            self.stop.set()
            for future in flying:
                future.cancel()
            raise

    def _land(self, flying: dict[Future[list[Entry]], Sequence[int]]) -> None:
        for future in wait(flying, return_when=FIRST_COMPLETED).done:
            self.take(flying.pop(future), future.result())


def _batches(sizes: Sequence[int]) -> Iterator[Sequence[int]]:
    """Give the places of the big files one by one, the biggest first, then of the others, as they come, in batches."""
    big = sorted((place for place, size in enumerate(sizes) if size >= _BIG), key=lambda place: -sizes[place])
    for place in big:
        yield (place,)
    batch: list[int] = []
    held = 0
    for place, size in enumerate(sizes):
        if size >= _BIG:
            continue
        batch.append(place)
        held += size
        if len(batch) == _BATCH_FILES or held >= _BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
