"""An append-only Merkle log in a folder: what is acknowledged stays, whatever happens to the machine.

Three files. `entries` holds the entries' bytes, one behind the other. `index` holds 40 bytes an entry: its leaf hash
and, as a big-endian number, where it ends in `entries`. `head` holds the size and root that were last acknowledged.
An entry is written and flushed to disk in this order, so that a crash leaves either the whole entry or none: what
stands in `entries` behind the last index record, or in `index` as a broken record, was never acknowledged and is
cut off by the next writer. A log that no longer contains what `head` acknowledged is refused.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from attest.local.merkle import inclusion_proof, leaf_hash, tree_root
from dbom.errors import SigningError
from dbom.rules.attestations import LOCAL_LOCKED, LOCAL_LOG_DAMAGED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Inclusion", "MerkleLog"]

_RECORD: Final = struct.Struct(">32sQ")
_HEAD: Final = struct.Struct(">Q32s")
_PATIENCE: Final = 10.0
_PAUSE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where an entry stands in a log, and the proof: index, the tree's size and root, and the audit path."""

    index: int
    size: int
    root: bytes
    path: tuple[bytes, ...]


class MerkleLog:
    """An append-only log in `folder`, whose tree is that of RFC 6962. One writer at a time; others wait for it."""

    def __init__(self, folder: Path, *, patience: float = _PATIENCE) -> None:
        self._folder = folder
        self._patience = patience

    @staticmethod
    def create(folder: Path) -> None:
        """Make the folder of an empty log."""
        folder.mkdir(mode=0o700)
        for name in ("entries", "index", "lock"):
            (folder / name).touch(mode=0o600)

    def append(self, entry: bytes) -> Inclusion:
        """Add an entry and return the proof that it is in the log; it is on disk before this returns.

        Raises `SigningError` where another writer holds the log for too long, or where the log has lost entries.
        """
        with self._locked():
            records = self._recovered()
            end = records[-1][1] if records else 0
            leaf = leaf_hash(entry)
            self._write("entries", end, entry)
            self._write("index", len(records) * _RECORD.size, _RECORD.pack(leaf, end + len(entry)))
            leaves = [record[0] for record in records] + [leaf]
            root = tree_root(leaves)
            self._acknowledge(len(leaves), root)
        return Inclusion(len(leaves) - 1, len(leaves), root, inclusion_proof(leaves, len(leaves) - 1))

    def entries(self) -> tuple[bytes, ...]:
        """Return every entry. Raises `SigningError` where the log has lost some, or where bytes were changed."""
        with self._locked():
            records = self._recovered()
            data = (self._folder / "entries").read_bytes()
        starts = [0, *(end for _, end in records)]
        found = tuple(data[start:end] for start, (_, end) in zip(starts, records, strict=False))
        for number, (entry, (leaf, _)) in enumerate(zip(found, records, strict=True)):
            if leaf_hash(entry) != leaf:
                raise self._damaged(f"entry {number} is not what was logged")
        return found

    def _recovered(self) -> list[tuple[bytes, int]]:
        """Return leaf hash and end of each whole entry; what follows them is overwritten or cut by the next append."""
        index = (self._folder / "index").read_bytes()
        whole = len(index) - len(index) % _RECORD.size
        records = list(_RECORD.iter_unpack(index[:whole]))
        ends = [0, *(end for _, end in records)]
        size = (self._folder / "entries").stat().st_size
        if ends != sorted(ends) or ends[-1] > size:
            raise self._damaged("its entries are cut short", got=f"{size} bytes", expected=f"{ends[-1]} bytes")
        self._check_head([leaf for leaf, _ in records])
        return records

    def _check_head(self, leaves: list[bytes]) -> None:
        head = self._folder / "head"
        if not head.exists():
            return
        data = head.read_bytes()
        if len(data) != _HEAD.size:
            raise self._damaged("its head is malformed")
        size, root = _HEAD.unpack(data)
        if len(leaves) < size:
            raise self._damaged("it has lost entries", got=f"{len(leaves)}", expected=f"at least {size}")
        if tree_root(leaves[:size]) != root:
            raise self._damaged("its entries are not those that were acknowledged")

    def _acknowledge(self, size: int, root: bytes) -> None:
        temporary = self._folder / "head.new"
        with self._opened(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
            file.write(_HEAD.pack(size, root))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._folder / "head")
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write(self, name: str, offset: int, data: bytes) -> None:
        with self._opened(self._folder / name, os.O_RDWR) as file:
            file.truncate(offset)
            file.seek(offset)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def _opened(path: Path, flags: int) -> BinaryIO:
        return os.fdopen(os.open(path, flags | os.O_CLOEXEC, 0o600), "wb" if flags & os.O_CREAT else "r+b")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("rb") as file:
            deadline = time.monotonic() + self._patience
            while not _taken(file):
                if time.monotonic() >= deadline:
                    raise SigningError(LOCAL_LOCKED, "another program is writing to this log", where=str(self._folder))
                time.sleep(_PAUSE)
            yield

    def _damaged(self, what: str, *, got: str | None = None, expected: str | None = None) -> SigningError:
        return SigningError(
            LOCAL_LOG_DAMAGED, f"the log is damaged: {what}", where=str(self._folder), got=got, expected=expected
        )


def _taken(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
