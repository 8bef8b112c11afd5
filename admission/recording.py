"""Records from an event loop: what comes while the disk is waited for is handed over together, and awaited together.

The journal's thread is woken once for many records, and wakes the loop once for them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from concurrent.futures import Future

    from admission.journal import Entry, Head, Journal

__all__ = ["Recorder"]

_LINGER: Final = 0.001
"""For so many seconds a batch gathers, where several wait already."""


class Recorder:
    """Hands entries of one event loop to journals, batch after batch."""

    def __init__(self) -> None:
        self._next: list[tuple[Journal, Entry, asyncio.Future[Head]]] = []
        self._is_busy = False

    def submit(self, journal: Journal, entry: Entry) -> asyncio.Future[Head]:
        """Hand in an entry; the result comes as `Journal.submit`'s does. To be called in the loop.

        Who cancels it before its batch is handed over leaves no record.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Head] = loop.create_future()
        self._next.append((journal, entry, waiter))
        if not self._is_busy:
            self._is_busy = True
            # What else this turn of the loop brings comes along.
            loop.call_soon(self._hand_over, loop)
        return waiter

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        taken, self._next = self._next, []
        batch = [(journal.submit(entry), waiter) for journal, entry, waiter in taken if not waiter.cancelled()]
        if not batch:
            self._is_busy = False
            return

        def done(_: Future[Head]) -> None:
            loop.call_soon_threadsafe(self._told, batch, loop)

        # Records are written in their order: with the last one, all are.
        batch[-1][0].add_done_callback(done)

    def _told(self, batch: list[tuple[Future[Head], asyncio.Future[Head]]], loop: asyncio.AbstractEventLoop) -> None:
        if len(self._next) > 1:
            # Under load a flush for many costs less than many: what the next moment brings comes along.
            loop.call_later(_LINGER, self._hand_over, loop)
        elif self._next:
            self._hand_over(loop)
        else:
            self._is_busy = False
        for recorded, waiter in batch:
            if waiter.done():
                continue
            error = recorded.exception()
            if error is None:
                waiter.set_result(recorded.result())
            else:
                waiter.set_exception(error)
