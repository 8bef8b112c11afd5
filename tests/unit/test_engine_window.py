"""Items to entries over any executor: bounded, tried again where that may help, the same whatever happens meanwhile."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import pytest
from made_items import Bar, MadeItem, PlainExecutor, reads

from dbom.engine import Batch, RenewingExecutor, batches, digest_items, open_engine
from dbom.engine.running import window_of
from dbom.errors import ChangedError, PathError, StoreError, UsageError
from dbom.model import Basis, Known, tree_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbom.items import Item, Progress
    from dbom.model import Entry

P = ParamSpec("P")
T = TypeVar("T")


class HeldExecutor(Executor):
    """Holds what it is given."""

    def __init__(self) -> None:
        self.held: list[Callable[[], None]] = []
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hold it; the fourth piece makes the first done, since a window of four then waits for one."""
        future: Future[T] = Future()
        self.held.append(lambda: future.set_result(fn(*args, **kwargs)))
        self.futures.append(future)
        if len(self.held) == 4:
            self.held[0]()
        return future


def made(count: int, log: str = "") -> list[MadeItem]:
    return [MadeItem(f"f{number:03}", "x" * number, log) for number in range(count)]


def processes() -> RenewingExecutor:
    context = multiprocessing.get_context("spawn")
    return RenewingExecutor(lambda: ProcessPoolExecutor(1, mp_context=context), parallelism=1)


def test_a_batch_is_closed_by_bytes_or_by_number() -> None:
    items = [MadeItem("a", "12345"), MadeItem("b", "12345"), MadeItem("c", "1"), MadeItem("d", "1"), MadeItem("e", "")]
    cut = list(batches(items, min_bytes=10, max_items=2))
    assert [["a", "b"], ["c", "d"], ["e"]] == [[item.path for item in batch.items()] for batch in cut]
    assert [10, 2, 0] == [batch.size for batch in cut]
    assert ["a", "c", "e"] == [batch.name for batch in cut]
    assert [] == list(batches([]))


@pytest.mark.parametrize("make", [PlainExecutor, lambda: ThreadPoolExecutor(3), processes])
def test_the_digest_is_the_same_on_every_executor(make: Callable[[], Executor]) -> None:
    items = made(40)
    expected = tree_digest(tuple(item.digest() for item in items))
    with make() as executor:
        entries = tuple(digest_items(items, executor, batch_bytes=50, readers=2))
    assert expected == tree_digest(entries)


def test_how_a_digest_is_known_comes_along() -> None:
    known = Known(Basis.STORE_ATTESTED, "a store")
    assert [known] == [entry.known for entry in digest_items([MadeItem("a", known=known)], PlainExecutor())]


def test_no_more_is_taken_than_fits_the_window() -> None:
    """The source is a generator of any length, so nothing but the window may be held of it."""
    taken: list[str] = []

    def source() -> Iterator[Item]:
        for item in made(100):
            taken.append(item.path)
            yield item

    entries = digest_items(source(), PlainExecutor(), in_flight=3, batch_items=2)
    assert [] == taken
    next(entries)
    assert 6 == len(taken)
    assert 99 == len(list(entries))


def test_progress_is_heard_from_threads_and_from_elsewhere() -> None:
    for executor in (PlainExecutor(), ThreadPoolExecutor(2)):
        bar = Bar()
        with executor:
            list(digest_items(made(10), executor, progress=bar, batch_items=3))
        assert (45, 45) == (bar.expected, bar.advanced)


@pytest.mark.parametrize("first", ["lost", "oserror"])
def test_what_is_lost_is_read_again(first: str, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    items = [MadeItem("a", "1", log), MadeItem("b", "2", log, first, times=2), MadeItem("c", "3", log)]
    entries = list(digest_items(items, PlainExecutor(), batch_items=1, in_flight=2))
    assert ["a", "b", "c"] == sorted(entry.path for entry in entries)
    assert ["a", "b", "b", "b", "c"] == sorted(reads(log))


def test_a_process_that_is_killed_is_replaced_and_its_work_done_again(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    items = [MadeItem(f"f{number}", "x", log, "kill" if number == 3 else "") for number in range(6)]
    with processes() as executor:
        entries = tuple(digest_items(items, executor, batch_items=1))
    assert tree_digest(tuple(MadeItem(item.path).digest() for item in items)) == tree_digest(entries)
    assert 2 == len(reads(log, "f3"))


@pytest.mark.parametrize(("first", "error"), [("lost", StoreError), ("oserror", PathError)])
def test_what_fails_again_and_again_ends_the_run(first: str, error: type[Exception], tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    with pytest.raises(error, match=r"bad: .*got 3 attempts"):
        list(digest_items([MadeItem("bad", "x", log, first, times=9)], PlainExecutor(), retries=2))
    assert 3 == len(reads(log))


def test_what_changed_is_not_read_again(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    with pytest.raises(ChangedError):
        list(digest_items([MadeItem("bad", "x", log, "changed")], PlainExecutor()))
    assert 1 == len(reads(log))


def test_an_executor_that_refuses_work_is_asked_again_a_bounded_number_of_times() -> None:
    class Broken(PlainExecutor):
        asked = 0

        def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:  # noqa: ARG002  refused
            self.asked += 1
            raise BrokenExecutor("no more")

    executor = Broken()
    with pytest.raises(StoreError, match="worker"):
        list(digest_items(made(2), executor, retries=2))
    assert 3 == executor.asked


def test_whoever_leaves_cancels_what_has_not_begun() -> None:
    executor = HeldExecutor()
    entries = digest_items(made(10), executor, in_flight=4, batch_items=1)
    assert "f000" == next(entries).path
    entries.close()
    assert [False, True, True, True] == [future.cancelled() for future in executor.futures]


def test_threads_stop_in_the_middle_of_a_file_when_the_run_ends(tmp_path: Path) -> None:
    """An interruption must not wait for the rest of a terabyte."""
    reading, log = tmp_path / "reading", str(tmp_path / "log")

    class Endless(MadeItem):
        def digest(self, progress: Progress | None = None) -> Entry:
            reading.touch()
            assert progress is not None
            while True:
                progress.advance(0)

    class Failing(MadeItem):
        def digest(self, progress: Progress | None = None) -> Entry:
            while not reading.exists():
                pass
            return super().digest(progress)

    with ThreadPoolExecutor(2) as executor, pytest.raises(ChangedError):
        list(digest_items([Endless("a"), Failing("b", log=log, first="changed")], executor, batch_items=1, in_flight=2))


def test_the_window_follows_the_executor() -> None:
    assert 7 == window_of(PlainExecutor(), 7)
    assert 10 == window_of(RenewingExecutor(PlainExecutor, parallelism=5))
    assert 0 < window_of(PlainExecutor())


def test_an_engine_is_threads_or_a_cluster() -> None:
    with open_engine("threads", jobs=2) as executor:
        assert 3 == executor.submit(len, "abc").result()
    with pytest.raises(UsageError, match="no such engine"):
        open_engine("abacus")
    with pytest.raises(UsageError, match="goes with the engine ray"):
        open_engine("threads", ray_address="127.0.0.1:1")


def test_an_empty_batch_has_no_bytes() -> None:
    assert 0 == Batch(()).size
