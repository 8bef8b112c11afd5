"""Lineage as JSON: the same keys in every command that shows a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.model import Digest
from lineage.graph import EdgeStatus

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject
    from dbom.model import Finding
    from lineage.graph import Edge, LineageGraph, Node
    from lineage.query import Answer, Paths

__all__ = ["answer_document", "edge_document", "finding_document", "graph_document", "node_document", "paths_document"]


def graph_document(graph: LineageGraph) -> JsonObject:
    """Return nodes, edges, findings, and the number of edges of each status."""
    return {
        "nodes": [node_document(node) for node in graph.nodes],
        "edges": [edge_document(edge) for edge in graph.edges],
        "edgeCounts": {str(status): graph.count(status) for status in EdgeStatus},
        "findings": [finding_document(finding) for finding in graph.findings],
    }


def answer_document(answer: Answer) -> JsonObject:
    """Return what `dbom lineage ancestors` and `descendants` say."""
    return {
        "query": str(answer.direction),
        "artifact": str(answer.start),
        "truncated": answer.truncated,
        "found": len(answer.graph.nodes) - 1,
        "foundByVerifiedEdges": [*sorted(map(str, answer.verified))],
        **graph_document(answer.graph),
    }


def paths_document(paths: Paths, graph: LineageGraph) -> JsonObject:
    """Return what `dbom lineage why` says; `graph` is the whole graph that the paths were looked for in."""
    found: list[Json] = [
        {
            "verified": path.is_verified,
            "steps": [
                {
                    "child": str(step.child),
                    "parent": str(step.parent),
                    "verified": step.is_verified,
                    "proofs": [edge_document(edge) for edge in step.proofs],
                }
                for step in path.steps
            ],
        }
        for path in paths.paths
    ]
    return {
        "query": "why",
        "artifact": str(paths.start),
        "ancestor": None if paths.ancestor is None else str(paths.ancestor),
        "truncated": paths.truncated,
        "paths": found,
        **graph_document(paths.graph(graph)),
    }


def node_document(node: Node) -> JsonObject:
    """Return one node."""
    digest = str(node.key) if isinstance(node.key, Digest) else None
    return {
        "id": str(node.key),
        "kind": str(node.key.kind) if isinstance(node.key, Digest) else "name",
        "digest": digest,
        "names": list(node.names),
        "claimedNames": list(node.claimed_names),
        "what": node.what or None,
        "locations": list(node.locations),
        "inputs": str(node.inputs),
        "attested": node.is_attested,
        "signers": list(node.signers),
        "attestations": list(node.attestations),
        "claims": list(node.claims),
        "revoked": node.revoked or None,
    }


def edge_document(edge: Edge) -> JsonObject:
    """Return one edge."""
    return {
        "child": str(edge.child),
        "parent": str(edge.parent),
        "relation": str(edge.relation),
        "status": str(edge.status),
        "by": edge.by,
        "attestation": edge.attestation,
        "where": edge.where,
    }


def finding_document(finding: Finding) -> JsonObject:
    """Return one finding."""
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "message": finding.message,
        "where": finding.where,
    }
