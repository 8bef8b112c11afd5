"""The ancestors of a case's artifact: followed along verified edges only, each with the way to it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from admission.facts import BomFacts
from admission.requirements.patterns import NO_PATTERNS
from attest.verified import RejectionKind
from dbom.model import Digest
from dbom.printable import printable
from dbom.rules.admission import ANCESTOR_UNIDENTIFIED, LINEAGE_UNFINISHED
from lineage.graph import EdgeStatus, Named
from lineage.query import ancestors

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.requirements.requirement import Case
    from lineage.graph import Edge, LineageGraph, NodeKey
    from lineage.query import Answer

__all__ = ["Ancestry", "ancestry"]


@dataclass(frozen=True, slots=True)
class Ancestry:
    """The ancestors of an artifact, one case each, in the order of their digests.

    `unfinished` says that there may be more (the walk hit its budget); `unidentified` are the parents that an accepted
    statement names without a digest. `trails` are the edges from the artifact to each ancestor, the shortest way.
    """

    cases: tuple[Case, ...] = ()
    unfinished: tuple[Reason, ...] = ()
    unidentified: tuple[Reason, ...] = ()
    trails: tuple[tuple[Digest, tuple[Edge, ...]], ...] = ()


def ancestry(case: Case) -> Ancestry:
    """Return the ancestors of the case's artifact; walked once for each policy and reference that ask."""
    key = (case.policy.namespace, case.policy.name, case.path, case.digest)
    known = case.notes.ancestries.get(key)
    if known is None:
        known = case.notes.ancestries[key] = _walked(case)
    return known


def _walked(case: Case) -> Ancestry:
    graph = case.evidence.graph
    if graph.node(case.digest) is None:
        return Ancestry()
    answer = ancestors(graph, case.digest)
    message = f"the ancestors of {case.digest} are too many to look at each"
    unfinished = (case.cant_tell(LINEAGE_UNFINISHED, message),) if answer.truncated else ()
    ways = _ways(graph, answer)
    found = sorted(key for key in answer.verified if isinstance(key, Digest))
    cases = tuple(case.of_ancestor(key, _whose(graph, key), _read_aloud(case, ways[key])) for key in found)
    return Ancestry(cases, unfinished, _unidentified(case, answer), tuple((key, ways[key]) for key in found))


def _ways(graph: LineageGraph, answer: Answer) -> dict[NodeKey, tuple[Edge, ...]]:
    """Return the shortest verified way to each ancestor, breadth first."""
    came: dict[NodeKey, Edge | None] = {answer.start: None}
    queue: deque[NodeKey] = deque([answer.start])
    while queue:
        for edge in graph.parents(queue.popleft()):
            if edge.status is EdgeStatus.VERIFIED and edge.parent in answer.verified and edge.parent not in came:
                came[edge.parent] = edge
                queue.append(edge.parent)
    return {key: _back(came, key) for key in answer.verified}


def _back(came: dict[NodeKey, Edge | None], key: NodeKey) -> tuple[Edge, ...]:
    way: list[Edge] = []
    edge = came.get(key)
    while edge is not None:
        way.append(edge)
        edge = came.get(edge.child)
    return tuple(reversed(way))


def _whose(graph: LineageGraph, key: NodeKey) -> str:
    node = graph.node(key)
    return f"the ancestor {printable(node.name)} " if node is not None and node.name else "the ancestor "


def _read_aloud(case: Case, way: tuple[Edge, ...]) -> str:
    """Return `model m <- dataset d (trained on) <- dataset raw (derived from)`."""
    hops = [f"{_shown(case, edge.parent)} ({edge.relation.replace('-', ' ')})" for edge in way]
    return " <- ".join([_shown(case, case.digest), *hops])


def _shown(case: Case, key: NodeKey) -> str:
    node = case.evidence.graph.node(key)
    if node is None:
        return printable(str(key))
    what = node.what or _described(case, key)
    if what:
        return printable(f"{what} {node.name or key}")
    named = _revoked_names(case, key)
    if not named:
        return printable(f"artifact {node.name or key}")
    is_its_name = not node.name and named[0]
    known = "so named by a revoked statement" if is_its_name else "its statements are revoked"
    return printable(f"artifact {node.name or named[0] or key} ({known})")


def _revoked_names(case: Case, key: NodeKey) -> list[str]:
    """Return what statements call an artifact which counted until they were revoked, the best name first."""
    rejected = case.evidence.rejected.get(key, ()) if isinstance(key, Digest) else ()
    told = [item.statement for item in rejected if item.kind is RejectionKind.REVOKED and item.statement is not None]
    names = {subject.name for item in told for subject in item.subjects if subject.digest == key}
    return [*sorted(names - {""}), *sorted(names & {""})]


def _described(case: Case, key: NodeKey) -> str:
    """Return what an accepted BOM calls an artifact, where those whose word on inputs counts don't say it."""
    facts = (item.facts for item in case.evidence.about(key)) if isinstance(key, Digest) else ()
    return next((item.what for item in facts if isinstance(item, BomFacts) and item.what), "")


def _unidentified(case: Case, answer: Answer) -> tuple[Reason, ...]:
    """Return a reason for each parent that an accepted statement names without a digest, allowed gaps excepted."""
    from admission.requirements.lineage import LineageRule  # noqa: PLC0415  it asks for ancestries itself

    rule = case.policy.find(LineageRule)
    gaps = NO_PATTERNS if rule is None or rule.gaps is None else rule.gaps
    trusted = answer.verified | {answer.start}
    edges = [e for e in answer.graph.edges if e.status is EdgeStatus.MISSING and e.child in trusted]
    edges = [e for e in edges if not (isinstance(e.parent, Named) and gaps.matches(e.parent.name))]
    pairs = dict.fromkeys((edge.child, edge.parent) for edge in edges)
    return tuple(
        case.cant_tell(ANCESTOR_UNIDENTIFIED, f"{child} comes from {printable(str(parent))}, without a digest")
        for child, parent in pairs
    )
