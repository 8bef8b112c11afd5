"""The server at its edges: what is large, late, unread, unrecorded, or sent by somebody who doesn't read."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from running_webhook import HEAD, Running, is_gone, now, policy, review, running, slow_client, webhook

from admission.asgi import Application
from admission.counts import Counts
from admission.evidence import Evidence
from admission.journal import Journal
from admission.live import Fixed
from admission.server import Limits
from admission.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from datetime import datetime
    from pathlib import Path

CHUNKED = HEAD.replace(b"Content-Length: 100000", b"Transfer-Encoding: chunked").removesuffix(b"{")


def padded(size: int) -> bytes:
    """Return a review that is so much larger."""
    return review().replace(b'"name": "c"', b'"name": "c", "x": "' + b"x" * size + b'"')


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def answered(up: Any, data: bytes, *, until: bytes) -> bytes:  # noqa: ANN401  a server that runs
    found = b""
    with ExitStack() as stack:
        connection = slow_client(up, stack, data)
        with suppress(OSError):
            while until not in found and (part := connection.recv(65536)):
                found += part
    return found


@pytest.mark.parametrize("size", [0, 100_000, 600_000, 2_000_000])
def test_a_review_of_any_size_in_pieces_has_an_answer(size: int, tmp_path: Path) -> None:
    body = padded(size)
    with running(tmp_path, webhook()) as up:
        pieces = b"".join(chunk(body[start : start + 50_000]) for start in range(0, len(body), 50_000))
        answer = answered(up, CHUNKED + pieces + b"0\r\nX: y\r\n\r\n", until=b'"allowed":false')
        assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("size", "said"), [(100, b"DBOM-511"), (600_000, b"DBOM-511"), (2_000_000, b"too large to say")]
)
def test_what_is_no_review_is_told_so_whatever_its_size(size: int, said: bytes, tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up:
        status, answer = up.post(padded(size).replace(b'"operation"', b'"operatiom"').replace(b'"uid"', b'"uit"'))
        assert 400 == status
        assert said in json.dumps(answer).encode()


def test_a_body_in_pieces_that_is_too_large_is_ended(tmp_path: Path) -> None:
    with running(tmp_path, webhook(), Limits(body_bytes=100_000)) as up:
        data = CHUNKED + chunk(b"x" * 60_000) + chunk(b"x" * 60_000)
        assert answered(up, data, until=b"larger than").startswith(b"HTTP/1.1 413")


def test_a_whole_head_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, webhook(), Limits(header_bytes=1000)) as up:
        data = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 2000 + b"\r\n\r\n"
        assert answered(up, data, until=b"431").startswith(b"HTTP/1.1 431")
        assert {"head": 1.0} == {why: count for (why,), count in up.server.counts.dropped.items()}


def test_of_bodies_that_are_too_large_together_the_largest_ends(tmp_path: Path) -> None:
    with running(tmp_path, webhook(), Limits(held_bytes=150_000)) as up, ExitStack() as stack:
        large = slow_client(up, stack, HEAD + b"x" * 90_000)
        small = slow_client(up, stack, HEAD + b"x" * 70_000)
        assert is_gone(large)
        assert 200 == up.post(review())[0]
        assert {"crowded": 1.0} == {why: count for (why,), count in up.server.counts.dropped.items()}
        small.sendall(b"x" * 30_000)
        assert small.recv(12) == b"HTTP/1.1 400"


def large_pages(up: Running) -> None:
    """Make a page of some megabytes."""
    for number in range(30_000):
        up.server.counts.dropped.add(f"{number:0100}")


def test_who_does_not_read_the_answers_is_ended(tmp_path: Path) -> None:
    with running(tmp_path, webhook(), Limits(request=1.0)) as up, ExitStack() as stack:
        large_pages(up)
        slow_client(up, stack, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
        while ("slow",) not in {values for values, _ in up.server.counts.dropped.items()}:
            threading.Event().wait(0.05)
        assert 200 == up.post(review())[0]


def test_who_reads_late_gets_all_answers(tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up, ExitStack() as stack:
        large_pages(up)
        connection = slow_client(up, stack, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
        found = 0
        while found < 8:
            part = connection.recv(1024 * 1024)
            assert part
            found += part.count(b"HTTP/1.1 200")


def test_who_asks_on_and_on_without_waiting_for_answers_is_ended(tmp_path: Path) -> None:
    """A hundred such connections were the only ones that were answered, for minutes."""
    with running(tmp_path, webhook()) as up, ExitStack() as stack:
        connection = slow_client(up, stack, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
        found = b""
        while part := connection.recv(65536):
            found += part
        assert found.count(b"HTTP/1.1 200") <= 9
        assert found.endswith(b"Invalid HTTP request received.")


def test_pages_are_shown(tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up:
        assert (200, True) == (up.ask("GET", "/status")[0], up.ask("GET", "/status")[1]["ready"])
        assert (200, {}) == up.ask("HEAD", "/metrics")


class Asked:
    """An application that is asked without a server, its webhook's clock held up in its workers until `go` is set."""

    def __init__(self, make: Callable[[Callable[[], datetime]], Webhook], limits: Limits) -> None:
        self.go, self.counts = threading.Event(), Counts()
        self.application = Application(Fixed(make(self._clock)), lambda _: None, self.counts, limits)

    def _clock(self) -> datetime:
        if threading.current_thread().name.startswith("decide"):
            self.go.wait(20)
        return now()

    async def ask(self, body: bytes) -> dict[str, Any]:
        """Return the response to a review."""
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(dict(message))

        scope = {"type": "http", "method": "POST", "path": "/validate", "query_string": b""}
        await self.application({**scope, "headers": [(b"content-type", b"application/json")]}, receive, send)
        return dict(json.loads(sent[1]["body"])["response"])


def test_of_too_many_questions_at_once_those_beyond_are_refused_at_once() -> None:
    asked = Asked(lambda clock: Webhook([policy()], Evidence(), clock), Limits(request=20.0))

    async def all_of_them() -> dict[str, Any]:
        bodies = [review().replace(b'"c"', f'"c{number}"'.encode()) for number in range(129)]
        waiting = [asyncio.create_task(asked.ask(body)) for body in bodies[:128]]
        await asyncio.sleep(0)
        assert 128 == asked.counts.misses.total
        last = await asked.ask(bodies[128])
        asked.go.set()
        assert {False} == {item["allowed"] for item in await asyncio.gather(*waiting)}
        return last

    found = asyncio.run(all_of_them())
    asked.application.close()
    assert "no decision within" in found["status"]["message"]


def test_another_protocol_than_http_is_left_alone() -> None:
    asked = Asked(lambda clock: Webhook([policy()], Evidence(), clock), Limits())

    async def nothing(*_: object) -> Any:  # noqa: ANN401  it isn't called
        raise AssertionError

    asyncio.run(asked.application({"type": "lifespan"}, nothing, nothing))
    asked.application.close()


def test_what_a_journal_can_not_take_is_refused_and_counted(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal", at=now(), facts={})
    journal.count("malformed")
    with running(tmp_path, replace(webhook(), journal=journal)) as up:
        plain = review().replace(b'"volumes"', b'"volumez"')
        assert up.post(plain)[1]["response"]["allowed"] is True  # type: ignore[call-overload,index]  # an object
        assert up.post(plain.replace(b'"dryRun": false', b'"dryRun": true'))[0] == 200
        assert up.post(plain.replace(b'"CREATE"', b'"MAKE"'))[0] == 200
        journal.close(at=now())
        assert up.post(plain)[1]["response"]["allowed"] is False  # type: ignore[call-overload,index]  # an object
        counts = up.server.counts
        assert (1, 1, 1) == (counts.unrecorded.total, counts.dry_runs.total, counts.malformed.total)
