"""Work in forked processes: for many short pieces, threads would wait for each other's turn at the interpreter.

A child has all that was there when it was forked, so a piece is named by its place alone, and what comes back are
bytes. Children only help. A piece that a child was lost with is given back to be done by whoever asked, so a killed
child costs time and changes no answer. They end with their parent, whatever ends it, and leave by `os._exit`: nothing
that was registered or buffered before the fork is run or written twice.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbom.children import Answer, Child

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from dbom.children import Line, Work

__all__ = ["Crew", "beside", "can_fork"]

_QUEUED = 2  # pieces a child: the next one lies ready when it has done one


def can_fork() -> bool:
    """Return whether this process may be forked: on Linux, with one thread (one of a library's counts), the main one.

    A lock that another thread holds at that moment would stay locked in the child for ever. A parent that ignores the
    ends of its children (SIGCHLD) couldn't tell theirs from a stranger's.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return False
    try:
        threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208  names alone are wanted
    except OSError:
        return False
    return threads == 1 and signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL


@dataclass(slots=True)
class Crew:
    """Some children that do the pieces `0` to `count - 1` of one work.

    The first `alone` pieces are so long that none is queued behind them. `advance` hears how many bytes were read.
    """

    work: Work
    count: int
    alone: int = 0
    advance: Callable[[int], None] | None = None
    _children: list[Child] = field(default_factory=list, init=False)
    _next: int = field(default=0, init=False)
    _lost: list[int] = field(default_factory=list, init=False)

    @contextmanager
    def at_work(self, number: int) -> Iterator[int]:
        """Have up to `number` children at work while the block runs, and give how many the system lets us have."""
        try:
            for _ in range(min(number, self.count)):
                try:
                    self._children.append(Child.fork(self.work, self._children))
                except OSError:  # too many processes or open files, or no memory for one more
                    break
            for queued in range(1, _QUEUED + 1):
                for child in self._children:
                    self._supply(child, queued)
            yield len(self._children)
        finally:
            for child in self._children:
                child.end()
            self._children.clear()

    def results(self) -> Generator[tuple[int, bytes], None, None]:
        """Give each piece with what came of it, in any order; those that were lost with their child are done here.

        Raises the `DbomError` that a piece raised.
        """
        lost: list[int] = []
        poll, living = select.poll(), {child.answers: child for child in self._children}
        for descriptor in living:
            poll.register(descriptor, select.POLLIN)
        while any(child.queue for child in living.values()):
            for descriptor, _ in poll.poll():
                frames = living[descriptor].hear()
                if frames is None:
                    poll.unregister(descriptor)
                    lost += living.pop(descriptor).queue
                else:
                    yield from self._answered(living[descriptor], frames)
        for place in (*lost, *range(self._next, self.count)):
            yield place, self.work(place, _Here(self.advance))

    def _answered(self, child: Child, frames: list[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        for kind, said in frames:
            if kind == Answer.FAILED:
                raise pickle.loads(said)  # noqa: S301  from a child of ours; nobody else can write there
            if kind == Answer.DONE:
                place = child.queue.popleft()
                self._supply(child, _QUEUED)
                yield place, said
            elif self.advance is not None:
                self.advance(int.from_bytes(said, "little"))

    def _supply(self, child: Child, queued: int) -> None:
        """Give a child the next pieces up to so many, unless one is better left for a child that is free."""
        while self._next < self.count and len(child.queue) < queued:
            if child.queue and min(self._next, *child.queue) < self.alone:
                return
            child.order(self._next)
            self._next += 1


@contextmanager
def beside(task: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Have `task` done in a child while the block runs; the block calls what it is given to wait for its end.

    That raises the `DbomError` that the task raised. Where no child can be had or it is lost, the task is done then.
    """

    def work(_place: int, _line: Line) -> bytes:
        task()
        return b""

    def wait() -> None:
        for _ in crew.results():
            pass

    crew = Crew(work, 1)
    with crew.at_work(1):
        yield wait


@dataclass(frozen=True, slots=True)
class _Here:
    """The line of whoever does a piece in the parent itself."""

    told: Callable[[int], None] | None

    def expect(self, size: int) -> None:
        """All was announced before."""

    def advance(self, size: int) -> None:
        if self.told is not None:
            self.told(size)

    def is_set(self) -> bool:
        return False
