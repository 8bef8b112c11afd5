"""Many files to their entries: big ones first and alone, small ones in batches, a bounded number at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbom.errors import CancelledError
from dbom.executors import open_executor, spread, worker_count
from dbom.forked import Crew, can_fork
from dbom.hashing import digest_item, hash_item
from dbom.listing import Listing
from dbom.model import Entry
from dbom.rules.everyday import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbom.children import Line
    from dbom.hashing import Files, Onlooker, Stop
    from dbom.items import Progress

__all__ = ["digest_files", "forks_help"]

_BATCH_FILES = 256
_BATCH_BYTES = 8 * 1024 * 1024
_BIG = 1024 * 1024
_TINY = 8 * 1024
_IN_FLIGHT = 4  # batches a worker: enough that none waits for work, few enough to hold
_FORKED_FILES = range(1_000, 250_001)  # fewer aren't worth a fork, more would be copied page by page
_SHA256 = 32  # bytes; BLAKE3 has as many


def digest_files(
    items: Files,
    *,
    jobs: int = 0,
    progress: Progress | None = None,
    blake3: bool = False,
    onlooker: Onlooker | None = None,
    forked: bool = False,
) -> list[Entry]:
    """Return the entry of each of `items`, in their order.

    `jobs` is the number of threads, 0 for what suits the files: one for each core, or one alone where they are tiny on
    average, since threads would then only wait for each other's turn at the interpreter. `blake3` adds that digest to
    each, `onlooker` sees how each begins. With `forked`, which is for programs and not for libraries, many small files
    are read by as many forked processes where this process may be forked. What is held beside the entries is a buffer
    a worker. Raises as `hash_file` does; the first failure ends it.
    """
    sizes = items.sizes() if isinstance(items, Listing) else [item.size for item in items]
    if progress is not None:
        progress.expect(sum(sizes))
    reader = _Reader(items, progress, onlooker, blake3=blake3)
    workers = worker_count(jobs)
    if forked and forks_help(items, jobs):
        entries = _by_children(reader, sizes, workers)
        if entries is not None:
            return entries
    if jobs == 0 and sum(sizes) < _TINY * len(sizes):
        workers = 1
    if workers == 1:
        return _placed(sizes, ((places, reader.read(places)) for places in _batches(sizes)))
    stop = threading.Event()
    with open_executor(workers) as executor:
        try:
            results = spread(
                _batches(sizes),
                lambda places: executor.submit(reader.read, places, stop),
                in_flight=_IN_FLIGHT * workers,
            )
            return _placed(sizes, results)
        except BaseException:
            stop.set()
            raise


def forks_help(items: Files, jobs: int = 0) -> bool:
    """Return whether forked processes, in place of `jobs` threads, help to read these files, and may be had.

    They don't for a few files, nor for so many that copies of the pages of their listing would need much memory.
    """
    return len(items) in _FORKED_FILES and worker_count(jobs) > 1 and can_fork()


def _placed(sizes: Sequence[int], results: Iterable[tuple[Sequence[int], list[Entry]]]) -> list[Entry]:
    entries: list[Entry | None] = [None] * len(sizes)
    for places, read in results:
        for place, entry in zip(places, read, strict=True):
            entries[place] = entry
    found = [entry for entry in entries if entry is not None]
    if len(found) != len(sizes):
        raise RuntimeError(f"{len(sizes) - len(found)} of {len(sizes)} files were not read")
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads batches of some files, each file by its place."""

    items: Files
    progress: Progress | None
    onlooker: Onlooker | None
    blake3: bool

    def read(self, places: Sequence[int], stop: Stop | None = None) -> list[Entry]:
        """Read a batch in this process. What is small is told to the progress once, not file by file."""
        progress = self.progress if len(places) == 1 else None
        read = []
        for place in places:
            if stop is not None and stop.is_set():
                raise CancelledError(CANCELLED, "reading was stopped")
            item = self.items[place]
            read.append(hash_item(item, progress=progress, stop=stop, blake3=self.blake3, onlooker=self.onlooker))
        if self.progress is not None and progress is None:
            self.progress.advance(sum(entry.size for entry in read))
        return read

    def told(self, places: Sequence[int], line: Line) -> bytes:
        """Read a batch in a child: return its files' digests, one behind the other, then what was seen of them."""
        if line.is_set():
            raise CancelledError(CANCELLED, "reading was stopped")
        alone, digests = line if len(places) == 1 else None, []
        batch = [self.items[place] for place in places]
        for item in batch:
            digests += digest_item(item, progress=alone, stop=alone, blake3=self.blake3, onlooker=self.onlooker)
        seen = b"" if self.onlooker is None else self.onlooker.told([item.path for item in batch])
        return bytes.fromhex("".join(digests)) + seen

    def heard(self, places: Sequence[int], told: bytes) -> list[Entry]:
        """Take in, in the parent, what a child told of a batch."""
        width = 2 * _SHA256 if self.blake3 else _SHA256
        digests, seen = told[: len(places) * width].hex(), told[len(places) * width :]
        batch = [self.items[place] for place in places]
        if self.onlooker is not None:
            self.onlooker.hear([item.path for item in batch], seen)
        entries = []
        for number, item in enumerate(batch):
            start = 2 * width * number
            end = start + 2 * _SHA256
            entries.append(
                Entry(item.path, item.size, digests[start:end], blake3=digests[end : end + 2 * (width - _SHA256)])
            )
        if self.progress is not None and len(places) > 1:
            self.progress.advance(sum(entry.size for entry in entries))
        return entries


def _by_children(reader: _Reader, sizes: Sequence[int], workers: int) -> list[Entry] | None:
    """Return the entries that forked children read, or None where not one child can be had."""
    batches = list(_batches(sizes))
    crew = Crew(
        lambda number, line: reader.told(batches[number], line),
        len(batches),
        alone=sum(len(batch) == 1 for batch in batches),
        advance=None if reader.progress is None else reader.progress.advance,
    )
    with crew.at_work(workers) as children:
        if not children:
            return None
        return _placed(
            sizes, ((batches[number], reader.heard(batches[number], told)) for number, told in crew.results())
        )


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
