"""A forked child that does what its parent orders, piece by piece, and ends with it.

It has all that was there when it was forked, so a piece is named by its place alone; what it answers are bytes. It
leaves by `os._exit`: nothing that was registered or buffered before the fork is run or written a second time.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import struct
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn, Protocol, Self

from dbom.errors import DbomError
from dbom.items import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

__all__ = ["Answer", "Child", "Line", "Work"]

_PLACE = struct.Struct("=I")
_FRAME = struct.Struct("=BI")  # what follows, and how many bytes of it
_TOLD_AT_ONCE = 16 * 1024 * 1024  # bytes of progress: some hundred messages a second at most
_READ = 64 * 1024


class Answer(IntEnum):
    """What a child says: what came of a piece, how many bytes more it has read, or the error that ended it."""

    DONE = 0
    ADVANCED = 1
    FAILED = 2


class Line(Progress, Protocol):
    """What whoever does a piece tells, as to a progress, and is told meanwhile."""

    def is_set(self) -> bool:
        """Return whether nobody waits for the piece any more."""


class Work(Protocol):
    """However a piece is done, in a child."""

    def __call__(self, place: int, line: Line, /) -> bytes:
        """Do the piece at this place. A `DbomError` that it raises reaches the parent as it is."""


@dataclass(slots=True)
class Child:
    """One child, as its parent sees it: how to order and hear it, and the pieces that it has yet to do."""

    pid: int
    orders: int
    answers: int
    queue: deque[int] = field(default_factory=deque)
    received: bytearray = field(default_factory=bytearray)

    @classmethod
    def fork(cls, work: Work, others: Iterable[Child]) -> Self:
        """Fork a child that does `work`. Raises `OSError` where the system refuses."""
        parent, pipes = os.getpid(), _pipes()
        (take, orders), (answers, tell) = pipes
        # Between the fork and the moment when each side is ready for it, no signal may strike.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            pid = os.fork()
            if pid == 0:
                unused = [orders, answers, *(end for child in others for end in (child.orders, child.answers))]
                _live(work, take, _Outlet(tell, parent), mask=before, unused=unused)
            os.close(take)
            os.close(tell)
            return cls(pid, orders, answers)
        except OSError:
            for end in (*pipes[0], *pipes[1]):
                os.close(end)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def order(self, place: int) -> None:
        """Have it do one more piece. Where it is dead, that shows when its answers end."""
        self.queue.append(place)
        with suppress(BrokenPipeError):
            os.write(self.orders, _PLACE.pack(place))

    def hear(self) -> list[tuple[int, bytes]] | None:
        """Wait for it and return what it has told since the last time, or None where it is dead and told all."""
        read = os.read(self.answers, _READ)
        if not read:
            return None
        self.received += read
        frames, start = [], 0
        while start + _FRAME.size <= len(self.received):
            kind, size = _FRAME.unpack_from(self.received, start)
            end = start + _FRAME.size + size
            if end > len(self.received):
                break
            frames.append((kind, bytes(self.received[start + _FRAME.size : end])))
            start = end
        del self.received[:start]
        return frames

    def end(self) -> None:
        """Have it end, at once: it holds nothing that would be lost."""
        os.close(self.orders)
        os.close(self.answers)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


@dataclass(slots=True)
class _Outlet:
    """A child's line to its parent."""

    answers: int
    parent: int
    read: int = 0

    def expect(self, size: int) -> None:
        """All was announced before the fork."""

    def advance(self, size: int) -> None:
        self.read += size
        if self.read >= _TOLD_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if self.read:
            self.tell(Answer.ADVANCED, self.read.to_bytes(8, "little"))
            self.read = 0

    def is_set(self) -> bool:
        return os.getppid() != self.parent

    def tell(self, kind: int, said: bytes) -> None:
        frame = memoryview(_FRAME.pack(kind, len(said)) + said)
        while frame:
            frame = frame[os.write(self.answers, frame) :]


def _pipes() -> tuple[tuple[int, int], tuple[int, int]]:
    first = os.pipe()
    try:
        return first, os.pipe()
    except OSError:
        os.close(first[0])
        os.close(first[1])
        raise


def _live(work: Work, orders: int, outlet: _Outlet, *, mask: AbstractSet[int], unused: Iterable[int]) -> NoReturn:
    """Be a child, from the fork to the end, which is here: nothing of the parent's program goes on behind it."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the keyboard's interrupt goes to all, and the parent answers it
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        gc.disable()  # it would write to every page that is shared with the parent
        for descriptor in unused:
            os.close(descriptor)
        _serve(work, outlet, orders)
        status = 0
    finally:
        os._exit(status)


def _serve(work: Work, outlet: _Outlet, orders: int) -> None:
    """Do what is ordered until the parent closes the line."""
    while order := os.read(orders, _PLACE.size):
        try:
            (place,) = _PLACE.unpack(order)
            done = work(place, outlet)
        except DbomError as error:
            outlet.tell(Answer.FAILED, pickle.dumps(error))
            return
        outlet.flush()
        outlet.tell(Answer.DONE, done)
