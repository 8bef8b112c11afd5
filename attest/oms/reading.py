"""The digests that a signed model's resources have, computed in the one read that its sha256 comes from.

Where a model was signed by parts of files, or by another hash than sha256, no identity follows from the signature. The
files are then read once, to both: what was signed, and the sha256 that everything else goes by.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attest.oms.manifest import SINGLE_FILE
from dbom.hashing import hash_with, new_blake3
from dbom.model import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.oms.manifest import OmsManifest
    from dbom.hashing import Files, Hasher, LocalItem
    from dbom.items import Progress

__all__ = ["OmsReader", "SignedDigests", "unlisted"]


@dataclass(slots=True)
class OmsReader:
    """Reads files for `fingerprint_path`, and keeps the digests that the signature of `manifest` is about.

    `digests` are by path and by where the part starts (0 for a whole file).
    """

    manifest: OmsManifest
    progress: Progress | None = None
    digests: SignedDigests = field(default_factory=dict)

    def __call__(self, items: Files) -> list[Entry]:
        """Return the entry of each item, in their order. Raises as `dbom.hashing.hash_item`."""
        if self.progress is not None:
            self.progress.expect(sum(item.size for item in items))
        return [self._read(item) for item in items]

    def differing(self) -> str | None:
        """Return a path whose digests aren't those that were signed, or None where all are, and no other is there."""
        read = dict(self.digests)
        if self.manifest.is_single_file and len({path for path, _ in read}) == 1:
            read = {(SINGLE_FILE, start): digest for (_, start), digest in read.items()}
        signed = {(resource.path, resource.start or 0): resource.digest for resource in self.manifest.resources}
        return min((path for (path, _), _ in read.items() ^ signed.items()), default=None)

    def _read(self, item: LocalItem) -> Entry:
        parts = _Parts(_hashers(self.manifest.algorithm), self.manifest.shard_size)
        sha256 = hash_with(item, parts, progress=self.progress)
        self.digests.update({(item.path, start): digest for start, digest in parts.digests()})
        return Entry(item.path, item.size, sha256)


def unlisted(manifest: OmsManifest, items: Files) -> str | None:
    """Return a path that shows, before anything is read, that these aren't the signed files, or None where none does.

    Of parts the size of each file is signed too; a file of no bytes has no part.
    """
    ends: dict[str, int | None] = {}
    for resource in manifest.resources:
        ends[resource.path] = None if resource.end is None else max(resource.end, ends.get(resource.path) or 0)
    there = {item.path: item.size for item in items if manifest.shard_size is None or item.size}
    if manifest.is_single_file and len(there) == 1:
        there = dict(zip((SINGLE_FILE,), there.values(), strict=True))
    names = there.keys() ^ ends.keys()
    return min(names, default=None) or min(
        (path for path, end in ends.items() if end is not None and end != there[path]), default=None
    )


SignedDigests = dict[tuple[str, int], str]
"""Digests in hex by path and first byte."""


@dataclass(slots=True)
class _Parts:
    """A hasher of the parts of one file; a file of no bytes has no part, where there are parts."""

    new: Callable[[], Hasher]
    size: int | None
    _done: list[tuple[int, str]] = field(default_factory=list)
    _current: Hasher | None = None
    _position: int = 0

    def update(self, data: memoryview, /) -> None:
        """Take more bytes, and begin a new part where one is full."""
        while data:
            if self._current is None:
                self._current = self.new()
            room = len(data) if self.size is None else self.size - self._position % self.size
            self._current.update(data[:room])
            self._position += min(room, len(data))
            data = data[room:]
            if self.size is not None and self._position % self.size == 0:
                self._close()

    def digests(self) -> list[tuple[int, str]]:
        """Return where each part starts, and its digest."""
        if self.size is None:
            return [(0, (self._current or self.new()).hexdigest())]
        if self._current is not None:
            self._close()
        return self._done

    def hexdigest(self) -> str:
        """Return nothing of use: it is the parts that count."""
        return ""

    def _close(self) -> None:
        if self._current is not None and self.size is not None:
            start = (self._position - 1) // self.size * self.size
            self._done.append((start, self._current.hexdigest()))
        self._current = None


def _hashers(algorithm: str) -> Callable[[], Hasher]:
    if algorithm == "blake3":
        return new_blake3
    return hashlib.blake2b if algorithm == "blake2b" else hashlib.sha256
