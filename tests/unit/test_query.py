"""`lineage.query`: what is asked of a graph, and what a budget leaves open."""

from __future__ import annotations

import pytest
from lineage_samples import bom, dependency, digest_of, provenance, rejected, verified

from attest.verified import RejectionKind
from lineage.build import build_graph
from lineage.graph import EdgeStatus, LineageGraph, Named
from lineage.query import ancestors, descendants, paths


def graph_of(**parents: str) -> LineageGraph:
    """Return a graph of verified provenance: `c="ab"` says that c came from a and from b."""
    return build_graph([verified(provenance(name, *(dependency(each) for each in of))) for name, of in parents.items()])


def names(graph: LineageGraph) -> str:
    return "".join(sorted(node.name for node in graph.nodes))


DIAMOND = graph_of(d="bc", b="a", c="a", e="d")


def test_ancestors_and_descendants_follow_edges_each_their_way() -> None:
    up, down = ancestors(DIAMOND, digest_of("d")), descendants(DIAMOND, digest_of("b"))
    assert ("abcd", "bde", False, False) == (names(up.graph), names(down.graph), up.truncated, down.truncated)


def test_what_only_an_unverified_edge_leads_to_is_shown_and_not_counted() -> None:
    graph = build_graph(
        [
            verified(provenance("c", dependency("b"))),
            rejected(provenance("b", dependency("a"))),
            rejected(provenance("c", dependency("x")), RejectionKind.BROKEN),
            verified(bom("c", base="named", base_digest=False)),
        ]
    )
    answer = ancestors(graph, digest_of("c"))
    assert (5, {digest_of("b")}) == (len(answer.graph.nodes), set(answer.verified))


def test_a_budget_that_is_hit_is_said_and_keeps_what_is_nearest() -> None:
    chain = graph_of(e="d", d="c", c="b", b="a")
    answer = ancestors(chain, digest_of("e"), limit=3)
    assert ("cde", True) == (names(answer.graph), answer.truncated)
    assert not ancestors(chain, digest_of("e"), limit=5).truncated


def test_a_graph_that_is_not_complete_gives_no_complete_answer() -> None:
    graph = build_graph([verified(provenance("c", dependency("a"), dependency("b")))], max_edges=1)
    assert ancestors(graph, digest_of("c")).truncated
    assert paths(graph, digest_of("c")).truncated


@pytest.mark.parametrize("ask", [ancestors, descendants, paths])
def test_a_node_that_the_graph_has_not_is_an_error(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(KeyError):
        ask(DIAMOND, digest_of("nowhere"))


def test_why_shows_each_path_with_its_proof() -> None:
    found = paths(DIAMOND, digest_of("e"), digest_of("a"))
    assert [3, 3] == [len(path.steps) for path in found.paths]
    assert all(path.is_verified for path in found.paths)
    assert {(digest_of("e"), digest_of("d"))} == {(path.steps[0].child, path.steps[0].parent) for path in found.paths}


def test_a_path_is_verified_only_if_every_hop_is_and_verified_paths_come_first() -> None:
    graph = build_graph(
        [
            verified(provenance("d", dependency("b"), dependency("c"))),
            rejected(provenance("b", dependency("a"))),
            verified(provenance("c", dependency("b2"))),
            verified(provenance("b2", dependency("a"))),
        ]
    )
    found = paths(graph, digest_of("d"), digest_of("a"))
    assert [(True, 3), (False, 2)] == [(path.is_verified, len(path.steps)) for path in found.paths]


def test_a_hop_with_two_proofs_is_one_hop() -> None:
    statement = provenance("b", dependency("a"))
    graph = build_graph([verified(statement), rejected(statement)])
    (path,) = paths(graph, digest_of("b"), digest_of("a")).paths
    assert [EdgeStatus.VERIFIED, EdgeStatus.UNTRUSTED] == [edge.status for edge in path.steps[0].proofs]


def test_without_an_ancestor_paths_go_to_where_they_end() -> None:
    found = paths(DIAMOND, digest_of("d"))
    assert {digest_of("a")} == {path.steps[-1].parent for path in found.paths}
    assert "abcd" == names(found.graph(DIAMOND))


def test_no_path_is_an_empty_answer_and_not_truncated() -> None:
    found = paths(DIAMOND, digest_of("b"), digest_of("c"))
    assert ((), False) == (found.paths, found.truncated)


def test_exponentially_many_paths_end_at_the_limit_and_say_so() -> None:
    layers = {f"{letter}{number}": [f"x{number - 1}", f"y{number - 1}"] for number in range(1, 40) for letter in "xy"}
    graph = build_graph([verified(provenance(name, *map(dependency, of))) for name, of in layers.items()])
    found = paths(graph, digest_of("x39"), digest_of("x0"), limit=10)
    assert (10, True) == (len(found.paths), found.truncated)


def test_a_search_that_only_meets_dead_ends_stops_at_its_steps() -> None:
    everybody = [f"n{number}" for number in range(12)]
    graph = build_graph(
        [verified(provenance(name, *(dependency(each) for each in everybody if each != name))) for name in everybody]
    )
    found = paths(graph, digest_of("n0"), digest_of("n11"), limit=10**9, max_steps=500)
    assert found.truncated


def test_circles_end() -> None:
    graph = graph_of(a="b", b="c", c="a", d="a")
    assert "abcd" == names(ancestors(graph, digest_of("d")).graph)
    assert [3] == [len(path.steps) for path in paths(graph, digest_of("d"), digest_of("c")).paths]
    assert [3] == [len(path.steps) for path in paths(graph, digest_of("d")).paths]


def test_a_lineage_deeper_than_pythons_stack_is_answered() -> None:
    graph = build_graph([verified(provenance(f"n{i}", dependency(f"n{i + 1}"))) for i in range(3000)])
    found = paths(graph, digest_of("n0"), digest_of("n3000"))
    assert [3000] == [len(path.steps) for path in found.paths]
    assert 3001 == len(ancestors(graph, digest_of("n0")).graph.nodes)


def test_a_bare_name_can_be_asked_for_what_came_from_it() -> None:
    graph = build_graph([verified(bom("tuned", base="base", base_digest=False))])
    assert "basetuned" == "".join(sorted(node.name for node in descendants(graph, Named("base")).graph.nodes))


def test_the_budget_of_a_search_counts_every_edge_that_is_looked_at() -> None:
    """Only steps were counted: in a knot of 200 artifacts each of them looked at 199 edges, for 12 seconds."""
    knot = {f"k{n}": [f"k{m}" for m in range(20) if m != n] for n in range(20)}
    graph = build_graph([verified(provenance(name, *map(dependency, of))) for name, of in knot.items()])
    found = paths(graph, digest_of("k0"), limit=10**9, max_steps=60)
    assert (True, 0) == (found.truncated, len(found.paths))
