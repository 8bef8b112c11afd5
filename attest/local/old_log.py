"""Logs as an older dbom kept them (form 1): read as they are, and brought into today's form by the next writer.

Form 1 has the same `entries`; `index` with 40 bytes an entry (leaf hash, and where it ends, big-endian); and `head`,
the size (8 bytes, big-endian) and root that were last acknowledged, missing in a log that never had an entry.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from attest.local.layout import END_BYTES
from attest.local.merkle import Frontier, leaf_hash
from attest.local.stored import flush_folder, replace_file
from dbom.errors import PathError, SigningError
from dbom.printable import printable
from dbom.rules.attestations import LOCAL_LOG_DAMAGED, LOCAL_STATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attest.local.checkpoints import LogSigner

__all__ = ["entries", "migrate", "rebuilt"]

_RECORD: Final = struct.Struct(">32sQ")
_HEAD: Final = struct.Struct(">Q32s")


def entries(folder: Path, start: int = 0) -> Iterator[bytes]:
    """Read the entries from `start` on, as they are. Raises `SigningError` where the log is damaged."""
    try:
        with (folder / "index").open("rb") as index, (folder / "entries").open("rb") as data:
            for number, (leaf, begin, end) in enumerate(_records(index.read())):
                data.seek(begin)
                entry = data.read(max(end - begin, 0))
                if leaf_hash(entry) != leaf:
                    raise _damaged(folder, f"entry {number} is not what was logged")
                if number >= start:
                    yield entry
    except OSError as error:
        raise _unreadable(error) from error


def migrate(folder: Path, signer: LogSigner) -> None:
    """Bring a log into today's form, where it isn't yet; only for who holds its lock.

    The signed head is written last, by a rename: until then the log is of form 1, whatever else is there. Raises
    `SigningError` where it lost something, changing nothing.
    """
    if not (folder / "index").exists():
        return
    if not (folder / "checkpoint").exists():
        frontier, tree = rebuilt(folder)
        replace_file(folder / "tree", tree)
        replace_file(folder / "checkpoint", signer.checkpoint(frontier.size, frontier.root).encode())
    # What is left of form 1 says nothing any more.
    try:
        (folder / "head").unlink(missing_ok=True)
        (folder / "index").unlink(missing_ok=True)
    except OSError as error:
        raise _unreadable(error) from error
    flush_folder(folder)


def rebuilt(folder: Path) -> tuple[Frontier, bytes]:
    """Return the tree of the entries, as `tree` would hold it: all that is acknowledged, and what was written whole.

    Raises `SigningError` where the log lost something.
    """
    size, root = _head(folder)
    frontier, tree, acknowledged = Frontier(), bytearray(), size == 0
    try:
        index, length = (folder / "index").read_bytes(), (folder / "entries").stat().st_size
    except OSError as error:
        raise _unreadable(error) from error
    for leaf, begin, end in _records(index):
        if not begin <= end <= length:
            raise _damaged(folder, "its entries are cut short", got=f"{length} bytes", expected=f"{end} bytes")
        tree += end.to_bytes(END_BYTES, "big") + b"".join(frontier.add(leaf))
        acknowledged = acknowledged or (frontier.size == size and frontier.root == root)
        if frontier.size == size and not acknowledged:
            raise _damaged(folder, "its entries are not those that were acknowledged")
    if frontier.size < size:
        raise _damaged(folder, "it has lost entries", got=f"{frontier.size}", expected=f"at least {size}")
    return frontier, bytes(tree)


def _records(index: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give leaf hash, start and end of each entry; a broken last record was never acknowledged."""
    start = 0
    for leaf, end in _RECORD.iter_unpack(index[: len(index) - len(index) % _RECORD.size]):
        yield leaf, start, end
        start = end


def _head(folder: Path) -> tuple[int, bytes]:
    try:
        data = (folder / "head").read_bytes()
    except FileNotFoundError:
        return 0, b""
    except OSError as error:
        raise _unreadable(error) from error
    if len(data) != _HEAD.size:
        raise _damaged(folder, "its head is malformed")
    size, root = _HEAD.unpack(data)
    return size, root


def _unreadable(error: OSError) -> PathError:
    return PathError(LOCAL_STATE, f"can't be read: {error.strerror}", where=printable(str(error.filename)))


def _damaged(folder: Path, what: str, *, got: str | None = None, expected: str | None = None) -> SigningError:
    where = printable(str(folder))
    return SigningError(LOCAL_LOG_DAMAGED, f"the log is damaged: {what}", where=where, got=got, expected=expected)
