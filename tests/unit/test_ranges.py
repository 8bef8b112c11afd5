"""Ranges: in order, whole, again where they fail, in bounded memory."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest

from dbom.errors import ChangedError, PathError, StoreError
from dbom.rules.artifacts import CHANGED_WHILE_READ, PATH_MISSING, PATH_UNREADABLE, TRANSFER_FAILED
from dbom.storage.ranges import RANGE_BYTES, RANGES, STREAMED_BYTES, hash_ranges, hash_stream, whole_range
from dbom.storage.retries import Retries, TransientError, judged, retrying, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATA = bytes(range(256)) * (STREAMED_BYTES // 256) + b"tail"


class _Counting:
    def __init__(self) -> None:
        self.expected = 0
        self.read = 0

    def expect(self, size: int) -> None:
        self.expected += size

    def advance(self, size: int) -> None:
        self.read += size


def test_ranges_are_hashed_in_order_whichever_comes_first() -> None:
    """The first range is answered last, and the digest is that of the bytes in order."""
    others = threading.Semaphore(0)

    def fetch(start: int, stop: int) -> Iterator[bytes]:
        if start == 0:
            for _ in range(4):
                others.acquire()
        else:
            others.release()
        yield _DATA[start:stop]

    seen = _Counting()
    assert hashlib.sha256(_DATA).hexdigest() == hash_ranges(fetch, len(_DATA), "x", progress=seen)
    assert len(_DATA) == seen.read


@pytest.mark.parametrize("data", [_DATA, _DATA[:1000]], ids=["in ranges", "in one go"])
def test_an_answer_that_breaks_off_is_resumed_where_it_did(data: bytes) -> None:
    """Once silently and once with an error: no byte is asked for twice, and none is hashed twice."""
    asked: list[tuple[int, int]] = []
    seen = _Counting()

    def fetch(start: int, stop: int) -> Iterator[bytes]:
        asked.append((start, stop))
        if (turn := sum(stop == other for _, other in asked)) < 3:
            yield data[start : start + 1]
            if turn == 2:
                raise ConnectionResetError
            return
        yield data[start:stop]

    assert hashlib.sha256(data).hexdigest() == hash_ranges(fetch, len(data), "x", progress=seen)
    assert len(data) == seen.read
    starts = sorted(start for start, _ in asked)
    assert len(starts) == len(set(starts))


def test_a_broken_end_behind_the_last_byte_needs_no_further_answer() -> None:
    def fetch(start: int, stop: int) -> Iterator[bytes]:
        assert (0, 4) == (start, stop)
        yield b"abcd"
        raise ConnectionResetError

    assert b"abcd" == whole_range(fetch, 0, 4, "x")


@pytest.mark.parametrize("size", [3, STREAMED_BYTES + 3])
def test_more_than_was_asked_for_is_an_error_and_no_digest(size: int) -> None:
    """What came before it is hashed by then, so it isn't asked for again."""
    with pytest.raises(StoreError, match="more than it was asked for") as caught:
        hash_ranges(lambda start, stop: iter([bytes(stop - start - 1), b"xy"]), size, "s3://b/k")
    assert TRANSFER_FAILED is caught.value.rule


def test_no_more_ranges_are_under_way_than_the_bound() -> None:
    size = RANGE_BYTES * RANGES * 3
    lock = threading.Lock()
    under_way, most = 0, 0
    zeros = bytes(RANGE_BYTES)

    def fetch(start: int, stop: int) -> list[bytes]:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        data = zeros[: stop - start]
        with lock:
            under_way -= 1
        return [data]

    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(hash_ranges(fetch, size, "x"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = hashlib.sha256(bytes(size)).hexdigest()
    assert [expected] * 3 == results
    assert most <= RANGES


def test_an_error_of_one_range_ends_the_reading_and_frees_its_slots() -> None:
    def fetch(start: int, stop: int) -> list[bytes]:
        if start:
            raise ChangedError(CHANGED_WHILE_READ, "was replaced")
        return [_DATA[start:stop]]

    for _ in range(RANGES + 1):  # would wait for ever if a slot were lost
        with pytest.raises(ChangedError):
            hash_ranges(fetch, len(_DATA), "x")
    assert hashlib.sha256(b"a").hexdigest() == hash_ranges(lambda _start, _stop: [b"a"], 1, "x")


def test_a_broken_stream_begins_again() -> None:
    pieces = iter([[b"ab"], [b"abc", b"d"]])
    seen = _Counting()
    digest = hash_stream(lambda: iter(next(pieces)), 4, "x", progress=seen)
    assert hashlib.sha256(b"abcd").hexdigest() == digest
    assert seen.read == 4


def test_pauses_double_and_heed_what_the_store_asks_for_in_bounds() -> None:
    policy = Retries(attempts=4, first=1.0)
    assert [1.0, 2.0, 4.0] == [policy.wait(attempt, None) for attempt in range(3)]
    assert [7.0, 20.0] == [policy.wait(0, 7.0), policy.wait(0, 3600.0)]


def test_a_store_that_never_answers_is_asked_a_bounded_number_of_times() -> None:
    pauses: list[float] = []

    def ask() -> None:
        raise TransientError("the store answers 503", after=3.0)

    with pytest.raises(StoreError) as caught:
        retrying(ask, "s3://b/k", retries=Retries(attempts=3, first=0.5), sleep=pauses.append)
    assert (TRANSFER_FAILED, "s3://b/k: the store answers 503, in 3 attempts") == (
        caught.value.rule,
        str(caught.value),
    )
    assert [3.0, 3.0] == pauses


class _AnswerError(OSError):
    def __init__(self, status: int) -> None:
        super().__init__("answered")
        self.status = status
        self.headers = {"Retry-After": "4"}


@pytest.mark.parametrize(("status", "rule"), [(401, PATH_UNREADABLE), (403, PATH_UNREADABLE), (404, PATH_MISSING)])
def test_refusals_and_absence_are_never_asked_again(status: int, rule: object) -> None:
    asked = 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        raise _AnswerError(status)

    with pytest.raises(PathError) as caught:
        retrying(ask, "x", sleep=lambda _: None)
    assert (1, rule) == (asked, caught.value.rule)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_busy_stores_are_asked_again_after_what_they_ask_for(status: int) -> None:
    verdict = judged(_AnswerError(status), "x")
    assert isinstance(verdict, TransientError)
    assert verdict.after == 4.0


def test_connections_that_fail_are_asked_again_and_other_errors_not() -> None:
    assert isinstance(judged(ConnectionResetError(), "x"), TransientError)
    assert isinstance(judged(TimeoutError(), "x"), TransientError)
    assert isinstance(judged(OSError("no credentials"), "x"), StoreError)
    assert isinstance(judged(_AnswerError(412), "x"), ChangedError)


def test_the_status_of_a_cause_counts() -> None:
    error = OSError("translated")
    error.__cause__ = _AnswerError(503)
    assert status_of(error) == 503
    assert status_of(OSError()) is None
