"""Reading revocations: from stores and bundles to verified statements, under revokers' authorities alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.bundle import Bundle
from attest.revocation.status import RevocationEvidence
from attest.statement import Statement
from attest.stores.store import StoredBundle, UnreadBundle
from attest.verified import Rejection, RejectionKind, VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.errors import EvidenceError
from dbom.names import PREDICATE_REVOCATION, PREDICATE_REVOCATION_HEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from attest.revocation.revokers import Revoker
    from attest.stores.store import Store

__all__ = ["REVOCATION_PREDICATES", "listed_revocations", "own_revocations", "read_revocations"]

REVOCATION_PREDICATES: Final = frozenset({PREDICATE_REVOCATION, PREDICATE_REVOCATION_HEAD})
"""The predicate types that say what is revoked."""


def read_revocations(stores: Iterable[Store], revokers: Sequence[Revoker], *, now: datetime) -> RevocationEvidence:
    """Return the revocations and heads in some stores, verified under each revoker's own root or key.

    What can't be read counts for nothing here: where it is a revocation that a head lists, that head then says so.
    Raises `StoreError` where a store can't be listed.
    """
    found = RevocationEvidence()
    for store in stores:
        found = found.joined(listed_revocations(store.entries(), revokers, now=now))
    return found


def listed_revocations(
    bundles: Iterable[StoredBundle | UnreadBundle], revokers: Sequence[Revoker], *, now: datetime
) -> RevocationEvidence:
    """Return which of these bundles are revocations and heads by revokers, and those that claim to be and aren't."""
    listed: list[VerifiedStatement] = []
    rejected: list[Rejection] = []
    for bundle in bundles if revokers else ():
        if isinstance(bundle, UnreadBundle) or not _claims_revocation(bundle):
            continue
        results = [verify_bundle(bundle.raw, [item.authority], where=bundle.where, now=now) for item in revokers]
        accepted = [item for item in results if isinstance(item, VerifiedStatement)]
        listed += accepted
        if not accepted:
            rejected.append(_gravest([item for item in results if isinstance(item, Rejection)]))
    return RevocationEvidence(tuple(listed), (), tuple(rejected))


def own_revocations(results: Iterable[VerifiedStatement | Rejection]) -> RevocationEvidence:
    """Return the revocations among what was verified for expected signers."""
    own = [item for item in results if isinstance(item, VerifiedStatement)]
    return RevocationEvidence((), tuple(item for item in own if item.statement.predicate_type == PREDICATE_REVOCATION))


def _claims_revocation(bundle: StoredBundle) -> bool:
    """Return whether a bundle claims to be a revocation or a head; most of a store is something else."""
    try:
        statement = Statement.parse(Bundle.parse(bundle.raw, where=bundle.where).payload, where=bundle.where)
    except EvidenceError:
        return False
    return statement.predicate_type in REVOCATION_PREDICATES


def _gravest(rejections: Sequence[Rejection]) -> Rejection:
    order = (RejectionKind.UNDECIDED, RejectionKind.BROKEN, RejectionKind.UNTRUSTED)
    return min(rejections, key=lambda item: order.index(item.kind))
