"""What the passing of time does to a snapshot of evidence: trust ends, and what rested on it counts no more.

The outcome is what verifying everything again would give: a statement whose certificate or trust root has ended is
undecided from then on, and a head of revocations that has expired no longer shows that nothing else is revoked.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from attest.revocation.status import Revocations
from attest.statement import Statement, Subject
from attest.verified import Rejection, RejectionKind
from dbom.model import Finding, Severity
from dbom.printable import printable
from dbom.rules.admission import EVIDENCE_LAPSED
from dbom.rules.revocations import HEAD_EXPIRED
from lineage.graph import EdgeStatus, Inputs, LineageGraph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from admission.attested import Attested
    from admission.evidence import PolicyEvidence
    from dbom.model import Unknown
    from lineage.graph import Node

__all__ = ["UNTIL_EVER", "as_of", "earliest_end"]

UNTIL_EVER: Final = datetime.max.replace(tzinfo=UTC)
"""The moment that never comes."""


def earliest_end(items: Iterable[Attested], revocations: Revocations | Unknown) -> datetime:
    """Return the last moment at which all statements, and all heads of revocations, still count."""
    ends = [item.holds_until for item in items if item.holds_until is not None]
    if isinstance(revocations, Revocations):
        ends += [head.expires for _, head in revocations.current]
    return min(ends, default=UNTIL_EVER)


def as_of(evidence: PolicyEvidence, now: datetime) -> PolicyEvidence:
    """Return what of the evidence counts at a moment."""
    everything = {item.bundle_sha256: item for found in evidence.statements.values() for item in found}
    statements = {
        digest: tuple(item for item in found if _counts(item, now)) for digest, found in evidence.statements.items()
    }
    counted = {item.bundle_sha256 for found in statements.values() for item in found}
    lapsed = {sha256: item for sha256, item in everything.items() if sha256 not in counted}
    rejected = {digest: list(found) for digest, found in evidence.rejected.items()}
    places = {place: list(found) for place, found in evidence.rejected_places.items()}
    for digest, found in evidence.statements.items():
        rejected.setdefault(digest, []).extend(_rejection(item) for item in found if item.bundle_sha256 in lapsed)
    for bound in evidence.bindings.values():
        for binding in bound:
            if binding.statement.bundle_sha256 in lapsed:
                places.setdefault(str(binding.location), []).append(_rejection(binding.statement))
    revocations = _as_of(evidence.revocations, now)
    return replace(
        evidence,
        statements=statements,
        bindings={
            base: tuple(item for item in found if _counts(item.statement, now))
            for base, found in evidence.bindings.items()
        },
        rejected={digest: tuple(found) for digest, found in rejected.items()},
        rejected_places={place: tuple(found) for place, found in places.items()},
        graph=_without(evidence.graph, lapsed.keys()),
        revocations=revocations,
        until=earliest_end((item for found in statements.values() for item in found), revocations),
    )


def _counts(item: Attested, now: datetime) -> bool:
    return item.holds_until is None or now <= item.holds_until


def _rejection(item: Attested) -> Rejection:
    subjects = tuple(Subject("", digest) for digest in item.subjects)
    claimed = Statement(subjects, item.predicate_type, {}, b"")
    reason = f"signed by {item.signer}, and what vouched for that has ended"
    return Rejection(RejectionKind.UNDECIDED, EVIDENCE_LAPSED.id, reason, item.bundle_sha256, item.where, claimed)


def _as_of(revocations: Revocations | Unknown, now: datetime) -> Revocations | Unknown:
    if not isinstance(revocations, Revocations):
        return revocations
    ended = [(item, head) for item, head in revocations.current if head.expires <= now]
    if not ended:
        return revocations
    doubts = [
        Finding(
            HEAD_EXPIRED.id,
            Severity.WARNING,
            f"the head of sequence {head.sequence} has expired since (by {printable(str(item.signer))})",
            printable(item.where),
        )
        for item, head in ended
    ]
    current = tuple(pair for pair in revocations.current if pair not in ended)
    return replace(revocations, doubts=(*revocations.doubts, *doubts), current=current)


def _without(graph: LineageGraph, bundles: Iterable[str]) -> LineageGraph:
    """Return the graph without what these bundles say of inputs."""
    gone = set(bundles)
    edges = [edge for edge in graph.edges if edge.attestation not in gone]
    parents: set[object] = {edge.child for edge in edges if edge.status in (EdgeStatus.VERIFIED, EdgeStatus.MISSING)}
    nodes = [
        _node(node, gone, has_parents=node.key in parents) if not gone.isdisjoint(node.attestations) else node
        for node in graph.nodes
    ]
    return LineageGraph.of(nodes, edges, graph.findings, complete=graph.complete)


def _node(node: Node, gone: set[str], *, has_parents: bool) -> Node:
    # Whether another statement says that there are no inputs isn't kept: unknown is never more than that.
    left = tuple(item for item in node.attestations if item not in gone)
    inputs = Inputs.DECLARED if has_parents else Inputs.UNKNOWN
    signers = node.signers if left else ()
    claims = tuple(sorted({*node.claims, *(item for item in node.attestations if item in gone)}))
    return replace(node, attestations=left, inputs=inputs, signers=signers, claims=claims)
