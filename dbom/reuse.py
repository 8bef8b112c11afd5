"""Digests from an earlier, verified statement, for the files that are still in the state they were read in then.

A statement vouches for digests and says nothing of any disk. Which file had which digest, and in which state it was
read, stands in a saved fingerprint (docs/formats/fingerprint.md). Whether its digest is the subject of a verified
statement is for the caller to check, before anything is taken from here (`attest.reusing`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from dbom.cache import SETTLED_NS
from dbom.hashing import LocalItem
from dbom.model import COMPUTED, Entry, Known
from dbom.storage.objects import RemoteItem, source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from dbom.hashing import Files
    from dbom.items import Item
    from dbom.model import Fingerprint

__all__ = ["Reuse", "States", "state_of"]

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class States:
    """The states that files were read in, by their paths in the tree, and the source that the tree was read from.

    `source` is a resolved path, or a URL without its query. A file whose state isn't one to rely on has none.
    """

    source: str
    files: Mapping[str, str]


@dataclass(slots=True)
class Reuse:
    """What an earlier fingerprint lets a reading take over, and what the reading notes for a later one.

    `known` are entries with the states they were read in, by path; empty where states are only to be noted. `noted`
    are the states of this reading; `taken` and `size` count the files and bytes that weren't read. Local files are
    noted where all their times are older than `settled_ns`, in nanoseconds since 1970.
    """

    settled_ns: int
    known: Mapping[str, tuple[str, Entry]] = field(default_factory=dict)
    noted: dict[str, str] = field(default_factory=dict, init=False)
    taken: int = field(default=0, init=False)
    size: int = field(default=0, init=False)

    @classmethod
    def begin(
        cls,
        begun: datetime,
        earlier: Fingerprint | None = None,
        states: States | None = None,
        *,
        known: Known = COMPUTED,
    ) -> Self:
        """Begin a reading: it notes states and, given an `earlier` fingerprint with its states, takes over from it.

        `begun` is a time before anything is listed, `known` how an entry that is taken over is known.
        """
        entries = () if earlier is None or states is None else earlier.entries
        found = {
            entry.path: (states.files[entry.path], Entry(entry.path, entry.size, entry.sha256, known))
            for entry in entries
            if states is not None and entry.path in states.files
        }
        return cls(int(begun.timestamp() * _SECOND_NS) - SETTLED_NS, found)

    def read(self, items: Files, read: Callable[[Files], list[Entry]]) -> list[Entry]:
        """Return the entry of each of `items`, in order: taken over where its state is the same, else from `read`."""
        entries: dict[int, Entry] = {}
        for place, item in enumerate(items):
            if (entry := self._entry(item)) is not None:
                entries[place] = entry
        if not entries:
            return read(items)
        rest = [place for place in range(len(items)) if place not in entries]
        entries.update(zip(rest, read([items[place] for place in rest]) if rest else (), strict=True))
        return [entries[place] for place in range(len(items))]

    def divided(self, items: Iterable[RemoteItem]) -> tuple[list[Entry], list[RemoteItem]]:
        """Return the entries of those of `items` whose state is the same, and the items that must be read."""
        entries: list[Entry] = []
        rest: list[RemoteItem] = []
        for item in items:
            entry = self._entry(item)
            if entry is None:
                rest.append(item)
            else:
                entries.append(entry)
        return entries, rest

    def _entry(self, item: Item) -> Entry | None:
        state = state_of(item, self.settled_ns)
        if not state:
            return None
        self.noted[item.path] = state
        before = self.known.get(item.path)
        if before is None or before[0] != state or before[1].size != item.size:
            return None
        self.taken += 1
        self.size += item.size
        return before[1]


def state_of(item: Item, settled_ns: int) -> str:
    """Return a text that no other bytes at this item's place will ever have, or nothing where there is no such text.

    For a local file: device, inode, size, modification and change time, all older than `settled_ns`, as in the cache.
    For an object: the store's host, the key, and the version or generation that the store keeps these very bytes by. An
    ETag is none: where it is a digest, it is an MD5, and two contents with one MD5 are made in seconds. Nor is a hub's
    blob id, a SHA-1; its large files have a sha256 that the listing attests.
    """
    if isinstance(item, LocalItem):
        return str(item.listed) if item.listed.newest_ns < settled_ns else ""
    if isinstance(item, RemoteItem) and item.item.version and not item.item.attested:
        found = item.item
        host = source_of(item.root).host
        return "\n".join((host, item.root, found.key, str(found.size), found.tag, found.version))
    return ""
