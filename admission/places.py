"""The places of a server: so many connections at once, and no more, with so many bytes of bodies.

Where all are taken, the connection leaves that has waited longest without a whole request, so that slow clients stop
nobody but themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from admission.bounded import BoundedProtocol

__all__ = ["Places"]


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
