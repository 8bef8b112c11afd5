"""Stores of attestations: folders, fsspec URLs and registries that hold bundles, their raw bytes untouched.

The layout of a folder is specified in docs/formats/store.md; what is read is any `*.sigstore.json` at any depth, so
that a folder of sidecars is a store too. A registry holds bundles as referrers of an artifact (docs/formats/oci.md).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from attest.verified import Rejection, RejectionKind
from dbom.errors import DbomError, DocumentError, PathError, RefusedError, StoreError
from dbom.names import BUNDLE_SUFFIX, short_predicate
from dbom.printable import printable
from dbom.rules.artifacts import STORE_UNREACHABLE
from dbom.storage import open_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from attest.statement import Statement
    from dbom.storage import Folder

__all__ = [
    "MAX_BUNDLE_BYTES",
    "FolderStore",
    "Store",
    "StoredBundle",
    "UnreadBundle",
    "all_entries",
    "bundle_name",
    "open_store",
    "read_only_bundles",
]

MAX_BUNDLE_BYTES: Final = 64 * 1024 * 1024
"""The largest bundle that is read, in bytes."""


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """The raw bytes of a bundle, where they were found, and their sha256 in hex."""

    raw: bytes = field(repr=False)
    where: str
    sha256: str

    @classmethod
    def of(cls, raw: bytes, *, where: str) -> StoredBundle:
        """Return the bundle with its digest computed."""
        return cls(raw, where, hashlib.sha256(raw).hexdigest())


@dataclass(frozen=True, slots=True)
class UnreadBundle:
    """Something in a store that can't be read: a file, a name that is refused, a folder that can't be listed."""

    error: DbomError
    where: str

    @property
    def rejection(self) -> Rejection:
        """What it counts as: nothing, and what it would have said isn't known."""
        reason = f"not read: {self.error.what}"
        return Rejection(RejectionKind.UNDECIDED, self.error.rule.id, reason, "", self.where)


class Store(Protocol):
    """A store of attestations. Who may write to it may put anything there: what it holds counts once verified."""

    @property
    def url(self) -> str:
        """Where the store is; for a registry, with the digest of the artifact that its bundles refer to."""

    def bundles(self) -> Iterator[StoredBundle]:
        """Yield every bundle in an order that its content decides.

        Raises `StoreError` where the store can't be read, and what is wrong with the first bundle that can't be.
        """

    def entries(self) -> Iterator[StoredBundle | UnreadBundle]:
        """Yield every bundle as `bundles` does, and what can't be read as that, so that one entry spoils no store.

        Raises `StoreError` where the store itself can't be listed.
        """

    def add(self, raw: bytes, statement: Statement) -> str:
        """Add a bundle under a name that its content decides, and return that name; the same bundle twice is one."""


@dataclass(frozen=True, slots=True)
class FolderStore:
    """A store in a folder, on a disk or at any fsspec URL."""

    folder: Folder

    @property
    def url(self) -> str:
        """Where the store is."""
        return self.folder.url

    def bundles(self) -> Iterator[StoredBundle]:
        """Yield every bundle, at any depth, ordered by name.

        Raises `StoreError` where the store can't be read, `NameRefusedError` for a name that could lead out of it.
        """
        return read_only_bundles(self.entries())

    def entries(self) -> Iterator[StoredBundle | UnreadBundle]:
        """Yield every bundle, ordered by name, and what can't be read."""
        refused: list[DbomError] = []
        for name in self.folder.names(refused=refused.append):
            if name.endswith(BUNDLE_SUFFIX):
                yield self._entry(name)
        yield from (UnreadBundle(error, error.where or self.url) for error in refused)

    def add(self, raw: bytes, statement: Statement) -> str:
        """Add a bundle under its content-addressed name and return that name; the same bundle twice is one."""
        digest = next((subject.digest for subject in statement.subjects if subject.digest is not None), None)
        place = f"{digest.kind}/{digest.hex}" if digest is not None else "unidentified"
        name = f"{place}/{bundle_name(raw, statement.predicate_type, digits=64)}"
        self.folder.add(name, raw)
        return name

    def _entry(self, name: str) -> StoredBundle | UnreadBundle:
        where = f"{self.url.rstrip('/')}/{name}"
        try:
            return StoredBundle.of(self.folder.read(name, limit=MAX_BUNDLE_BYTES), where=where)
        except DbomError as error:
            return UnreadBundle(error, where)


def open_store(url: str, *, offline: bool = False, at_once: bool = True) -> Store:
    """Open the store at a path, an fsspec URL, or a reference to an artifact in a registry (`oci://…`).

    A registry is asked for the artifact `at_once`, so that nothing is signed for a store that isn't there; who only
    reads can leave that to the reading.

    Raises `StoreError` where that isn't possible or `offline` forbids it, `UsageError` for what is no address,
    `PathError` for an artifact that a registry hasn't.
    """
    if url.startswith("oci://"):
        if offline:
            raise StoreError(
                STORE_UNREACHABLE,
                "not reached, since --offline forbids every use of a network",
                where=printable(url),
            )
        from attest.stores.registry import open_registry_store  # noqa: PLC0415  only who names a registry pays for it

        return open_registry_store(url, at_once=at_once)
    return FolderStore(open_folder(url, offline=offline))


def all_entries(store: Store) -> Iterator[StoredBundle | UnreadBundle]:
    """Yield what `entries` yields, and a store that can't be listed as one more entry that can't be read.

    For who judges what is there: one store that is away says nothing, and the others still count.
    """
    try:
        yield from store.entries()
    except (DocumentError, PathError, RefusedError, StoreError) as error:
        yield UnreadBundle(error, error.where or "a store")


def read_only_bundles(entries: Iterable[StoredBundle | UnreadBundle]) -> Iterator[StoredBundle]:
    """Yield the bundles, and raise what is wrong with the first that can't be read."""
    for entry in entries:
        if isinstance(entry, UnreadBundle):
            raise entry.error
        yield entry


def bundle_name(raw: bytes, predicate_type: str, *, digits: int) -> str:
    """Return the file name of a bundle: its short predicate name and the first `digits` hex digits of its sha256."""
    return f"{short_predicate(predicate_type)}-{hashlib.sha256(raw).hexdigest()[:digits]}{BUNDLE_SUFFIX}"
