"""HTTP/1.1 connections that can't outstay their welcome: uvicorn's protocol, with bounds on time, size and number.

What is asked must be whole so long after its first byte. Where all places are taken, the connection leaves that has
waited longest without a whole request, so that slow clients stop nobody but themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from uvicorn import Config
    from uvicorn.server import ServerState

    from attest.http_server import Limits

__all__ = ["EXTENSION", "BoundedProtocol", "Places"]

EXTENSION: Final = "dbom"
"""Where an application finds, in a request's `extensions`, by the loop's clock when its first byte came, and whether
the client showed a certificate that was verified."""

_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

_MOST_PIPELINED: Final = 8


class Places:
    """The open connections of a server, at most so many, with the bodies that they hold, at most so many bytes.

    `dropped` is told why a connection was ended.
    """

    def __init__(
        self, most: int, dropped: Callable[[str], None] = lambda _: None, *, most_bytes: int = 64 * 1024 * 1024
    ) -> None:
        self.most, self.most_bytes, self.dropped = most, most_bytes, dropped
        self.held = 0
        self._open: set[BoundedProtocol] = set()
        self._waiting: dict[BoundedProtocol, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, connection: BoundedProtocol) -> bool:
        """Give a new connection a place, that of the one which has waited longest if need be; False: there is none."""
        if len(self._open) >= self.most:
            longest = next(iter(self._waiting), None)
            if longest is None:
                self.dropped("crowded")
                return False
            longest.drop("crowded")
        self._open.add(connection)
        self._waiting[connection] = None
        return True

    def asks(self, connection: BoundedProtocol) -> None:
        """Note that a connection has a whole request under way."""
        self._waiting.pop(connection, None)

    def waits(self, connection: BoundedProtocol) -> None:
        """Note that a connection was answered."""
        if connection in self._open:
            self._waiting[connection] = None

    def hold(self, connection: BoundedProtocol, size: int) -> None:
        """Note that a connection's body grew; where that is too much, those end that hold most and aren't whole."""
        self.held += size
        while self.held > self.most_bytes:
            largest = max(self._waiting, key=lambda item: item.held, default=connection)
            (largest if largest.held else connection).drop("crowded")

    def let_go(self, connection: BoundedProtocol) -> None:
        """Note that a connection's body isn't needed any more."""
        self.held -= connection.held
        connection.held = 0

    def leave(self, connection: BoundedProtocol) -> None:
        """Free the place of a connection."""
        self.let_go(connection)
        self._open.discard(connection)
        self._waiting.pop(connection, None)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Its times are in seconds, by the loop's clock."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        loop: asyncio.AbstractEventLoop,
        *,
        limits: Limits,
        places: Places,
    ) -> None:
        super().__init__(config, server_state, {}, loop)
        self._limits, self._places = limits, places
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._began: float | None = None
        self._is_head, self._is_whole = True, True
        self._head_bytes = 0
        self._is_known = False
        self.held = 0
        """How many bytes of the body have come."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a place, or end."""
        super().connection_made(transport)
        self._is_known = bool(transport.get_extra_info("peercert"))
        if not self._places.enter(self):
            transport.abort()
            return
        self._expect(self._limits.idle, "idle")

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place."""
        self._unexpect()
        self._may_write()
        self._places.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; whatever has begun must be whole in time."""
        if self.transport.is_closing():
            return
        if self._began is None:
            self._began = self.loop.time()
            self._unexpect()
        if self._is_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_answered() or self.transport.is_closing():
            return
        if self._is_head and self._head_bytes > self._limits.header_bytes:
            self._refuse_head()
        elif self._timer is None and self in self._places._waiting:  # noqa: SLF001  the two are one thing
            self._expect(self._limits.request, "slow")

    def on_message_begin(self) -> None:
        """Note when the request began. Who asks on and on without waiting for answers is told no: API servers wait."""
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._places.dropped("crowded")
            raise OverflowError("too many requests at once")  # ends what is read, with a 400
        super().on_message_begin()
        self._is_head, self._is_whole = True, False
        began = self.loop.time() if self._began is None else self._began
        extensions: Any = {EXTENSION: (began, self._is_known)}
        self.scope["extensions"] = extensions

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head. Those behind a body (RFC 9112, 7.1.2) are left out: nothing bounds them."""
        if self._is_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head is too large."""
        self._is_head, self._head_bytes = False, 0
        if sum(len(name) + len(value) for name, value in self.headers) > self._limits.header_bytes:
            self._refuse_head()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self.transport.is_closing():
            return
        self.held += len(body)
        self._places.hold(self, len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._is_whole = True
        self._unexpect()
        if self.transport.is_closing():
            return
        if self.cycle.response_complete:
            # It was answered before: it waits for the next.
            self._began = None
            self._places.let_go(self)
            self._expect(self._limits.idle, "idle")
            return
        self._places.asks(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._began = None
        self._unexpect()
        self._places.let_go(self)
        self._places.waits(self)
        super().on_response_complete()
        if not self._is_whole and not self.transport.is_closing():
            # Some of it, or of the next, is still to come, and must come in time.
            self._began = self.loop.time()
            self._expect(self._limits.request, "slow")

    def pause_writing(self) -> None:
        """Give who doesn't read the answer as long as who doesn't send the question."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self._limits.request, self.drop, "slow")

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._may_write()

    def drop(self, why: str) -> None:
        """End the connection at once, without a word."""
        if not self.transport.is_closing():
            self._places.dropped(why)
        self._places.leave(self)
        self.transport.abort()

    def _is_answered(self) -> bool:
        return self._began is None

    def _refuse_head(self) -> None:
        self._places.dropped("head")
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _expect(self, seconds: float, why: str) -> None:
        self._timer = self.loop.call_later(seconds, self.drop, why)

    def _unexpect(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _may_write(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
