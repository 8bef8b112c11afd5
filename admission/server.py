"""The webhook's server: TLS, connections, signals, an orderly end. What is answered is `admission.asgi`'s."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import uvicorn
import uvloop

from admission.asgi import Application
from admission.bounded import BoundedProtocol
from admission.counts import Counts
from admission.live import Fixed
from admission.places import Places
from admission.webhook import Webhook
from attest.http_server import Certificate, Limits, parse_listen
from dbom.errors import InputError
from dbom.printable import printable
from dbom.rules.admission import SERVER_SETUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from admission.bounded import Quick
    from admission.live import Live
    from dbom.canonical import JsonObject

__all__ = ["Certificate", "Limits", "Server", "parse_listen"]

_BACKLOG: Final = 1024


class Server:
    """An HTTPS server in front of a webhook, or of what says which webhook it is at the moment.

    Where the certificate names an authority of clients, reviews are only taken from those. `drain` are the seconds for
    which it still takes what comes once it was told to end, while it says that it isn't ready any more.
    """

    def __init__(
        self,
        webhook: Webhook | Live,
        certificate: Certificate,
        log: Callable[[JsonObject], None],
        limits: Limits | None = None,
        *,
        counts: Counts | None = None,
        drain: float = 0.0,
    ) -> None:
        self.drain = drain
        self.limits, self.certificate, self.log = limits or Limits(), certificate, log
        self.counts = counts or Counts()
        self.desk: Fixed | Live = Fixed(webhook) if isinstance(webhook, Webhook) else webhook
        self.application = Application(
            self.desk, log, self.counts, self.limits, demands_client=certificate.clients is not None
        )
        self.quick: Quick | None = self.application
        self._runner: _Runner | None = None

    def run(self, host: str, port: int, *, started: Callable[[str, int], None]) -> None:
        """Serve until SIGTERM or SIGINT. `started` is told the address once connections are taken.

        Raises `InputError` where the address or the certificate can't be used.
        """
        self.certificate.context()
        try:
            with _spoken_by(self.log), asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
                loop.run(self._serve(host, port, started))
        finally:
            self.application.close()

    async def _serve(self, host: str, port: int, started: Callable[[str, int], None]) -> None:
        runner = self._runner = _Runner(self, host, port, started)
        await runner.serve()
        if runner.failed is not None:
            said = f"can't listen: {runner.failed.strerror}"
            raise InputError(SERVER_SETUP, said, where=f"{host}:{port}") from runner.failed

    def stop(self) -> None:
        """Say that no more should come, answer what has been asked, and end. To be called in the server's loop."""
        self.desk.draining = True
        if self._runner is not None:
            self._runner.should_exit = True


class _Runner(uvicorn.Server):
    """uvicorn's server with our bounds: handshakes that end, places that are counted, signals that only stop it."""

    def __init__(self, owner: Server, host: str, port: int, started: Callable[[str, int], None]) -> None:
        limits = owner.limits
        super().__init__(
            uvicorn.Config(
                owner.application,
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=max(1, round(limits.idle)),
                timeout_graceful_shutdown=max(1, round(2 * limits.request)),
            )
        )
        self.failed: OSError | None = None
        self._owner, self._host, self._port, self._told = owner, host, port, started
        self._places = Places(limits.connections, owner.counts.dropped.add, most_bytes=limits.held_bytes)

    async def startup(self, sockets: object = None) -> None:  # noqa: ARG002  as uvicorn calls it
        """Listen, with an end to handshakes."""
        loop, owner = asyncio.get_running_loop(), self._owner
        protocol = partial(
            BoundedProtocol,
            self.config,
            self.server_state,
            loop,
            limits=owner.limits,
            places=self._places,
            quick=owner.quick,
        )
        self.servers = []
        await self.lifespan.startup()
        try:
            server = await loop.create_server(
                protocol,
                self._host,
                self._port,
                ssl=owner.certificate.listening_context(),
                ssl_handshake_timeout=owner.limits.request,
                ssl_shutdown_timeout=1.0,
                backlog=_BACKLOG,
            )
        except OSError as error:
            self.failed, self.should_exit = error, True
            return
        self.servers.append(server)
        self.started = True
        address = server.sockets[0].getsockname()
        self._told(address[0], address[1])

    async def shutdown(self, sockets: object = None) -> None:  # noqa: ARG002  as uvicorn calls it
        """Be not ready for a while, then take no more, answer what was asked, and end."""
        await asyncio.sleep(self._owner.drain)
        await super().shutdown()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT stop the server, and no more: what was opened around it is closed afterwards."""
        loop, caught = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)
        for name in caught:
            # Only the main thread may set handlers; a server in another thread is stopped by `stop`.
            with suppress(RuntimeError, ValueError):
                loop.add_signal_handler(name, self._owner.stop)
        try:
            yield
        finally:
            for name in caught:
                with suppress(RuntimeError, ValueError):
                    loop.remove_signal_handler(name)


class _Speaking(logging.Handler):
    """Takes what uvicorn has to say into our own log: one JSON line each."""

    def __init__(self, log: Callable[[JsonObject], None]) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        said: dict[str, Any] = {"event": "server", "message": printable(record.getMessage(), limit=500)}
        if record.exc_info and record.exc_info[1] is not None:
            said["error"] = printable(repr(record.exc_info[1]), limit=500)
        self._log(said)


@contextmanager
def _spoken_by(log: Callable[[JsonObject], None]) -> Iterator[None]:
    logger, handler = logging.getLogger("uvicorn.error"), _Speaking(log)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
