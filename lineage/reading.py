"""Every bundle of some stores, read and put to the verifier once: what lineage and reports are made from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attest.store import MAX_BUNDLE_BYTES
from attest.verified import Rejection, RejectionKind, VerifiedStatement
from attest.verifying import verify_bundle
from dbom.errors import DbomError
from dbom.names import BUNDLE_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from attest.authority import Authority
    from attest.store import Store

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
    contents: dict[str, bytes] = {}
    places: dict[str, list[str]] = {}
    unread: list[ReadBundle] = []
    for store in stores:
        for name in store.folder.names():
            if not name.endswith(BUNDLE_SUFFIX):
                continue
            where = f"{store.url.rstrip('/')}/{name}"
            try:
                raw = store.folder.read(name, limit=MAX_BUNDLE_BYTES)
            except DbomError as error:
                unread.append(_unread(where, error))
                continue
            sha256 = hashlib.sha256(raw).hexdigest()
            contents.setdefault(sha256, raw)
            if where not in places.setdefault(sha256, []):
                places[sha256].append(where)
    read = [
        ReadBundle(
            sha256, tuple(sorted(found)), verify_bundle(contents[sha256], authorities, where=min(found), now=now)
        )
        for sha256, found in places.items()
    ]
    return tuple(sorted([*read, *unread], key=lambda bundle: bundle.places))


def _unread(where: str, error: DbomError) -> ReadBundle:
    reason = f"not read: {error.what}"
    return ReadBundle("", (where,), Rejection(RejectionKind.UNDECIDED, error.rule.id, reason, "", where))
