"""Whoever reaches the webhook's port: what they send is no yes, holds up nobody, and takes no memory to speak of."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from serving_process import GOOD, Serving, asked, model_pod, serving, sign_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEAD = b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
REVIEW = asked(model_pod())
SIZED = b"Content-Length: %d\r\n" % len(REVIEW)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(REVIEW), REVIEW)
UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
MEBIBYTE = 1024 * 1024


@pytest.fixture(name="up", scope="module")
def make_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Run a webhook in enforce, with a journal, that lets the pod of `REVIEW` in."""
    folder = tmp_path_factory.mktemp("strangers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBOM_HOME", str(folder / "home"))
        patch.setenv("DBOM_CONFIG_HOME", str(folder / "config"))
        patch.chdir(folder)
        sign_model()
        with serving(folder, "--policy", "policy.yaml", "--store", "store", "--journal", "journal.jsonl") as running:
            assert running.review(REVIEW)["allowed"] is True
            yield running


def told(up: Serving) -> int:
    """Return how many decisions were answered and recorded."""
    status = up.status()
    found = sum(item["count"] for item in status["decisions"])
    assert found <= status["journal"]["records"]
    return int(found)


@pytest.mark.parametrize(
    "data",
    [
        HEAD + SIZED + CHUNKED + b"\r\n0\r\n\r\n" + REVIEW,
        HEAD + CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + REVIEW,
        HEAD + SIZED + b"Content-Length: 3\r\n\r\n" + REVIEW,
        HEAD + SIZED + SIZED + b"\r\n" + REVIEW,
        HEAD + SIZED.replace(b": ", b": +") + b"\r\n" + REVIEW,
        HEAD + SIZED.replace(b"\r\n", b", 3\r\n") + b"\r\n" + REVIEW,
        HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + REVIEW,
        HEAD + b"Content-Length: -1\r\n\r\n" + REVIEW,
        HEAD + b"Transfer-Encoding: identity\r\n\r\n" + REVIEW,
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNK,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNK,
        HEAD + CHUNKED + b"\r\nffffffffffffffffff\r\n" + REVIEW,
        HEAD + CHUNKED + b"\r\n-1\r\n" + REVIEW,
        (HEAD + SIZED).replace(b"\r\n", b"\n") + b"\n" + REVIEW,
        HEAD + SIZED.replace(b":", b" :") + b"\r\n" + REVIEW,
        HEAD + b"X: a\r\n b\r\n" + SIZED + b"\r\n" + REVIEW,
        HEAD + b"X: a\0b\r\n" + SIZED + b"\r\n" + REVIEW,
        HEAD.replace(b"POST", b"post") + SIZED + b"\r\n" + REVIEW,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + REVIEW,
        b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n" + HEAD + SIZED + b"\r\n" + REVIEW,
        HEAD + b"X: " + b"a" * MEBIBYTE + b"\r\n" + SIZED + b"\r\n" + REVIEW,
        HEAD + b"a: b\r\n" * 100_000 + SIZED + b"\r\n" + REVIEW,
        HEAD.replace(b"/validate", b"/validate?" + b"a" * MEBIBYTE) + SIZED + b"\r\n" + REVIEW,
    ],
)
def test_what_could_be_read_as_two_requests_is_none_and_ends_the_connection(up: Serving, data: bytes) -> None:
    before = told(up)
    answer = up.send(data)
    assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431")
    assert 1 == answer.count(b"HTTP/1.1 ")
    assert b"allowed" not in answer
    assert before == told(up)


@pytest.mark.parametrize(
    "data",
    [
        HEAD + CHUNKED + b"\r\n" + CHUNK,
        HEAD + CHUNKED + b"\r\n" + b"".join(b"1\r\n%c\r\n" % byte for byte in REVIEW) + b"0\r\n\r\n",
        HEAD + CHUNKED + b"\r\n" + CHUNK.replace(b"\r\n", b";a=b\r\n", 1),
        HEAD + CHUNKED + b"\r\n" + CHUNK[:-2] + b"X: y\r\nContent-Type: text/plain\r\n\r\n",
        HEAD + b"Expect: 100-continue\r\n" + SIZED + b"\r\n" + REVIEW,
        HEAD.replace(b"/validate", b"https://elsewhere/validate?timeout=10s") + SIZED + b"\r\n" + REVIEW,
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + SIZED + b"\r\n" + REVIEW,
    ],
)
def test_other_ways_to_write_a_request_have_the_same_answer(up: Serving, data: bytes) -> None:
    answer = up.send(data)
    response = json.loads(answer[answer.index(b'{"') :])["response"]
    assert (UID, True) == (response["uid"], response["allowed"])


def test_requests_that_are_sent_together_are_answered_in_their_order(up: Serving) -> None:
    other = asked(model_pod(GOOD.replace("1" * 64, "2" * 64)), uid="0" * 36)
    data = HEAD + SIZED + b"\r\n" + REVIEW + HEAD + b"Content-Length: %d\r\n\r\n" % len(other) + other
    answers = [json.loads(part[part.index(b'{"') :])["response"] for part in up.send(data * 3).split(b"HTTP/1.1 ")[1:]]
    assert [(UID, True), ("0" * 36, False)] * 3 == [(item["uid"], item["allowed"]) for item in answers]


def test_what_follows_a_request_that_closes_is_not_read(up: Serving) -> None:
    before = told(up)
    answer = up.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + HEAD + SIZED + b"\r\n" + REVIEW)
    assert 1 == answer.count(b"HTTP/1.1 ")
    assert before == told(up)


def test_a_review_that_was_never_whole_is_no_question(up: Serving) -> None:
    """All of a review came, and less than was announced: nobody is told a decision, so none is recorded."""
    before = told(up)
    for head in (HEAD + b"Content-Length: 100000\r\n\r\n", HEAD + CHUNKED + b"\r\n%x\r\n" % len(REVIEW)):
        assert b"" == up.send(head + REVIEW, end=True)
    assert before == told(up)


def changed(old: str, new: str) -> bytes:
    assert old.encode() in REVIEW
    return REVIEW.replace(old.encode(), new.encode("utf-8", "surrogateescape"), 1)


NAMED = '"name":"c"'


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (changed(NAMED, '"name":"c","x":NaN'), 200),
        (changed(NAMED, '"name":"c","args":[NaN]'), 200),
        (changed(NAMED, '"name":"c","args":[1e999]'), 200),
        (changed(NAMED, '"name":"c","args":[' + "9" * 5000 + "]"), 200),
        (changed(NAMED, '"name":"c","args":["\\ud800"]'), 200),
        (changed(NAMED, '"name":"c","args":["\udcff"]'), 200),
        (changed(NAMED, '"name":"c","args":' + "[" * 10_000 + "]" * 10_000), 200),
        (changed('"CREATE"', '"create"'), 200),
        (changed('"CREATE"', '["CREATE"]'), 200),
        (changed('"kind":"Pod"}', '"kind":"Secret"}'), 200),
        (changed('"apiVersion":"v1"', '"apiVersion":"x/v1"'), 200),
        (changed("admission.k8s.io/v1", "admission.k8s.io/v1beta1"), 200),
        (changed("admission.k8s.io/v1", "admission.k8s.io/v2"), 200),
        (changed('"kind":"AdmissionReview"', '"kind":"AdmissionReviewList"'), 200),
        (changed('"dryRun":false', '"dryRun":"no"'), 200),
        (changed('"namespace":"prod","name"', f'"namespace":"{"n" * 2000}","name"'), 200),
        (changed(UID, ""), 400),
        (changed(UID, "\\ud800"), 400),
        (changed(UID, "u" * 2000), 400),
        (changed(f'"{UID}"', f'["{UID}"]'), 400),
        (changed(f'"{UID}"', "7"), 400),
        (REVIEW + REVIEW, 200),
        (REVIEW[:-1], 200),
        (b"\xef\xbb\xbf" + REVIEW, 400),
        (REVIEW.decode().encode("utf-16"), 400),
        (b"[" + REVIEW + b"]", 400),
        (b"\0" * 1000, 400),
        (b"[" * 4_000_000, 400),
        (b"[" + b"[]," * 1_300_000 + b"[]]", 400),
        (b'{"a":' + b"9" * 4_000_000 + b"}", 400),
        (b" " * (4 * MEBIBYTE + 1), 413),
    ],
)
def test_what_api_servers_do_not_write_is_no_yes(up: Serving, body: bytes, status: int) -> None:
    found, answer = up.ask("POST", "/validate", body)
    assert status == found
    assert b'"allowed":true' not in answer
    assert up.review(REVIEW)["allowed"] is True


def test_of_a_key_that_stands_twice_the_last_one_counts_as_to_an_api_server(up: Serving) -> None:
    evil = GOOD.replace("1" * 64, "2" * 64)
    assert up.review(changed(f'"reference":"{GOOD}"', f'"reference":"{evil}","reference":"{GOOD}"'))["allowed"]
    assert not up.review(changed(f'"reference":"{GOOD}"', f'"reference":"{GOOD}","reference":"{evil}"'))["allowed"]


def test_a_million_keys_before_one_that_stands_twice_hold_up_nobody(up: Serving) -> None:
    """It took hours, in which one of eight threads was gone and the process could not end."""
    keys = b"".join(b'"k%d":0,' % number for number in range(80_000))
    assert 400 == up.ask("POST", "/validate", b"{" + keys + b'"k79999":1}')[0]
    assert up.review(REVIEW)["allowed"] is True


def test_another_object_than_the_one_that_is_there_before_is_judged(up: Serving) -> None:
    """An update is let pass as unchanged only for one and the same relevant part."""
    evil = model_pod(GOOD.replace("1" * 64, "2" * 64))
    assert "unchanged" == up.review(asked(evil, evil))["auditAnnotations"]["verdict"]
    assert not up.review(asked(evil, model_pod()))["allowed"]
    assert not up.review(asked(evil, {**evil, "spec": {}}))["allowed"]
    assert not up.review(asked(evil, evil, operation="CREATE"))["allowed"]
    assert not up.review(asked(evil, None, subResource="ephemeralcontainers"))["allowed"]
    # What the object says of its own namespace decides nothing: API servers hold the two alike.
    assert not up.review(asked({**evil, "metadata": {"name": "p", "namespace": "kube-system"}}))["allowed"]
    assert up.review(asked({}, None, operation="DELETE", object=None, oldObject=evil))["allowed"]


def test_fields_behind_a_body_take_no_memory(up: Serving) -> None:
    before = up.resident
    with up.connect() as connection, suppress(OSError):
        connection.sendall(HEAD + CHUNKED + b"\r\n1\r\n{\r\n0\r\n")
        for _ in range(100):
            connection.sendall(b"a: b\r\n" * 100_000)
    assert up.resident - before < 64 * MEBIBYTE
    assert up.review(REVIEW)["allowed"] is True


def test_bodies_that_never_end_are_bounded_together(up: Serving) -> None:
    before = up.resident
    body = HEAD + b"Content-Length: 4194304\r\n\r\n" + b'{"a":"' + b"x" * (4 * MEBIBYTE - 100)
    with ExitStack() as stack:
        for _ in range(80):
            connection = stack.enter_context(up.connect())
            with suppress(OSError):
                connection.sendall(body)
        assert up.resident - before < 160 * MEBIBYTE
        assert up.review(REVIEW)["allowed"] is True
    assert "crowded" in up.ask("GET", "/metrics")[1].decode()


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
def test_two_hundred_connections_without_a_handshake_stop_nobody(up: Serving, data: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(200):
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", up.port), timeout=20))
            plain.sendall(data)
        assert up.review(REVIEW)["allowed"] is True


def test_keys_are_not_agreed_anew_at_a_client_s_wish(up: Serving, peer: Callable[[str], str]) -> None:
    """A renegotiation costs the server more than it costs the client."""
    command = [peer("openssl"), "s_client", "-connect", f"127.0.0.1:{up.port}", "-tls1_2", "-CAfile", str(up.authority)]
    found = subprocess.run(command, input=b"R\nQ\n", capture_output=True, timeout=60, check=False)
    assert b"RENEGOTIATING" in found.stdout + found.stderr
    assert b"no renegotiation" in found.stderr


def test_more_connections_than_files_leave_a_webhook_that_goes_on(
    up: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = up.log.parent
    monkeypatch.chdir(folder)
    words = ("--policy", "policy.yaml", "--store", "store", "--journal", str(tmp_path / "journal"))
    with serving(folder, *words, authority=up.authority, certificate=folder / "tls") as other:
        resource.prlimit(other.process.pid, resource.RLIMIT_NOFILE, (128, 128))
        with ExitStack() as stack:
            for _ in range(300):
                stack.enter_context(socket.create_connection(("127.0.0.1", other.port), timeout=20))
        assert other.eventually(lambda: other.review(REVIEW)["allowed"])
        assert 0 == other.stop(signal.SIGTERM)
