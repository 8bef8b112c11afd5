"""Items that tests make up: they can be pickled, count how often they are read, and can be told to fail."""

from __future__ import annotations

import hashlib
import os
import signal
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from dbom.errors import ChangedError
from dbom.model import COMPUTED, Entry, Known
from dbom.rules.artifacts import CHANGED_WHILE_READ

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbom.items import Progress

__all__ = ["Bar", "MadeItem", "PlainExecutor", "reads", "until"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class MadeItem:
    """An item whose bytes are `content`.

    Each reading adds a line to the file `log`. The first reading, and as many more as `times` says, does what `first`
    says: `kill` (ends its process), `lost` or `oserror` (raises), `changed` (raises what is never tried again).
    """

    path: str
    content: str = "x"
    log: str = ""
    first: str = ""
    times: int = 1
    known: Known = COMPUTED

    @property
    def size(self) -> int:
        """The size of its content."""
        return len(self.content)

    @property
    def state(self) -> str:
        """Its content."""
        return self.content

    def digest(self, progress: Progress | None = None) -> Entry:
        """Read it, or fail as told."""
        before = 0
        if self.log:
            before = len(reads(self.log, self.path))
            with Path(self.log).open("a", encoding="utf-8") as log:
                log.write(f"{self.path}\n")
        if self.first and before < self.times:
            self._fail()
        if progress is not None:
            progress.advance(self.size)
        return Entry(self.path, self.size, hashlib.sha256(self.content.encode()).hexdigest(), self.known)

    def _fail(self) -> None:
        if self.first == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.first == "lost":
            raise BrokenExecutor("lost")
        if self.first == "oserror":
            raise OSError(5, "Input/output error")
        raise ChangedError(CHANGED_WHILE_READ, "changed", where=self.path)


def reads(log: str | os.PathLike[str], path: str | None = None) -> list[str]:
    """Return the paths that were read, in order; only those that are `path` where it is given."""
    file = Path(log)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line for line in lines if path in (None, line)]


def until(path: str) -> None:
    """Keep a worker busy until there is a file at `path`."""
    while not Path(path).exists():
        pass


class PlainExecutor(Executor):
    """Does the work when it is given, as somebody's own executor might."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do it."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  a future holds whatever was raised
            future.set_exception(error)
        return future


class Bar:
    """A progress that counts."""

    def __init__(self) -> None:
        self.expected = 0
        self.advanced = 0

    def expect(self, size: int) -> None:
        """Count what is to come."""
        self.expected += size

    def advance(self, size: int) -> None:
        """Count what has been read."""
        self.advanced += size
