"""A lineage answer as text: a tree in which a node that is reached twice is shown once."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from lineage.graph import EdgeStatus, Inputs, Named
from lineage.query import Direction

if TYPE_CHECKING:
    from lineage.graph import Edge, LineageGraph, Node, NodeKey
    from lineage.query import Answer, Paths

__all__ = ["counted", "how_many", "outline_of_answer", "outline_of_paths"]

_DEEPEST: Final = 40
"""Deeper branches start again at the left, so that a long chain doesn't walk off the page."""


def outline_of_answer(answer: Answer) -> str:
    """Return the answer as a tree, from the artifact that was asked about, and a line that counts."""
    shown: set[NodeKey] = set()
    lines: list[str] = []
    roots: deque[NodeKey] = deque([answer.start])
    while roots:
        root = roots.popleft()
        lines.append(_described(answer.graph, root))
        lines += _branches(answer, root, shown, roots)
    return "\n".join([*lines, "", _summary(answer)])


def _branches(answer: Answer, root: NodeKey, shown: set[NodeKey], later: deque[NodeKey]) -> list[str]:
    """Return the lines below `root`, without recursion; what lies too deep is put on `later`."""
    lines = []
    shown.add(root)
    waiting = [(hop, "") for hop in reversed(_hops(answer, root))]
    while waiting:
        (edges, other, is_last), indent = waiting.pop()
        deep = len(indent) >= 3 * _DEEPEST
        is_new = other not in shown
        onward = _hops(answer, other) if is_new else []
        note = ""
        if onward and deep:
            note, onward = "  (goes on below)", []
            later.append(other)
        shown.add(other)
        described = (
            _described(answer.graph, other) + note if is_new else f"{_named(answer.graph, other)}  (shown elsewhere)"
        )
        lines.append(f"{indent}{'└─' if is_last else '├─'} {_stated(edges)}  {described}")
        below = indent + ("   " if is_last else "│  ")
        waiting += [(hop, below) for hop in reversed(onward)]
    return lines


def _hops(answer: Answer, key: NodeKey) -> list[tuple[list[Edge], NodeKey, bool]]:
    """Return for each neighbour the edges to it, the neighbour, and whether it is the last one."""
    up = answer.direction is Direction.ANCESTORS
    hops: dict[NodeKey, list[Edge]] = {}
    for edge in answer.graph.parents(key) if up else answer.graph.children(key):
        hops.setdefault(edge.parent if up else edge.child, []).append(edge)
    return [(edges, other, index == len(hops)) for index, (other, edges) in enumerate(hops.items(), 1)]


def _stated(edges: list[Edge]) -> str:
    """Return the relations between two nodes, each with its best status."""
    said: dict[str, EdgeStatus] = {}
    for edge in edges:
        said.setdefault(edge.relation, edge.status)
    return ", ".join(f"{relation} [{status}]" for relation, status in said.items())


def _described(graph: LineageGraph, key: NodeKey) -> str:
    node = graph.node(key)
    if node is None:
        return str(key)
    if isinstance(key, Named):
        return f"{key.name}  (named only, no digest)"
    return f"{_named(graph, key)}  ({'; '.join(_notes(node))})"


def _named(graph: LineageGraph, key: NodeKey) -> str:
    node = graph.node(key)
    if node is None or isinstance(key, Named):
        return str(key)
    return f"{node.name or '(no name)'}  {key}"


def _notes(node: Node) -> list[str]:
    notes = [node.standing]
    if node.inputs is Inputs.NONE_DECLARED:
        notes.append("no inputs declared")
    return notes


def _summary(answer: Answer) -> str:
    others = len(answer.graph.nodes) - 1
    total = how_many(others, str(answer.direction)[:-1])
    text = f"{total}, {len(answer.verified)} by verified edges alone. Edges: {counted(answer.graph)}."
    return text + (" Truncated: there is more." if answer.truncated else "")


def how_many(count: int, word: str) -> str:
    """Return a number and its noun, which takes an s where there isn't one: `1 bundle`, `2,000 bundles`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def counted(graph: LineageGraph) -> str:
    """Return how many edges there are of each status, in words."""
    counts = [f"{graph.count(status)} {status}" for status in EdgeStatus if graph.count(status)]
    return ", ".join(counts) or "none"


def outline_of_paths(paths: Paths, graph: LineageGraph) -> str:
    """Return each path, and under each hop the proof: who signed, and in which bundle."""
    lines = []
    for number, path in enumerate(paths.paths, 1):
        worth = "verified throughout" if path.is_verified else "not verified throughout"
        lines += [f"path {number}, {worth}", f"  {_described(graph, paths.start)}"]
        for step in path.steps:
            lines.append(f"  ← {_stated(list(step.proofs))}  {_described(graph, step.parent)}")
            lines += [
                f"      {edge.relation}, {edge.status}: {edge.by}, bundle sha256:{edge.attestation} at {edge.where}"
                for edge in step.proofs
            ]
        lines.append("")
    verified = sum(path.is_verified for path in paths.paths)
    more = " Truncated: there are more." if paths.truncated else ""
    lines.append(f"{how_many(len(paths.paths), 'path')}, {verified} verified throughout.{more}")
    return "\n".join(lines)
