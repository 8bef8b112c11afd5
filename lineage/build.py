"""From statements to a lineage graph: what each says about its subjects, and how much that counts.

A verified statement gives verified edges. A rejected one gives edges that say so: a picture of what is claimed is
worth having, as long as nobody can take it for more. Nothing that a statement holds can stop the building: what can't
be read becomes a finding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from sys import intern
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from attest.revocation.status import NO_REVOCATIONS
from attest.verified import Rejection, RejectionKind, VerifiedStatement
from dbom.errors import DbomError
from dbom.model import Digest, Finding, Severity, Unknown
from dbom.names import PREDICATE_BOM, PREDICATE_PROVENANCE
from dbom.printable import printable
from dbom.rules.lineage import (
    CYCLE,
    LINEAGE_TRUNCATED,
    PARENT_WITHOUT_DIGEST,
    PREDICATE_MALFORMED,
    SELF_LOOP,
    STATEMENT_NOT_COUNTED,
)
from dbom.rules.revocations import REVOKED
from lineage.graph import Edge, EdgeStatus, Inputs, LineageGraph, Named, Node, shown
from lineage.predicates import Said, said_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from attest.revocation.status import Revocations
    from attest.statement import Statement
    from dbom.bom import Bom
    from dbom.model import Derivation
    from dbom.rules import Rule
    from lineage.graph import NodeKey

__all__ = ["CONTENT_PREDICATES", "build_graph", "read_said"]

CONTENT_PREDICATES: Final = (PREDICATE_BOM, PREDICATE_PROVENANCE)
"""The statements that describe an artifact and could name its inputs; a location alone does not."""

_T = TypeVar("_T")

MAX_EDGES: Final = 200_000
"""The most edges that a graph is built with; beyond it the graph says that it isn't complete."""

_NOTHING_READ: Final[Mapping[str, Said | DbomError]] = MappingProxyType({})
_STATUS_OF = {
    RejectionKind.BROKEN: EdgeStatus.INVALID,
    RejectionKind.UNTRUSTED: EdgeStatus.UNTRUSTED,
    RejectionKind.UNDECIDED: EdgeStatus.UNTRUSTED,
    RejectionKind.REVOKED: EdgeStatus.REVOKED,
}


def build_graph(
    results: Iterable[VerifiedStatement | Rejection],
    *,
    revocations: Revocations = NO_REVOCATIONS,
    said: Mapping[str, Said | DbomError] = _NOTHING_READ,
    max_edges: int = MAX_EDGES,
) -> LineageGraph:
    """Return the graph of all that the results say, whatever their order.

    Edges come from BOM statements and SLSA provenance; locations only add to their nodes. A parent that a verified
    statement names without a digest gives an edge with status `missing` to a node that is only a name. A statement that
    `revocations` take away gives edges with status `revoked`; edges from what was made of a revoked artifact stay.
    `said` is what `read_said` gave for a bundle (by its sha256); then its statement's predicate isn't read again.
    """
    work = _Work(max_edges, revocations, said)
    for result in sorted(results, key=_weight):
        if isinstance(result, VerifiedStatement):
            work.take(_Source(result.statement, EdgeStatus.VERIFIED, intern(str(result.signer)), result))
            continue
        work.find(STATEMENT_NOT_COUNTED, f"{result.kind}: {printable(result.reason)}", result.where)
        if result.statement is not None:
            signer = "nobody known" if result.signer is None else f"claims to be {result.signer}"
            work.take(_Source(result.statement, _STATUS_OF[result.kind], signer, result))
    return work.graph()


def read_said(statement: Statement, *, where: str, bom: Bom | None = None) -> Said | DbomError:
    """Return what a statement says of inputs and locations, or why that can't be read. Never raises.

    `bom` is its predicate as a BOM where somebody has read that already.
    """
    try:
        return said_by(statement, where=where, bom=bom)
    except DbomError as error:
        return error


def _weight(result: VerifiedStatement | Rejection) -> tuple[bool, str, str]:
    """Put verified statements first: what others claim must not fill the graph before them."""
    return isinstance(result, Rejection), result.bundle_sha256, result.where


@dataclass(frozen=True, slots=True)
class _Source:
    """A statement, and what an edge out of it would be worth."""

    statement: Statement
    status: EdgeStatus
    by: str
    result: VerifiedStatement | Rejection

    @property
    def counts(self) -> bool:
        return self.status is EdgeStatus.VERIFIED


@dataclass(slots=True)
class _Gathered:
    """What is known of one node so far. Most of it stays empty, and then takes no room."""

    own_names: Sequence[str] = ()
    given_names: Sequence[str] = ()
    claimed_names: Sequence[str] = ()
    what: Sequence[str] = ()
    locations: Sequence[str] = ()
    declares: Sequence[bool] = ()
    signers: Sequence[str] = ()
    attestations: Sequence[str] = ()
    claims: Sequence[str] = ()

    def node(self, key: NodeKey, revoked: str) -> Node:
        own = set(self.own_names)
        given = set(self.given_names) - own
        claimed = set(self.claimed_names) - own - given
        return Node(
            key,
            names=(*sorted(own), *sorted(given)),
            claimed_names=tuple(sorted(claimed)),
            what=min(self.what, default=""),
            locations=tuple(sorted(set(self.locations))),
            inputs=self.inputs(),
            signers=tuple(sorted(set(self.signers))),
            attestations=tuple(sorted(set(self.attestations))),
            claims=tuple(sorted(set(self.claims))),
            revoked=revoked,
        )

    def inputs(self) -> Inputs:
        if not self.declares:
            return Inputs.UNKNOWN
        return Inputs.DECLARED if True in self.declares else Inputs.NONE_DECLARED


class _Work:
    """A graph in the making."""

    def __init__(self, max_edges: int, revocations: Revocations, said: Mapping[str, Said | DbomError]) -> None:
        self._revocations = revocations
        self._read = said
        self._gathered: dict[NodeKey, _Gathered] = {}
        self._edges: set[Edge] = set()
        self._findings: set[Finding] = set()
        self._max_edges = max_edges
        self._complete = True

    def find(self, rule: Rule, message: str, where: str, severity: Severity = Severity.WARNING) -> None:
        self._findings.add(Finding(rule.id, severity, message, printable(where)))

    def take(self, source: _Source) -> None:
        """Add what one statement says."""
        said = self._said(source)
        for subject in source.statement.subjects:
            if subject.digest is not None:
                self._take_subject(self._unrevoked(source, subject.digest), subject.digest, subject.name, said)

    def graph(self) -> LineageGraph:
        """Return what was gathered."""
        nodes = (gathered.node(key, self._revoked(key)) for key, gathered in self._gathered.items())
        graph = LineageGraph.of(nodes, self._edges)
        for circle in graph.cycles():
            names = ", ".join(str(key) for key in circle[:5]) + (" …" if len(circle) > 5 else "")  # noqa: PLR2004  enough to find it by
            self.find(CYCLE, f"{len(circle)} artifacts are each other's ancestors: {names}", "")
        if not self._findings and self._complete:
            return graph
        return LineageGraph.of(graph.nodes, graph.edges, self._findings, complete=self._complete)

    def _unrevoked(self, source: _Source, digest: Digest) -> _Source:
        """Return what a statement is worth about one artifact, when what is revoked is taken from it."""
        if not isinstance(source.result, VerifiedStatement):
            return source
        revocation = self._revocations.of_statement(source.result, [digest]) or self._revocations.of(digest)
        if revocation is None:
            return source
        self.find(REVOKED, revocation.said, source.result.where)
        return replace(source, status=EdgeStatus.REVOKED)

    def _revoked(self, key: NodeKey) -> str:
        revocation = None if isinstance(key, Named) else self._revocations.of(key)
        return "" if revocation is None else revocation.said

    def _said(self, source: _Source) -> Said | None:
        """Return what the predicate says of inputs, or None where it says nothing of them or can't be read."""
        said = self._read.get(source.result.bundle_sha256)
        said = read_said(source.statement, where=source.result.where) if said is None else said
        if isinstance(said, DbomError):
            self.find(PREDICATE_MALFORMED, f"{printable(str(said))} ({said.rule.id})", source.result.where)
            return None
        for rule, message in said.remarks:
            self.find(rule, message, source.result.where)
        return said

    def _take_subject(self, source: _Source, digest: Digest, name: str, said: Said | None) -> None:
        gathered = self._gathered.setdefault(digest, _Gathered())
        if source.counts:
            gathered.own_names = _named(gathered.own_names, name)
        else:
            gathered.claimed_names = _named(gathered.claimed_names, name)
        if source.counts and said is not None and said.is_about(digest):
            gathered.locations = _more(gathered.locations, *said.locations)
            gathered.what = _more(gathered.what, *filter(None, [said.what]))
            gathered.own_names = _named(gathered.own_names, said.name)
        is_content = source.statement.predicate_type in CONTENT_PREDICATES
        if not source.counts or (is_content and (said is None or not said.is_about(digest))):
            gathered.claims = _more(gathered.claims, source.result.bundle_sha256)
        elif is_content:
            gathered.attestations = _more(gathered.attestations, source.result.bundle_sha256)
            gathered.signers = _more(gathered.signers, source.by)
        if said is None or said.derivations is None or not said.is_about(digest):
            return
        if source.counts:
            gathered.declares = _more(gathered.declares, bool(said.derivations))
        for derivation in said.derivations:
            if not self._take_derivation(source, digest, derivation):
                break

    def _take_derivation(self, source: _Source, child: Digest, derivation: Derivation) -> bool:
        """Add one edge; return False where there is no room for more."""
        parent, status = derivation.parent, source.status
        where, bundle = source.result.where, source.result.bundle_sha256
        if parent == child:
            self.find(SELF_LOOP, f"{child} is said to come from itself", where, Severity.NOTE)
            return True
        if len(self._edges) >= self._max_edges:
            self._complete = False
            self.find(LINEAGE_TRUNCATED, f"more than {self._max_edges} edges; the rest is left out", "")
            return False
        key: NodeKey = Named.of(derivation.name) if isinstance(parent, Unknown) else parent
        if isinstance(parent, Unknown) and source.counts:
            status = EdgeStatus.MISSING
            message = f"{child} names its parent {key} without a digest: {printable(parent.reason)}"
            self.find(PARENT_WITHOUT_DIGEST, message, where, Severity.NOTE)
        gathered = self._gathered.setdefault(key, _Gathered())
        if not isinstance(key, Named):
            if source.counts:
                gathered.given_names = _named(gathered.given_names, derivation.name)
            else:
                gathered.claimed_names = _named(gathered.claimed_names, derivation.name)
        self._edges.add(Edge(child, key, derivation.relation, status, source.by, bundle, printable(where)))
        return True


def _named(names: Sequence[str], name: str) -> Sequence[str]:
    """Return the names with one more, unless it is empty or the last one."""
    found = shown(name) if name else ""
    return names if not found or found in names[-1:] else _more(names, found)


def _more(items: Sequence[_T], *new: _T) -> Sequence[_T]:
    """Return the items with more behind them; a list grows in its place."""
    if not isinstance(items, list):
        return [*items, *new] if new else items
    items.extend(new)
    return items
