"""Real servers on loopback, each a context manager: object stores, a hub, the web, and a proxy that makes trouble."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from botocore.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

ACCESS_KEY, SECRET_KEY = "made-up-access", "made-up-secret-key"

S3_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
"""What a client of the S3 servers here has in its environment, besides AWS_ENDPOINT_URL."""


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def process(
    command: Sequence[str], port: int, *, environment: Mapping[str, str] | None = None, patience: float = 10
) -> Iterator[None]:
    """Run a server until the `with` ends; enter once it takes connections. It has `patience` seconds to end itself."""
    running = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_port(port, running)
        yield
    finally:
        running.terminate()
        try:
            running.wait(patience)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _await_port(port: int, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if running.poll() is not None:
            raise RuntimeError(f"{running.args!r} ended with {running.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        threading.Event().wait(0.05)
    raise RuntimeError(f"{running.args!r} never listened on {port}")


@contextlib.contextmanager
def versitygw(program: str, folder: Path, *, versions: Path | None = None) -> Iterator[str]:
    """Run a real S3 server over `folder`, where each folder is a bucket; yield its endpoint."""
    port = free_port()
    kept = [] if versions is None else ["--versioning-dir", str(versions)]
    command = [program, "--port", f"127.0.0.1:{port}", "posix", *kept, str(folder)]
    given = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
    with process(command, port, environment=given):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """Run moto's S3 server, which knows versions; yield its endpoint."""
    port = free_port()
    with process([sys.executable, "-P", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port):
        yield f"http://127.0.0.1:{port}"


def s3_call(endpoint: str) -> Callable[..., dict[str, Any]]:
    """Return how to call an S3 server by an operation's name, as botocore has it, to make what it must hold."""
    client = Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )

    def call(operation: str, **arguments: object) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(client, operation)(**arguments)
        client.close()
        return answer

    return call


@contextlib.contextmanager
def fake_gcs(program: str, folder: Path) -> Iterator[str]:
    """Run fake-gcs-server over `folder`, where each folder is a bucket; yield its endpoint."""
    port = free_port()
    command = [program, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-filesystem-root", str(folder)]
    command += ["-external-url", f"http://127.0.0.1:{port}", "-public-host", f"127.0.0.1:{port}"]
    with process(command, port):
        yield f"http://127.0.0.1:{port}"


AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account and the key that azurite publishes for everybody's tests."""


@contextlib.contextmanager
def azurite(program: str, folder: Path) -> Iterator[str]:
    """Run azurite's blob service; yield its connection string."""
    port = free_port()
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder)]
    # It would wait for connections that the other side keeps open.
    with process([*command, "--skipApiVersionCheck", "--silent"], port, patience=1):
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={AZURE_KEY};"
            f"BlobEndpoint=http://127.0.0.1:{port}/{AZURE_ACCOUNT};"
        )


@dataclass(slots=True)
class Trouble:
    """One answer that a troubled server gives instead of the right one."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop: bool = False


@dataclass(slots=True)
class Web:
    """Files by path, as a web server serves them: with ETags and ranges unless told otherwise.

    `troubles` are given once each, in order, to requests that `troubled` picks; `requests` are what was asked:
    (method, path, headers).
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    tag: Callable[[bytes], str] | None = None
    troubles: list[Trouble] = field(default_factory=list)
    always: Trouble | None = None
    troubled: Callable[[str, Mapping[str, str]], bool] = lambda _path, _headers: True
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    after_each: Callable[[], None] = lambda: None
    url: str = ""


@contextlib.contextmanager
def web(state: Web | None = None) -> Iterator[Web]:
    """Run a web server; yield its state, which may be changed while it runs."""
    served = state or Web()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_WebHandler,), {"state": served}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _WebHandler(BaseHTTPRequestHandler):
    state: Web
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, headers = self.path.partition("?")[0], dict(self.headers.items())
        self.state.requests.append((self.command, self.path, headers))
        trouble = self.state.always
        if self.state.troubled(path, headers) and self.state.troubles:
            trouble = self.state.troubles.pop(0)
        if trouble is not None:
            self._give(trouble.status, trouble.headers, trouble.body, drop=trouble.drop)
        elif path in self.state.files:
            self._file(self.state.files[path])
        else:
            self._give(404, {}, b"nothing")
        self.state.after_each()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.do_GET()

    def _file(self, data: bytes) -> None:
        tag = self.state.tag(data) if self.state.tag else f'"{hash(data) & 0xFFFFFFFF:x}"'
        named = {"ETag": tag} if tag else {}
        wanted = self.headers.get("If-Match")
        if wanted is not None and wanted != tag:
            self._give(412, named, b"")
            return
        asked = self.headers.get("Range", "")
        if not self.state.ranges or not asked.startswith("bytes="):
            self._give(200, named, data)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last) + 1, len(data))
        if start >= len(data):
            self._give(416, {**named, "Content-Range": f"bytes */{len(data)}"}, b"")
            return
        described = {**named, "Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}
        self._give(206, described, data[start:stop])

    def _give(self, status: int, headers: Mapping[str, str], body: bytes, *, drop: bool = False) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(b"" if self.command == "HEAD" else body)
        if drop or headers:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(slots=True)
class Proxy:
    """What goes wrong on the way to a server: `once` for the next GETs of objects, `always` for all.

    Words: a status (one with an exclamation mark says Retry-After), `cut` (half of the body, then the connection ends),
    `reset` (no answer at all), `short` (half of the body, and that is announced), `other` (labelled as another range).
    """

    target: str
    once: list[str] = field(default_factory=list)
    always: str = ""
    url: str = ""


@contextlib.contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """Run a proxy in front of a server (for clients that sign the host they think they talk to, as S3's do)."""
    state = Proxy(target)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_ProxyHandler,), {"state": state}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_LISTINGS = ("list-type", "versioning", "comp=list", "/o?", "/api/")
"""What a request that isn't for an object has in its path."""


class _ProxyHandler(BaseHTTPRequestHandler):
    state: Proxy
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._pass("")

    def do_GET(self) -> None:
        trouble = self.state.always
        if not trouble and self.state.once and not any(word in self.path for word in _LISTINGS):
            trouble = self.state.once.pop()
        if trouble.rstrip("!").isdigit():
            after = {"Retry-After": "0"} if trouble.endswith("!") else {}
            self._give(int(trouble.rstrip("!")), after, b"", 0)
        elif trouble == "reset":
            self.close_connection = True
        else:
            self._pass(trouble)

    def _pass(self, trouble: str) -> None:
        host = self.state.target.partition("://")[2]
        connection = HTTPConnection(host, timeout=30)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, headers=dict(self.headers.items()))
            answer = connection.getresponse()
            body = answer.read()
            length = int(answer.headers.get("Content-Length", len(body)))
            kept = {
                name: value
                for name, value in answer.headers.items()
                if name.lower() not in ("content-length", "connection", "transfer-encoding", "server", "date")
            }
        if trouble in ("cut", "short"):
            body = body[: len(body) // 2]
        if trouble == "other" and "Content-Range" in kept:
            kept["Content-Range"] = kept["Content-Range"].replace("bytes ", "bytes 1")
        self._give(answer.status, kept, body, len(body) if trouble == "short" else length)

    def _give(self, status: int, headers: Mapping[str, str], body: bytes, length: int) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)
        if self.command == "GET" and len(body) != length:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
