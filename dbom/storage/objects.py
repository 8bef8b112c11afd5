"""The objects at a URL, each as an item that reads itself, on this machine or another."""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dbom.errors import ChangedError, MismatchError, PathError
from dbom.model import COMPUTED, Basis, Entry, Known
from dbom.rules.artifacts import ATTESTED_WRONG, CHANGED_WHILE_READ, PATH_MISSING
from dbom.storage.ranges import hash_ranges, hash_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbom.items import Progress
    from dbom.model import Unknown

__all__ = ["Place", "RemoteItem", "RemoteObject", "Source", "close_sources", "open_sources", "place_of", "source_of"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source begins, and the key in it that a URL speaks of.

    `root` is a bucket, a repository at a commit, a web address: enough to open the source again on another machine, and
    without credentials, which each machine has by the libraries' own means.
    """

    root: str
    key: str


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """One object as its store lists it.

    `tag` differs when the bytes do (an ETag, a generation); `version` is what the store keeps these very bytes by, or
    empty where it keeps none; `attested` is a sha256 of the content that the listing itself attests, or empty.
    `streamed` says that it can only be read from beginning to end in one answer.
    """

    key: str
    size: int
    tag: str = ""
    version: str = ""
    attested: str = ""
    streamed: bool = False


class Source(Protocol):
    """One bucket, repository, web address or file system. Every method may be called from any thread.

    What the store refuses raises `PathError`, what differs from the listing `ChangedError`, what can't be reached
    `StoreError`.
    """

    @property
    def still(self) -> bool:
        """Whether what it lists can never change, as at a commit, so that nobody need look again."""

    @property
    def host(self) -> str:
        """Whose word it is where the store attests something."""

    def find(self, key: str) -> RemoteObject | None:
        """Return the object of this very key, or None."""

    def below(self, prefix: str) -> Iterator[RemoteObject]:
        """List the objects whose keys begin with `prefix`: empty, or ending in `/`."""

    def fetch(self, item: RemoteObject, start: int, stop: int) -> Iterator[bytes]:
        """Yield a range of the object as it was listed; `TransientError` where it is worth asking again."""

    def stream(self, item: RemoteObject) -> Iterator[bytes]:
        """Yield the bytes of an object that is `streamed`, from its beginning to its end."""

    def attestation(self, item: RemoteObject) -> str:
        """Return the sha256 of the content that the store attests, in hex, or nothing."""

    def demand_same(self, item: RemoteObject) -> None:
        """Raise `ChangedError` unless the object is still the one that was listed, where `fetch` can't tell."""

    def shown(self, key: str) -> str:
        """Return the object's URL, fit to be shown."""

    def location(self, item: RemoteObject) -> str:
        """Return where these very bytes can be had, pinned, or nothing where the store keeps no pin."""

    def tree_location(self, prefix: str) -> str | Unknown:
        """Return where the whole tree below a prefix can be had, pinned, or why there is no such place."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class RemoteItem:
    """One file of an artifact at a URL. Pickled, it carries no credentials: whoever reads it brings its own."""

    path: str
    root: str
    item: RemoteObject
    computed: bool = False

    @property
    def size(self) -> int:
        """Its size in bytes, as it was listed."""
        return self.item.size

    @property
    def state(self) -> str:
        """Its place, size, tag and version: where any of them differs, an earlier digest isn't used again."""
        wanted = "computed" if self.computed else "any"
        return "\n".join((self.root, self.item.key, str(self.size), self.item.tag, self.item.version, wanted))

    def digest(self, progress: Progress | None = None) -> Entry:
        """Take the store's word where it is a digest of the content and no reading is demanded; else read it."""
        source = source_of(self.root)
        if not self.computed and (attested := self.item.attested or source.attestation(self.item)):
            if progress is not None:
                progress.advance(self.size)
            return Entry(self.path, self.size, attested, Known(Basis.STORE_ATTESTED, source.host))
        return Entry(self.path, self.size, self._read(source, progress), COMPUTED)

    def _read(self, source: Source, progress: Progress | None) -> str:
        where = source.shown(self.item.key)

        def fetch(start: int, stop: int) -> Iterator[bytes]:
            return source.fetch(self.item, start, stop)

        try:
            if self.item.streamed:
                digest = hash_stream(lambda: source.stream(self.item), self.size, where, progress=progress)
            else:
                digest = hash_ranges(fetch, self.size, where, progress=progress)
            source.demand_same(self.item)
        except PathError as error:
            if error.rule is not PATH_MISSING:
                raise
            raise ChangedError(CHANGED_WHILE_READ, "went away after it was listed", where=where) from error
        if self.item.attested not in ("", digest):
            raise MismatchError(
                ATTESTED_WRONG,
                "the bytes are not those that the store attests",
                where=where,
                got=f"sha256:{digest}",
                expected=f"sha256:{self.item.attested}",
            )
        return digest


_lock = threading.Lock()
_sources: dict[str, Source] = {}
_scopes = 0


@contextmanager
def open_sources() -> Iterator[None]:
    """Keep sources open for the time of a `with`; the last one to end closes them, with all their connections.

    Without it a source stays open until the process ends, as is right for a worker that reads batch after batch.
    """
    global _scopes  # noqa: PLW0603  connections belong to the process
    with _lock:
        _scopes += 1
    try:
        yield
    finally:
        with _lock:
            _scopes -= 1
            last = _scopes == 0
        if last:
            close_sources()


def source_of(root: str) -> Source:
    """Return this process's source for the root of a place."""
    with _lock:
        found = _sources.get(root)
        if found is None:
            found = _sources[root] = _opened(root)
        return found


def close_sources() -> None:
    """Close what this process has open."""
    with _lock:
        closing = list(_sources.values())
        _sources.clear()
    for source in closing:
        source.close()


def place_of(url: str) -> Place:
    """Return the root and the key of a URL; what can move, such as a hub's branch, is resolved once, here.

    Raises `UsageError` for what isn't an address, `MissingExtraError` where a package is missing.
    """
    protocol = url.partition("://")[0]
    if protocol in ("http", "https"):
        from dbom.storage.web import web_place  # noqa: PLC0415  each protocol loads its own library

        return web_place(url)
    if protocol == "hf":
        from dbom.storage.hub import hub_place  # noqa: PLC0415  each protocol loads its own library

        return hub_place(url)
    if protocol in ("s3", "s3a", "gs", "gcs"):
        rest = url.partition("://")[2]
        bucket, _, key = rest.partition("/")
        scheme = {"s3a": "s3", "gcs": "gs"}.get(protocol, protocol)
        return Place(f"{scheme}://{bucket}", key)
    from dbom.storage.anything import any_place  # noqa: PLC0415  each protocol loads its own library

    return any_place(url)


def _opened(root: str) -> Source:  # noqa: PLR0911  one protocol after the other
    protocol = root.partition("://")[0]
    if protocol in ("http", "https"):
        from dbom.storage.web import WebSource  # noqa: PLC0415  each protocol loads its own library

        return WebSource(root)
    if protocol == "hf":
        from dbom.storage.hub import HubSource  # noqa: PLC0415  each protocol loads its own library

        return HubSource(root)
    if protocol == "s3":
        from dbom.storage.s3 import S3Source  # noqa: PLC0415  each protocol loads its own library

        return S3Source(root)
    if protocol == "gs":
        from dbom.storage.gcs import GcsSource  # noqa: PLC0415  each protocol loads its own library

        return GcsSource(root)
    if protocol in ("az", "abfs", "abfss"):
        from dbom.storage.azure import AzureSource  # noqa: PLC0415  each protocol loads its own library

        return AzureSource(root)
    if protocol == "oci":
        from dbom.storage.oci.source import OciSource  # noqa: PLC0415  each protocol loads its own library

        return OciSource(root, os.environ)
    from dbom.storage.anything import AnySource  # noqa: PLC0415  each protocol loads its own library

    return AnySource(root)


atexit.register(close_sources)
