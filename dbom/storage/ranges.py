"""Large objects to one digest: ranges fetched side by side, hashed in order, in bounded memory."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from dbom.storage.retries import TransientError, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbom.items import Progress

__all__ = ["RANGES", "RANGE_BYTES", "Fetch", "hash_ranges", "hash_stream", "whole_range"]

RANGE_BYTES = 8 * 1024 * 1024
"""The longest range that is asked for at once."""

RANGES = 8
"""How many ranges of one process are under way or waiting to be hashed."""

# Memory is what this bounds: RANGES times RANGE_BYTES for a process, however many objects it reads at once.
_slots = threading.BoundedSemaphore(RANGES)


class Fetch(Protocol):
    """How a range of one object is had: the bytes from `start` up to, not including, `stop`."""

    def __call__(self, start: int, stop: int) -> bytes:
        """Return the bytes, or raise `TransientError` where it is worth asking again."""


def hash_ranges(fetch: Fetch, size: int, where: str, *, progress: Progress | None = None) -> str:
    """Return the sha256 in hex of an object of `size` bytes.

    Each range must come in full, and is asked for again where it doesn't. Raises `StoreError` where it never does.
    """
    hasher = hashlib.sha256()

    def take(data: bytes) -> None:
        hasher.update(data)
        if progress is not None:
            progress.advance(len(data))

    if size <= RANGE_BYTES:
        with _slots:
            take(whole_range(fetch, 0, size, where))
    else:
        _take_in_order(lambda start, stop: whole_range(fetch, start, stop, where), size, take)
    return hasher.hexdigest()


def hash_stream(
    open_stream: Callable[[], Iterator[bytes]], size: int, where: str, *, progress: Progress | None = None
) -> str:
    """Return the sha256 in hex of an object that can only be read in one go; a broken reading begins again."""
    told = 0

    def read() -> str:
        nonlocal told
        hasher, count = hashlib.sha256(), 0
        for data in open_stream():
            hasher.update(data)
            count += len(data)
            if progress is not None and count > told:
                progress.advance(count - told)
            told = max(told, count)
        if count != size:
            raise TransientError(f"sent {count} bytes where {size} were announced")
        return hasher.hexdigest()

    return retrying(read, where)


def whole_range(fetch: Fetch, start: int, stop: int, where: str) -> bytes:
    """Return a range in full, asking again where less or more than it came."""

    def ask() -> bytes:
        data = fetch(start, stop)
        if len(data) != stop - start:
            raise TransientError(f"sent {len(data)} bytes where {stop - start} were announced")
        return data

    return retrying(ask, where)


def _take_in_order(fetch: Fetch, size: int, take: Callable[[bytes], None]) -> None:
    pending: deque[Future[bytes]] = deque()
    position = 0
    with ThreadPoolExecutor(RANGES, thread_name_prefix="dbom-range") as pool:
        try:
            while position < size or pending:
                # Only who holds no slot waits for one, so objects that are read side by side can't block each other.
                while position < size and _slots.acquire(blocking=not pending):
                    stop = min(position + RANGE_BYTES, size)
                    pending.append(pool.submit(fetch, position, stop))
                    position = stop
                take(pending[0].result())
                pending.popleft()
                _slots.release()
        finally:
            for future in pending:
                future.cancel()
                _slots.release()
