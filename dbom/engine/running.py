"""A stream of tasks over any executor: a bounded number in flight, and lost ones tried again."""

from __future__ import annotations

import os
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from dbom.errors import CancelledError, PathError, StoreError
from dbom.printable import printable
from dbom.rules.artifacts import READ_FAILED_AGAIN, WORKERS_LOST
from dbom.rules.everyday import CANCELLED

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterable

    from dbom.items import Progress

__all__ = ["RETRIES", "Named", "Ready", "Stoppable", "run_all", "window_of"]

RETRIES = 3
"""How often a task is given again after a lost worker or an OSError, unless a caller says otherwise."""

_A_WORKER = 2  # one task running and one waiting for each worker, so that none stands idle


class Named(Protocol):
    """What a task works on. It has a name, for messages."""

    @property
    def name(self) -> str:
        """What it is called."""


_Work = TypeVar("_Work", bound=Named)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Ready(Generic[_Work, _Result]):
    """A piece of work whose result is at hand already."""

    piece: _Work
    result: _Result


def window_of(executor: Executor, in_flight: int = 0) -> int:
    """Return how many tasks may be in flight: `in_flight`, or for 0 two for each of the executor's workers.

    An executor says how many workers it has by an attribute `parallelism`; for one that doesn't, this machine's cores
    are taken.
    """
    workers = int(getattr(executor, "parallelism", 0)) or len(os.sched_getaffinity(0))
    return in_flight if in_flight > 0 else _A_WORKER * max(1, workers)


def run_all(
    executor: Executor,
    function: Callable[[_Work], _Result],
    work: Iterable[_Work | Ready[_Work, _Result]],
    *,
    in_flight: int,
    retries: int = RETRIES,
) -> Generator[tuple[_Work, _Result]]:
    """Run `function` over `work` and give each piece with its result as it is done, in any order.

    Not more than `in_flight` pieces are taken from `work` and not yet given back. A piece whose worker was lost
    (`BrokenExecutor`) or that met an `OSError` is given again up to `retries` times, so `function` must be one that
    may run twice. Every other error ends the run, as the caller's leaving does: what hasn't begun is then cancelled.

    Raises `StoreError` where workers are lost once too often, `PathError` for the last `OSError`.
    """
    window = _Window(executor, function, retries)
    try:
        for piece in work:
            if isinstance(piece, Ready):
                yield piece.piece, piece.result
                continue
            window.give(piece)
            if len(window.running) >= in_flight:
                yield window.take()
        while window.running:
            yield window.take()
    finally:
        window.cancel()


@dataclass(slots=True)
class _Window(Generic[_Work, _Result]):
    executor: Executor
    function: Callable[[_Work], _Result]
    retries: int
    running: dict[Future[_Result], tuple[_Work, int]] = field(default_factory=dict)
    done: SimpleQueue[Future[_Result]] = field(default_factory=SimpleQueue)

    def give(self, piece: _Work, attempt: int = 0) -> None:
        future, attempt = self._submitted(piece, attempt)
        self.running[future] = (piece, attempt)
        future.add_done_callback(self.done.put)

    def take(self) -> tuple[_Work, _Result]:
        """Wait for one piece to be done; give again what was lost meanwhile."""
        while True:
            future = self.done.get()
            piece, attempt = self.running.pop(future)
            try:
                return piece, future.result()
            except (BrokenExecutor, OSError) as error:
                self.give(piece, self._next(piece, attempt, error))

    def cancel(self) -> None:
        for future in self.running:
            future.cancel()

    def _submitted(self, piece: _Work, attempt: int) -> tuple[Future[_Result], int]:
        while True:
            try:
                return self.executor.submit(self.function, piece), attempt
            except BrokenExecutor as error:
                attempt = self._next(piece, attempt, error)

    def _next(self, piece: _Work, attempt: int, error: BrokenExecutor | OSError) -> int:
        if attempt < self.retries:
            return attempt + 1
        where, tries = printable(piece.name), f"{attempt + 1} attempts"
        if isinstance(error, BrokenExecutor):
            raise StoreError(WORKERS_LOST, "the worker that read this was lost", where=where, got=tries) from error
        what = f"can't be read: {printable(error.strerror or type(error).__name__)}"
        raise PathError(READ_FAILED_AGAIN, what, where=where, got=tries) from error


class Stoppable:
    """A `Progress` for threads: passes on what it hears, and ends the reading once `stop` is set."""

    def __init__(self, progress: Progress | None, stop: threading.Event) -> None:
        self._progress = progress
        self._stop = stop

    def expect(self, size: int) -> None:
        """Say nothing: whoever hands out the work has said it."""

    def advance(self, size: int) -> None:
        """Pass it on. Raises `CancelledError` in the middle of a file where the run has ended."""
        if self._stop.is_set():
            raise CancelledError(CANCELLED, "reading was stopped")
        if self._progress is not None:
            self._progress.advance(size)
