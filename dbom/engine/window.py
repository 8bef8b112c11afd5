"""Items to entries, wherever the work runs."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from dbom.engine.batching import BATCH_BYTES, BATCH_ITEMS, Batch, Filling
from dbom.engine.running import RETRIES, Ready, Stoppable, run_all, window_of
from dbom.engine.shared import shared

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from dbom.engine.journal import Journal
    from dbom.items import Item, Progress
    from dbom.model import Entry

__all__ = ["digest_batch", "digest_items", "read_items"]


def digest_items(
    items: Iterable[Item],
    executor: Executor,
    *,
    in_flight: int = 0,
    retries: int = RETRIES,
    journal: Journal | None = None,
    progress: Progress | None = None,
    batch_bytes: int = BATCH_BYTES,
    batch_items: int = BATCH_ITEMS,
    readers: int = 1,
) -> Generator[Entry]:
    """Read `items` on the workers of `executor` and give their entries, in any order.

    The items are taken as the workers need them: besides the batches in flight (`in_flight`, 0 for two a worker)
    nothing is held. What `journal` knows is given without being read, and each batch is in the journal, on the disk,
    before its entries are given. `readers` is how many items a task reads at once: more than one where each waits for
    a network. `progress` hears of bytes as they are read by threads of this process, elsewhere when a batch is done.

    Raises what an item's `digest` raises, at once; `StoreError` where workers are lost and `PathError` where an
    `OSError` comes back more than `retries` times; `PathError` where the journal can't be written.
    """
    stop = threading.Event()
    # Only threads of this process can be told to stop, and can tell how far they are.
    inside = isinstance(executor, ThreadPoolExecutor)
    function = partial(digest_batch, readers=readers, progress=Stoppable(progress, stop) if inside else None)
    sent = items if inside else map(shared, items)
    work = _pieces(sent, Filling(batch_bytes, batch_items), journal, progress)
    done = run_all(executor, function, work, in_flight=window_of(executor, in_flight), retries=retries)
    try:
        with closing(done):
            for batch, entries in done:
                if batch.held and journal is not None:
                    journal.record(batch.held, entries)
                if progress is not None and not inside:
                    progress.advance(batch.size)
                yield from entries
    finally:
        stop.set()


def digest_batch(batch: Batch, *, readers: int = 1, progress: Progress | None = None) -> tuple[Entry, ...]:
    """Read each item of a batch. It may run on any machine and any number of times."""
    return read_items(batch.held, readers, progress)


def read_items(items: Iterable[Item], readers: int, progress: Progress | None = None) -> tuple[Entry, ...]:
    """Read items, `readers` of them at once, and return their entries in the items' order."""
    if readers <= 1:
        return tuple(item.digest(progress) for item in items)
    with ThreadPoolExecutor(readers, thread_name_prefix="dbom-reader") as threads:
        futures = [threads.submit(item.digest, progress) for item in items]
        try:
            return tuple(future.result() for future in futures)
        finally:
            threads.shutdown(wait=True, cancel_futures=True)


def _pieces(
    items: Iterable[Item], filling: Filling, journal: Journal | None, progress: Progress | None
) -> Iterator[Batch | Ready[Batch, tuple[Entry, ...]]]:
    """Cut the items that the journal doesn't know into batches, and pass on in between what it knows."""
    known: list[Entry] = []
    for item in items:
        if journal is not None and (entry := journal.entry_of(item)) is not None:
            known.append(entry)
            if len(known) == filling.max_items:
                yield _known(known)
                known = []
        elif (batch := filling.add(item)) is not None:
            yield _expected(batch, progress)
    if known:
        yield _known(known)
    if (batch := filling.rest()) is not None:
        yield _expected(batch, progress)


def _known(entries: Iterable[Entry]) -> Ready[Batch, tuple[Entry, ...]]:
    return Ready(Batch(()), tuple(entries))


def _expected(batch: Batch, progress: Progress | None) -> Batch:
    if progress is not None:
        progress.expect(batch.size)
    return batch
