"""Objects to one digest: hashed as they arrive, large ones in ranges side by side, in bounded memory."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from dbom.errors import StoreError
from dbom.printable import printable
from dbom.rules.artifacts import TRANSFER_FAILED
from dbom.storage.retries import TransientError, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dbom.items import Progress

__all__ = [
    "CHUNK_BYTES",
    "RANGES",
    "RANGE_BYTES",
    "STREAMED_BYTES",
    "Fetch",
    "demand_range",
    "hash_ranges",
    "hash_stream",
    "pieces",
    "whole",
    "whole_range",
]

CHUNK_BYTES = 1024 * 1024
"""How much of an answer a source reads at once: enough that Python's own work doesn't count beside the hashing."""

RANGE_BYTES = 8 * 1024 * 1024
"""The longest range of a large object that is asked for at once."""

RANGES = 8
"""How many ranges of one process are under way or waiting to be hashed."""

STREAMED_BYTES = 4 * RANGE_BYTES
"""Up to this size an object is one request, hashed as it arrives: others are read beside it."""

# Memory is what this bounds: RANGES times RANGE_BYTES for a process, however many objects it reads at once.
_slots = threading.BoundedSemaphore(RANGES)


class Fetch(Protocol):
    """How a range of one object is had: the bytes from `start` up to, not including, `stop`, in pieces."""

    def __call__(self, start: int, stop: int) -> Iterable[bytes]:
        """Yield the bytes in order; raise `TransientError` where it is worth asking again."""


def hash_ranges(fetch: Fetch, size: int, where: str, *, progress: Progress | None = None) -> str:
    """Return the sha256 in hex of an object of `size` bytes.

    Where an answer breaks off, what is left is asked for again. Raises `StoreError` where it never comes, or where
    more comes than was asked for.
    """
    hasher = hashlib.sha256()

    def take(data: bytes) -> None:
        hasher.update(data)
        if progress is not None:
            progress.advance(len(data))

    if size <= STREAMED_BYTES:
        _take_range(fetch, 0, size, where, take)
    else:
        _take_in_order(lambda start, stop: _parts(fetch, start, stop, where), size, take)
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
    """Return a range in full, asking again for what is missing where less came."""
    return b"".join(_parts(fetch, start, stop, where))


def pieces(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Cut a range into those that a library which returns bytes is asked for one after the other."""
    for first in range(start, stop, RANGE_BYTES):
        yield first, min(first + RANGE_BYTES, stop)


def whole(data: bytes, size: int) -> bytes:
    """Return an answer that was read as a whole; one of another length than was asked for is asked for again."""
    if len(data) != size:
        raise TransientError(f"sent {len(data)} bytes where {size} were asked for")
    return bytes(data)


def demand_range(said: str | None, start: int, stop: int, size: int) -> None:
    """Raise `TransientError` unless an answer's Content-Range is the range that was asked for (RFC 9110, 14.4)."""
    if said != f"bytes {start}-{stop - 1}/{size}":
        raise TransientError("sent another range than was asked for")


def _parts(fetch: Fetch, start: int, stop: int, where: str) -> list[bytes]:
    parts: list[bytes] = []
    _take_range(fetch, start, stop, where, parts.append)
    return parts


def _take_range(fetch: Fetch, start: int, stop: int, where: str, take: Callable[[bytes], None]) -> None:
    """Take a range as it arrives; an answer that broke off is resumed at the byte where it did."""
    position = start

    def ask() -> None:
        nonlocal position
        if start < position == stop:
            return  # only the end of the answer was missing
        for data in fetch(position, stop):
            if len(data) > stop - position:
                # What came before it is taken already, and which part of such an answer is right can't be told.
                raise StoreError(TRANSFER_FAILED, "sends more than it was asked for", where=printable(where))
            take(data)
            position += len(data)
        if position != stop:
            raise TransientError(f"broke off {stop - position} bytes before the end")

    retrying(ask, where)


def _take_in_order(read: Callable[[int, int], list[bytes]], size: int, take: Callable[[bytes], None]) -> None:
    pending: deque[Future[list[bytes]]] = deque()
    position = 0
    with ThreadPoolExecutor(RANGES, thread_name_prefix="dbom-range") as pool:
        try:
            while position < size or pending:
                # Only who holds no slot waits for one, so objects that are read side by side can't block each other.
                while position < size and _slots.acquire(blocking=not pending):
                    stop = min(position + RANGE_BYTES, size)
                    pending.append(pool.submit(read, position, stop))
                    position = stop
                for data in pending[0].result():
                    take(data)
                pending.popleft()
                _slots.release()
        finally:
            for future in pending:
                future.cancel()
                _slots.release()
