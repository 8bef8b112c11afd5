"""HTTP/1.1 with asyncio and h11, over TLS or not. Bounded in all it takes; what is answered is an application's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

import h11

from dbom.errors import InputError
from dbom.rules.admission import SERVER_SETUP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dbom.canonical import JsonObject

__all__ = ["Application", "Certificate", "HttpServer", "Limits", "Request", "Response", "parse_listen", "problem"]

_CHUNK: Final = 64 * 1024
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was read whole: `headers` by lower-case name, several of one name joined (RFC 9110, 5.3)."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def content_type(self) -> str:
        """The content type in lower case, without its parameters; empty where there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, and what the log says of it: nothing where `log` is None."""

    status: int
    body: bytes = field(repr=False)
    content_type: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()
    log: JsonObject | None = None


class Application(Protocol):
    """What a server answers with."""

    def at_once(self, request: Request) -> Response | None:
        """Return the answer that needs no work, in the server's own thread; None where work is to be done."""

    def answer(self, request: Request, is_late: Callable[[], bool]) -> Response:
        """Return the answer, in one of the workers' threads. Once it `is_late`, `gave_up` was answered in its place."""

    def gave_up(self, request: Request, why: str) -> Response:
        """Return the answer to what took too long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, how many, how long (in seconds): what is beyond is refused, and never waited for.

    `request` is from a request's first byte to its answer: an API server that asks gives up after 5 seconds. `idle` is
    how long a connection may stay open without a request, so that those who ask nothing don't hold the places.
    `held_bytes` is what the bodies of all connections may come to together, where a server counts that.
    """

    body_bytes: int = 4 * 1024 * 1024
    held_bytes: int = 64 * 1024 * 1024
    header_bytes: int = 32 * 1024
    connections: int = 256
    idle: float = 15.0
    request: float = 4.0
    workers: int = 8


@dataclass(slots=True)
class Certificate:
    """A serving certificate and its key on disk, loaded again when the files change.

    A pair that can't be loaded (it may be half written, or two halves of different pairs), that has expired or isn't
    valid yet leaves the one before in use; `error` says why, and the log does once. It is tried again. With `clients`,
    the certificates of an authority in PEM, what a client shows is verified; it may show nothing. `expires` is the end
    of what is in use.
    """

    certificate: Path
    key: Path
    log: Callable[[JsonObject], None]
    clients: Path | None = None
    error: str = ""
    expires: datetime | None = None
    _context: ssl.SSLContext | None = None
    _seen: tuple[tuple[int, int, int], ...] = ()

    def context(self) -> ssl.SSLContext:
        """Return the context of the pair as it is now. Raises `InputError` where there never was a usable one."""
        seen: tuple[tuple[int, int, int], ...] = ()
        try:
            stats = [path.stat() for path in (self.certificate, self.key, *([self.clients] if self.clients else []))]
            seen = tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats)
            if self._context is None or seen != self._seen or self.error:
                self._context, self.expires = self._renewed()
                self.error = ""
        except (OSError, ValueError) as error:
            if self._context is None:
                where = f"{self.certificate}, {self.key}"
                raise InputError(SERVER_SETUP, f"not a certificate with its key: {error}", where=where) from error
            if seen != self._seen or not self.error:
                self.error = f"the new certificate can't be used: {error}"
                self.log({"event": "certificate", "error": self.error})
        self._seen = seen
        return self._context

    def listening_context(self) -> ssl.SSLContext:
        """Return a context that takes the current pair at each handshake."""
        self.context()
        outer = self._loaded()

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:  # noqa: ARG001  OpenSSL's order
            connection.context = self.context()

        outer.sni_callback = choose
        return outer

    def _renewed(self) -> tuple[ssl.SSLContext, datetime]:
        """Return a new context with its end; one of another time is no better than the one in use, if that holds."""
        context, (begins, expires) = self._loaded(), _times_of(self.certificate)
        now = datetime.now(UTC)
        if self.expires is not None and now < self.expires:
            if expires <= now:
                raise ValueError(f"it expired at {expires.isoformat()}")
            if now < begins:
                raise ValueError(f"it isn't valid before {begins.isoformat()}")
        return context, expires

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self.certificate, self.key, password=_no_password)
        if self.clients is not None:
            context.load_verify_locations(self.clients)
            context.verify_mode = ssl.CERT_OPTIONAL
            # A session that is taken up again isn't verified again, by an authority that may have been changed since.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
        return context


def _times_of(certificate: Path) -> tuple[datetime, datetime]:
    from cryptography import x509  # noqa: PLC0415  heavy, and only a server over TLS needs it

    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    return found.not_valid_before_utc, found.not_valid_after_utc


def _no_password() -> str:
    # Without this, OpenSSL would ask the terminal.
    raise OSError("the key is encrypted")


def parse_listen(text: str) -> tuple[str, int]:
    """Read `HOST:PORT` (`[::1]:8443` for IPv6; port 0 takes a free one). Raises `InputError`."""
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004  TCP
        raise InputError(SERVER_SETUP, "not an address to listen on", got=repr(text), expected="HOST:PORT")
    return host.strip("[]"), int(port)


class HttpServer:
    """Serves an application. Without a `certificate` it speaks plain HTTP."""

    def __init__(
        self,
        application: Application,
        log: Callable[[JsonObject], None],
        *,
        limits: Limits | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        self.application, self.log = application, log
        self.limits, self.certificate = limits or Limits(), certificate
        self._open = 0
        self._busy: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._workers: ThreadPoolExecutor | None = None

    def run(self, host: str, port: int, *, started: Callable[[str, int], None]) -> None:
        """Serve until SIGTERM or SIGINT. `started` is told the address once connections are taken.

        Raises `InputError` where the address or the certificate can't be used.
        """
        asyncio.run(self._run(host, port, started))

    def stop(self) -> None:
        """Take no more connections, answer what has been asked, and end. To be called in the server's loop."""
        self._stopping.set()

    async def _run(self, host: str, port: int, started: Callable[[str, int], None]) -> None:
        loop = asyncio.get_running_loop()
        self._workers = ThreadPoolExecutor(self.limits.workers, thread_name_prefix="answer")
        try:
            server = await self._listening(host, port)
        except OSError as error:
            raise InputError(SERVER_SETUP, f"can't listen: {error.strerror}", where=f"{host}:{port}") from error
        for name in (signal.SIGTERM, signal.SIGINT):
            # Only the main thread may set handlers; a server in another thread is stopped by `stop`.
            with contextlib.suppress(RuntimeError, ValueError):
                loop.add_signal_handler(name, self.stop)
        address = server.sockets[0].getsockname()
        started(address[0], address[1])
        await self._stopping.wait()
        server.close()
        if self._busy:
            await asyncio.wait(self._busy, timeout=2 * self.limits.request)
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def _listening(self, host: str, port: int) -> asyncio.Server:
        if self.certificate is None:
            return await asyncio.start_server(self._connected, host, port)
        self.certificate.context()
        return await asyncio.start_server(
            self._connected,
            host,
            port,
            ssl=self.certificate.listening_context(),
            ssl_handshake_timeout=self.limits.request,
            ssl_shutdown_timeout=1.0,
        )

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if self._open >= self.limits.connections or task is None:
            writer.transport.abort()
            return
        self._open += 1
        self._busy.add(task)
        try:
            await _Connection(self, reader, writer).serve()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the other side is gone, or too slow: there is nobody to answer
        finally:
            self._open -= 1
            self._busy.discard(task)
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 2.0)

    async def answered(self, request: Request, deadline: float) -> Response:
        """Return the application's answer, or that it gave up: `deadline` is by the loop's clock."""
        at_once = self.application.at_once(request)
        if at_once is not None:
            return at_once
        loop, late = asyncio.get_running_loop(), threading.Event()
        future = loop.run_in_executor(self._workers, self.application.answer, request, late.is_set)
        done, _ = await asyncio.wait({future}, timeout=max(0.0, deadline - loop.time()))
        if done:
            return future.result()
        late.set()
        future.cancel()
        return self.application.gave_up(request, f"no decision within {self.limits.request:g} s")

    @property
    def is_stopping(self) -> asyncio.Event:
        """Set once the server takes no more requests."""
        return self._stopping


class _Connection:
    """One connection: requests one after the other, each bounded."""

    def __init__(self, server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=server.limits.header_bytes)
        self._is_head = False
        self._deadline: float | None = None

    async def serve(self) -> None:
        while True:
            try:
                request = await self._begun()
                if request is None:
                    return
                deadline = self._deadline_of_request()
                async with asyncio.timeout_at(deadline):
                    body = await self._body()
            except h11.RemoteProtocolError as error:
                await self._send(Response(error.error_status_hint, problem(str(error))), close=True)
                return
            if body is None:
                limit = self._server.limits.body_bytes
                await self._send(Response(413, problem(f"the body is larger than {limit} bytes")), close=True)
                return
            await self._answer(request, body, deadline)
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()
            self._deadline = None

    def _deadline_of_request(self) -> float:
        """Return when the request that is being read must be decided: so long after its first byte was seen."""
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._server.limits.request
        return self._deadline

    async def _begun(self) -> h11.Request | None:
        """Return the next request's head; None where the other side closed, or this server is stopping."""
        stopping = asyncio.ensure_future(self._server.is_stopping.wait())
        head = asyncio.ensure_future(self._event())
        try:
            await asyncio.wait({head, stopping}, timeout=self._server.limits.idle, return_when=asyncio.FIRST_COMPLETED)
            if not head.done():
                return None
            event = head.result()
            return event if isinstance(event, h11.Request) else None
        finally:
            for task in (stopping, head):
                if not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    async def _body(self) -> bytes | None:
        """Return the body of the request, or None where it is too large."""
        parts: list[bytes] = []
        size = 0
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if isinstance(event, h11.ConnectionClosed):
                raise h11.RemoteProtocolError("the connection was closed within the body")
            if isinstance(event, h11.Data):
                size += len(event.data)
                if size > self._server.limits.body_bytes:
                    return None
                parts.append(bytes(event.data))
        return b"".join(parts)

    async def _event(self) -> object:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    await self._write(h11.InformationalResponse(status_code=100, headers=[]))
                self._http.receive_data(await self._reader.read(_CHUNK))
                self._deadline_of_request()
                continue
            return event

    async def _answer(self, head: h11.Request, body: bytes, deadline: float) -> None:
        self._is_head = head.method == b"HEAD"
        path, _, query = head.target.decode("ascii", "replace").partition("?")
        headers: dict[str, str] = {}
        for name, value in ((name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers):
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        request = Request(head.method.decode("ascii"), path, query, headers, body)
        response = await self._server.answered(request, deadline)
        if response.log is not None:
            self._server.log(response.log)
        await self._send(response)

    async def _send(self, response: Response, *, close: bool = False) -> None:
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        headers = [
            ("content-type", response.content_type),
            ("content-length", str(len(response.body))),
            ("x-content-type-options", "nosniff"),
            *response.headers,
        ]
        if close or self._server.is_stopping.is_set():
            headers.append(("connection", "close"))
        await self._write(h11.Response(status_code=response.status, headers=headers))
        if not self._is_head:
            await self._write(h11.Data(data=response.body))
        await self._write(h11.EndOfMessage())

    async def _write(self, event: h11.InformationalResponse | h11.Response | h11.Data | h11.EndOfMessage) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await asyncio.wait_for(self._writer.drain(), self._server.limits.request)


def problem(text: str) -> bytes:
    """Return the JSON that says what is wrong."""
    return json.dumps({"error": text}).encode()
