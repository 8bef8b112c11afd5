"""Every bundle of some stores, read and put to the verifier once: what lineage and reports are made from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attest.stores.store import UnreadBundle
from attest.verifier.verifying import verify_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from attest.authority import Authority
    from attest.stores.store import Store
    from attest.verified import Rejection, VerifiedStatement

__all__ = ["ReadBundle", "read_stores"]


@dataclass(frozen=True, slots=True)
class ReadBundle:
    """The bytes of one bundle, every place at which they were found, and what the verifier said of them.

    `sha256` is empty for a file that couldn't be read; it then has just one place, and its result says why.
    """

    sha256: str
    places: tuple[str, ...]
    result: VerifiedStatement | Rejection


def read_stores(stores: Iterable[Store], authorities: Sequence[Authority], *, now: datetime) -> tuple[ReadBundle, ...]:
    """Return the bundles of all stores, each once however often it lies there, ordered by place.

    A file that can't be read is part of the answer: it is undecided, and the others are read on. Raises `StoreError`
    where a store can't be listed.
    """
    results: dict[str, VerifiedStatement | Rejection] = {}
    places: dict[str, list[str]] = {}
    unread: list[ReadBundle] = []
    for store in stores:
        # One at a time: a bundle's bytes are let go before the next one's are read.
        for entry in store.entries():
            if isinstance(entry, UnreadBundle):
                unread.append(ReadBundle("", (entry.where,), entry.rejection))
                continue
            if entry.sha256 not in results:
                results[entry.sha256] = verify_bundle(entry.raw, authorities, where=entry.where, now=now)
            if entry.where not in places.setdefault(entry.sha256, []):
                places[entry.sha256].append(entry.where)
    read = [
        ReadBundle(sha256, tuple(sorted(found)), replace(results[sha256], where=min(found)))
        for sha256, found in places.items()
    ]
    return tuple(sorted([*read, *unread], key=lambda bundle: bundle.places))
