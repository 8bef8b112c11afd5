"""Where work runs: threads of this process by default, any `concurrent.futures.Executor` where one is passed in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Executor, Future

__all__ = ["MAX_THREADS", "open_executor", "spread", "worker_count"]

MAX_THREADS = 256
"""More threads than this help no disk, and a system may refuse them."""

_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")


def worker_count(jobs: int) -> int:
    """Return how many workers `jobs` means: itself up to `MAX_THREADS`, or for 0 one for each core we may use."""
    return min(jobs, MAX_THREADS) if jobs > 0 else len(os.sched_getaffinity(0))


def open_executor(jobs: int = 0) -> Executor:
    """Return an executor of `jobs` threads (0: one for each core). Hashing releases the GIL, so threads are enough."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  who needs no threads doesn't wait for it

    return ThreadPoolExecutor(worker_count(jobs), thread_name_prefix="dbom")


def spread(
    pieces: Iterable[_Piece], submit: Callable[[_Piece], Future[_Result]], *, in_flight: int
) -> Generator[tuple[_Piece, _Result], None, None]:
    """Have `pieces` worked on and give each with its result as it is done, in any order.

    Not more than `in_flight` are taken and not yet done. The first failure ends it: what hasn't begun is cancelled.
    """
    flying: dict[Future[_Result], _Piece] = {}
    try:
        for piece in pieces:
            flying[submit(piece)] = piece
            if len(flying) >= in_flight:
                yield from _landed(flying)
        while flying:
            yield from _landed(flying)
    finally:
        for future in flying:
            future.cancel()


def _landed(flying: dict[Future[_Result], _Piece]) -> list[tuple[_Piece, _Result]]:
    from concurrent.futures import FIRST_COMPLETED, wait  # noqa: PLC0415  as above

    return [(flying.pop(future), future.result()) for future in wait(flying, return_when=FIRST_COMPLETED).done]
