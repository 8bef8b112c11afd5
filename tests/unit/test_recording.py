"""Records of an event loop: durable before whoever waits goes on, and true to what was answered."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from running_webhook import now, review, running, webhook

from admission.journal import Entry, Head, Journal
from admission.journal.checking import check_journal
from admission.journal.contents import Content
from admission.journal.deciding import decision_entry
from admission.journal.flushing import Flusher, flush_now
from admission.journal.reading import read_file
from admission.journal.reporting import Window, read_journals
from admission.recording import Recorder
from admission.review import Review
from admission.server import Limits
from dbom.errors import PathError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATE = Entry.of("late", NOW, {"allowed": False, "number": 1, "uid": "u"})
NOTHING = review().replace(b'"volumes"', b'"volumez"')


def entry(number: int = 0, *contents: Content, durable: bool = True) -> Entry:
    return Entry.of("decision", NOW, {"n": number}, contents=contents, durable=durable)


@pytest.fixture(params=["kernel", "thread", "refused"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way of flushing: by the kernel, by the journal's thread, and where the kernel won't."""
    if request.param == "thread":
        monkeypatch.setattr(Flusher, "open", classmethod(lambda _: None))
    elif Flusher.open() is None:
        pytest.skip("this system flushes no file without being waited for: Linux on x86-64 or ARM does")
    elif request.param == "refused":
        monkeypatch.setattr(Flusher, "begin", lambda *_: False)
    return str(request.param)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal.open(tmp_path / "j", at=NOW, facts={})
    yield found
    found.close(at=NOW)


def record(recorder: Recorder, journal: Journal, what: Entry, *, within: float = 30) -> asyncio.Future[Head | None]:
    deadline = asyncio.get_running_loop().time() + within
    found: asyncio.Future[Head | None] = asyncio.get_running_loop().create_future()
    recorder.record(journal, what, found, deadline=deadline, belied=lambda _: LATE)
    return found


def ran(tmp_path: Path, work: Callable[[Recorder], Awaitable[object]]) -> list[str]:
    """Run something with a recorder and return the kinds of the records after the first."""
    recorder = Recorder()

    async def run() -> None:
        await work(recorder)

    try:
        asyncio.run(run())
    finally:
        recorder.close()
    return kinds(tmp_path)


def kinds(tmp_path: Path) -> list[str]:
    lines = (tmp_path / "j").read_bytes().splitlines()
    return [json.loads(line)["kind"] for line in lines[1:]]


@pytest.mark.usefixtures("way")
def test_all_that_comes_together_is_one_chain(journal: Journal, tmp_path: Path) -> None:
    part = Content.of(b"{}")

    async def work(recorder: Recorder) -> None:
        for _ in range(3):
            what = [entry(number, part, durable=number % 2 == 0) for number in range(40)]
            heads = await asyncio.gather(*(record(recorder, journal, item) for item in what))
            assert len({head.number for head in heads if head is not None}) == 40

    assert sorted(ran(tmp_path, work)) == ["content", *["decision"] * 120]
    assert check_journal((tmp_path / "j").read_bytes(), where="j").decisions == 120


@pytest.mark.usefixtures("way")
def test_many_share_a_flush(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes: list[int] = []
    begin, now_ = Flusher.begin, os.fdatasync

    def begun(self: Flusher, descriptor: int) -> bool:
        flushes.append(descriptor)
        return begin(self, descriptor)

    def waited(descriptor: int) -> None:
        flushes.append(descriptor)
        now_(descriptor)

    monkeypatch.setattr(Flusher, "begin", begun)
    monkeypatch.setattr(os, "fdatasync", waited)

    async def work(recorder: Recorder) -> None:
        await asyncio.gather(*(record(recorder, journal, entry(number)) for number in range(200)))

    assert ran(tmp_path, work) == ["decision"] * 200
    assert 0 < len(flushes) < 10


@pytest.mark.usefixtures("way")
def test_who_waits_for_a_journal_that_is_closed_is_refused(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    journal.close(at=NOW)

    async def work(recorder: Recorder) -> None:
        found = await asyncio.gather(
            *(record(recorder, journal, entry(number)) for number in range(3)), return_exceptions=True
        )
        assert [type(item) for item in found] == [PathError] * 3
        assert len({id(item) for item in found}) == 3

    assert ran(tmp_path, work) == ["end"]


@pytest.mark.usefixtures("way")
def test_records_of_two_journals_go_to_their_own(journal: Journal, tmp_path: Path) -> None:
    other = Journal.open(tmp_path / "other", at=NOW, facts={})

    async def work(recorder: Recorder) -> None:
        both = [record(recorder, into, entry()) for _ in range(5) for into in (journal, other)]
        await asyncio.gather(*both)

    assert ran(tmp_path, work) == ["decision"] * 5
    other.close(at=NOW)
    assert check_journal((tmp_path / "other").read_bytes(), where="j").decisions == 5


def held(monkeypatch: pytest.MonkeyPatch, way: str) -> Callable[[], None]:
    """Let no flush end, and return what lets it."""
    may_go, begin, flush = threading.Event(), Flusher.begin, os.fdatasync
    asked: list[tuple[Flusher, int]] = []

    def waits(descriptor: int) -> None:
        may_go.wait(30)
        flush(descriptor)

    def begins(flusher: Flusher, descriptor: int) -> bool:
        asked.append((flusher, descriptor))
        return True

    monkeypatch.setattr(os, "fdatasync", waits)
    if way == "kernel":
        monkeypatch.setattr(Flusher, "begin", begins)

    def go() -> None:
        may_go.set()
        monkeypatch.setattr(Flusher, "begin", begin)
        assert [begin(*item) for item in asked] == [True] * (way == "kernel")

    return go


@pytest.mark.parametrize("way", ["kernel", "thread"], indirect=True)
def test_what_was_recorded_too_late_is_followed_by_what_was_answered(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    go = held(monkeypatch, way)

    async def work(recorder: Recorder) -> None:
        first = record(recorder, journal, entry(1), within=0.05)
        assert await first is None
        waiting = record(recorder, journal, entry(2), within=0.01), record(recorder, journal, entry(3))
        assert await waiting[0] is None
        go()
        assert await waiting[1] is not None

    ran(tmp_path, work)
    journal.flush()
    # The second had not been handed over, and left no record.
    assert sorted(kinds(tmp_path)) == ["decision", "decision", "late"]


@pytest.mark.parametrize("way", ["kernel", "thread"], indirect=True)
def test_what_is_under_way_when_the_loop_ends_is_followed_by_what_was_answered(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    go, recorder = held(monkeypatch, way), Recorder()

    async def work() -> None:
        assert await record(recorder, journal, entry(), within=0.05) is None

    asyncio.run(work())
    go()
    recorder.close()
    journal.flush()
    assert kinds(tmp_path) == ["decision", "late"]


@pytest.mark.parametrize("way", ["thread"], indirect=True)
@pytest.mark.usefixtures("way")
def test_a_late_no_is_a_no_in_every_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go, flush = threading.Event(), os.fdatasync
    journal = Journal.open(tmp_path / "j", at=now(), facts={})
    hook = webhook(journal=journal)
    hook.answer(NOTHING)
    held_up = [False]

    def waits(descriptor: int) -> None:
        held_up[0] = True
        may_go.wait(30)
        flush(descriptor)

    with running(tmp_path, hook, Limits(request=0.3)) as up:
        monkeypatch.setattr(os, "fdatasync", waits)
        _, answer = up.post(review().replace(b'"n"', b'"late"').replace(b'"volumes"', b'"volumez"'))
        may_go.set()
    journal.close(at=now())
    response = answer["response"]
    assert isinstance(response, dict)
    assert (response["allowed"], "late" in str(response["auditAnnotations"])) == (False, True)
    decisions = read_journals([tmp_path / "j"], Window()).decisions
    assert [(item.namespace, item.verdict, item.allowed) for item in decisions] == [
        ("n", "nothing found", True),
        ("late", "nothing found", False),
    ]


@pytest.mark.parametrize("facts", [{}, {"number": 9, "allowed": False}, {"number": 0, "allowed": "no"}])
def test_what_was_late_names_a_record_before_it(facts: dict[str, int | str], tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    journal.record("late", at=NOW, facts={**facts}, durable=True)
    journal.close(at=NOW)
    assert [fault.number for fault in read_file(tmp_path / "j", lambda _: True).faults] == [1]


def test_what_was_begun_and_not_flushed_is_taken_back(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    before = (tmp_path / "j").read_bytes()
    begun = journal.begin([entry(), entry()])
    assert begun is not None
    assert len((tmp_path / "j").read_bytes()) > len(before)
    with pytest.raises(PathError, match="Input/output error"):
        journal.finish(begun, 5)
    assert (tmp_path / "j").read_bytes() == before
    assert journal.last_error is not None
    with pytest.raises(PathError, match="the disk failed"):
        journal.append(entry())
    assert journal.begin([entry()]) is None
    with pytest.raises(PathError):
        journal.close(at=NOW)


def test_a_loop_writes_only_what_is_quick_and_its_turn(journal: Journal) -> None:
    new = Content.of(b"new")
    assert journal.begin([entry(0, new)]) is None
    journal.append(entry(0, new))
    begun = journal.begin([entry(0, new)])
    assert begun is not None
    assert journal.begin([entry()]) is None
    waiting = journal.submit(entry())
    assert not waiting.done()
    first = journal.finish(begun)
    assert waiting.result().number == first[0].number + 1


def test_a_loop_notices_what_somebody_else_writes(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    with (tmp_path / "j").open("ab") as file:
        file.write(b"x\n")
    with pytest.raises(PathError, match="somebody else writes to it"):
        journal.begin([entry()])
    with pytest.raises(PathError):
        journal.close(at=NOW)


def test_where_a_loop_can_not_write_everybody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, real = Journal.open(tmp_path / "j", at=NOW, facts={}), os.write
    before = (tmp_path / "j").read_bytes()

    def full(descriptor: int, data: memoryview) -> int:
        if descriptor == journal.descriptor and len(data) > 100:
            return real(descriptor, data[:100])
        if descriptor == journal.descriptor:
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    async def work(recorder: Recorder) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(PathError, match="No space left"):
                await record(recorder, journal, entry(), within=20)
        assert (tmp_path / "j").read_bytes() == before
        await record(recorder, journal, entry())

    assert ran(tmp_path, work) == ["decision"]
    journal.close(at=NOW)


def test_a_flush_tells_its_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        assert flush_now(writing)
    finally:
        os.close(reading)
        os.close(writing)
    with (tmp_path / "f").open("wb") as file:
        assert flush_now(file.fileno()) == 0


def test_the_kernel_flushes_and_says_when(tmp_path: Path) -> None:
    flusher = Flusher.open()
    if flusher is None:
        pytest.skip("this system flushes no file without being waited for: Linux on x86-64 or ARM does")
    assert flusher.ended() is None
    with (tmp_path / "f").open("wb") as file:
        file.write(b"x")
        file.flush()
        assert flusher.begin(file.fileno())
        assert flusher.ended(wait=True) == 0
        assert flusher.ended() is None
    assert not flusher.begin(file_descriptor_of_nothing())
    flusher.close()


def file_descriptor_of_nothing() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


@pytest.mark.parametrize(("name", "value"), [("platform.machine", "pdp11"), ("sys.byteorder", "big")])
def test_elsewhere_a_thread_flushes(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = (lambda: value) if name.endswith("machine") else value
    monkeypatch.setattr(name, replaced)
    assert Flusher.open() is None


def test_the_record_of_a_cached_decision_has_its_own_moment_and_uid(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=now(), facts={})
    with running(tmp_path, webhook(journal=journal)) as up:
        for uid in (b"u-1", b"u-2", b'"\\u00e9"'):
            up.post(NOTHING.replace(b'"u"', b'"%s"' % uid.replace(b'"', b"")))
    journal.close(at=now())
    lines = [json.loads(line) for line in (tmp_path / "j").read_bytes().splitlines()]
    found = [line for line in lines if line["kind"] == "decision"]
    assert [line["facts"]["uid"] for line in found] == ["u-1", "u-2", "é"]
    assert len({line["at"] for line in found}) == 3
    assert len({line["facts"]["answer"] for line in found}) == 1


def test_a_decision_is_recorded_as_that_of_the_review_it_is_given_for() -> None:
    hook, first = webhook(), Review.parse(NOTHING)
    decision = hook.decide(first)
    other = Review.parse(NOTHING.replace(b'"n"', b'"elsewhere"'))
    told = [
        json.loads(decision_entry(item, decision, request=b"", allowed=allowed).facts)
        for item, allowed in ((first, True), (other, True), (first, False), (first, True))
    ]
    assert [(item["namespace"], item["allowed"]) for item in told] == [
        ("n", True),
        ("elsewhere", True),
        ("n", False),
        ("n", True),
    ]


@pytest.mark.parametrize("way", ["kernel"], indirect=True)
@pytest.mark.usefixtures("way")
def test_after_a_flush_that_failed_everybody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, ended = Journal.open(tmp_path / "j", at=NOW, facts={}), Flusher.ended
    before = (tmp_path / "j").read_bytes()
    monkeypatch.setattr(Flusher, "ended", lambda self: None if ended(self) is None else 5)

    async def work(recorder: Recorder) -> None:
        both = record(recorder, journal, entry(1)), record(recorder, journal, entry(2))
        found = await asyncio.gather(*both, return_exceptions=True)
        assert ["Input/output error" in str(item) for item in found] == [True, True]
        with pytest.raises(PathError, match="the disk failed"):
            await record(recorder, journal, entry(3))

    assert ran(tmp_path, work) == []
    assert (tmp_path / "j").read_bytes() == before
    with pytest.raises(PathError):
        journal.close(at=NOW)


@pytest.mark.parametrize("way", ["kernel"], indirect=True)
@pytest.mark.usefixtures("way")
def test_what_failed_when_the_loop_had_ended_left_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, recorder = Journal.open(tmp_path / "j", at=NOW, facts={}), Recorder()
    monkeypatch.setattr(Flusher, "begin", lambda *_: True)
    monkeypatch.setattr(Flusher, "ended", lambda *_, **__: 5)

    async def work() -> None:
        assert await record(recorder, journal, entry(), within=0.01) is None

    asyncio.run(work())
    recorder.close()
    assert kinds(tmp_path) == []
    with pytest.raises(PathError):
        journal.close(at=NOW)


def test_a_kernel_that_has_no_such_calls_leaves_it_to_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = dict.fromkeys(("x86_64", "aarch64"), (99_999, 99_999, 99_999, 99_999))
    monkeypatch.setattr("admission.journal.flushing._NUMBERS", numbers)
    assert Flusher.open() is None


@pytest.mark.parametrize("way", ["kernel"], indirect=True)
@pytest.mark.usefixtures("way")
def test_a_flush_of_which_nothing_can_be_learnt_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    flusher = Flusher.open()
    assert flusher is not None
    with monkeypatch.context() as patched:
        patched.setattr(flusher, "_getevents", 99_999)
        assert flusher.ended(wait=True)
    assert flusher.ended() is None
    flusher.close()


@pytest.mark.parametrize("way", ["thread"], indirect=True)
def test_a_disk_that_hangs_holds_up_no_answer(journal: Journal, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    go = held(monkeypatch, way)

    async def work(recorder: Recorder) -> None:
        found = [record(recorder, journal, entry(number), within=0.02 * number) for number in (3, 1, 2)]
        assert await asyncio.gather(*found) == [None, None, None]

    recorder = Recorder()
    asyncio.run(work(recorder))
    go()
    recorder.close()
