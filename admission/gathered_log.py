"""Log lines, written by a thread of their own: those of decisions together some twenty times a second, others at once.

Who logs never waits for who reads: where nobody does (a collector that hangs, a node's disk that is full), a webhook
would stop at the next line, and the cluster with it.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbom.canonical import JsonObject

__all__ = ["GatheredLog"]

_AT_ONCE: Final = 1024
_MOST_LINES: Final = 4096
_LONGEST_END: Final = 2.0
_EVERY: Final = 0.05
_ENCODER: Final = msgspec.json.Encoder()


class GatheredLog:
    """Takes documents from any threads and hands them to `write`, which takes whole lines of text.

    At most 4096 lines wait to be written. What comes then is dropped, and how many lines were is said as soon as it can
    be. What is gathered is written before any other line is, and by `close`.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._writing = threading.Lock()
        self._is_there, self._is_urgent, self._stop = threading.Event(), threading.Event(), threading.Event()
        self._is_told = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def __call__(self, document: JsonObject) -> None:
        """Log a line of JSON, in ASCII whatever it holds."""
        if len(self._lines) >= _MOST_LINES:
            self._dropped += 1
            return
        self._lines.append(_line(document))
        if self._stop.is_set():
            self._flush()
        elif document.get("event") != "decision" or len(self._lines) == _AT_ONCE:
            self._is_urgent.set()
            self._is_there.set()
        elif not self._is_told:
            self._is_told = True
            self._is_there.set()

    def close(self) -> None:
        """Write what is gathered, unless nobody reads; what comes later is written at once."""
        self._stop.set()
        self._is_urgent.set()
        self._is_there.set()
        self._thread.join(_LONGEST_END)
        self._flush()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._is_there.wait()
            self._is_urgent.wait(_EVERY)
            self._is_there.clear()
            self._is_urgent.clear()
            self._flush()

    def _flush(self) -> None:
        """Write what is gathered; at the end not while another thread does, which may wait for ever."""
        if not self._writing.acquire(timeout=_LONGEST_END if self._stop.is_set() else -1):
            return
        try:
            # Whoever adds a line from now on sees to it that it is written.
            self._is_told = False
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            dropped, self._dropped = self._dropped, 0
            if dropped:
                lines.append(_line({"event": "log", "dropped": dropped}))
            if lines:
                self._write(b"\n".join((*lines, b"")).decode())
        finally:
            self._writing.release()


def _line(document: JsonObject) -> bytes:
    if document.get("event") == "decision":
        # These are many, and written the quicker way.
        try:
            line = _ENCODER.encode(document)
        except UnicodeEncodeError:
            line = b"\xff"
        if line.isascii():
            return line
    return json.dumps(document).encode()
