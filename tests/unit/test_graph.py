"""`lineage.graph`: the value that a lineage is."""

from __future__ import annotations

import pytest
from lineage_samples import digest_of

from dbom.model import Relation
from lineage.graph import Edge, EdgeStatus, Inputs, LineageGraph, Named, Node, shown

A, B, C = digest_of("a"), digest_of("b"), digest_of("c")


def edge(child: object, parent: object, status: EdgeStatus = EdgeStatus.VERIFIED, **more: object) -> Edge:
    values = {"relation": Relation.INPUT, "by": "alice", "attestation": "ab" * 32, **more}
    return Edge(child, parent, status=status, **values)  # type: ignore[arg-type]  # a helper for many shapes


def test_the_order_in_which_a_graph_is_given_makes_no_difference() -> None:
    nodes, edges = [Node(A), Node(B), Node(C)], [edge(A, B), edge(B, C), edge(A, C)]
    assert LineageGraph.of(nodes, edges) == LineageGraph.of(nodes[::-1], edges[::-1])


def test_an_edge_between_nodes_that_are_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="aren't there"):
        LineageGraph.of([Node(A)], [edge(A, B)])


def test_the_verified_edge_comes_first_and_a_word_that_says_more_comes_before_input() -> None:
    edges = [
        edge(A, B, EdgeStatus.UNTRUSTED, relation=Relation.TRAINED_ON),
        edge(A, B),
        edge(A, B, relation=Relation.TRAINED_ON),
    ]
    found = LineageGraph.of([Node(A), Node(B)], edges).parents(A)
    expected = [
        (EdgeStatus.VERIFIED, "trained-on"),
        (EdgeStatus.VERIFIED, "input"),
        (EdgeStatus.UNTRUSTED, "trained-on"),
    ]
    assert expected == [(each.status, str(each.relation)) for each in found]


def test_the_part_within_some_nodes_keeps_only_edges_between_them() -> None:
    graph = LineageGraph.of([Node(A), Node(B), Node(C)], [edge(A, B), edge(B, C)])
    part = graph.within([A, B])
    assert ((Node(A), Node(B)), 1) == (tuple(sorted(part.nodes, key=lambda n: n.key != A)), len(part.edges))
    assert part.node(C) is None


def test_cycles_are_named_and_a_chain_has_none() -> None:
    nodes = [Node(A), Node(B), Node(C)]
    chain = [edge(A, B), edge(B, C)]
    assert () == LineageGraph.of(nodes, chain).cycles()
    assert [{A, B, C}] == [set(part) for part in LineageGraph.of(nodes, [*chain, edge(C, A)]).cycles()]


def test_the_networkx_graph_holds_every_edge_on_its_arc() -> None:
    edges = [edge(A, B), edge(A, B, EdgeStatus.UNTRUSTED)]
    found = LineageGraph.of([Node(A), Node(B)], edges).digraph()
    assert edges == found.edges[A, B]["edges"]


def test_two_long_names_that_begin_alike_stay_two_names() -> None:
    one, two = "x" * 500 + "1", "x" * 500 + "2"
    assert shown(one) != shown(two)
    assert len(shown(one)) <= 200


def test_a_name_is_made_printable_once_and_never_empty() -> None:
    assert (r"a\x1b[2Jb", "(no name)") == (Named.of("a\x1b[2Jb").name, Named.of("").name)


def test_a_node_says_in_words_what_the_store_holds_about_it() -> None:
    assert [
        "signed by a@b",
        "claims only, none that counts",
        "no statement about it here",
        "named only, no digest",
    ] == [
        Node(A, attestations=("x",), signers=("a@b (issuer https://i)",)).standing,
        Node(A, claims=("x",)).standing,
        Node(A).standing,
        Node(Named("imdb")).standing,
    ]
    assert (Inputs.UNKNOWN, "imdb") == (Node(A).inputs, Node(Named("imdb")).name)
