"""Where work runs: threads of this process by default, any `concurrent.futures.Executor` where one is passed in."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor

__all__ = ["MAX_THREADS", "open_executor", "worker_count"]

MAX_THREADS = 256
"""More threads than this help no disk, and a system may refuse them."""


def worker_count(jobs: int) -> int:
    """Return how many workers `jobs` means: itself up to `MAX_THREADS`, or for 0 one for each core we may use."""
    return min(jobs, MAX_THREADS) if jobs > 0 else len(os.sched_getaffinity(0))


def open_executor(jobs: int = 0) -> Executor:
    """Return an executor of `jobs` threads (0: one for each core). Hashing releases the GIL, so threads are enough."""
    return ThreadPoolExecutor(worker_count(jobs), thread_name_prefix="dbom")
