"""HTTP/1.1 connections that can't outstay their welcome: uvicorn's protocol, with bounds on time, size and number.

What is asked must be whole so long after its first byte, and every connection has one of so many places. A short POST
may be answered as soon as it came whole, by who is `Quick`: a task for each request costs more than many an answer.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn import Config
    from uvicorn.server import ServerState

    from admission.places import Places
    from attest.http_server import Limits

__all__ = ["EXTENSION", "SHORT", "BoundedProtocol", "Posted", "Quick"]

EXTENSION: Final = "dbom"
"""Where an application finds, in a request's `extensions`, by `time.monotonic` when its first byte came, and whether
the client showed a certificate that was verified. The loop's clock is the same, but in whole milliseconds (uvloop)."""

_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

_MOST_PIPELINED: Final = 8
SHORT: Final = 256 * 1024
"""Up to this size, in bytes, a body may be read in the event loop; others would keep others waiting."""

_MOST_DIGITS: Final = 6

_END: Final = b"\r\n"
_LAST: Final = b"connection: close\r\n\r\n"


class _NoEvent:
    """Wakes nobody."""

    def set(self) -> None:
        """Do nothing."""


class Posted:
    """A short POST request, and the way to answer it without a task of its own.

    While it is under way it stands where uvicorn keeps the cycle of a request, and has what is asked of one there.
    `target` is what stands in the request's first line, `began` when its first byte came, by `time.monotonic`, and
    `is_known` says whether the client showed a certificate that was verified.
    """

    __slots__ = (
        *("began", "disconnected", "headers", "is_known", "keep_alive", "parts", "response_complete", "target"),
        "_protocol",
    )
    message_event: Final = _NoEvent()

    def __init__(
        self,
        protocol: BoundedProtocol,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        began: float,
        *,
        is_known: bool,
        keep_alive: bool,
    ) -> None:
        self.target, self.headers, self.began, self.is_known = target, headers, began, is_known
        self.keep_alive, self.disconnected, self.response_complete = keep_alive, False, False
        self.parts: list[bytes] = []
        self._protocol = protocol

    @property
    def body(self) -> bytes:
        """What came of its body."""
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        """Send a whole answer: its status, the fields of its head but for those of the connection, and its body."""
        self.response_complete, protocol = True, self._protocol
        if self.disconnected or protocol.transport.is_closing():
            return
        end = _END if self.keep_alive else _LAST
        protocol.transport.write(b"%b%bcontent-length: %d\r\n%b%b" % (STATUS_LINE[status], head, len(body), end, body))
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()

    def drop(self) -> None:
        """End the connection, since there is no answer."""
        self._protocol.drop("failed")


class Quick(Protocol):
    """What answers some short POST requests without being called for them as an ASGI application is."""

    def expects(self, posted: Posted) -> bool:
        """Return whether a request, whose head is there, may be answered at once: its body is waited for."""

    def at_once(self, posted: Posted) -> bool:
        """Answer a whole request, now or later, and return True; False: the application is to be called for it."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Its times are in seconds."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        loop: asyncio.AbstractEventLoop,
        *,
        limits: Limits,
        places: Places,
        quick: Quick | None = None,
    ) -> None:
        super().__init__(config, server_state, {}, loop)
        self._quick = quick
        self._posted: Posted | None = None
        self._limits, self._places = limits, places
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        # By `monotonic`: when the first byte came of what isn't answered yet, and of the request that is read.
        self._began: float | None = None
        self._asked = 0.0
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
        self._posted = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; whatever has begun must be whole in time."""
        if self.transport.is_closing():
            return
        if self._began is None:
            self._began = monotonic()
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
        self._asked = monotonic() if self._began is None else self._began
        extensions: Any = {EXTENSION: (self._asked, self._is_known)}
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
        quick = self._quick
        self._posted = self._expected(quick) if quick is not None and self._is_short_post() else None
        if self._posted is None:
            super().on_headers_complete()
        else:
            self.cycle = self._posted  # type: ignore[assignment]  # what is asked of a cycle from outside, it has

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self.transport.is_closing():
            return
        self.held += len(body)
        self._places.hold(self, len(body))
        if self._posted is None:
            super().on_body(body)
        else:
            self._posted.parts.append(body)

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
        posted, self._posted = self._posted, None
        if posted is None:
            super().on_message_complete()
        elif not self._is_taken(posted):
            # From here on it goes as it would have gone from its head.
            self.cycle = None  # type: ignore[assignment]  # as it is before the first request
            super().on_headers_complete()
            self.cycle.keep_alive = self.cycle.keep_alive and posted.keep_alive
            super().on_body(posted.body)
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
            self._began = monotonic()
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

    def _is_short_post(self) -> bool:
        """Return whether a request is a POST of a short body that can be waited for, with none before it under way."""
        if self.parser.get_method() != b"POST" or self.parser.should_upgrade() or self.expect_100_continue:
            return False
        if self.flow.write_paused or not getattr(self.cycle, "response_complete", True):
            return False
        length = next((value for name, value in self.headers if name == b"content-length"), b"")
        return length.isdigit() and len(length) <= _MOST_DIGITS and int(length) <= SHORT

    def _expected(self, quick: Quick) -> Posted | None:
        """Return the request whose head is there, where its body is waited for."""
        is_kept = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        known = self._is_known
        found = Posted(self, self.url, self.headers, self._asked, is_known=known, keep_alive=is_kept)
        return found if quick.expects(found) else None

    def _is_taken(self, posted: Posted) -> bool:
        try:
            return self._quick is not None and self._quick.at_once(posted)
        except Exception:
            # The application is called instead, which answers or says no.
            self.logger.warning("no answer at once", exc_info=True)
            return False

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
