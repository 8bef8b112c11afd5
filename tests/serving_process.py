"""`dbom admission serve` as a process of its own, as an operator starts it, and what a stranger can send to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbom.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbom.canonical import JsonObject

__all__ = ["GOOD", "Serving", "asked", "model_pod", "serving", "sign_model"]

GOOD = f"registry.example.com/m@sha256:{'1' * 64}"
"""The image that the evidence of `sign_model` is about."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


def sign_model() -> None:
    """Sign a model here, with the local identity, into `store`, and write `policy.yaml`, which accepts it."""
    Path("model").mkdir()
    Path("model", "x").write_text("x")
    assert run(["sign", "model", "--local", "--store", "store", "--location", f"oci://{GOOD}"]) == 0
    assert run(["policy", "init", "--local", "--location", "oci://registry.example.com/*", "-o", "policy.yaml"]) == 0


def model_pod(image: str = GOOD) -> JsonObject:
    """Return a pod that loads a model from an image volume."""
    mounts: Any = [{"name": "m", "mountPath": "/m"}]
    volumes: Any = [{"name": "m", "image": {"reference": image}}]
    containers: Any = [{"name": "c", "image": "vllm/vllm-openai:v0.11", "args": ["/m"], "volumeMounts": mounts}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "prod"},
        "spec": {"containers": containers, "volumes": volumes},
    }


def asked(document: JsonObject, old: JsonObject | None = None, **fields: Any) -> bytes:  # noqa: ANN401  fields of JSON
    """Return the review in which an API server asks whether an object may be made, or may replace `old`."""
    request: JsonObject = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "prod",
        "name": "p",
        "operation": "CREATE" if old is None else "UPDATE",
        "userInfo": {"username": "somebody"},
        "object": document,
        "oldObject": old,
        "dryRun": False,
        **fields,
    }
    document = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
    return json.dumps(document, separators=(",", ":")).encode()


@dataclass(slots=True)
class Serving:
    """A webhook that serves at `port`; `log` is what it wrote to stderr, `authority` vouches for it."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    authority: Path

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it logged, a JSON document a line."""
        return _documents(self.log)

    @property
    def resident(self) -> int:
        """Its resident memory, in bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE

    def context(self, client: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """Return a client's TLS; with `client`, a certificate and its key are shown."""
        context = ssl.create_default_context(cafile=str(self.authority))
        if client is not None:
            context.load_cert_chain(*client)
        return context

    def connect(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """Return a TLS connection on which nothing was said yet."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        return (context or self.context()).wrap_socket(plain, server_hostname="localhost")

    def ask(
        self, method: str, path: str, body: bytes = b"", *, context: ssl.SSLContext | None = None
    ) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        connection = http.client.HTTPSConnection("localhost", self.port, context=context or self.context(), timeout=30)
        with closing(connection):
            connection.request(method, path, body or None, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def review(self, body: bytes, *, context: ssl.SSLContext | None = None) -> dict[str, Any]:
        """Return the `response` to a review."""
        status, answer = self.ask("POST", "/validate", body, context=context)
        assert 200 == status, answer
        return dict(json.loads(answer)["response"])

    def status(self) -> dict[str, Any]:
        """Return what it says of itself."""
        return dict(json.loads(self.ask("GET", "/status")[1]))

    def send(self, data: bytes, *, end: bool = False) -> bytes:
        """Send bytes on a connection of their own and return all that comes until it is closed, or is quiet for 2 s."""
        found = b""
        with self.connect() as connection:
            connection.settimeout(2)
            try:
                connection.sendall(data)
                if end:
                    connection.unwrap()
                while part := connection.recv(65536):
                    found += part
            except (TimeoutError, OSError):
                pass
        return found

    def eventually(self, is_so: Callable[[], object], *, seconds: float = 30) -> bool:
        """Return whether something becomes so in time; a connection that fails is one more try."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(OSError, http.client.HTTPException):
                if is_so():
                    return True
            time.sleep(0.05)
        return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(30)


@contextmanager
def serving(
    folder: Path,
    *words: str,
    authority: Path | None = None,
    certificate: Path | None = None,
    is_log_read: bool = True,
) -> Iterator[Serving]:
    """Run a webhook with these words, in `folder`, until the block ends.

    `certificate` is the folder of `tls.crt` and `tls.key`, for which `authority` vouches; without it, it makes its own.
    Where its log isn't read, it is until it listens.
    """
    own = ["--self-signed", "tls"]
    if certificate is not None:
        own = ["--tls-cert", str(certificate / "tls.crt"), "--tls-key", str(certificate / "tls.key")]
    command = [sys.executable, "-P", "-m", "dbom", "admission", "serve", *words, *own]
    command += ["--listen", "127.0.0.1:0", "--drain", "0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    log = folder / f"log-{time.monotonic_ns()}"
    read, write = os.pipe()
    with (
        log.open("wb") as file,
        os.fdopen(read, "rb", buffering=0) as pipe,
        subprocess.Popen(command, stderr=file if is_log_read else write, cwd=folder, env=environment) as process,
    ):
        os.close(write)
        try:
            while not (found := [line["port"] for line in _documents(log) if line.get("event") == "listening"]):
                assert process.poll() is None, log.read_text()
                if not is_log_read:
                    file.write(pipe.read(4096))
                    file.flush()
                time.sleep(0.05)
            yield Serving(process, found[0], log, authority or folder / "tls" / "ca.crt")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


def _documents(log: Path) -> list[dict[str, Any]]:
    lines = log.read_text().split("\n")[:-1]
    return [json.loads(line) for line in lines if line.startswith("{")]
