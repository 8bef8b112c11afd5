"""Questions to a lineage graph, each with a budget: what it ends is said to be truncated, and is no yes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from lineage.graph import EdgeStatus, LineageGraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.graph import Edge, NodeKey

__all__ = ["Answer", "Direction", "Path", "Paths", "Step", "ancestors", "descendants", "paths"]

DEFAULT_LIMIT: Final = 10_000
"""How many nodes an answer holds at most, where nobody says otherwise."""

DEFAULT_PATHS: Final = 100
"""How many paths are shown at most, where nobody says otherwise: their number grows exponentially."""

MAX_STEPS: Final = 200_000
"""How many edges the search for paths looks at, at most, dead ends included."""


class Direction(StrEnum):
    """Which way a question looks."""

    ANCESTORS = "ancestors"
    DESCENDANTS = "descendants"


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that was reached from `start`, as a graph that `start` is part of.

    `verified` are the nodes that verified edges alone lead to, `start` not among them; a verdict may count these only.
    """

    start: NodeKey
    direction: Direction
    graph: LineageGraph
    verified: frozenset[NodeKey]
    truncated: bool


def ancestors(graph: LineageGraph, start: NodeKey, *, limit: int = DEFAULT_LIMIT) -> Answer:
    """Return everything that `start` came from, as far as the graph knows. Raises `KeyError` for a node it hasn't."""
    return _closure(graph, start, Direction.ANCESTORS, limit)


def descendants(graph: LineageGraph, start: NodeKey, *, limit: int = DEFAULT_LIMIT) -> Answer:
    """Return everything that came from `start`, as far as the graph knows. Raises `KeyError` for a node it hasn't."""
    return _closure(graph, start, Direction.DESCENDANTS, limit)


def _closure(graph: LineageGraph, start: NodeKey, direction: Direction, limit: int) -> Answer:
    if graph.node(start) is None:
        raise KeyError(str(start))
    reached, cut = _reach(graph, start, direction, limit, verified_only=False)
    verified, _ = _reach(graph, start, direction, limit, verified_only=True)
    found = graph.within(reached)
    return Answer(start, direction, found, frozenset(verified & reached) - {start}, cut or not graph.complete)


def _reach(
    graph: LineageGraph, start: NodeKey, direction: Direction, limit: int, *, verified_only: bool
) -> tuple[set[NodeKey], bool]:
    """Breadth first, so that what a budget cuts off is the farthest."""
    reached: set[NodeKey] = {start}
    queue: deque[NodeKey] = deque([start])
    while queue:
        for edge, other in _next(graph, queue.popleft(), direction):
            if other in reached or (verified_only and edge.status is not EdgeStatus.VERIFIED):
                continue
            if len(reached) >= limit:
                return reached, True
            reached.add(other)
            queue.append(other)
    return reached, False


def _next(graph: LineageGraph, key: NodeKey, direction: Direction) -> Iterator[tuple[Edge, NodeKey]]:
    if direction is Direction.ANCESTORS:
        return ((edge, edge.parent) for edge in graph.parents(key))
    return ((edge, edge.child) for edge in graph.children(key))


@dataclass(frozen=True, slots=True)
class Step:
    """One hop from a child to a parent, with every statement that says so."""

    proofs: tuple[Edge, ...]

    @property
    def child(self) -> NodeKey:
        """Where the hop starts."""
        return self.proofs[0].child

    @property
    def parent(self) -> NodeKey:
        """Where the hop ends."""
        return self.proofs[0].parent

    @property
    def is_verified(self) -> bool:
        """Whether at least one of the statements was verified."""
        return any(edge.status is EdgeStatus.VERIFIED for edge in self.proofs)


@dataclass(frozen=True, slots=True)
class Path:
    """A chain of hops that passes no node twice."""

    steps: tuple[Step, ...]

    @property
    def is_verified(self) -> bool:
        """Whether each of its hops is."""
        return all(step.is_verified for step in self.steps)


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths from `start` to `ancestor`; to wherever they end, where `ancestor` is None. Verified ones first."""

    start: NodeKey
    ancestor: NodeKey | None
    paths: tuple[Path, ...]
    truncated: bool

    def graph(self, whole: LineageGraph) -> LineageGraph:
        """Return the part of `whole` that the paths run through."""
        passed = {self.start} | {step.parent for path in self.paths for step in path.steps}
        edges = {edge for path in self.paths for step in path.steps for edge in step.proofs}
        part = whole.within(passed)
        return LineageGraph.of(part.nodes, edges, part.findings, complete=part.complete)


def paths(
    graph: LineageGraph,
    start: NodeKey,
    ancestor: NodeKey | None = None,
    *,
    limit: int = DEFAULT_PATHS,
    max_steps: int = MAX_STEPS,
) -> Paths:
    """Return the paths from `start` up to `ancestor`, or to wherever they end.

    Only nodes that lead to `ancestor` are entered, so without cycles no step is wasted. Raises `KeyError` for a node
    that the graph hasn't.
    """
    for key in (start, ancestor):
        if key is not None and graph.node(key) is None:
            raise KeyError(str(key))
    useful = None
    if ancestor is not None:
        useful, _ = _reach(graph, ancestor, Direction.DESCENDANTS, len(graph.nodes) + 1, verified_only=False)
    search = _Search(graph, ancestor, useful, limit, max_steps)
    found = search.run(start)
    ordered = sorted(found, key=lambda path: (not path.is_verified, len(path.steps)))
    return Paths(start, ancestor, tuple(ordered), search.cut or not graph.complete)


class _Search:
    """A depth-first search for simple paths, without recursion: lineage may be deeper than Python's stack."""

    def __init__(
        self, graph: LineageGraph, ancestor: NodeKey | None, useful: set[NodeKey] | None, limit: int, max_steps: int
    ) -> None:
        self._graph, self._ancestor, self._useful = graph, ancestor, useful
        self._limit, self._max_steps = limit, max_steps
        self._looked_at = 0
        self.cut = False

    def run(self, start: NodeKey) -> list[Path]:
        found: list[Path] = []
        trail: list[Step] = []
        passed = {start}
        waiting = [self._open(start, passed)]
        while waiting:
            step = next(waiting[-1], None)
            if step is None:
                waiting.pop()
                if trail:
                    passed.discard(trail.pop().parent)
                continue
            if self._looked_at > self._max_steps or len(found) >= self._limit:
                self.cut = True
                break
            trail.append(step)
            passed.add(step.parent)
            onward = [] if step.parent == self._ancestor else list(self._open(step.parent, passed))
            if step.parent == self._ancestor or (self._ancestor is None and not onward):
                found.append(Path(tuple(trail)))
            waiting.append(iter(onward))
        return found

    def _open(self, key: NodeKey, passed: set[NodeKey]) -> Iterator[Step]:
        """Return the hops from `key` to parents that the path hasn't passed and that can lead on."""
        hops: dict[NodeKey, list[Edge]] = {}
        edges = self._graph.parents(key)
        self._looked_at += len(edges)
        for edge in edges:
            if edge.parent not in passed and (self._useful is None or edge.parent in self._useful):
                hops.setdefault(edge.parent, []).append(edge)
        return iter([Step(tuple(edges)) for edges in hops.values()])
