"""A tree too large for one memory to its digest: its folders are listed, read and reduced on the workers.

What comes back is the digest, counts, and the segments of the manifest in a folder (docs/formats/engine.md).
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dbom.engine import Child, cut, local_parts, open_engine, reduce_tree
from dbom.errors import NameRefusedError, PathError, UsageError
from dbom.fingerprinting import is_url, open_journal
from dbom.ignores import Ignores
from dbom.keys import list_keys
from dbom.members import demand_online, local_path
from dbom.printable import printable
from dbom.remote import READERS, place_name
from dbom.rules.artifacts import KEY_IS_FOLDER_TOO, PATH_MISSING
from dbom.rules.everyday import USAGE
from dbom.storage.objects import RemoteItem, open_sources, place_of, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from dbom.engine import Part, ReducedTree
    from dbom.items import Item, Progress
    from dbom.storage.objects import RemoteObject

__all__ = ["Prefix", "ReducedSource", "reduce_source"]


@dataclass(frozen=True, slots=True)
class ReducedSource:
    """A tree that was reduced on the workers: its name, what it is, and the patterns of what was left out."""

    name: str
    tree: ReducedTree
    ignores: tuple[str, ...]


@runtime_checkable
class _Levelled(Protocol):
    """A store that lists one level of names at a time."""

    def level(self, prefix: str) -> tuple[list[RemoteObject], list[str]]:
        """Return the objects right below a prefix, and the prefixes of the folders there."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """All objects below one folder of a tree in a store: `path` within the tree below `prefix` of `root`.

    The worker that lists it holds its listing in memory; what is left out and refused is as in docs/formats/remote.md.
    """

    root: str
    prefix: str
    path: str
    ignores: tuple[str, ...]
    computed: bool

    @property
    def name(self) -> str:
        """Its path with a `/` at the end."""
        return f"{self.path}/"

    def items(self) -> Iterator[Item]:
        """List the objects, in the order of the bytes of their paths."""
        source = source_of(self.root)
        where = source.shown(self.prefix).rstrip("/")
        below = source.below(f"{self.prefix}{self.path}/")
        listing = list_keys(below, self.prefix, where, Ignores.of(self.ignores))
        return (RemoteItem(path, self.root, item, self.computed) for path, item in listing.files.items())


def reduce_source(
    source: str | os.PathLike[str],
    *,
    segments: str,
    out: BinaryIO | None = None,
    ignores: Sequence[str] | None = None,
    engine: str = "threads",
    ray_address: str | None = None,
    jobs: int = 0,
    journal: str | os.PathLike[str] | None = None,
    computed: bool = False,
    offline: bool = False,
    progress: Progress | None = None,
) -> ReducedSource:
    """Return what the tree at `source`, a folder or an `s3://` prefix, is, with its files never all in one memory.

    Each folder right below the root is listed and read by one worker of `engine`, which writes the manifest's lines to
    `segments`, a folder or URL that all workers and this process reach; `out` gets the whole manifest, piece by piece.
    The digest is that of `dbom.fingerprint`. Not looked at are names that collide on some disks, and whether the tree
    has changed when all is read. The other arguments are those of `fingerprint`.

    Raises `UsageError` for what isn't a tree, or a store that can't list folder by folder; otherwise as
    `engine.reduce_tree` and `fingerprint`.
    """
    text, patterns = os.fspath(source), Ignores.of(ignores)
    if text.startswith(("file://", "local://")):
        text = local_path(text)
    with ExitStack() as opened:
        if is_url(text):
            demand_online(text, offline=offline)
            opened.enter_context(open_sources())
            name, parts = _remote(text, patterns, computed=computed)
        else:
            name, parts = _local(text, patterns)
        executor = opened.enter_context(open_engine(engine, ray_address=ray_address, jobs=jobs))
        log = None if journal is None else opened.enter_context(open_journal(journal, text, patterns.texts))
        readers = READERS if is_url(text) else 1
        tree = reduce_tree(parts, executor, spill=segments, out=out, journal=log, progress=progress, readers=readers)
        return ReducedSource(name, tree, patterns.texts)


def _local(path: str, ignores: Ignores) -> tuple[str, Iterator[Part]]:
    root = os.path.realpath(path)
    if not os.path.lexists(root):
        raise PathError(PATH_MISSING, "does not exist", where=printable(path))
    if not os.path.isdir(root):  # noqa: PTH112  a path that isn't UTF-8 is one too
        raise _no_tree(path)
    return os.path.basename(root) or "/", local_parts(root, ignores.texts)  # noqa: PTH119  the same


def _remote(url: str, ignores: Ignores, *, computed: bool) -> tuple[str, Iterator[Part]]:
    place = place_of(url)
    source = source_of(place.root)
    if not isinstance(source, _Levelled) or "*" in place.key:
        what = "subtrees are reduced on workers only for folders, and prefixes of s3:// without a pattern"
        raise UsageError(USAGE, what, where=printable(url))
    if place.key and source.find(place.key) is not None:
        raise _no_tree(url)
    prefix = place.key.rstrip("/") + "/" if place.key else ""

    def part(path: str) -> Prefix:
        return Prefix(place.root, prefix, path, ignores.texts, computed)

    def listed(_: str) -> list[Child[str, Item]]:
        objects, folders = source.level(prefix)
        where = source.shown(prefix).rstrip("/")
        files = list_keys(objects, prefix, where, ignores).files
        below = [key.removeprefix(prefix).removesuffix("/") for key in folders]
        if both := sorted(files.keys() & set(below)):
            what, at = "is an object and a folder of others", printable(f"{where}/{both[0]}")
            raise NameRefusedError(KEY_IS_FOLDER_TOO, what, where=at)
        found: list[Child[str, Item]] = [
            Child(path, file=RemoteItem(path, place.root, item, computed)) for path, item in files.items()
        ]
        return [*found, *(Child(folder, folder=folder) for folder in below)]

    # One level is asked for: each folder right below the prefix is a part.
    return place_name(place, source), cut(listed, part, depth=1)


def _no_tree(source: str) -> UsageError:
    return UsageError(USAGE, "is no tree, so there is nothing to reduce", where=printable(source))
