"""The lineage graph as rows, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admission.packing.findings import finding_row, read_finding
from admission.packing.rows import EdgeRow, GraphRow, NodeRow
from dbom.model import Relation
from lineage.graph import Edge, EdgeStatus, Inputs, LineageGraph, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from admission.packing.texts import ReadTexts, Texts

__all__ = ["graph_row", "node_row", "read_graph", "read_node"]


def node_row(node: Node, texts: Texts) -> NodeRow:
    """Return a node as a row."""
    return NodeRow(
        texts.place(node.key),
        texts.all(node.names),
        texts.all(node.claimed_names),
        texts.place(node.what),
        texts.all(node.locations),
        texts.place(node.inputs),
        texts.all(node.signers),
        texts.all(node.attestations),
        texts.all(node.claims),
        texts.place(node.revoked),
    )


def read_node(row: NodeRow, texts: ReadTexts) -> Node:
    """Return the node of a row. Raises `ValueError` for a value that can't be."""
    return Node(
        texts.key(row.key),
        texts.all(row.names),
        texts.all(row.claimed_names),
        texts.at(row.what),
        texts.all(row.locations),
        Inputs(texts.at(row.inputs)),
        texts.all(row.signers),
        texts.all(row.attestations),
        texts.all(row.claims),
        texts.at(row.revoked),
    )


def graph_row(graph: LineageGraph, texts: Texts, number: Callable[[Node], int]) -> GraphRow:
    """Return a graph as a row; `number` gives the place of a node's row."""
    return GraphRow(
        tuple(map(number, graph.nodes)),
        tuple(_edge_row(edge, texts) for edge in graph.edges),
        tuple(finding_row(item, texts) for item in graph.findings),
        graph.complete,
    )


def read_graph(row: GraphRow, texts: ReadTexts, nodes: Sequence[Node]) -> LineageGraph:
    """Return the graph of a row, made anew, so that its order and its ends are as they must be.

    Raises `ValueError` for a value that can't be, and for an edge between nodes that aren't there.
    """
    if not all(0 <= place < len(nodes) for place in row.nodes):
        raise ValueError("a graph of nodes that aren't there")
    return LineageGraph.of(
        (nodes[place] for place in row.nodes),
        (_read_edge(edge, texts) for edge in row.edges),
        (read_finding(item, texts) for item in row.findings),
        complete=row.complete,
    )


def _edge_row(edge: Edge, texts: Texts) -> EdgeRow:
    parts = (edge.child, edge.parent, edge.relation, edge.status, edge.by, edge.attestation, edge.where)
    return EdgeRow(*map(texts.place, parts))


def _read_edge(row: EdgeRow, texts: ReadTexts) -> Edge:
    return Edge(
        texts.key(row.child),
        texts.key(row.parent),
        Relation(texts.at(row.relation)),
        EdgeStatus(texts.at(row.status)),
        texts.at(row.by),
        texts.at(row.attestation),
        texts.at(row.where),
    )
