"""A webhook that runs in a thread, over real TLS, and a client that trusts its authority."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from admission.certificates import write_self_signed
from admission.evidence import Evidence
from admission.policy import LocationRule, Match, Mode, Policy
from admission.requirements.attestations import AttestationsRule, RequiredAttestation
from admission.server import Certificate, Limits, Server
from admission.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack
    from pathlib import Path

    from admission.journal import Journal
    from dbom.canonical import Json, JsonObject

__all__ = ["HEAD", "IMAGE", "Running", "is_gone", "now", "policy", "review", "running", "slow_client", "webhook"]

HEAD = b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
"""The beginning of a review that doesn't end."""

IMAGE = "registry.example.com/m@sha256:" + "1" * 64


def now() -> datetime:
    return datetime.now(UTC)


def policy(mode: Mode = Mode.ENFORCE) -> Policy:
    rules = (LocationRule("oci://**", ("x",)),)
    required = AttestationsRule((RequiredAttestation("t", ("x",)),))
    return Policy("p", mode, Match(), (), rules, (required,), "d" * 64)


def webhook(mode: Mode = Mode.ENFORCE, journal: Journal | None = None) -> Webhook:
    return Webhook([policy(mode)], Evidence(), now, journal)


def review(*, dry_run: bool = False) -> bytes:
    volumes: Json = [{"name": "m", "image": {"reference": IMAGE}}]
    pod: JsonObject = {"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"name": "c"}], "volumes": volumes}}
    request: JsonObject = {
        "uid": "u",
        "operation": "CREATE",
        "kind": {"group": "", "kind": "Pod"},
        "namespace": "n",
        "object": pod,
        "dryRun": dry_run,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


class Running:
    """A server on a free port, and a client that trusts its authority."""

    def __init__(self, server: Server, folder: Path, address: tuple[str, int], logs: list[JsonObject]) -> None:
        self.server, self.folder, self.address, self.logs = server, folder, address, logs

    def connect(self) -> http.client.HTTPSConnection:
        """Return a connection, not yet open."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        return http.client.HTTPSConnection(*self.address, context=context, timeout=10)

    def post(self, body: bytes, kind: str = "application/json", path: str = "/validate") -> tuple[int, JsonObject]:
        """Post a review, or whatever else."""
        return self.ask("POST", path, body, {"Content-Type": kind})

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, JsonObject]:
        """Return the status and the JSON of an answer."""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            data = answer.read()
            return answer.status, json.loads(data) if data else {}
        finally:
            connection.close()


def slow_client(up: Running, stack: ExitStack, data: bytes) -> ssl.SSLSocket:
    """Return a connection on which a part of a request was sent."""
    context = ssl.create_default_context(cafile=str(up.folder / "ca.crt"))
    plain = stack.enter_context(socket.create_connection(up.address, timeout=20))
    wrapped = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
    wrapped.sendall(data)
    return wrapped


def is_gone(connection: ssl.SSLSocket) -> bool:
    """Return whether a connection was ended, without a word."""
    try:
        return connection.recv(1) == b""
    except OSError:
        return True


@contextmanager
def running(folder: Path, hook: Webhook, limits: Limits | None = None) -> Iterator[Running]:
    files = write_self_signed(folder, now=now())
    logs: list[JsonObject] = []
    ready = threading.Event()
    found: list[tuple[str, int]] = []
    loops: list[asyncio.AbstractEventLoop] = []
    server = Server(hook, Certificate(files.certificate, files.key, logs.append), logs.append, limits or Limits())

    def started(host: str, port: int) -> None:
        found.append((host, port))
        loops.append(asyncio.get_running_loop())
        ready.set()

    thread = threading.Thread(target=server.run, args=("127.0.0.1", 0), kwargs={"started": started})
    thread.start()
    assert ready.wait(20)
    try:
        yield Running(server, folder, found[0], logs)
    finally:
        loops[0].call_soon_threadsafe(server.stop)
        thread.join(20)
    assert not thread.is_alive()
