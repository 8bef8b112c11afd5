"""An executor that outlives its workers: a broken pool is replaced by a new one."""

from __future__ import annotations

import threading
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RenewingExecutor"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class RenewingExecutor(Executor):
    """Passes work on to the executor that `make` makes, and makes another one when that is broken.

    A `ProcessPoolExecutor` refuses all work for good once one of its processes was killed; so
    `RenewingExecutor(lambda: ProcessPoolExecutor(8))` is what to pass where that may happen. The work that was lost
    fails with `BrokenExecutor`, and whoever gave it may give it again. `parallelism` is the number of workers, for the
    size of the window.
    """

    def __init__(self, make: Callable[[], Executor], *, parallelism: int = 0) -> None:
        self.parallelism = parallelism
        self._make = make
        self._lock = threading.Lock()
        self._inner = make()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Pass `fn` on. Raises `BrokenExecutor` only where a new executor is broken, too."""
        with self._lock:
            try:
                return self._inner.submit(fn, *args, **kwargs)
            except BrokenExecutor:
                self._inner.shutdown(wait=False, cancel_futures=True)
                self._inner = self._make()
                return self._inner.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  Executor's own
        """Shut down the executor of the moment."""
        with self._lock:
            self._inner.shutdown(wait=wait, cancel_futures=cancel_futures)
