"""`dbom trust serve` as it is called: what it asks for before it serves, over TLS, and within its limits."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from netns import await_ready
from peer_clients import Said, dbom
from served_requests import dsse_proposal
from sigstore_keys import certificate_pem, self_signed, serving_certificate

from attest.local import open_local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ISSUER = "--issuer=https://issuer.invalid=email"


@contextmanager
def _serving(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], Path, int]]:
    """Run it on a free port; give the program, its log and the port."""
    log = folder / "log"
    command = [sys.executable, "-P", "-m", "dbom", "trust", "serve", f"--home={folder / 'home'}", _ISSUER]
    with log.open("wb") as stderr:
        process = subprocess.Popen([*command, "--listen=127.0.0.1:0", *words], stderr=stderr)
    try:
        await_ready("served", lambda: b"listening" in log.read_bytes(), ended=lambda: process.poll() is not None)
        yield process, log, json.loads(log.read_text().splitlines()[-1])["port"]
    finally:
        process.kill()
        process.wait()


def _refused(folder: Path, *words: str) -> Said:
    said = dbom("trust", "serve", f"--home={folder / 'home'}", *words, folder=folder)
    assert not (folder / "home").exists()
    return said


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "no issuer is configured"),
        ([_ISSUER, _ISSUER], "configured twice"),
        ([_ISSUER, "--listen=0.0.0.0:0"], "beyond loopback it is served over TLS"),
        ([_ISSUER, "--listen=localhost.evil.example:0"], "beyond loopback"),
        ([_ISSUER, "--tls-cert=a"], "given together"),
        ([_ISSUER, "--tls-cert=a", "--tls-key=b", "--plain-http"], "not both"),
        ([_ISSUER, "--listen=here"], "not an address"),
        (["--issuer=https://local.dbom.dev/0=email"], "for which nothing is issued"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_made(tmp_path: Path, words: list[str], what: str) -> None:
    said = _refused(tmp_path, *words)
    assert 2 == said.code
    assert what in " ".join(said.words.split())


def test_it_is_served_over_tls(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    authority = self_signed("web", key)
    (tmp_path / "ca.pem").write_bytes(certificate_pem(authority))
    for name, data in serving_certificate("web", key, authority, ("127.0.0.1",)).items():
        (tmp_path / name).write_bytes(data)
    words = [f"--tls-cert={tmp_path / 'web.pem'}", f"--tls-key={tmp_path / 'web.key'}"]
    with _serving(tmp_path, *words, f"--client-files={tmp_path / 'clients'}") as (_, _, port):
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
        connection.request("GET", "/healthz")
        assert 200 == connection.getresponse().status
        connection.close()
    config = json.loads((tmp_path / "clients" / "signing_config.json").read_text())
    assert f"https://127.0.0.1:{port}" == config["caUrls"][0]["url"]
    said = dbom("trust", "export", f"--home={tmp_path / 'home'}", folder=tmp_path)
    assert (tmp_path / "clients" / "trusted_root.json").read_text().strip() in said.words


def _post(port: int, body: bytes, path: str = "/api/v1/log/entries") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_large_requests_are_refused_and_others_go_on(tmp_path: Path) -> None:
    with _serving(tmp_path) as (process, log, port):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            head = b"POST /api/v1/log/entries HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
            raw.sendall(head + b" " * (8 * 1024 * 1024 + 1))
            assert raw.recv(100).startswith(b"HTTP/1.1 413")
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 40000)
            assert raw.recv(100).startswith(b"HTTP/1.1 431")
        with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
            slow.sendall(b"POST /api/v1/log/entries HTTP/1.1\r\n")
            assert 201 == _post(port, dsse_proposal(ec.generate_private_key(ec.SECP256R1())))[0]
            assert 400 == _post(port, b"[" * 100000)[0]
            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait(60)
        events = [json.loads(line) for line in log.read_text().splitlines()]
    assert ["listening", "request", "request", "stopped"] == [event["event"] for event in events]


def test_a_second_server_of_one_folder_is_refused(tmp_path: Path) -> None:
    with _serving(tmp_path):
        words = ["trust", "serve", f"--home={tmp_path / 'home'}", _ISSUER, "--listen=127.0.0.1:0"]
        said = dbom(*words, folder=tmp_path)
    assert 3 == said.code
    assert "another program" in said.words


def test_the_local_identity_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Served from the very folder of the local identity, it has other keys, and the identity stays as it is."""
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
    before = open_local().trusted_root()
    with _serving(tmp_path) as (_, _, port):
        assert 201 == _post(port, dsse_proposal(ec.generate_private_key(ec.SECP256R1())))[0]
    assert before == open_local().trusted_root()
    said = dbom("trust", "export", f"--home={tmp_path / 'home'}", folder=tmp_path)
    assert said.accepted
    assert before.decode().strip() not in said.words


@pytest.mark.parametrize(("words", "code"), [(["--home=nowhere"], 3), (["--home=nowhere", "--trust-config=config"], 2)])
def test_there_is_nothing_to_export_where_nothing_is_served(tmp_path: Path, words: list[str], code: int) -> None:
    assert code == dbom("trust", "export", *words, folder=tmp_path).code
