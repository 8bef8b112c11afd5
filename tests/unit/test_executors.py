"""How many threads there are."""

from __future__ import annotations

import os
import threading

from dbom.executors import MAX_THREADS, open_executor, worker_count


def test_workers_are_as_many_as_asked_or_one_a_core() -> None:
    assert 3 == worker_count(3)
    assert MAX_THREADS == worker_count(10**9)
    assert len(os.sched_getaffinity(0)) == worker_count(0)


def test_work_runs_in_threads_of_this_process() -> None:
    with open_executor(2) as executor:
        name = executor.submit(lambda: threading.current_thread().name).result()
        assert os.getpid() == executor.submit(os.getpid).result()
    assert name.startswith("dbom")
