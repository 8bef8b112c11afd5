"""What a server in a cluster meets: slow clients by the hundred, stampedes, floods, clients without a certificate."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from running_webhook import HEAD, is_gone, policy, review, running, slow_client, webhook

from admission.certificates import write_self_signed
from admission.evidence import Evidence
from admission.server import Certificate, Limits, Server
from admission.webhook import Webhook

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import JsonObject


@pytest.mark.parametrize("data", [HEAD, HEAD[:20]])
def test_two_hundred_slow_clients_stop_nobody_else(data: bytes, tmp_path: Path) -> None:
    """They come before, and hold more places than there are."""
    with running(tmp_path, webhook(), Limits(connections=50, request=20.0)) as up, ExitStack() as stack:
        slow = [slow_client(up, stack, data) for _ in range(200)]
        for _ in range(5):
            assert 200 == up.post(review())[0]
        assert [True] * 5 == [is_gone(connection) for connection in slow[:5]]
    assert 150 <= up.server.counts.dropped.total


def test_a_stampede_on_one_question_is_worked_out_once(tmp_path: Path) -> None:
    asked: list[str] = []
    go = threading.Event()

    def clock() -> datetime:
        if threading.current_thread().name.startswith("decide"):
            asked.append("once")
            go.wait(20)
        return datetime.now(UTC)

    hook = Webhook([policy()], Evidence(), clock)
    with running(tmp_path, hook) as up, ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(up.post, review()) for _ in range(20)]
        while up.server.counts.misses.total < 20:
            threading.Event().wait(0.01)
        go.set()
        assert {200} == {item.result()[0] for item in answers}
    assert ["once"] == asked
    assert 20 == up.server.counts.decisions.total


def test_a_flood_of_other_questions_keeps_the_cache_within_its_bound(tmp_path: Path) -> None:
    hook = webhook()
    hook.cache.most_bytes = 20_000
    with running(tmp_path, hook) as up:
        for number in range(50):
            assert 200 == up.post(review().replace(b'"c"', f'"c{number}"'.encode()))[0]
    assert hook.cache.size <= 20_000


def test_reviews_are_taken_only_from_clients_of_the_authority_that_is_named(tmp_path: Path) -> None:
    files = write_self_signed(tmp_path / "tls", now=datetime.now(UTC))
    own = write_self_signed(tmp_path / "clients", now=datetime.now(UTC))
    logs: list[JsonObject] = []
    certificate = Certificate(files.certificate, files.key, logs.append, clients=own.certificate)
    server = Server(webhook(), certificate, logs.append)
    found: list[tuple[str, int]] = []
    ready = threading.Event()

    def started(host: str, port: int) -> None:
        found.append((host, port))
        ready.set()

    thread = threading.Thread(target=server.run, args=("127.0.0.1", 0), kwargs={"started": started})
    thread.start()
    assert ready.wait(20)
    trusting = ssl.create_default_context(cafile=str(files.authority))
    assert 200 == ask(found[0], trusting, "GET", "/readyz")[0]
    assert (401, {"error": "a client certificate is expected"}) == ask(found[0], trusting, "POST", "/validate")
    assert 404 == ask(found[0], trusting, "POST", "/")[0]
    server.stop()
    thread.join(20)
    assert not thread.is_alive()


def ask(address: tuple[str, int], context: ssl.SSLContext, method: str, path: str) -> tuple[int, JsonObject]:
    connection = http.client.HTTPSConnection(*address, context=context, timeout=10)
    connection.request(method, path, review() if method == "POST" else b"", {"Content-Type": "application/json"})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, json.loads(data)


def test_metrics_and_status_tell_what_was_answered(tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up:
        up.post(review())
        up.post(review())
        connection = up.connect()
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        connection.close()
    assert 'dbom_admission_decisions_total{verdict="can\'t tell",mode="enforce",allowed="false"} 2\n' in page
    assert "dbom_admission_cache_hits_total 1\n" in page


def test_an_answer_takes_microseconds_not_whole_milliseconds(tmp_path: Path) -> None:
    """By the loop's own clock a cached one took none, or one."""
    with running(tmp_path, webhook()) as up:
        for _ in range(5):
            up.post(review())
        (line,) = [item for item in up.server.counts.seconds.lines() if "_sum" in item]
    milliseconds = float(line.split()[1]) * 1000
    assert abs(milliseconds - round(milliseconds)) > 1e-6


@pytest.mark.parametrize("uid", ["u", "705ab4f5-6393-11e8-b7cc-42010a800002", 'a"b\\\x00\n', "ü" * 300])
def test_a_prepared_answer_is_the_same_whoever_asks(uid: str, tmp_path: Path) -> None:
    """The answer to a uid never holds another's, and a hostile one stays a text."""
    del tmp_path
    hook = webhook()
    document = json.loads(review())
    first = json.loads(hook.answer(json.dumps(document).encode()).body)
    document["request"]["uid"] = uid
    again = json.loads(hook.answer(json.dumps(document).encode()).body)
    assert uid == again["response"].pop("uid")
    assert "u" == first["response"].pop("uid")
    assert first == again


EARLY = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
PARTLY = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + HEAD


@pytest.mark.parametrize(("data", "then"), [(EARLY, b"x"), (EARLY, b""), (PARTLY, b""), (PARTLY, b"x")])
def test_what_is_answered_before_it_was_whole_ends_as_everything_does(data: bytes, then: bytes, tmp_path: Path) -> None:
    """Such a connection was forgotten: nothing ended it, and its place was nobody's any more."""
    with running(tmp_path, webhook(), Limits(idle=0.2, request=0.2)) as up, ExitStack() as stack:
        connection = slow_client(up, stack, data)
        connection.settimeout(20)
        assert connection.recv(4096).startswith(b"HTTP/1.1 ")
        connection.sendall(then)
        with suppress(ConnectionError, ssl.SSLError):
            while connection.recv(4096):
                pass
        assert up.ask("GET", "/healthz")[0] == 200
    assert {("idle",), ("slow",)} >= {values for values, _ in up.server.counts.dropped.items()}
