"""What is handed to a journal: entries to be recorded, those that wait for it, and those that are written already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import msgspec

from admission.journal.records import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from admission.journal.contents import Content
    from admission.journal.records import Head
    from dbom.canonical import JsonObject
    from dbom.errors import DbomError

__all__ = ["Begun", "Entry", "Waiting"]


class Entry(msgspec.Struct, frozen=True):
    """Something to be recorded: its facts, and the contents that they name by digest.

    `durable` says that the disk must have it before the caller goes on; else it is enough that it was written.
    """

    kind: str
    at: datetime
    facts: bytes
    contents: tuple[Content, ...] = ()
    durable: bool = True

    @classmethod
    def of(
        cls,
        kind: str,
        at: datetime,
        facts: JsonObject,
        *,
        contents: Iterable[Content] = (),
        durable: bool = True,
    ) -> Self:
        """Return an entry with these facts. Raises `DocumentError` for what JSON can't hold."""
        return cls(kind, at, canonical(facts), tuple(contents), durable)


@dataclass(slots=True)
class Waiting:
    """Entries that were handed in together. `begins` says whether somebody still wants them, `told` what came of it."""

    entries: Sequence[Entry]
    told: Callable[[Sequence[Head] | DbomError], None]
    begins: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Begun:
    """Entries that were written, and where the record of each will stand once the disk has them, if it must."""

    entries: Sequence[Entry]
    heads: list[Head]
    contents: list[str]
    size: int
    durable: bool
