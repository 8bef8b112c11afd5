"""Cached decisions, answered without a task of their own: the same answers in the same order, whatever goes wrong."""

from __future__ import annotations

import json
import os
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from running_webhook import is_gone, now, review, running, slow_client, webhook

from admission.asgi import Application
from admission.bounded import BoundedProtocol
from admission.journal import Journal
from admission.journal.flushing import Flusher
from admission.journal.records import canonical
from admission.policy import Mode
from admission.server import Limits
from admission.webhook import Webhook
from dbom.errors import DocumentError
from dbom.rules.admission import REVIEW_MALFORMED

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from running_webhook import Running

    from admission.bounded import Posted

REVIEW = review()
NOTHING = REVIEW.replace(b'"volumes"', b'"volumez"')


def posted(body: bytes, head: bytes = b"", version: bytes = b"1.1") -> bytes:
    """Return a request as it goes over the wire."""
    first = b"POST /validate?timeout=10s HTTP/" + version
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join((first, b"Host: x", b"Content-Type: application/json", length, *head.splitlines(), b"", body))


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class Answers:
    """What comes back on a connection, answer by answer."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self.connection, self.data = connection, b""

    def next(self) -> tuple[bytes, bytes]:
        """Return the head and the body of the next one that isn't only a word on the way to it."""
        head = b"HTTP/1.1 100"
        while head.startswith(b"HTTP/1.1 1"):
            while b"\r\n\r\n" not in self.data:
                self._more()
            head, _, self.data = self.data.partition(b"\r\n\r\n")
        (length,) = [int(line.split(b":")[1]) for line in head.splitlines() if line.startswith(b"content-length")]
        while len(self.data) < length:
            self._more()
        body, self.data = self.data[:length], self.data[length:]
        return head, body

    def _more(self) -> None:
        data = self.connection.recv(65536)
        assert data, "the connection ended"
        self.data += data


class Called:
    """How often the application is called, and how often it answers at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.at_once = 0, 0
        call, quickly = Application.__call__, Application.at_once

        async def counted(application: Application, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
            self.calls += 1
            await call(application, scope, receive, send)

        def taken(application: Application, asked: Posted) -> bool:
            found = quickly(application, asked)
            self.at_once += found
            return found

        monkeypatch.setattr(Application, "__call__", counted)
        monkeypatch.setattr(Application, "at_once", taken)

    def until(self, times: int) -> None:
        """Wait until so many were taken at once."""
        for _ in range(2000):
            if self.at_once >= times:
                return
            threading.Event().wait(0.01)
        raise AssertionError(self.at_once)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Called:
    return Called(monkeypatch)


class Disk:
    """A disk that takes as long as is wanted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits, self.is_free = threading.Event(), threading.Event()
        self.is_free.set()
        flush = os.fdatasync

        def flushed(descriptor: int) -> None:
            self.waits.set()
            self.is_free.wait(20)
            flush(descriptor)

        monkeypatch.setattr(Flusher, "open", classmethod(lambda _: None))
        monkeypatch.setattr(os, "fdatasync", flushed)

    def hold(self) -> None:
        """Take nothing from now on."""
        self.waits.clear()
        self.is_free.clear()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@contextmanager
def asking(tmp_path: Path, hook: Webhook, limits: Limits | None = None) -> Iterator[tuple[Running, Answers]]:
    """Run a webhook that has decided already, and connect."""
    with running(tmp_path, hook, limits) as up, ExitStack() as stack:
        up.post(REVIEW)
        yield up, Answers(slow_client(up, stack, b""))


@contextmanager
def recorded(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal", at=now(), facts={})
    try:
        yield journal
    finally:
        journal.close(at=now())


def kinds(tmp_path: Path) -> list[str]:
    """Return the kinds of records, those of decisions and after."""
    found = [json.loads(line)["kind"] for line in (tmp_path / "journal").read_bytes().splitlines()]
    return [kind for kind in found if kind not in {"start", "content", "end", "counts"}]


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("mode", list(Mode))
def test_a_cached_answer_is_byte_for_byte_the_one_that_was_worked_out(
    mode: Mode, *, dry_run: bool, tmp_path: Path, called: Called
) -> None:
    body = review(dry_run=dry_run)
    with recorded(tmp_path) as journal, running(tmp_path, webhook(mode, journal)) as up, ExitStack() as stack:
        answers = Answers(slow_client(up, stack, b""))
        found = []
        for _ in range(3):
            answers.connection.sendall(posted(body))
            head, answer = answers.next()
            found.append((sorted(head.splitlines()), answer))
    assert (1, 2) == (called.calls, called.at_once)
    assert found[0] == found[1] == found[2]
    assert json.loads(found[0][1])["response"]["allowed"] is (mode is not Mode.ENFORCE)
    assert kinds(tmp_path) == ([] if dry_run else ["decision"] * 3)
    logged = [line for line in up.logs if line["event"] == "decision"]
    assert logged[0] == logged[1] == logged[2]
    assert 2 == up.server.counts.hits.total
    assert 3 == up.server.counts.decisions.total == json.loads(counted(up, "seconds_count"))


def counted(up: Running, name: str) -> str:
    (line,) = [line for line in up.server.counts.metrics.text().decode().splitlines() if f"{name} " in line]
    return line.split()[1]


@pytest.mark.parametrize(("size", "at_once"), [(70_000, True), (250_000, True), (300_000, False)])
def test_it_may_come_in_pieces(size: int, *, at_once: bool, tmp_path: Path, called: Called) -> None:
    body = REVIEW[:-1] + b" " * size + b"}"
    with asking(tmp_path, webhook()) as (_, answers):
        data = posted(body)
        for begin in range(0, len(data), 30_000):
            answers.connection.sendall(data[begin : begin + 30_000])
        assert b'"uid":"u"' in answers.next()[1]
    assert at_once == bool(called.at_once)


def test_answers_come_in_the_order_of_the_questions(tmp_path: Path, called: Called) -> None:
    """Also where one has to wait for the disk and the next hasn't: the next waits, too."""
    with recorded(tmp_path) as journal, asking(tmp_path, webhook(journal=journal)) as (_, answers):
        other = REVIEW.replace(b'"uid": "u"', b'"uid": "v"')
        answers.connection.sendall(posted(REVIEW) + HEALTH + posted(other) + HEALTH + posted(REVIEW))
        found = [answers.next()[1] for _ in range(5)]
        assert [b'"uid":"u"' in found[0], b'"uid":"v"' in found[2], b'"uid":"u"' in found[4]] == [True] * 3
        assert found[1] == found[3] == b'{"status":"ok"}'
        answers.connection.sendall(posted(REVIEW))
        assert b'"uid":"u"' in answers.next()[1]
    assert called.at_once >= 2


@pytest.mark.parametrize(("head", "version"), [(b"Connection: close", b"1.1"), (b"", b"1.0")])
def test_the_last_answer_of_a_connection_says_so(head: bytes, version: bytes, tmp_path: Path, called: Called) -> None:
    with asking(tmp_path, webhook()) as (_, answers):
        answers.connection.sendall(posted(REVIEW, head, version))
        assert b"connection: close" in answers.next()[0].splitlines()
        assert is_gone(answers.connection)
    assert called.at_once


def test_who_wants_a_word_before_the_body_gets_it_from_the_application(tmp_path: Path, called: Called) -> None:
    with asking(tmp_path, webhook()) as (_, answers):
        whole = posted(REVIEW, b"Expect: 100-continue")
        answers.connection.sendall(whole[: -len(REVIEW)])
        assert answers.connection.recv(100).startswith(b"HTTP/1.1 100 ")
        answers.connection.sendall(REVIEW)
        assert b'"uid":"u"' in answers.next()[1]
    assert not called.at_once


def test_a_body_of_unknown_length_is_read_by_the_application(tmp_path: Path, called: Called) -> None:
    with asking(tmp_path, webhook()) as (_, answers):
        head = posted(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        answers.connection.sendall(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(REVIEW), REVIEW))
        assert b'"uid":"u"' in answers.next()[1]
    assert (2, 0) == (called.calls, called.at_once)


def test_a_fault_on_the_short_way_takes_the_long_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bool:
        raise ValueError("no")

    with asking(tmp_path, webhook()) as (up, answers):
        monkeypatch.setattr(Application, "at_once", fails)
        for _ in range(2):
            answers.connection.sendall(posted(REVIEW))
            assert b'"uid":"u"' in answers.next()[1]
        assert 3 == up.server.counts.decisions.total
    told = [(line["message"], line["error"]) for line in up.logs if line["event"] == "server"]
    assert [("no answer at once", "ValueError('no')")] * 2 == told


def test_an_answer_that_fails_ends_its_connection_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: Called, disk: Disk
) -> None:
    """They wait for one flush together."""
    answered = Webhook.answered

    def fails(hook: Webhook, asked: Any, decision: Any) -> object:  # noqa: ANN401  as they are given
        if asked.uid == "bad":
            raise ValueError("no")
        return answered(hook, asked, decision)

    bad = REVIEW.replace(b'"uid": "u"', b'"uid": "bad"')
    with recorded(tmp_path) as journal, asking(tmp_path, webhook(journal=journal)) as (up, first), ExitStack() as stack:
        others = [Answers(slow_client(up, stack, b"")) for _ in range(3)]
        monkeypatch.setattr(Webhook, "answered", fails)
        disk.hold()
        first.connection.sendall(posted(REVIEW))
        assert disk.waits.wait(20)
        for other, body in zip(others, (REVIEW, bad, REVIEW), strict=True):
            other.connection.sendall(posted(body))
        called.until(4)
        disk.is_free.set()
        assert all(b'"uid":"u"' in item.next()[1] for item in (first, others[0], others[2]))
        assert is_gone(others[1].connection)
    assert ["ValueError('no')"] == [line["error"] for line in up.logs if line["event"] == "server"]
    assert 'dbom_admission_dropped_total{why="failed"} 1' in up.server.counts.metrics.text().decode()


def test_who_leaves_before_the_record_is_written_is_recorded_all_the_same(
    tmp_path: Path, called: Called, disk: Disk
) -> None:
    with (
        recorded(tmp_path) as journal,
        asking(tmp_path, webhook(journal=journal)) as (up, answers),
        ExitStack() as stack,
    ):
        disk.hold()
        leaving = slow_client(up, stack, posted(REVIEW))
        assert disk.waits.wait(20)
        leaving.close()
        answers.connection.sendall(posted(REVIEW))
        called.until(2)
        disk.is_free.set()
        assert b'"uid":"u"' in answers.next()[1]
    assert ["decision"] * 3 == kinds(tmp_path)


def test_who_waits_for_the_disk_when_the_server_is_told_to_end_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    shutdown = BoundedProtocol.shutdown

    def ends(connection: BoundedProtocol) -> None:
        shutdown(connection)
        disk.is_free.set()

    monkeypatch.setattr(BoundedProtocol, "shutdown", ends)
    with recorded(tmp_path) as journal, ExitStack() as stack:
        with running(tmp_path, webhook(journal=journal)) as up:
            up.post(REVIEW)
            disk.hold()
            connection = slow_client(up, stack, posted(REVIEW))
            assert disk.waits.wait(20)
        head, body = Answers(connection).next()
        assert b"connection: close" in head.splitlines()
        assert b'"uid":"u"' in body
    assert ["decision"] * 2 == kinds(tmp_path)


@pytest.mark.parametrize(("mode", "allowed"), [(Mode.ENFORCE, False), (Mode.AUDIT, True)])
def test_a_cached_decision_whose_record_is_too_late_is_not_told(
    mode: Mode, *, allowed: bool, tmp_path: Path, disk: Disk
) -> None:
    with recorded(tmp_path) as journal, asking(tmp_path, webhook(mode, journal), Limits(request=0.3)) as (_, answers):
        disk.hold()
        # What nothing enforces is told once it is written: only behind what waits for the disk it can come too late.
        head = () if mode is Mode.ENFORCE else (threading.Thread(target=journal.flush),)
        for thread in head:
            thread.start()
            assert disk.waits.wait(20)
        answers.connection.sendall(posted(REVIEW))
        response = json.loads(answers.next()[1])["response"]
        disk.is_free.set()
        for thread in head:
            thread.join()
        assert (allowed, "no decision within 0.3 s: the journal is slow") == (
            response["allowed"],
            response["auditAnnotations"]["late"],
        )
        answers.connection.sendall(posted(REVIEW))
        assert b"late" not in answers.next()[1]
    assert ["decision", "decision", "decision", "late"] == sorted(kinds(tmp_path))


def test_who_has_no_patience_at_all_is_told_that_it_is_too_late(tmp_path: Path, called: Called) -> None:
    with asking(tmp_path, webhook()) as (_, answers):
        answers.connection.sendall(posted(REVIEW).replace(b"timeout=10s", b"timeout=0s"))
        response = json.loads(answers.next()[1])["response"]
    assert (False, "no decision within 0 s") == (response["allowed"], response["auditAnnotations"]["late"])
    assert not called.at_once


def test_a_cached_decision_that_is_no_record_is_a_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: Called
) -> None:
    def refuses(*_: object) -> None:
        raise DocumentError(REVIEW_MALFORMED, "no JSON", where="request")

    with recorded(tmp_path) as journal, asking(tmp_path, webhook(journal=journal)) as (up, answers):
        up.post(NOTHING)
        monkeypatch.setattr(Webhook, "entry", refuses)
        answers.connection.sendall(posted(NOTHING))
        response = json.loads(answers.next()[1])["response"]
    assert 1 == called.at_once
    assert (False, REVIEW_MALFORMED.id) == (response["allowed"], response["auditAnnotations"]["unrecorded"])


def test_where_nothing_can_be_recorded_a_cached_yes_is_a_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: Called
) -> None:
    with recorded(tmp_path) as journal, asking(tmp_path, webhook(journal=journal)) as (up, answers):
        assert b'"allowed":true' in canonical(up.post(NOTHING)[1])
        with monkeypatch.context() as failing:
            failing.setattr(journal, "_failed", "the disk failed")
            answers.connection.sendall(posted(NOTHING))
            response = json.loads(answers.next()[1])["response"]
    assert called.at_once
    assert (False, "DBOM-561") == (response["allowed"], response["auditAnnotations"]["unrecorded"])
    assert ["decision"] * 2 == kinds(tmp_path)
