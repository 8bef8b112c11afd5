"""The room that a journal takes: how much is left, and what is deleted where it may take only so much.

By itself a journal deletes nothing, and a full disk is a no in enforce: who may ask the gate could fill it, and stop
everybody. Where the oldest may go instead, they go as whole files. What goes on says what came before it, so a report
names them as missing; it can't be taken for a journal that began later.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.journal.files import full_files
from dbom.printable import printable

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from admission.metrics import Metrics
    from dbom.canonical import JsonObject

__all__ = ["LEAST_KEPT", "JournalSpace", "trim_lines"]

LEAST_KEPT: Final = 192 * 1024 * 1024
"""The least that a journal may be held to: the file that is written, the full one before it, and heads."""


@dataclass(slots=True)
class JournalSpace:
    """What a journal at `path` takes and may take: `most` bytes, None for all that there is.

    The newest full file stays whatever it takes: a gate that starts again may have to go on from it.
    """

    path: Path
    log: Callable[[JsonObject], None]
    most: int | None = None
    deleted: int = 0

    def prune(self) -> list[str]:
        """Delete the oldest full files until the others take as much as they may; return their names."""
        if self.most is None:
            return []
        gone: list[str] = []
        try:
            files = full_files(self.path)
            sizes = [item.stat().st_size for item in files]
            taken = sum(sizes) + (self.path.stat().st_size if self.path.exists() else 0)
            for item, size in zip(files[:-1], sizes, strict=False):
                if taken <= self.most:
                    break
                item.unlink()
                gone.append(item.name)
                taken -= size
        except OSError as error:
            what = printable(f"{self.path.name}: nothing can be deleted: {error.strerror}")
            self.log({"event": "journal", "error": what})
        if gone:
            self.deleted += len(gone)
            self.log({"event": "journal", "deleted": [printable(name) for name in gone], "most": self.most})
        return gone

    def run(self, stop: threading.Event, *, every: float = 1.0) -> None:
        """Prune every so many seconds until `stop` is set: what a thread of its own does."""
        while not stop.wait(every):
            self.prune()

    def show_in(self, metrics: Metrics) -> None:
        """Have metrics say how much room is left, and how many files were deleted."""
        metrics.gauge("dbom_admission_journal_free_bytes", "Left where the journal is.", self._free)
        what = "Files of the journal that were deleted, so that it takes no more than it may."
        metrics.gauge("dbom_admission_journal_deleted_total", what, lambda: float(self.deleted), kind="counter")

    def _free(self) -> float | None:
        try:
            found = os.statvfs(self.path.parent)
        except OSError:
            return None
        return float(found.f_bavail * found.f_frsize)


def trim_lines(path: Path, most: int) -> None:
    """Leave the newest lines of a file that takes more than `most` bytes, half as many bytes of them, in one step.

    Only for whoever alone writes it. Raises `OSError`.
    """
    size = path.stat().st_size
    if size <= most:
        return
    with path.open("rb") as file:
        file.seek(size - most // 2)
        file.readline()
        kept = file.read()
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(0o600)
    with beside.open("wb") as file:
        file.write(kept)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
