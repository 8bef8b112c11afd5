"""A progress bar: on a terminal only, and on stderr, where it disturbs no result."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbom.cli.session import current_session
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from dbom.items import Progress

__all__ = ["progress_bar"]

_PAUSE = 0.1  # seconds between two drawings
_LABEL = 30  # characters: a longer one would push the numbers off an 80 column line


class _Bar:
    """What the core tells of its reading, as one bar. Rich's own locks make it fit for many threads.

    It is drawn where something is told, ten times a second at most: a thread that draws would keep the reading from
    being shared among forked processes.
    """

    def __init__(self, shown: RichProgress, task: TaskID) -> None:
        self._shown = shown
        self._task = task
        self._expected = 0
        self._drawn = 0.0

    def expect(self, size: int) -> None:
        self._expected += size
        self._shown.update(self._task, total=self._expected)

    def advance(self, size: int) -> None:
        self._shown.advance(self._task, size)
        now = time.monotonic()
        if now - self._drawn > _PAUSE:
            self._drawn = now
            self._shown.refresh()


@contextmanager
def progress_bar(label: str) -> Iterator[Progress | None]:
    """Show a bar of the bytes read while the block runs, and give what it is fed by.

    None where stderr isn't a terminal or the person asked for quiet: then nothing is shown, and rich isn't loaded.
    """
    if current_session().quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as shown:
        yield _Bar(shown, shown.add_task(printable(label, limit=_LABEL), total=None))
