"""Items to batches: so much work at a time that handing it to another process or machine is worth its cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbom.items import Item

__all__ = ["BATCH_BYTES", "BATCH_ITEMS", "Batch", "Filling", "batches"]

BATCH_BYTES = 50 * 1024 * 1024
"""A batch is closed once it holds this many bytes."""

BATCH_ITEMS = 4096
"""A batch is closed once it holds this many items, so that a task's message and answer stay small."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some items that follow each other, read by one worker in one task."""

    held: tuple[Item, ...]

    @property
    def name(self) -> str:
        """What it is called in a journal and in messages: the path of its first item."""
        return self.held[0].path

    @property
    def size(self) -> int:
        """The bytes of all its items, as they were listed."""
        return sum(item.size for item in self.held)

    def items(self) -> Iterator[Item]:
        """Give the items in their order."""
        return iter(self.held)


@dataclass(slots=True)
class Filling:
    """The batch that is being filled. It is closed once it holds `min_bytes` or `max_items`, whichever comes first."""

    min_bytes: int = BATCH_BYTES
    max_items: int = BATCH_ITEMS
    _held: list[Item] = field(default_factory=list)
    _size: int = 0

    def add(self, item: Item) -> Batch | None:
        """Put an item in; return the batch where that closed it."""
        self._held.append(item)
        self._size += item.size
        if self._size >= self.min_bytes or len(self._held) >= self.max_items:
            return self.rest()
        return None

    def rest(self) -> Batch | None:
        """Return what is in it, None where that is nothing, and begin anew."""
        held, self._held, self._size = self._held, [], 0
        return Batch(tuple(held)) if held else None


def batches(items: Iterable[Item], *, min_bytes: int = BATCH_BYTES, max_items: int = BATCH_ITEMS) -> Iterator[Batch]:
    """Cut `items` into batches, in order, taking no more of them than the batch at hand needs."""
    filling = Filling(min_bytes, max_items)
    for item in items:
        if (full := filling.add(item)) is not None:
            yield full
    if (last := filling.rest()) is not None:
        yield last
