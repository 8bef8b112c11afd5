"""A tree reduced where it is read: workers make segments of its manifest, the driver streams them into one digest."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Protocol

from dbom.engine.running import RETRIES, run_all, window_of
from dbom.engine.segments import demand_order, items_key, segment_lines, segment_of
from dbom.engine.window import read_items
from dbom.errors import DbomError, PathError
from dbom.model import Digest, Kind, Known
from dbom.pathname import path_order
from dbom.rules.artifacts import EMPTY_TREE
from dbom.storage import open_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Executor
    from typing import BinaryIO

    from dbom.engine.journal import Journal
    from dbom.engine.segments import Segment
    from dbom.items import Item, Progress
    from dbom.storage import Folder

__all__ = ["SEGMENT_ITEMS", "Part", "ReducedTree", "reduce_parts", "reduce_tree", "tree_digest_of"]

SEGMENT_ITEMS = 20_000
"""How many files a segment holds at most: some megabytes of lines, and what a worker holds in memory."""


class Part(Protocol):
    """A run of paths that one worker lists and reads: a batch, the objects below a prefix, a folder.

    It can be pickled. No path of another part of the tree lies between two of its own, in the order of their bytes.
    """

    @property
    def name(self) -> str:
        """What it is called in the journal; no other part of the tree has this name."""

    def items(self) -> Iterator[Item]:
        """List the items, in the order of the bytes of their paths. It is called on the worker."""


@dataclass(frozen=True, slots=True)
class ReducedTree:
    """What is known of a tree whose files never met in one place: its digest, counts, and the segments in order."""

    digest: Digest
    files: int
    size: int
    known: Known
    segments: tuple[Segment, ...]


def reduce_tree(
    parts: Iterable[Part],
    executor: Executor,
    *,
    spill: str | None = None,
    out: BinaryIO | None = None,
    in_flight: int = 0,
    retries: int = RETRIES,
    journal: Journal | None = None,
    progress: Progress | None = None,
    readers: int = 1,
    segment_items: int = SEGMENT_ITEMS,
) -> ReducedTree:
    """Return the digest of the tree that `parts` make together, in any order, each listed and read on a worker.

    `spill` is a folder or URL that the workers and this process reach, to which the segments are written; without it
    they come back in the answers, and the whole manifest is in memory here. `out` gets the manifest. The rest is as in
    `digest_items`; a `journal` needs `spill`.

    Raises what it raises, `PathError` for a tree without files, `DocumentError` where parts overlap.
    """
    found = reduce_parts(
        parts,
        executor,
        spill=spill,
        in_flight=in_flight,
        retries=retries,
        journal=journal,
        progress=progress,
        readers=readers,
        segment_items=segment_items,
    )
    segments = tuple(sorted(found, key=lambda segment: path_order(segment.first)))
    if not segments:
        raise PathError(EMPTY_TREE, "holds no files")
    digest = tree_digest_of(segments, spill=spill, out=out)
    known = min((segment.known for segment in segments), key=lambda known: known.basis.strength)
    files, size = sum(segment.files for segment in segments), sum(segment.size for segment in segments)
    return ReducedTree(digest, files, size, known, segments)


def reduce_parts(
    parts: Iterable[Part],
    executor: Executor,
    *,
    spill: str | None = None,
    in_flight: int = 0,
    retries: int = RETRIES,
    journal: Journal | None = None,
    progress: Progress | None = None,
    readers: int = 1,
    segment_items: int = SEGMENT_ITEMS,
) -> Iterator[Segment]:
    """Give the segments of `parts` as they are done, in any order. For the parameters see `reduce_tree`."""
    if journal is not None and spill is None:
        raise ValueError("a journal of parts names segments, so they must be written to a folder")
    function = partial(_reduce, spill=spill, readers=readers, segment_items=segment_items)
    work = (_Task(part, () if journal is None else journal.segments_of(part.name)) for part in parts)
    done = run_all(executor, function, work, in_flight=window_of(executor, in_flight), retries=retries)
    with closing(done):
        for task, segments in done:
            if journal is not None:
                journal.record_part(task.name, segments)
            if progress is not None:
                size = sum(segment.size for segment in segments)
                progress.expect(size)
                progress.advance(size)
            yield from segments


def tree_digest_of(segments: Sequence[Segment], *, spill: str | None = None, out: BinaryIO | None = None) -> Digest:
    """Return the digest of the tree whose manifest these segments are, in order; write the manifest to `out`.

    One segment after the other is read, checked against its sha256 and hashed: it equals `model.tree_digest` of all
    the entries. Raises `DocumentError` where they overlap or are out of order, `MismatchError` where a segment's file
    has other bytes, `StoreError` where it can't be read, `ValueError` for no segments.
    """
    if not segments:
        raise ValueError("an empty tree has no digest")
    for before, after in pairwise(segments):
        demand_order(before.last, after.first)
    folder = None if spill is None else open_folder(spill)
    hasher = hashlib.sha256()
    for segment in segments:
        lines = segment_lines(segment, folder)
        hasher.update(lines)
        if out is not None:
            out.write(lines)
    return Digest(Kind.TREE, hasher.hexdigest())


@dataclass(frozen=True, slots=True)
class _Task:
    """A part, and the segments that the journal knows of it."""

    part: Part
    known: tuple[Segment, ...]

    @property
    def name(self) -> str:
        return self.part.name


def _reduce(task: _Task, *, spill: str | None, readers: int, segment_items: int) -> tuple[Segment, ...]:
    """List a part and make its segments; one that was made of the very same items is taken as it is."""
    folder = None if spill is None else open_folder(spill)
    known = {segment.key: segment for segment in task.known}
    items = task.part.items()
    segments: list[Segment] = []
    while chunk := tuple(islice(items, segment_items)):
        key = items_key(chunk)
        made = known.get(key)
        if made is None or not _is_there(made, folder):
            made = _spilled(segment_of(read_items(chunk, readers), key), folder)
        segments.append(made)
    return tuple(segments)


def _is_there(segment: Segment, folder: Folder | None) -> bool:
    try:
        segment_lines(segment, folder)
    except DbomError:
        return False
    return True


def _spilled(segment: Segment, folder: Folder | None) -> Segment:
    if folder is None or segment.data is None:
        return segment
    folder.add(segment.name, segment.data)
    return replace(segment, data=None)
