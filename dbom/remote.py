"""What is at a URL to its fingerprint: the same digest that the same bytes have on a disk (docs/formats/remote.md)."""

from __future__ import annotations

import re
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dbom.errors import ChangedError, NameRefusedError
from dbom.executors import open_executor
from dbom.globs import choice_note, glob_pattern
from dbom.ignores import Ignores
from dbom.keys import KeyListing, artifact_name, demand_files, list_keys, tree_of
from dbom.members import demand_online, fingerprint_members, is_member, is_url, local_path
from dbom.model import Fingerprint, Unknown
from dbom.oci import fingerprint_artifact, is_reference
from dbom.printable import printable
from dbom.rules.artifacts import CHANGED_WHILE_READ, KEY_IS_FOLDER_TOO
from dbom.storage.objects import Place, RemoteItem, open_sources, place_of, source_of
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor, Future

    from dbom.engine.journal import Journal
    from dbom.items import Progress
    from dbom.model import Entry
    from dbom.reuse import Reuse
    from dbom.storage.objects import RemoteObject, Source

__all__ = ["READERS", "RemoteFingerprint", "fingerprint_remote", "fingerprint_url", "is_url", "place_name"]

READERS = 8
"""How many objects are read at once unless a caller says otherwise: they wait for a network, not for a core."""


@dataclass(frozen=True, slots=True)
class RemoteFingerprint:
    """A fingerprint, and where these very bytes can be had again.

    `location` is the artifact's own pinned location (`s3://…?versionId=…`, `hf://org/name@commit`), ready for
    `dbom sign --location`, or why there is none. `pins` are those of its files, by path, where the store keeps any.
    """

    fingerprint: Fingerprint
    location: str | Unknown
    pins: Mapping[str, str]


def fingerprint_url(
    url: str,
    *,
    ignores: Sequence[str] | None = None,
    computed: bool = False,
    jobs: int = 0,
    executor: Executor | None = None,
    progress: Progress | None = None,
    journal: Journal | None = None,
    offline: bool = False,
    reuse: Reuse | None = None,
) -> Fingerprint:
    """Return what is at a URL: one object, the tree of objects below a prefix, or those that a glob matches.

    The digest is the one that the same bytes have on a disk. `computed` reads every byte; otherwise a store's word is
    taken where it is a digest of the content, and says so in each entry. `jobs` is how many objects are read at once,
    0 for a number that suits a network; `executor` reads elsewhere, in batches. A `journal` keeps what was read,
    so that a killed run goes on where it was. `ignores` are patterns as in `fingerprint_path`. `reuse` is asked first
    which objects an earlier, verified statement vouches for.

    Raises `UsageError` for what isn't an address, `MissingExtraError` where a package is missing, `PathError` for what
    is missing, refused or empty, `NameRefusedError` for keys that no disk can hold, `ChangedError` where anything
    changes meanwhile, `StoreError` for a store that can't be reached, or where `offline` forbids it.
    """
    return fingerprint_remote(
        url,
        ignores=ignores,
        computed=computed,
        jobs=jobs,
        executor=executor,
        progress=progress,
        journal=journal,
        offline=offline,
        reuse=reuse,
    ).fingerprint


def fingerprint_remote(
    url: str,
    *,
    ignores: Sequence[str] | None = None,
    computed: bool = False,
    jobs: int = 0,
    executor: Executor | None = None,
    progress: Progress | None = None,
    journal: Journal | None = None,
    offline: bool = False,
    reuse: Reuse | None = None,
) -> RemoteFingerprint:
    """Do what `fingerprint_url` does, and return the pins as well."""
    patterns = Ignores.of(ignores)
    if url.startswith(("file://", "local://")) or not is_url(url):
        path = local_path(url) if is_url(url) else url
        found = fingerprint_path(path, ignores=ignores, jobs=jobs, progress=progress, reuse=reuse, globs=True)
        return RemoteFingerprint(found, Unknown("a disk keeps no pins"), {})
    if is_member(url):
        with open_sources():
            found = fingerprint_members(
                url,
                patterns,
                progress=progress,
                offline=offline,
                executor=executor,
                journal=journal,
                jobs=jobs,
            )
        return RemoteFingerprint(found, Unknown("a member of an archive has no place of its own"), {})
    demand_online(url, offline=offline)
    with open_sources():
        reading = _Reading(url, computed, jobs, executor, progress, journal, reuse)
        return reading.fingerprint(patterns)


@dataclass(frozen=True, slots=True)
class _Reading:
    url: str
    computed: bool
    jobs: int
    executor: Executor | None
    progress: Progress | None
    journal: Journal | None
    reuse: Reuse | None

    def fingerprint(self, ignores: Ignores) -> RemoteFingerprint:
        if is_reference(self.url):
            artifact = fingerprint_artifact(
                self.url, ignores, digests=self._digests, computed=self.computed, progress=self.progress
            )
            return RemoteFingerprint(artifact.fingerprint, artifact.location, {})
        place = place_of(self.url)
        source = source_of(place.root)
        if "*" in place.key:
            return self._of_glob(place, source, ignores)
        single = source.find(place.key)
        prefix = "" if not place.key else place.key.rstrip("/") + "/"
        if single is not None:
            if any(True for _ in islice(source.below(prefix), 1)):
                where = source.shown(place.key)
                raise NameRefusedError(KEY_IS_FOLDER_TOO, "is an object and a folder of others", where=where)
            return self._of_file(place, source, single)
        return self._of_tree(Place(place.root, prefix), source, ignores, None)

    def _of_file(self, place: Place, source: Source, found: RemoteObject) -> RemoteFingerprint:
        name = artifact_name(found.key.rpartition("/")[2], source.shown(place.key))
        (entry,) = self._digests([RemoteItem(name, place.root, found, self.computed)])
        location = source.location(found)
        return RemoteFingerprint(
            Fingerprint.of_file(entry),
            location or Unknown("the store keeps no version of it"),
            {name: location} if location else {},
        )

    def _of_glob(self, place: Place, source: Source, ignores: Ignores) -> RemoteFingerprint:
        fixed = re.split(r"[*?]", place.key, maxsplit=1)[0]
        prefix = fixed.rpartition("/")[0]
        prefix = f"{prefix}/" if prefix else ""
        found = self._of_tree(Place(place.root, prefix), source, ignores, place.key.removeprefix(prefix))
        note = choice_note(place.key.removeprefix(prefix))
        noted = replace(found.fingerprint, findings=(note, *found.fingerprint.findings))
        return RemoteFingerprint(noted, Unknown("a choice of files has no place of its own"), found.pins)

    def _of_tree(self, place: Place, source: Source, ignores: Ignores, glob: str | None) -> RemoteFingerprint:
        where = source.shown(place.key).rstrip("/")
        wanted = None if glob is None else glob_pattern(glob)
        listing = list_keys(source.below(place.key), place.key, where, ignores, wanted=wanted)
        demand_files(listing, where)
        items = (RemoteItem(path, place.root, item, self.computed) for path, item in listing.files.items())
        entries = tuple(self._digests(items))
        if not source.still:
            # Each object was read as it was listed; what came or went since shows in no answer but a listing's.
            again = list_keys(
                _known(source.below(place.key), listing, place.key), place.key, where, ignores, wanted=wanted
            )
            _demand_unchanged(listing, again, where)
        pins = {path: pin for path, item in listing.files.items() if (pin := source.location(item))}
        found = tree_of(place_name(place, source), entries, listing, ignores)
        return RemoteFingerprint(found, source.tree_location(place.key), pins)

    def _digests(self, items: Iterable[RemoteItem]) -> Iterator[Entry]:
        """Give the entries of what an earlier statement vouches for, then those of the rest, read now."""
        if self.reuse is not None:
            known, items = self.reuse.divided(items)
            yield from known
        yield from self._read(items)

    def _read(self, items: Iterable[RemoteItem]) -> Iterator[Entry]:
        """Read the items, some of them at once, a bounded number of them waiting; in order."""
        if self.executor is not None or self.journal is not None:
            yield from self._digests_in_batches(items)
            return
        with open_executor(self.jobs or READERS) as threads:
            yield from _window(items, threads, self.progress, 2 * (self.jobs or READERS))

    def _digests_in_batches(self, items: Iterable[RemoteItem]) -> Iterator[Entry]:
        from dbom.engine.window import digest_items  # noqa: PLC0415  only who asks for it pays for it

        with ExitStack() as opened:
            executor = self.executor or opened.enter_context(open_executor(self.jobs))
            yield from digest_items(items, executor, journal=self.journal, progress=self.progress, readers=READERS)


def _window(items: Iterable[RemoteItem], executor: Executor, progress: Progress | None, ahead: int) -> Iterator[Entry]:
    waiting: deque[Future[Entry]] = deque()
    source = iter(items)
    try:
        while True:
            for item in islice(source, ahead - len(waiting)):
                if progress is not None:
                    progress.expect(item.size)
                waiting.append(executor.submit(item.digest, progress))
            if not waiting:
                return
            yield waiting[0].result()
            waiting.popleft()
    finally:
        for future in waiting:
            future.cancel()


def _known(objects: Iterable[RemoteObject], listing: KeyListing, prefix: str) -> Iterator[RemoteObject]:
    """Give the objects of an earlier listing in place of equal ones, so that two listings take the memory of one."""
    for item in objects:
        known = listing.files.get(item.key.removeprefix(prefix))
        yield item if known is None or known != item else known


def _demand_unchanged(before: KeyListing, after: KeyListing, where: str) -> None:
    if before.files == after.files:
        return
    differing = sorted({path for path, _ in before.files.items() ^ after.files.items()})
    raise ChangedError(
        CHANGED_WHILE_READ,
        "the tree changed while it was read",
        where=printable(f"{where}/{differing[0]}"),
        got=f"{len(differing)} paths that differ before and after",
    )


def place_name(place: Place, source: Source) -> str:
    """Return the last segment of the place, which statements carry as the artifact's name."""
    whole = place.key.rstrip("/") or urlsplit(place.root).netloc + urlsplit(place.root).path
    name = whole.rstrip("/").rpartition("/")[2].partition("@")[0] if not place.key else whole.rpartition("/")[2]
    return artifact_name(name, source.shown(place.key))
