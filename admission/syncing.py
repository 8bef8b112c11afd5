"""From stores to one snapshot of evidence: each bundle read once and verified once for every authority that is asked.

This is the rim: it reads stores. What it keeps is bounded (`Limits`), and so is what it holds while it reads: one
bundle at a time. Who may write to a store can fill it, but not make a yes of that: where something that would count is
left out, nothing is verified.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from admission.evidence import Evidence, finding_of
from admission.gathering import Kept, gather, keep, uncounted
from attest.stores.store import UnreadBundle
from attest.verified import Rejection, RejectionKind
from attest.verifier.verifying import verify_bundle
from dbom.model import Finding, Severity
from dbom.rules.admission import EVIDENCE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from admission.policy import Policy
    from attest.authority import Authority
    from attest.revocation.head import SeenHead
    from attest.stores.store import Store, StoredBundle

__all__ = ["DEFAULT_LIMITS", "Limits", "Snapshot", "load_evidence", "sync_evidence"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept.

    `statements` are verified ones, one for each authority that accepts it; `packed_bytes` what their predicates take;
    `rejected` are bundles that count for nothing, which are only kept to explain a no. A bundle of more than
    `bundle_bytes` isn't read.
    """

    statements: int = 25_000
    packed_bytes: int = 64 * 1024 * 1024
    rejected: int = 10_000
    bundle_bytes: int = 16 * 1024 * 1024


DEFAULT_LIMITS: Final = Limits()
_NEVER_SEEN: Final[Mapping[str, SeenHead]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Evidence, and the verifier's answers that it was made from: the next reading verifies only what is new.

    `answers` are those for each of `authorities`, in their order, by the sha256 in hex of the bundle.
    """

    evidence: Evidence
    authorities: tuple[Authority, ...] = ()
    answers: Mapping[str, tuple[Kept | Rejection, ...]] = field(default_factory=dict, repr=False)

    def places(self, authorities: Iterable[Authority]) -> list[int | None]:
        """Return at which place of every bundle's answers that of each of these authorities stands, if it is there."""
        known = {authority: number for number, authority in enumerate(self.authorities)}
        return [known.get(authority) for authority in authorities]


NO_SNAPSHOT: Final = Snapshot(Evidence())


def load_evidence(
    stores: Sequence[Store], policies: Sequence[Policy], now: datetime, *, limits: Limits = DEFAULT_LIMITS
) -> Evidence:
    """Return the evidence in some stores as `sync_evidence` does, from a first reading."""
    return sync_evidence(stores, policies, now, limits=limits).evidence


def sync_evidence(
    stores: Sequence[Store],
    policies: Sequence[Policy],
    now: datetime,
    *,
    before: Snapshot = NO_SNAPSHOT,
    seen: Mapping[str, SeenHead] = _NEVER_SEEN,
    limits: Limits = DEFAULT_LIMITS,
) -> Snapshot:
    """Read every bundle of the stores and verify it under every authority of every policy, each with its own root.

    `seen` is the newest head of revocations that was ever seen of each publisher; what `before` has seen is added.
    What was verified in the snapshot `before`, and can't have changed since, isn't verified again; nor is what nobody
    expected by then. What can't be read as a bundle is a finding, so that one entry spoils no store. Raises
    `StoreError` where a store itself can't be listed.
    """
    work = _Work(tuple(dict.fromkeys(item for policy in policies for item in policy.authorities)), now, before, limits)
    for store in stores:
        # One at a time: a bundle's bytes are let go before the next one's are read.
        for entry in store.entries():
            if isinstance(entry, UnreadBundle):
                work.unread.append(entry.rejection)
            else:
                work.take(entry)
    seen = {**seen, **before.evidence.seen}
    return Snapshot(_evidence(work, policies, seen), work.authorities, work.answers)


class _Work:
    """A reading of stores: the answers so far, by bundle and authority, within the limits."""

    def __init__(self, authorities: tuple[Authority, ...], now: datetime, before: Snapshot, limits: Limits) -> None:
        self.authorities, self.now, self._before, self._limits = authorities, now, before, limits
        self._places = before.places(authorities)
        self.answers: dict[str, tuple[Kept | Rejection, ...]] = {}
        self.read: set[str] = set()
        self.unread: list[Rejection] = []
        self.left_out: list[str] = []
        self.unexplained: list[str] = []
        self._statements = self._packed = self._rejected = 0

    def take(self, entry: StoredBundle) -> None:
        """Take one bundle, once however often it lies somewhere."""
        if entry.sha256 in self.read:
            return
        self.read.add(entry.sha256)
        if len(entry.raw) > self._limits.bundle_bytes:
            reason = f"not read: it is of {len(entry.raw)} bytes, expected at most {self._limits.bundle_bytes}"
            rejected = Rejection(RejectionKind.UNDECIDED, EVIDENCE_LIMIT.id, reason, entry.sha256, entry.where)
            self.unread.append(rejected)
            return
        known = self._before.answers.get(entry.sha256, ())
        answers = tuple(
            self._answered(entry, item, known[place] if known and place is not None else None)
            for item, place in zip(self.authorities, self._places, strict=True)
        )
        kept = [item for item in answers if isinstance(item, Kept)]
        if not kept and self._rejected >= self._limits.rejected:
            self.unexplained.append(entry.where)
            return
        packed = max((len(item.attested.packed) for item in kept), default=0)
        if kept and not self._has_room(len(kept), packed):
            self.left_out.append(entry.where)
            return
        self._statements += len(kept)
        self._packed += packed
        self._rejected += not kept
        self.answers[entry.sha256] = answers

    def _has_room(self, statements: int, packed: int) -> bool:
        limits = self._limits
        return self._statements + statements <= limits.statements and self._packed + packed <= limits.packed_bytes

    def _answered(self, entry: StoredBundle, authority: Authority, known: Kept | Rejection | None) -> Kept | Rejection:
        if isinstance(known, Kept):
            until = known.attested.holds_until
            if known.attested.where == entry.where and (until is None or self.now <= until):
                return known
        elif known is not None and known.kind is RejectionKind.UNTRUSTED and known.where == entry.where:
            return known
        return keep(verify_bundle(entry.raw, [authority], where=entry.where, now=self.now))

    def limit_findings(self) -> list[Finding]:
        """Return what the limits left out."""
        found: list[Finding] = []
        if self.left_out:
            message = (
                f"{len(self.left_out)} bundles that count were left out, at the limit of {self._limits.statements}"
                f" statements and {self._limits.packed_bytes} bytes: nothing is verified by what was kept"
            )
            found.append(Finding(EVIDENCE_LIMIT.id, Severity.ERROR, message, self.left_out[0]))
        if self.unexplained:
            message = f"{len(self.unexplained)} more bundles count for nothing; why each doesn't is not kept"
            found.append(Finding(EVIDENCE_LIMIT.id, Severity.WARNING, message, self.unexplained[0]))
        return found


def _evidence(work: _Work, policies: Iterable[Policy], seen: Mapping[str, SeenHead]) -> Evidence:
    places = {authority: number for number, authority in enumerate(work.authorities)}
    results = {
        policy.name: [
            work.answers[sha256][places[authority]]
            for sha256 in sorted(work.answers)
            for authority in policy.authorities
        ]
        for policy in policies
    }
    is_complete = not work.left_out
    gathered = {
        policy.name: gather(policy, results[policy.name], work.now, seen=seen, is_complete=is_complete)
        for policy in policies
    }
    evidence = Evidence.of_gathered(gathered, sorted(work.read), work.now)
    return evidence.finding(uncounted(results.values()), *map(finding_of, work.unread), *work.limit_findings())
