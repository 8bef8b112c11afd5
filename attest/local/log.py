"""An append-only Merkle log in a folder: what is acknowledged stays, whatever happens to the machine.

Three files. `entries` holds the entries' bytes, one behind the other. `tree` holds a record for each entry: where it
ends, its leaf hash, and the subtrees that it completes (`attest.local.layout`). `checkpoint` is the signed head that
was last acknowledged. An entry is written and flushed in this order, so that a crash leaves either the whole entry or
none: what stands behind the last whole record was never acknowledged and is cut off by the next writer. A log that no
longer contains what its checkpoint says is refused. Adding an entry and proving one reads as many hashes as the tree
has levels. docs/formats/local-log.md specifies the files.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from attest.local import old_log
from attest.local.checkpoints import MAX_CHECKPOINT_BYTES, Checkpoint
from attest.local.layout import END_BYTES, HASH_BYTES, node_offset, record_offset, record_size
from attest.local.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_from_proof,
    tree_root,
)
from attest.local.stored import PATIENCE, locked, replace_file, write_at, write_new
from dbom.errors import PathError, SigningError
from dbom.printable import printable
from dbom.rules.attestations import LOCAL_LOG_DAMAGED, LOCAL_STATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attest.local.checkpoints import LogSigner

__all__ = ["Inclusion", "LogReader", "MerkleLog"]


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Where an entry stands in a log, and the proof: index, the tree's size and root, the audit path, the signed head.

    `checkpoint` is empty where the log has no signed head yet (one of an older dbom).
    """

    index: int
    size: int
    root: bytes
    path: tuple[bytes, ...]
    checkpoint: str = field(default="", repr=False)


class LogReader:
    """Reads a log in `folder` as it was last acknowledged; nothing is changed, and read-only folders will do."""

    def __init__(self, folder: Path, *, patience: float = PATIENCE) -> None:
        self._folder = folder
        self._patience = patience
        self._head, self._index = folder / "checkpoint", folder / "index"

    @property
    def folder(self) -> Path:
        """Where the log is."""
        return self._folder

    @property
    def is_old(self) -> bool:
        """Whether it is kept as an older dbom did: without a stored tree and a signed head, until the next writer."""
        return not self._head.exists() and self._index.exists()

    def head(self) -> Checkpoint:
        """Return the signed head. Raises `SigningError` where it is missing, malformed, or from an older dbom."""
        return self._damages(self._read_head())

    def inclusion(self, index: int) -> Inclusion:
        """Return the proof that the entry at `index` is in the log as it is now, checked before it is handed out.

        Raises `IndexError` where there is no such entry, `SigningError` where the log is damaged.
        """
        head = self.head()
        with self._tree() as tree:
            if not 0 <= index < head.size:
                raise IndexError(f"no entry {index} in a log of {head.size}")
            leaf, path = tree.node(0, index), inclusion_proof(index, head.size, tree.node)
        if root_from_proof(leaf, index, head.size, path) != head.root:
            raise self._damaged(f"its tree doesn't lead from entry {index} to its head")
        return Inclusion(index, head.size, head.root, path, head.text)

    def consistency(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        """Return the proof that the log at size `new` (now, by default) begins with what it was at size `old`.

        Raises `IndexError` for sizes that it never had, `SigningError` where the log is damaged.
        """
        size = self.head().size
        if new is not None and new > size:
            raise IndexError(f"no size {new} in a log of {size}")
        with self._tree() as tree:
            return consistency_proof(old, size if new is None else new, tree.node)

    def entry(self, index: int) -> bytes:
        """Return the bytes of one entry; otherwise as `inclusion`."""
        size = self.head().size
        if not 0 <= index < size:
            raise IndexError(f"no entry {index} in a log of {size}")
        with self._tree() as tree:
            start, end, leaf = tree.end(index - 1), tree.end(index), tree.node(0, index)
            return self._checked(index, tree.bytes_of(start, end), leaf)

    def entries(self, start: int = 0) -> Iterator[bytes]:
        """Read the entries from `start` on, one after the other, as the log was when the reading began.

        Raises `SigningError` where the log has lost some, or where bytes were changed.
        """
        if self.is_old:
            yield from old_log.entries(self._folder, start)
            return
        size = self.head().size
        with self._tree() as tree:
            position = tree.end(start - 1)
            for index in range(start, size):
                end = tree.end(index)
                yield self._checked(index, tree.bytes_of(position, end), tree.node(0, index))
                position = end

    def records(self) -> Iterator[tuple[int, bytes, bytes, tuple[bytes, ...]]]:
        """Read index, entry, leaf hash and completed subtrees of each entry, as they are stored; nothing is compared.

        Raises `SigningError` where the log has lost some.
        """
        size, position = self.head().size, 0
        with self._tree() as tree:
            for index in range(size):
                end = tree.end(index)
                nodes = tuple(tree.node(level, index >> level) for level in range(_completed(index)))
                yield index, tree.bytes_of(position, end), nodes[0], nodes[1:]
                position = end

    def unacknowledged_bytes(self) -> int:
        """Return how many bytes stand behind what the head acknowledged. Raises `SigningError` as `head`."""
        size = self.head().size
        with self._tree() as tree:
            return max(tree.size - record_offset(size), 0) + max(tree.entries_size - tree.end(size - 1), 0)

    def _checked(self, index: int, entry: bytes, leaf: bytes) -> bytes:
        if leaf_hash(entry) != leaf:
            raise self._damaged(f"entry {index} is not what was logged")
        return entry

    def _read_head(self) -> Checkpoint | str:
        """Return the head, or what is wrong with it."""
        try:
            with self._head.open("rb") as file:
                return Checkpoint.parse(file.read(MAX_CHECKPOINT_BYTES + 1))
        except FileNotFoundError:
            return "its head is missing" if not self.is_old else "it has no signed head yet"
        except ValueError:
            return "its head is malformed"
        except OSError as error:
            raise self._unreadable(error) from error

    def _damages(self, head: Checkpoint | str) -> Checkpoint:
        if isinstance(head, str):
            raise self._damaged(head)
        return head

    def _tree(self) -> _Tree:
        try:
            return _Tree.opened(self._folder)
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> PathError:
        return PathError(LOCAL_STATE, f"can't be read: {error.strerror}", where=printable(str(error.filename)))

    def _damaged(self, what: str, *, got: str | None = None, expected: str | None = None) -> SigningError:
        where = printable(str(self._folder))
        return SigningError(LOCAL_LOG_DAMAGED, f"the log is damaged: {what}", where=where, got=got, expected=expected)


class MerkleLog(LogReader):
    """An append-only log in `folder` that `signer` signs the heads of. One writer at a time; others wait for it."""

    def __init__(self, folder: Path, signer: LogSigner, *, patience: float = PATIENCE) -> None:
        super().__init__(folder, patience=patience)
        self._signer = signer
        self._last = ""
        self._lock, self._entries, self._records = folder / "lock", folder / "entries", folder / "tree"

    @property
    def signer(self) -> LogSigner:
        """Who signs the log's heads."""
        return self._signer

    @classmethod
    def create(cls, folder: Path, signer: LogSigner) -> Self:
        """Make the folder of an empty log. Raises `PathError`."""
        folder.mkdir(mode=0o700)
        for name in ("entries", "tree", "lock"):
            write_new(folder / name, b"")
        replace_file(folder / "checkpoint", signer.checkpoint(0, tree_root(0, _no_node)).encode())
        return cls(folder, signer)

    def append(self, entry: bytes) -> Inclusion:
        """Add an entry and return the proof that it is in the log; it is on disk before this returns.

        Raises `SigningError` where another writer holds the log for too long or where the log has lost entries, and
        `PathError` where it can't be written: then nothing is added.
        """
        with self._writing() as (frontier, end):
            path, index = frontier.path, frontier.size
            completed = frontier.add(leaf_hash(entry))
            record = (end + len(entry)).to_bytes(END_BYTES, "big") + b"".join(completed)
            write_at(self._entries, end, entry)
            write_at(self._records, record_offset(index), record)
            text = self._signer.checkpoint(frontier.size, frontier.root)
            replace_file(self._head, text.encode())
            self._last = text
        return Inclusion(index, frontier.size, frontier.root, path, text)

    def migrate(self) -> None:
        """Bring a log of an older dbom into today's form; the next `append` does it by itself. Raises as `append`."""
        with self._writing():
            pass

    @contextmanager
    def _writing(self) -> Iterator[tuple[Frontier, int]]:
        """Hold the log: locked, in today's form, and recovered."""
        with locked(self._lock, patience=self._patience):
            old_log.migrate(self._folder, self._signer)
            yield self._recovered()

    def _recovered(self) -> tuple[Frontier, int]:
        """Return the tree's right edge and where the entries end.

        Whole records behind the head stay: they were on disk, and a log forgets nothing that may have been seen.
        Raises `SigningError` where the log no longer contains what its head says.
        """
        head = self.head()
        # The head that this writer signed last needn't be verified again.
        if head.text != self._last and not (
            head.name == self._signer.name and head.is_signed_by(self._signer.public_key)
        ):
            raise self._damaged("its head isn't signed by this log's key")
        with self._tree() as tree:
            if tree.size < record_offset(head.size):
                raise self._damaged(
                    "it has lost entries", got=f"{tree.size} bytes", expected=f"{record_offset(head.size)} bytes"
                )
            end = tree.end(head.size - 1)
            if tree.entries_size < end:
                raise self._damaged(
                    "its entries are cut short", got=f"{tree.entries_size} bytes", expected=f"{end} bytes"
                )
            frontier = Frontier.of(head.size, tree.node)
            if frontier.root != head.root:
                raise self._damaged(
                    "its entries are not those that were acknowledged",
                    got=frontier.root.hex(),
                    expected=head.root.hex(),
                )
            return _rolled_forward(frontier, tree, end)


@dataclass(frozen=True, slots=True)
class _Tree:
    """The two files of a log, open for reading."""

    folder: Path
    tree: int
    entries: int

    @classmethod
    def opened(cls, folder: Path) -> Self:
        tree = os.open(folder / "tree", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return cls(folder, tree, os.open(folder / "entries", os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            os.close(tree)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.tree)
        os.close(self.entries)

    @property
    def size(self) -> int:
        return os.fstat(self.tree).st_size

    @property
    def entries_size(self) -> int:
        return os.fstat(self.entries).st_size

    def node(self, level: int, index: int) -> bytes:
        return self._read(self.tree, HASH_BYTES, node_offset(level, index))

    def end(self, index: int) -> int:
        """Return where the entry at `index` ends; 0 for the one before the first."""
        return int.from_bytes(self._read(self.tree, END_BYTES, record_offset(index)), "big") if index >= 0 else 0

    def record(self, index: int) -> bytes:
        return os.pread(self.tree, record_size(index), record_offset(index))

    def bytes_of(self, start: int, end: int) -> bytes:
        if not start <= end <= self.entries_size:
            raise SigningError(
                LOCAL_LOG_DAMAGED,
                "the log is damaged: its entries are cut short",
                where=printable(str(self.folder)),
                got=f"{self.entries_size} bytes",
                expected=f"{end} bytes",
            )
        return self._read(self.entries, end - start, start)

    def _read(self, descriptor: int, size: int, offset: int) -> bytes:
        data = os.pread(descriptor, size, offset)
        if len(data) != size:
            raise SigningError(
                LOCAL_LOG_DAMAGED, "the log is damaged: it has lost entries", where=printable(str(self.folder))
            )
        return data


def _rolled_forward(frontier: Frontier, tree: _Tree, end: int) -> tuple[Frontier, int]:
    """Add the entries that were written whole behind the head; the first that wasn't ends the log."""
    while len(record := tree.record(frontier.size)) == record_size(frontier.size):
        until = int.from_bytes(record[:END_BYTES], "big")
        if not end <= until <= tree.entries_size:
            break
        leaf = leaf_hash(tree.bytes_of(end, until))
        after = Frontier.of(frontier.size, tree.node)
        if b"".join(after.add(leaf)) != record[END_BYTES:]:
            break
        frontier, end = after, until
    return frontier, end


def _completed(index: int) -> int:
    """Return how many subtrees the entry at `index` completes, its own leaf included."""
    return (record_size(index) - END_BYTES) // HASH_BYTES


def _no_node(level: int, index: int) -> bytes:
    raise AssertionError(f"an empty tree has no node {level}, {index}")
