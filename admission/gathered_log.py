"""Log lines of decisions, written together some twenty times a second; lines of anything else, at once."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbom.canonical import JsonObject

__all__ = ["GatheredLog"]

_MOST_BYTES: Final = 64 * 1024
_EVERY: Final = 0.05
_ENCODER: Final = msgspec.json.Encoder()


class GatheredLog:
    """Takes documents from any threads and hands them to `write`, which takes whole lines of text.

    Where `write` waits, whoever logs waits, so that nothing gathers without bound. What is gathered is written before
    any other line is, and by `close`.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lines: list[bytes] = []
        self._size = 0
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._is_there, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def __call__(self, document: JsonObject) -> None:
        """Log a line of JSON, in ASCII whatever it holds."""
        line = _line(document)
        with self._lock:
            self._lines.append(line)
            self._size += len(line)
            is_first = len(self._lines) == 1
        if self._size > _MOST_BYTES or document.get("event") != "decision" or self._stop.is_set():
            self.flush()
        elif is_first:
            self._is_there.set()

    def flush(self) -> None:
        """Write what is gathered."""
        with self._writing:
            with self._lock:
                lines, self._lines, self._size = self._lines, [], 0
            if lines:
                self._write(b"\n".join((*lines, b"")).decode())

    def close(self) -> None:
        """Write what is gathered; what comes later is written at once."""
        self._stop.set()
        self._is_there.set()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._is_there.wait()
            self._stop.wait(_EVERY)
            self._is_there.clear()
            self.flush()


def _line(document: JsonObject) -> bytes:
    with suppress(UnicodeEncodeError):
        line = _ENCODER.encode(document)
        if line.isascii():
            return line
    return json.dumps(document).encode()
