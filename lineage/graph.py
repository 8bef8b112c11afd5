"""The lineage graph: what came from what, by whose word, and how far that word was checked.

A `LineageGraph` is a value: the same nodes and edges give an equal graph in the same order. It may hold cycles and
several edges between the same two nodes; nothing here follows them without an end. networkx is used here alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Self, TypeAlias

from dbom.model import Digest, Finding, Relation
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    import networkx as nx

__all__ = ["Edge", "EdgeStatus", "Inputs", "LineageGraph", "Named", "Node", "NodeKey", "in_order", "shown"]

NAME_LIMIT = 200
"""The longest name that is kept, in characters."""


def shown(text: str) -> str:
    """Return a stranger's text as the graph keeps it: printable, short, and two different texts still different."""
    clean = printable(text, limit=len(text))
    if len(clean) <= NAME_LIMIT:
        return clean
    return f"{clean[: NAME_LIMIT - 9]}…{hashlib.sha256(clean.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True, order=True)
class Named:
    """A parent of which only a name is known. The name is printable already."""

    name: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the node key for a name that stands in a statement."""
        return cls(shown(text) or "(no name)")

    def __str__(self) -> str:
        return f"name:{self.name}"


NodeKey: TypeAlias = Digest | Named
"""What tells nodes apart: the digest of bytes, or a bare name where there is none."""


class EdgeStatus(StrEnum):
    """How an edge is known. Verdicts follow verified edges only; pictures show all."""

    VERIFIED = "verified"
    UNTRUSTED = "untrusted"
    ASSERTED = "asserted"
    INVALID = "invalid"
    REVOKED = "revoked"
    MISSING = "missing"


class Inputs(StrEnum):
    """What the verified statements about an artifact say of its inputs.

    `NONE_DECLARED` is no clean root: a producer can leave a parent out. `UNKNOWN`: no verified statement describes it.
    """

    DECLARED = "declared"
    NONE_DECLARED = "none-declared"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Node:
    """An artifact in the graph. All texts are printable already, and in a fixed order.

    `names` come from verified statements (its own first, then those of its children), `claimed_names` from others.
    `what` is `dataset`, `model`, `data` or empty. `attestations` are the bundles (sha256) of verified statements about
    its content, `signers` who signed them, `claims` the bundles about it that count for
    nothing: not verified, not readable, or revoked. `revoked` says who revoked the artifact itself, when and why.
    """

    key: NodeKey
    names: tuple[str, ...] = ()
    claimed_names: tuple[str, ...] = ()
    what: str = ""
    locations: tuple[str, ...] = ()
    inputs: Inputs = Inputs.UNKNOWN
    signers: tuple[str, ...] = ()
    attestations: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    revoked: str = ""

    @property
    def name(self) -> str:
        """The best name there is, for reading; empty where there is none."""
        if isinstance(self.key, Named):
            return self.key.name
        return next(iter((*self.names, *self.claimed_names)), "")

    @property
    def is_attested(self) -> bool:
        """Whether a verified statement in the store is about its content."""
        return bool(self.attestations)

    @property
    def standing(self) -> str:
        """What the store holds about it, in words."""
        if isinstance(self.key, Named):
            return "named only, no digest"
        if self.revoked:
            return f"revoked: {self.revoked}"
        if self.is_attested:
            # The issuer stands wherever there is room for it: in tables, tool tips and JSON.
            return f"signed by {', '.join(signer.partition(' (issuer ')[0] for signer in self.signers)}"
        return "claims only, none that counts" if self.claims else "no statement about it here"


@dataclass(frozen=True, slots=True)
class Edge:
    """Somebody's word that `child` came from `parent`.

    `by` says who signed it (for an edge that isn't verified: who claims to have), `attestation` is the sha256 of the
    bundle it stands in and `where` the place that bundle was read from.
    """

    child: NodeKey
    parent: NodeKey
    relation: Relation
    status: EdgeStatus
    by: str
    attestation: str
    where: str = ""

    def order(self) -> tuple[object, ...]:
        """Return the key that edges are sorted by; verified ones come first among those between two nodes."""
        rank = list(EdgeStatus).index(self.status)
        return (
            in_order(self.child),
            in_order(self.parent),
            rank,
            self.relation is Relation.INPUT,  # a word that says more comes first
            self.relation,
            self.by,
            self.attestation,
            self.where,
        )


def in_order(key: NodeKey) -> tuple[bool, str]:
    """Return the key that nodes are sorted by: digests first, then bare names."""
    return (isinstance(key, Named), str(key))


@dataclass(frozen=True, slots=True)
class LineageGraph:
    """Nodes, edges from child to parent, and what was found wrong while it was built.

    Made by `LineageGraph.of`, which sorts. `complete` is False where a budget left statements or edges out.
    """

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    findings: tuple[Finding, ...] = ()
    complete: bool = True
    _nodes: Mapping[NodeKey, Node] = field(init=False, repr=False, compare=False)
    _up: Mapping[NodeKey, tuple[Edge, ...]] = field(init=False, repr=False, compare=False)
    _down: Mapping[NodeKey, tuple[Edge, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_nodes", {node.key: node for node in self.nodes})
        object.__setattr__(self, "_up", _grouped(self.edges, lambda edge: edge.child))
        object.__setattr__(self, "_down", _grouped(self.edges, lambda edge: edge.parent))
        if unknown := {key for edge in self.edges for key in (edge.child, edge.parent)} - self._nodes.keys():
            raise ValueError(f"edges between nodes that aren't there: {sorted(map(str, unknown))}")

    @classmethod
    def of(
        cls,
        nodes: Iterable[Node],
        edges: Iterable[Edge],
        findings: Iterable[Finding] = (),
        *,
        complete: bool = True,
    ) -> Self:
        """Return the graph of these nodes and edges, in the one order that they have."""
        return cls(
            tuple(sorted(nodes, key=lambda node: in_order(node.key))),
            tuple(sorted(set(edges), key=Edge.order)),
            tuple(sorted(set(findings), key=lambda found: (found.rule, found.where, found.message))),
            complete,
        )

    def node(self, key: NodeKey) -> Node | None:
        """Return the node with this key, or None where the graph has none."""
        return self._nodes.get(key)

    def parents(self, key: NodeKey) -> tuple[Edge, ...]:
        """Return the edges from this node to its parents."""
        return self._up.get(key, ())

    def children(self, key: NodeKey) -> tuple[Edge, ...]:
        """Return the edges from this node's children to it."""
        return self._down.get(key, ())

    def within(self, keys: Collection[NodeKey]) -> Self:
        """Return the graph of these nodes, the edges between them and all findings."""
        kept = set(keys)
        return type(self)(
            tuple(node for node in self.nodes if node.key in kept),
            tuple(edge for edge in self.edges if edge.child in kept and edge.parent in kept),
            self.findings,
            self.complete,
        )

    def count(self, status: EdgeStatus) -> int:
        """Return the number of edges with this status."""
        return sum(edge.status is status for edge in self.edges)

    def digraph(self) -> nx.DiGraph[NodeKey]:
        """Return the graph for networkx: an arc from child to parent, with all its `Edge` values in `edges`."""
        import networkx as nx  # noqa: PLC0415  what only draws or prints doesn't pay for it

        graph: nx.DiGraph[NodeKey] = nx.DiGraph()
        graph.add_nodes_from(node.key for node in self.nodes)
        for edge in self.edges:
            if not graph.has_edge(edge.child, edge.parent):
                graph.add_edge(edge.child, edge.parent, edges=[])
            graph.edges[edge.child, edge.parent]["edges"].append(edge)
        return graph

    def cycles(self) -> tuple[tuple[NodeKey, ...], ...]:
        """Return each set of nodes that all lead to each other, sorted (Tarjan's strongly connected components)."""
        left = self._not_peeled() if self.edges else ()
        if not left:
            return ()
        import networkx as nx  # noqa: PLC0415  most graphs have no circle, and don't pay for it

        circles = (part for part in nx.strongly_connected_components(self.within(left).digraph()) if len(part) > 1)
        return tuple(
            sorted((tuple(sorted(part, key=in_order)) for part in circles), key=lambda part: in_order(part[0]))
        )

    def _not_peeled(self) -> set[NodeKey]:
        """Return what is left when every node without parents is taken away, again and again (Kahn's algorithm).

        All circles are in it, and most graphs have none.
        """
        parents = {node.key: len({edge.parent for edge in self.parents(node.key)}) for node in self.nodes}
        free = [key for key, count in parents.items() if count == 0]
        while free:
            key = free.pop()
            del parents[key]
            for child in {edge.child for edge in self.children(key)}:
                parents[child] -= 1
                if parents[child] == 0:
                    free.append(child)
        return set(parents)


def _grouped(edges: Iterable[Edge], key: Callable[[Edge], NodeKey]) -> dict[NodeKey, tuple[Edge, ...]]:
    groups: dict[NodeKey, list[Edge]] = {}
    for edge in edges:
        groups.setdefault(key(edge), []).append(edge)
    return {node: tuple(group) for node, group in groups.items()}
