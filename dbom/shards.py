"""Digests of parts of files, as OpenSSF Model Signing has them, for threads that share a file (docs/formats/shards.md).

What comes out is no identity: no `Fingerprint`, no `Digest`. It can't be compared with the sha256 of a file or a tree,
and nothing is signed or verified by it.
"""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dbom.artifact import find_artifact
from dbom.errors import CancelledError
from dbom.executors import open_executor, spread, worker_count
from dbom.hashing import changed_error, demand_same, open_listed, thread_buffers, unreadable_error
from dbom.ignores import Ignores
from dbom.model import Kind
from dbom.printable import printable
from dbom.rules.everyday import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbom.hashing import Files, LocalItem
    from dbom.items import Progress
    from dbom.model import Finding

__all__ = ["SHARD_BYTES", "Shard", "ShardedFingerprint", "shard_path"]

SHARD_BYTES = 1_000_000_000
"""The size of a shard, all but a file's last: the one that model-signing takes where nobody says another."""

_IN_FLIGHT = 4


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a file: the file's path, where the part starts and ends (the byte behind it), and its sha256 in hex."""

    path: str
    start: int
    end: int
    sha256: str

    @property
    def name(self) -> str:
        """What Model Signing calls it."""
        return f"{self.path}:{self.start}:{self.end}"


@dataclass(frozen=True, slots=True)
class ShardedFingerprint:
    """The shards of a file or of the files of a tree, in Model Signing's order. It holds no file identity.

    The path of a single file is `.`, as Model Signing has it. `empty` are the files without bytes: they have no shard,
    so `root` doesn't know of them.
    """

    name: str
    shard_size: int
    shards: tuple[Shard, ...]
    empty: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def algorithm(self) -> str:
        """What Model Signing calls the digests."""
        return f"sha256-sharded-{self.shard_size}"

    @property
    def size(self) -> int:
        """The bytes of all shards together."""
        return sum(shard.end - shard.start for shard in self.shards)

    @property
    def root(self) -> str:
        """Model Signing's root digest in hex: the sha256 of the shards' digests. It is silent on names."""
        return hashlib.sha256(b"".join(bytes.fromhex(shard.sha256) for shard in self.shards)).hexdigest()

    def __str__(self) -> str:
        return f"shards:sha256:{self.root}"


def shard_path(
    path: str | os.PathLike[str],
    *,
    ignores: Sequence[str] | None = None,
    follow_links: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
    shard_size: int = SHARD_BYTES,
) -> ShardedFingerprint:
    """Read the file or folder at `path` shard by shard, in as many threads as `jobs` says (0: one for each core).

    What belongs to a tree, what is refused and what is raised is as for `dbom.tree.fingerprint_path`.
    """
    artifact = find_artifact(path, Ignores.of(ignores), follow_links=follow_links)
    items = [item._replace(path=".") for item in artifact.listing] if artifact.kind is Kind.FILE else artifact.listing
    sizes = [item.size for item in items]
    if progress is not None:
        progress.expect(sum(sizes))
    shards = _digested(_pieces(items, sizes, shard_size), worker_count(jobs), progress)
    artifact.demand_unchanged()
    empty = tuple(sorted(item.path for item in items if item.size == 0))
    ignored, findings = artifact.listing.ignored, artifact.listing.findings
    return ShardedFingerprint(artifact.name, shard_size, shards, empty, artifact.ignores.texts, ignored, findings)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A shard that is still to be read."""

    item: LocalItem
    start: int
    end: int


def _pieces(items: Files, sizes: Sequence[int], shard_size: int) -> Iterator[_Piece]:
    """Give all shards, those of the biggest files first."""
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        item = items[place]
        for start in range(0, sizes[place], shard_size):
            yield _Piece(item, start, min(start + shard_size, sizes[place]))


def _digested(pieces: Iterable[_Piece], workers: int, progress: Progress | None) -> tuple[Shard, ...]:
    stop = threading.Event()
    read = partial(_read, progress=progress, stop=stop)
    with open_executor(workers) as executor:
        try:
            results = spread(pieces, lambda piece: executor.submit(read, piece), in_flight=_IN_FLIGHT * workers)
            shards = [Shard(piece.item.path, piece.start, piece.end, sha256) for piece, sha256 in results]
        except BaseException:
            stop.set()
            raise
    # Model Signing's order: paths segment by segment, then where a shard starts.
    return tuple(sorted(shards, key=lambda shard: (shard.path.split("/"), shard.start)))


def _read(piece: _Piece, *, progress: Progress | None, stop: threading.Event) -> str:
    path, listed = piece.item.real, piece.item.listed
    descriptor = open_listed(path)
    try:
        demand_same(path, listed, descriptor)
        sha256 = hashlib.sha256()
        for chunk in _chunks(descriptor, piece):
            if stop.is_set():
                raise CancelledError(CANCELLED, "reading was stopped", where=printable(path))
            sha256.update(chunk)
            if progress is not None:
                progress.advance(len(chunk))
        demand_same(path, listed, descriptor)
    finally:
        os.close(descriptor)
    return sha256.hexdigest()


def _chunks(descriptor: int, piece: _Piece) -> Iterator[memoryview]:
    buffers, position, path = thread_buffers(), piece.start, piece.item.real
    view = buffers[0]
    while position < piece.end:
        try:
            read = os.preadv(descriptor, buffers, position)
        except OSError as error:
            raise unreadable_error(path, error) from error
        if read == 0:
            raise changed_error(path, "shrank while it was read")
        # The last chunk may hold bytes of the next shard, which are that one's.
        yield view[: min(read, piece.end - position)]
        position += read
