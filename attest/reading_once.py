"""One artifact read under several ignore lists: each file is hashed once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbom.hashing import Files, FileState
    from dbom.model import Entry

__all__ = ["ReadingOnce"]


@dataclass(frozen=True, slots=True)
class ReadingOnce:
    """Reads files for `fingerprint_path`, by `read`, and remembers those that it read: by real path and listed state.

    It is for one look at one artifact: what changed since has another state, and is read again.
    """

    read: Callable[[Files], list[Entry]]
    entries: dict[tuple[str, FileState], Entry] = field(default_factory=dict)

    def __call__(self, items: Files) -> list[Entry]:
        """Return the entry of each item, in their order. Raises as `read` does."""
        missing = [item for item in items if (item.real, item.listed) not in self.entries]
        for item, entry in zip(missing, self.read(missing), strict=True):
            self.entries[item.real, item.listed] = entry
        return [replace(self.entries[item.real, item.listed], path=item.path) for item in items]
