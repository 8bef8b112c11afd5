"""What is known when a request comes: statements, verified once, found by digest and by place. A snapshot, and a value.

Nothing is verified, fetched or hashed on a request's path. `admission.syncing` reads stores and makes a snapshot,
`admission.gathering` the index that it holds for each policy.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Self

from admission.lapsing import UNTIL_EVER, as_of
from attest.revocation.status import Revocations
from dbom.model import Finding, Severity, Unknown
from dbom.printable import printable
from lineage.build import build_graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from admission.attested import Attested
    from admission.policy import Policy
    from attest.location import Location
    from attest.revocation.head import SeenHead
    from attest.verified import Rejection, VerifiedStatement
    from dbom.model import Digest
    from lineage.graph import LineageGraph

__all__ = ["Binding", "Evidence", "PolicyEvidence", "digest_of_bundles", "finding_of"]

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
    the policy's revokers say, or why that isn't known; `synced_at` when the stores were last read. `until` is the last
    moment at which all of it still counts (`at` gives what counts then); `is_complete` is False where a limit left
    something out.
    """

    statements: Mapping[Digest, tuple[Attested, ...]] = field(default_factory=dict)
    bindings: Mapping[str, tuple[Binding, ...]] = field(default_factory=dict)
    rejected: Mapping[Digest, tuple[Rejection, ...]] = field(default_factory=dict)
    rejected_places: Mapping[str, tuple[Rejection, ...]] = field(default_factory=dict)
    graph: LineageGraph = field(default_factory=lambda: build_graph(()))
    revocations: Revocations | Unknown = _NOBODY_ASKED
    synced_at: datetime | None = None
    until: datetime = UNTIL_EVER
    is_complete: bool = True

    def about(self, digest: Digest, predicate_type: str | None = None) -> tuple[Attested, ...]:
        """Return the verified statements about an artifact, of one predicate type where it is given."""
        return tuple(
            item
            for item in self.statements.get(digest, NO_STATEMENTS)
            if predicate_type is None or item.predicate_type == predicate_type
        )

    def at(self, now: datetime) -> PolicyEvidence:
        """Return what counts at this moment: what would have ended by then counts no more, as if verified then."""
        return self if now <= self.until else as_of(self, now)


_NOTHING: Final = PolicyEvidence()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What counts for each policy, by its name, from one reading of the stores.

    `digest` is the sha256 in hex of the sorted digests of all bundles that were read, whatever became of them;
    `findings` say what became of those that don't count; `read` is their number. `synced_at` is when the stores were
    read, None where nobody says. `key` tells apart any two snapshots that could give two answers.
    """

    policies: Mapping[str, PolicyEvidence] = field(default_factory=dict)
    digest: str = hashlib.sha256(b"").hexdigest()
    read: int = 0
    findings: tuple[Finding, ...] = ()
    synced_at: datetime | None = None
    key: str = ""

    @property
    def until(self) -> datetime:
        """The last moment at which all of it still counts."""
        return min((item.until for item in self.policies.values()), default=UNTIL_EVER)

    def at(self, now: datetime) -> Self:
        """Return what counts at this moment, as if everything were verified then."""
        if now <= self.until:
            return self
        return replace(self, policies={name: item.at(now) for name, item in self.policies.items()})

    @property
    def seen(self) -> dict[str, SeenHead]:
        """The newest head of revocations of each publisher, to be remembered: an older one can't be shown for it."""
        found: dict[str, SeenHead] = {}
        for item in self.policies.values():
            if isinstance(item.revocations, Revocations):
                for name, head in item.revocations.remember.items():
                    found[name] = max(found.get(name, head), head, key=lambda known: known.sequence)
        return found

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
        synced_at: datetime | None = None,
    ) -> Self:
        """Return the evidence that results make, by policy name; `bundles` are the digests of all that was read."""
        from admission.gathering import gather, keep, uncounted  # noqa: PLC0415  gathering makes these values

        kept = {name: [keep(item) for item in found] for name, found in results.items()}
        read = sorted(set(bundles) or {item.bundle_sha256 for found in results.values() for item in found})
        gathered = {policy.name: gather(policy, kept.get(policy.name, ()), synced_at) for policy in policies}
        return cls.of_gathered(gathered, read, synced_at).finding(uncounted(kept.values()))

    @classmethod
    def of_gathered(
        cls, gathered: Mapping[str, PolicyEvidence], bundles: Sequence[str], synced_at: datetime | None
    ) -> Self:
        """Return the snapshot of what was gathered from these bundles (sha256 in hex, sorted)."""
        digest = digest_of_bundles(bundles)
        key = hashlib.sha256(f"{digest}\n{synced_at}\n".encode())
        for name, evidence in sorted(gathered.items()):
            key.update(f"{name}\n{evidence.is_complete}\n{evidence.until}\n{evidence.revocations!r}\n".encode())
            for line in _outcomes(evidence):
                key.update(line.encode("utf-8", "surrogateescape"))
        return cls(gathered, digest, len(bundles), (), synced_at, key.hexdigest())

    def finding(self, rejections: Iterable[Rejection], *more: Finding) -> Self:
        """Return the same evidence with findings about what doesn't count."""
        found = map(finding_of, sorted(rejections, key=lambda item: (item.where, item.bundle_sha256)))
        findings = (*self.findings, *found, *more)
        return self if findings == self.findings else replace(self, findings=findings)


def digest_of_bundles(bundles: Iterable[str]) -> str:
    """Return the digest of evidence that is these bundles, by the sha256 in hex of each: a line for each, sorted."""
    return hashlib.sha256("".join(f"{item}\n" for item in sorted(bundles)).encode()).hexdigest()


def finding_of(item: Rejection) -> Finding:
    """Return what is said of a bundle that doesn't count."""
    return Finding(item.rule, Severity.WARNING, f"{item.kind}: {printable(item.reason)}", printable(item.where))


def _outcomes(evidence: PolicyEvidence) -> Iterable[str]:
    """Yield a line for each answer of the verifier that is in the index."""
    for digest, found in evidence.statements.items():
        yield from (f"{digest} {item.bundle_sha256} {item.authority!r} {item.root} {item.time}\n" for item in found)
    for place in (evidence.rejected, evidence.rejected_places):
        for name, rejected in place.items():
            yield from (f"{name!s} {item.bundle_sha256} {item.kind} {item.rule} {item.reason!r}\n" for item in rejected)
