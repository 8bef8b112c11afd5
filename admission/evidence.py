"""What is known when a request comes: statements, verified once for each policy, found by digest and by place.

Nothing is verified, fetched or hashed on a request's path. `load_evidence` reads stores and is the rim; `gather` is
pure and makes the index from what was verified.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Self

from admission.attested import Attested
from admission.facts import BomFacts, ProvenanceFacts, facts_of
from attest.location import Location
from attest.revocation.verdict import without_taken_back
from attest.stores.store import StoredBundle
from attest.verified import Rejection, RejectionKind, VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.errors import DbomError
from dbom.model import Finding, Severity, Unknown
from dbom.names import PREDICATE_LOCATION
from dbom.printable import printable
from lineage.build import build_graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from admission.policy import Policy
    from attest.authority import Authority
    from attest.revocation.status import Revocations
    from attest.stores.store import Store
    from dbom.model import Digest
    from lineage.graph import LineageGraph

__all__ = ["Binding", "Evidence", "PolicyEvidence", "gather", "load_evidence"]

_NOBODY_ASKED: Final = Unknown("the policy lists no revokers")
NO_STATEMENTS: Final[tuple[Attested, ...]] = ()


@dataclass(frozen=True, slots=True)
class Binding:
    """An accepted authority's word that a pinned place holds an artifact."""

    location: Location
    digest: Digest
    statement: Attested


@dataclass(frozen=True, slots=True)
class PolicyEvidence:
    """What counts for one policy.

    `statements` are the verified ones by digest, each once for every authority that accepts it; `bindings` the verified
    location statements by place; `graph` the lineage by those whose word on inputs counts. `rejected` and
    `rejected_places` are what doesn't count and yet claims to be about a digest or a place. `revocations` is what
    the policy's revokers say, or why that isn't known; `synced_at` when the stores were last read.
    """

    statements: Mapping[Digest, tuple[Attested, ...]] = field(default_factory=dict)
    bindings: Mapping[str, tuple[Binding, ...]] = field(default_factory=dict)
    rejected: Mapping[Digest, tuple[Rejection, ...]] = field(default_factory=dict)
    rejected_places: Mapping[str, tuple[Rejection, ...]] = field(default_factory=dict)
    graph: LineageGraph = field(default_factory=lambda: build_graph(()))
    revocations: Revocations | Unknown = _NOBODY_ASKED
    synced_at: datetime | None = None

    def about(self, digest: Digest, predicate_type: str | None = None) -> tuple[Attested, ...]:
        """Return the verified statements about an artifact, of one predicate type where it is given."""
        return tuple(
            item
            for item in self.statements.get(digest, NO_STATEMENTS)
            if predicate_type is None or item.predicate_type == predicate_type
        )


_NOTHING: Final = PolicyEvidence()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What counts for each policy, by its name.

    `digest` is the sha256 in hex of the sorted digests of all bundles that were read, whatever became of them;
    `findings` say what became of those that don't count; `read` is their number.
    """

    policies: Mapping[str, PolicyEvidence] = field(default_factory=dict)
    digest: str = hashlib.sha256(b"").hexdigest()
    read: int = 0
    findings: tuple[Finding, ...] = ()

    def of(self, policy: Policy) -> PolicyEvidence:
        """Return what counts for a policy: nothing for one that it wasn't gathered for."""
        return self.policies.get(policy.name, _NOTHING)

    @classmethod
    def of_results(
        cls,
        policies: Sequence[Policy],
        results: Mapping[str, Sequence[VerifiedStatement | Rejection]],
        *,
        bundles: Iterable[str] = (),
    ) -> Self:
        """Return the evidence that results make, by policy name; `bundles` are the digests of all that was read."""
        read = sorted(set(bundles) or {item.bundle_sha256 for found in results.values() for item in found})
        digest = hashlib.sha256("".join(f"{item}\n" for item in read).encode()).hexdigest()
        gathered = {policy.name: gather(policy, results.get(policy.name, ())) for policy in policies}
        return cls(gathered, digest, len(read), _findings(results))


def load_evidence(stores: Sequence[Store], policies: Sequence[Policy], now: datetime) -> Evidence:
    """Read every bundle of the stores and verify it under every authority of every policy, each with its own root.

    What can't be read as a bundle is a finding, so that one entry spoils no store. Raises `StoreError` where a store
    itself can't be listed.
    """
    authorities = list(dict.fromkeys(authority for policy in policies for authority in policy.authorities))
    verified: dict[str, dict[Authority, VerifiedStatement | Rejection]] = {}
    unread: list[Rejection] = []
    for store in stores:
        # One at a time: a bundle's bytes are let go before the next one's are read.
        for entry in store.entries():
            if not isinstance(entry, StoredBundle):
                unread.append(entry.rejection)
            elif entry.sha256 not in verified:
                verified[entry.sha256] = {
                    authority: verify_bundle(entry.raw, [authority], where=entry.where, now=now)
                    for authority in authorities
                }
    results = {
        policy.name: [verified[sha256][authority] for sha256 in sorted(verified) for authority in policy.authorities]
        for policy in policies
    }
    evidence = Evidence.of_results(policies, results, bundles=verified)
    return replace(evidence, findings=(*evidence.findings, *map(_finding, unread)))


def gather(policy: Policy, results: Sequence[VerifiedStatement | Rejection]) -> PolicyEvidence:
    """Return the index of what was verified, and of what wasn't, under the authorities of a policy."""
    statements: defaultdict[Digest, list[Attested]] = defaultdict(list)
    bindings: defaultdict[str, list[Binding]] = defaultdict(list)
    facts: dict[str, BomFacts | ProvenanceFacts | None] = {}
    results = without_taken_back(results)
    verified = [item for item in results if isinstance(item, VerifiedStatement)]
    for item in verified:
        if item.bundle_sha256 not in facts:
            facts[item.bundle_sha256] = facts_of(item.statement, item.where)
        attested = Attested.of(item, facts[item.bundle_sha256])
        for digest in attested.subjects:
            statements[digest].append(attested)
        for binding in _bindings(item, attested):
            bindings[binding.location.base].append(binding)
    accepted = {item.bundle_sha256 for item in verified}
    rejected, places = _rejections(item for item in results if isinstance(item, Rejection))
    builders = policy.ancestors.builders if policy.ancestors is not None else ()
    return PolicyEvidence(
        {digest: tuple(found) for digest, found in statements.items()},
        {base: tuple(found) for base, found in bindings.items()},
        {digest: _without(found, accepted) for digest, found in rejected.items()},
        {place: _without(found, accepted) for place, found in places.items()},
        build_graph(_once(item for item in verified if not builders or item.authority in builders)),
    )


def _once(items: Iterable[VerifiedStatement]) -> list[VerifiedStatement]:
    return list({item.bundle_sha256: item for item in items}.values())


def _bindings(item: VerifiedStatement, attested: Attested) -> list[Binding]:
    if item.statement.predicate_type != PREDICATE_LOCATION:
        return []
    try:
        location, _ = Location.of_predicate(item.statement.predicate)
    except DbomError:
        return []
    return [Binding(location, digest, attested) for digest in attested.subjects]


def _rejections(
    items: Iterable[Rejection],
) -> tuple[dict[Digest, list[Rejection]], dict[str, list[Rejection]]]:
    by_digest: defaultdict[Digest, list[Rejection]] = defaultdict(list)
    by_place: defaultdict[str, list[Rejection]] = defaultdict(list)
    for item in items:
        if item.statement is None:
            continue
        for digest in dict.fromkeys(subject.digest for subject in item.statement.subjects):
            if digest is not None:
                by_digest[digest].append(item)
        if item.statement.predicate_type == PREDICATE_LOCATION:
            place = item.statement.predicate.get("location")
            if isinstance(place, str):
                by_place[place].append(item)
    return by_digest, by_place


def _without(items: Sequence[Rejection], accepted: set[str]) -> tuple[Rejection, ...]:
    """Return the rejections of bundles that no authority of the policy accepts, one of each bundle."""
    weight = (RejectionKind.REVOKED, RejectionKind.BROKEN, RejectionKind.UNDECIDED, RejectionKind.UNTRUSTED)
    kept: dict[str, Rejection] = {}
    for item in sorted(items, key=lambda item: weight.index(item.kind)):
        if item.bundle_sha256 not in accepted:
            kept.setdefault(item.bundle_sha256, item)
    return tuple(kept.values())


def _findings(results: Mapping[str, Sequence[VerifiedStatement | Rejection]]) -> tuple[Finding, ...]:
    """Return a finding for every bundle that counts for no policy."""
    everything = [item for found in results.values() for item in found]
    accepted = {item.bundle_sha256 for item in everything if isinstance(item, VerifiedStatement)}
    kept = _without([item for item in everything if isinstance(item, Rejection)], accepted)
    return tuple(_finding(item) for item in sorted(kept, key=lambda item: (item.where, item.bundle_sha256)))


def _finding(item: Rejection) -> Finding:
    return Finding(item.rule, Severity.WARNING, f"{item.kind}: {printable(item.reason)}", printable(item.where))
