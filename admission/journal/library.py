"""What a replay is made with: policies, and the evidence that there was when a gate read it.

A store grows: a revocation of today was not known yesterday. The bundles that were read stand in the records by one
digest over all of them, and a bundle tells when it was signed. So those that were signed later are left out, and the
digest says whether just these were read then. A bundle without a time, as a bare key makes it, is never left out.

Times are of whole seconds, and a bundle may come into the store some time after it was signed. So what was signed about
when it was read is tried both ways: the digest is cryptographic, and no wrong guess has it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations, islice
from typing import TYPE_CHECKING, Final

from admission.evidence import Evidence, digest_of_bundles
from admission.syncing import NO_SNAPSHOT, sync_evidence
from attest.showing import claim_of
from attest.stores.store import UnreadBundle
from dbom.errors import DbomError
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from admission.policy import Policy
    from admission.syncing import Snapshot
    from attest.statement import Statement
    from attest.stores.store import Store, StoredBundle

__all__ = ["SnapshotLibrary", "StoresLibrary"]

_NEAR: Final = timedelta(minutes=5)
_MOST_GUESSES: Final = 500

MOST_READINGS: Final = 1000
"""How many readings are made again; more moments than these are asked for apart."""


@dataclass(frozen=True, slots=True)
class SnapshotLibrary:
    """The policies and the evidence of one snapshot, whatever the moment."""

    policies: tuple[Policy, ...]
    given: Evidence

    def evidence(self, read_at: datetime | None, digest: str) -> Evidence | Unknown:  # noqa: ARG002  as `Library` asks
        """Return the evidence of the snapshot; whoever asks compares its digest."""
        return self.given


@dataclass(slots=True)
class StoresLibrary:
    """Policies with stores, whose evidence is put together and verified anew as of any moment."""

    policies: tuple[Policy, ...]
    stores: tuple[Store, ...] = ()
    _known: dict[str, datetime | None] | None = field(default=None, repr=False)
    _last: Snapshot = field(default=NO_SNAPSHOT, repr=False)
    _readings: int = 0

    def evidence(self, read_at: datetime | None, digest: str) -> Evidence | Unknown:
        """Return the evidence as it was at a moment, by preference what has this digest; or why it can't be had.

        Raises `StoreError` where a store can't be listed.
        """
        if not self.stores:
            return Evidence()
        if read_at is None:
            return Unknown("the records don't say when the evidence was read")
        if self._readings >= MOST_READINGS:
            return Unknown(f"evidence was read more than {MOST_READINGS} times; narrow --since and --until")
        self._readings += 1
        chosen = self._chosen(read_at, digest)
        before = self._last.evidence.synced_at
        self._last = sync_evidence(
            [_Part(store, chosen) for store in self.stores],
            self.policies,
            read_at,
            # What was verified as of a later moment says nothing of an earlier one.
            before=self._last if before is not None and before <= read_at else NO_SNAPSHOT,
        )
        return self._last.evidence

    def _chosen(self, read_at: datetime, digest: str) -> frozenset[str]:
        """Return the bundles that were there at a moment: those with this digest, or else just the older ones."""
        if self._known is None:
            self._known = {entry.sha256: _signed_at(entry) for store in self.stores for entry in _bundles(store)}
        guesses = islice(_guesses(self._known, read_at), _MOST_GUESSES)
        first = next(guesses)
        return next((guess for guess in (first, *guesses) if digest_of_bundles(guess) == digest), first)


def _guesses(known: Mapping[str, datetime | None], read_at: datetime) -> Iterator[frozenset[str]]:
    """Yield what may have been read at a moment, the likeliest first: what is older, all, and what lies near it."""
    surely = {sha256 for sha256, at in known.items() if at is None or at < read_at - _NEAR}
    seconds: dict[datetime, set[str]] = {}
    for sha256, at in known.items():
        if at is not None and read_at - _NEAR <= at <= read_at + _NEAR:
            seconds.setdefault(at, set()).add(sha256)
    yield frozenset(surely.union(*(seconds[at] for at in seconds if at <= read_at)))
    yield frozenset(known)
    # Up to a second that is near, and then with a part of what was signed in it.
    near = sorted(seconds, key=lambda at: (abs(at - read_at), at))
    for at in near:
        yield frozenset(surely.union(*(seconds[other] for other in seconds if other < at)))
    for at in near:
        before = frozenset(surely.union(*(seconds[other] for other in seconds if other < at)))
        for size in range(1, len(seconds[at])):
            yield from (before.union(part) for part in combinations(sorted(seconds[at]), size))


@dataclass(frozen=True, slots=True)
class _Part:
    """A store of which only chosen bundles are seen, and what can't be read."""

    store: Store
    chosen: frozenset[str]

    @property
    def url(self) -> str:
        return self.store.url

    def bundles(self) -> Iterator[StoredBundle]:
        return (item for item in self.store.bundles() if item.sha256 in self.chosen)

    def entries(self) -> Iterator[StoredBundle | UnreadBundle]:
        return (item for item in self.store.entries() if isinstance(item, UnreadBundle) or item.sha256 in self.chosen)

    def add(self, raw: bytes, statement: Statement) -> str:
        return self.store.add(raw, statement)


def _bundles(store: Store) -> Iterator[StoredBundle]:
    return (item for item in store.entries() if not isinstance(item, UnreadBundle))


def _signed_at(entry: StoredBundle) -> datetime | None:
    """Return the latest time that a bundle names, None where it names none: before that it can't have been there."""
    try:
        times = claim_of(entry.raw, where=entry.where).times
    except DbomError:
        return None
    return max((item.at for item in times), default=None)
