"""An end to waiting: what a slow server can't stretch, whatever it drips."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["within"]

_T = TypeVar("_T")


def within(seconds: float, work: Callable[[], _T]) -> _T:
    """Return what `work` returns, or raise what it raises; raise `TimeoutError` where it takes longer than `seconds`.

    The time limits of HTTP libraries hold for each read, so a byte now and then keeps them waiting for ever. The work
    goes on in a thread that nothing waits for; its late result is dropped.
    """
    results: list[_T] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  carried to the caller, whatever it is
            faults.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if faults:
        raise faults[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:g} seconds")
    return results[0]
