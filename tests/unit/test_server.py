"""The server over real TLS: bounded in size and time, and never a yes by accident."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest
from running_webhook import Running, now, policy, review, running, webhook

from admission.asgi import Application, caller_patience
from admission.bounded import EXTENSION
from admission.certificates import write_self_signed
from admission.counts import Counts
from admission.evidence import Evidence
from admission.journal import Journal
from admission.live import Fixed
from admission.policy import Mode
from admission.server import Certificate, Limits, Server, parse_listen
from admission.webhook import Webhook
from dbom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from datetime import datetime
    from pathlib import Path

    from dbom.canonical import JsonObject


def test_a_review_is_answered_and_logged_in_one_line(tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up:
        status, answer = up.post(review())
    response = answer["response"]
    assert isinstance(response, dict)
    assert (status, response["uid"], response["allowed"]) == (200, "u", False)
    assert [(line["event"], line.get("verdict")) for line in up.logs] == [("decision", "can't tell")]


def test_one_connection_serves_many_requests(tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up:
        connection = up.connect()
        for _ in range(3):
            connection.request("POST", "/validate", review(), {"Content-Type": "application/json"})
            assert connection.getresponse().read()
        connection.close()
    assert len(up.logs) == 3


@pytest.mark.parametrize(
    ("method", "path", "kind", "status"),
    [
        ("GET", "/healthz", "", 200),
        ("GET", "/readyz", "", 200),
        ("HEAD", "/readyz", "", 200),
        ("POST", "/readyz", "", 405),
        ("GET", "/validate", "", 405),
        ("GET", "/", "", 404),
        ("POST", "/validate", "text/plain", 415),
        ("POST", "/validate", "application/json; charset=utf-8", 400),
    ],
)
def test_paths_and_methods(method: str, path: str, kind: str, status: int, tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up:
        assert (
            up.ask(method, path, b"" if method != "POST" else b"{}", {"Content-Type": kind} if kind else None)[0]
            == status
        )


@pytest.mark.parametrize(("path", "status"), [("/validate", 405), ("/nowhere", 404), ("/healthz", 200)])
def test_a_head_request_is_answered_without_a_body(path: str, status: int, tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up:
        assert up.ask("HEAD", path) == (status, {})


def test_what_is_no_review_gets_a_400_that_says_why(tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up:
        status, answer = up.post(b"{}")
    assert (status, answer["rule"], up.logs[0]["event"]) == (400, "DBOM-511", "malformed")


def test_a_body_that_is_too_large_gets_a_413(tmp_path: Path) -> None:
    with running(tmp_path, webhook(), Limits(body_bytes=1000)) as up:
        status, answer = up.post(b" " * 1001)
    assert (status, answer) == (413, {"error": "the body is larger than 1000 bytes"})


def raw(up: Running, data: bytes) -> bytes:
    context = ssl.create_default_context(cafile=str(up.folder / "ca.crt"))
    with (
        socket.create_connection(up.address, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        wrapped.sendall(data)
        return wrapped.recv(4096)


@pytest.mark.parametrize(
    "data", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 40000]
)
def test_what_is_no_http_gets_a_4xx(data: bytes, tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up:
        assert raw(up, data).startswith(b"HTTP/1.1 4")


def test_a_slow_request_is_dropped(tmp_path: Path) -> None:
    head = b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\nabc"
    with running(tmp_path, webhook(), Limits(request=0.05)) as up:
        assert raw(up, head) == b""


def test_an_idle_connection_is_dropped(tmp_path: Path) -> None:
    with running(tmp_path, webhook(), Limits(idle=0.05, request=0.05)) as up:
        assert raw(up, b"GET") == b""


def test_a_client_that_asks_first_is_told_to_go_on(tmp_path: Path) -> None:
    kind = b"Content-Type: application/json\r\n"
    head = b"POST /validate HTTP/1.1\r\nHost: x\r\n" + kind + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with running(tmp_path, webhook()) as up:
        assert raw(up, head).startswith(b"HTTP/1.1 100")


def test_too_many_connections_are_closed(tmp_path: Path) -> None:
    with running(tmp_path, webhook(), Limits(connections=0)) as up, pytest.raises(OSError):  # noqa: PT011  whatever the system says of a closed connection
        up.ask("GET", "/healthz")


def test_plain_http_is_not_served(tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up, socket.create_connection(up.address, timeout=10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP")


def test_a_decision_that_does_not_come_in_time_is_a_no(tmp_path: Path) -> None:
    gate = threading.Event()

    def slow_clock() -> datetime:
        if threading.current_thread().name.startswith("decide"):
            gate.wait(20)
        return now()

    hook = Webhook([policy(Mode.ENFORCE)], Evidence(), slow_clock)
    with running(tmp_path, hook, Limits(request=0.5)) as up:
        status, answer = up.post(review())
        gate.set()
    response = answer["response"]
    assert isinstance(response, dict)
    assert (status, response["allowed"]) == (200, False)
    assert response["status"] == {
        "code": 403,
        "reason": "Forbidden",
        "message": "dbom: can't tell: no decision within 0.5 s",
    }


def test_where_all_policies_only_listen_a_late_decision_blocks_nothing() -> None:
    answered = webhook(Mode.AUDIT).gave_up(review(), "no decision within 1 s")
    response = json.loads(answered.body)["response"]
    assert (True, ["dbom: can't tell: no decision within 1 s"]) == (response["allowed"], response["warnings"])


def ask_application(application: Application, body: bytes, began: float, query: bytes = b"") -> JsonObject:
    """Send a review to an application as a server does whose request began at a moment of the loop's clock."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(dict(message))

    async def asked() -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/validate",
            "query_string": query,
            "headers": [(b"content-type", b"application/json")],
            "extensions": {EXTENSION: (asyncio.get_running_loop().time() + began, False)},
        }
        await application(scope, receive, send)

    asyncio.run(asked())
    found: JsonObject = json.loads(sent[1]["body"])
    return found


@pytest.mark.parametrize(("began", "query"), [(-4.0, b""), (-0.9, b"timeout=1s")])
def test_the_time_that_reading_took_is_gone_for_deciding(began: float, query: bytes) -> None:
    """With a deadline each, a slow sender and a slow decision came to more than the API server waits."""
    application = Application(Fixed(webhook()), print, Counts())
    response = ask_application(application, review(), began, query)["response"]
    application.close()
    assert isinstance(response, dict)
    assert isinstance(response["status"], dict)
    assert "no decision within" in str(response["status"]["message"])


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        (b"timeout=5s", 5.0),
        (b"a=b&timeout=10s", 10.0),
        (b"timeout=1m30s&x", 90.0),
        (b"timeout=0.5s", 0.5),
        (b"", None),
        (b"timeout=", None),
        (b"timeout=5", None),
        (b"mytimeout=5s", None),
    ],
)
def test_how_long_the_caller_waits_is_read_as_api_servers_say_it(query: bytes, seconds: float | None) -> None:
    assert seconds == caller_patience(query)


def test_the_deadline_is_below_the_five_seconds_that_the_api_server_waits() -> None:
    assert Limits().request < 5


def test_a_new_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, webhook()) as up:
        assert up.ask("GET", "/healthz")[0] == 200
        write_self_signed(tmp_path, now=now())
        assert up.ask("GET", "/healthz")[0] == 200
        (tmp_path / "tls.crt").write_text("half written")
        assert up.ask("GET", "/healthz")[0] == 200
    assert [line["event"] for line in up.logs] == ["certificate"]


@pytest.mark.parametrize("text", ["", "8443", "localhost:", "localhost:x", "localhost:70000", ":1"])
def test_an_address_has_a_host_and_a_port(text: str) -> None:
    with pytest.raises(InputError):
        parse_listen(text)


def test_addresses() -> None:
    assert parse_listen("[::1]:8443") == ("::1", 8443)
    assert parse_listen("0.0.0.0:0") == ("0.0.0.0", 0)  # noqa: S104  parsed, not bound


def test_a_server_without_a_usable_certificate_does_not_start(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path / "gone", tmp_path / "gone", lambda _: None)
    with pytest.raises(InputError, match="not a certificate with its key"):
        Server(webhook(), certificate, lambda _: None).run("127.0.0.1", 0, started=lambda *_: None)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    files = write_self_signed(tmp_path, now=now())
    certificate = Certificate(files.certificate, files.key, lambda _: None)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="can't listen"):
        Server(webhook(), certificate, lambda _: None).run(*taken.getsockname(), started=lambda *_: None)


def test_in_enforce_mode_what_can_not_be_recorded_is_denied(tmp_path: Path) -> None:
    nothing = review().replace(b'"volumes"', b'"volumez"')
    journal = Journal.open(tmp_path / "j", at=now(), facts={})
    assert json.loads(webhook(journal=journal).answer(nothing).body)["response"]["allowed"] is True
    journal.close(at=now())
    answered = webhook(journal=journal).answer(nothing)
    assert json.loads(answered.body)["response"]["allowed"] is False
    assert "unrecorded" in answered.log
    assert json.loads(webhook(Mode.AUDIT, journal).answer(nothing).body)["response"]["allowed"] is True


def test_a_decision_that_comes_too_late_is_a_no_and_is_not_recorded(tmp_path: Path) -> None:
    nothing = review().replace(b'"volumes"', b'"volumez"')
    journal = Journal.open(tmp_path / "j", at=now(), facts={})
    before = (tmp_path / "j").read_bytes()
    answered = webhook(journal=journal).answer(nothing, lambda: True)
    assert json.loads(answered.body)["response"]["allowed"] is False
    assert (tmp_path / "j").read_bytes() == before
    journal.close(at=now())


def test_a_dry_run_leaves_no_trace(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=now(), facts={})
    before = (tmp_path / "j").read_bytes()
    webhook(journal=journal).answer(review(dry_run=True))
    assert (tmp_path / "j").read_bytes() == before
    webhook(journal=journal).answer(review())
    assert len((tmp_path / "j").read_bytes()) > len(before)
    journal.close(at=now())


def test_giving_up_on_what_is_no_review_is_a_400() -> None:
    assert webhook().gave_up(b"{}", "late").status == 400
