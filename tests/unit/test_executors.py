"""How many threads there are, and that work is given to them a bounded piece at a time."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future

import pytest

from dbom.executors import MAX_THREADS, open_executor, spread, worker_count


def test_workers_are_as_many_as_asked_or_one_a_core() -> None:
    assert 3 == worker_count(3)
    assert MAX_THREADS == worker_count(10**9)
    assert len(os.sched_getaffinity(0)) == worker_count(0)


def test_work_runs_in_threads_of_this_process() -> None:
    with open_executor(2) as executor:
        name = executor.submit(lambda: threading.current_thread().name).result()
        assert os.getpid() == executor.submit(os.getpid).result()
    assert name.startswith("dbom")


def test_work_is_spread_and_each_piece_comes_with_its_result() -> None:
    with open_executor(3) as executor:
        results = spread(range(100), lambda number: executor.submit(lambda: number * number), in_flight=7)
        assert [(number, number * number) for number in range(100)] == sorted(results)


def test_no_more_than_the_bound_is_taken_and_not_yet_done() -> None:
    taken: list[Future[int]] = []

    def submit(number: int) -> Future[int]:
        assert len([future for future in taken if not future.done()]) < 5
        future: Future[int] = Future()
        taken.append(future)
        if len(taken) == 5:
            taken[0].set_result(number)
        elif len(taken) > 5:
            future.set_result(number)
        return future

    results = spread(range(20), submit, in_flight=5)
    assert 0 == next(results)[0]
    results.close()
    assert 4 == sum(future.cancelled() for future in taken)


def test_the_first_failure_cancels_what_hasnt_begun() -> None:
    futures: list[Future[int]] = [Future() for _ in range(3)]
    futures[1].set_exception(OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        list(spread(range(3), futures.__getitem__, in_flight=3))
    assert [True, False, True] == [future.cancelled() for future in futures]
