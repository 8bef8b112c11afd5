"""Records from an event loop: what comes while the disk is waited for is handed over together, and awaited together.

Where the kernel flushes without being waited for, records are written in the loop, and no other thread takes the
interpreter from it; else the journal's thread is woken once for many records, and wakes the loop once for them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from admission.journal.flushing import Flusher, flush_now
from dbom.errors import DbomError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from admission.journal import Entry, Head, Journal
    from admission.journal.entries import Begun

__all__ = ["Promise", "Recorder"]

_QUIET: Final = 2
"""So many turns of the loop without another record end the gathering of a batch."""

_ENOUGH: Final = 256


class Promise(Protocol):
    """What is told of a record, as an `asyncio.Future` is; nobody waits for one that is done."""

    def done(self) -> bool:
        """Return whether it was told."""

    def set_result(self, head: Head | None, /) -> None:
        """Take where the record stands; None where it came too late."""

    def set_exception(self, error: DbomError, /) -> None:
        """Take why there is none."""


class _Waiter(msgspec.Struct):
    """Somebody who waits for a record until a moment by the loop's clock, and what is recorded if that was too long."""

    journal: Journal
    entry: Entry
    deadline: float
    belied: Callable[[Head], Entry]
    promise: Promise


class Recorder:
    """Hands entries of one event loop to journals, batch after batch."""

    def __init__(self) -> None:
        self._next: list[_Waiter] = []
        self._under_way: list[_Waiter] = []
        self._found: Sequence[Head] | DbomError = ()
        self._is_busy = False
        # By the loop's clock: when an entry came last, and when a batch was handed over.
        self._came = self._handed = 0.0
        self._flusher: Flusher | None = None
        self._is_new = True
        self._begun: tuple[Journal, Begun] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def record(
        self, journal: Journal, entry: Entry, promise: Promise, *, deadline: float, belied: Callable[[Head], Entry]
    ) -> None:
        """Hand in an entry; `promise` is told once it is recorded, or its `PathError`, or None at the deadline.

        To be called in the loop, whose clock the deadline is of. At the deadline whoever waits says something else than
        what was to be recorded: what isn't handed over by then leaves no record, and what is recorded in spite of it is
        followed by what `belied` returns for it.
        """
        loop = asyncio.get_running_loop()
        self._next.append(_Waiter(journal, entry, deadline, belied, promise))
        self._came = loop.time()
        if self._timer is None or deadline < self._timer.when():
            self._wait_until(deadline, loop)
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._gather, loop, 0, _QUIET)

    def _gather(self, loop: asyncio.AbstractEventLoop, seen: int, quiet: int) -> None:
        """Hand over what waits, once some turns of the loop brought no more: a flush for many costs what one costs."""
        waiting = len(self._next)
        quiet = _QUIET if waiting > seen else quiet - 1
        if quiet and waiting < _ENOUGH:
            loop.call_soon(self._gather, loop, waiting, quiet)
        else:
            self._hand_over(loop)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = [waiter for waiter in self._next if not waiter.promise.done()]
        journal = waiting[0].journal if waiting else None
        # All are of one journal, unless it was changed a moment ago.
        self._next = [waiter for waiter in waiting if waiter.journal is not journal]
        self._under_way = [waiter for waiter in waiting if waiter.journal is journal]
        self._is_busy = journal is not None
        if journal is not None:
            self._handed = loop.time()
            self._write(journal, [waiter.entry for waiter in self._under_way], loop)

    def _write(self, journal: Journal, entries: Sequence[Entry], loop: asyncio.AbstractEventLoop) -> None:
        if self._is_new:
            self._open(loop)
        try:
            begun = None if self._flusher is None else journal.begin(entries)
        except DbomError as error:
            self._found = error
            loop.call_soon(self._told, loop)
            return
        if begun is None:
            journal.hand_in(entries, partial(self._was_written, loop))
            return
        self._begun = journal, begun
        if not begun.durable:
            self._finish(0)
            loop.call_soon(self._told, loop)
        elif self._flusher is None or not self._flusher.begin(journal.descriptor):
            # This file can't be flushed so: from now on the journal's thread does it.
            self._without(loop)
            self._finish(flush_now(journal.descriptor))
            loop.call_soon(self._told, loop)

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_new, self._flusher = False, Flusher.open()
        if self._flusher is not None:
            loop.add_reader(self._flusher.fileno(), self._was_flushed, self._flusher, loop)

    def _without(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._flusher is not None:
            loop.remove_reader(self._flusher.fileno())
            self._flusher.close()
            self._flusher = None

    def _was_flushed(self, flusher: Flusher, loop: asyncio.AbstractEventLoop) -> None:
        error = flusher.ended()
        if error is not None and self._begun is not None:
            self._finish(error)
            self._told(loop)

    def _was_written(self, loop: asyncio.AbstractEventLoop, found: Sequence[Head] | DbomError) -> None:
        """Take what came of a batch, in the journal's thread."""
        self._found = found
        # Where the loop has ended, `close` looks at it.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._told, loop)

    def _finish(self, error: int) -> None:
        if self._begun is not None:
            journal, begun = self._begun
            self._begun = None
            try:
                self._found = journal.finish(begun, error)
            except DbomError as refused:
                self._found = refused

    def _told(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, found, self._under_way = self._under_way, self._found, []
        now = loop.time()
        if now - self._came < (now - self._handed) / 2:
            # The loop was busy while the disk was: it goes on so, with what came in the meantime.
            self._hand_over(loop)
        else:
            # The loop waited for the disk: whoever is answered now may ask anew, and comes along.
            loop.call_soon(self._gather, loop, 0, _QUIET)
        if isinstance(found, DbomError):
            for waiter in batch:
                if not waiter.promise.done():
                    waiter.promise.set_exception(copy(found))
            return
        for waiter, head in zip(batch, found, strict=True):
            if not waiter.promise.done():
                waiter.promise.set_result(head)
            else:
                _belie(waiter, head)

    def close(self) -> None:
        """See to it, when the loop has ended, that what it left under way is followed by what was answered."""
        if self._flusher is not None:
            if self._begun is not None:
                self._finish(self._flusher.ended(wait=True) or 0)
            self._flusher.close()
            self._flusher, self._is_new = None, True
        batch, self._under_way = self._under_way, []
        if not batch:
            return
        with suppress(DbomError):
            # What was handed in before is written by then.
            batch[0].journal.flush()
        if not isinstance(self._found, DbomError):
            for waiter, head in zip(batch, self._found, strict=True):
                _belie(waiter, head)

    def _wait_until(self, deadline: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(deadline, self._end_late, loop)

    def _end_late(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let those go on whose time has come, and wait for the next."""
        self._timer, now = None, loop.time()
        waiting = [waiter for waiter in (*self._under_way, *self._next) if not waiter.promise.done()]
        for waiter in waiting:
            if waiter.deadline <= now:
                waiter.promise.set_result(None)
        left = [waiter.deadline for waiter in waiting if waiter.deadline > now]
        if left:
            self._wait_until(min(left), loop)


def _belie(waiter: _Waiter, head: Head) -> None:
    # Nobody waits for it. Where it can't be written, the journal's last error says so.
    waiter.journal.hand_in((waiter.belied(head),), lambda _: None)
