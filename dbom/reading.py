"""Many files to their entries: big ones first and alone, small ones in batches, a bounded number at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dbom.errors import CancelledError
from dbom.executors import open_executor, spread, worker_count
from dbom.hashing import hash_item
from dbom.rules.everyday import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbom.hashing import Files, LocalItem, Onlooker
    from dbom.items import Progress
    from dbom.model import Entry

__all__ = ["digest_files"]

_BATCH_FILES = 256
_BATCH_BYTES = 8 * 1024 * 1024
_BIG = 1024 * 1024
_TINY = 8 * 1024
_IN_FLIGHT = 4  # batches a worker: enough that none waits for work, few enough to hold


def digest_files(
    items: Files,
    *,
    jobs: int = 0,
    progress: Progress | None = None,
    blake3: bool = False,
    onlooker: Onlooker | None = None,
) -> list[Entry]:
    """Return the entry of each of `items`, in their order.

    `jobs` is the number of threads, 0 for what suits the files: one for each core, or one alone where they are tiny on
    average, since threads would then only wait for each other's turn at the interpreter. `blake3` adds that digest to
    each, `onlooker` sees how each begins. What is held beside the entries is a buffer a thread. Raises as `hash_file`
    does; the first failure ends it.
    """
    sizes = [item.size for item in items]
    if progress is not None:
        progress.expect(sum(sizes))
    stop = threading.Event()

    def read(places: Sequence[int]) -> list[Entry]:
        batch = [items[place] for place in places]
        return _read(batch, progress=progress, stop=stop, blake3=blake3, onlooker=onlooker)

    workers = worker_count(jobs) if jobs or sum(sizes) >= _TINY * len(sizes) else 1
    if workers == 1:
        return _placed(sizes, ((places, read(places)) for places in _batches(sizes)))
    with open_executor(workers) as executor:
        try:
            results = spread(
                _batches(sizes), lambda places: executor.submit(read, places), in_flight=_IN_FLIGHT * workers
            )
            return _placed(sizes, results)
        except BaseException:
            stop.set()
            raise


def _placed(sizes: Sequence[int], results: Iterable[tuple[Sequence[int], list[Entry]]]) -> list[Entry]:
    entries: list[Entry | None] = [None] * len(sizes)
    for places, read in results:
        for place, entry in zip(places, read, strict=True):
            entries[place] = entry
    return [entry for entry in entries if entry is not None]


def _read(
    batch: Sequence[LocalItem],
    *,
    progress: Progress | None,
    stop: threading.Event,
    blake3: bool,
    onlooker: Onlooker | None,
) -> list[Entry]:
    """Read a batch in a thread of ours. What is small is told to the progress once, not file by file."""
    if len(batch) == 1:
        return [hash_item(batch[0], progress=progress, stop=stop, blake3=blake3, onlooker=onlooker)]
    read = []
    for item in batch:
        if stop.is_set():
            raise CancelledError(CANCELLED, "reading was stopped")
        read.append(hash_item(item, blake3=blake3, onlooker=onlooker))
    if progress is not None:
        progress.advance(sum(entry.size for entry in read))
    return read


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
