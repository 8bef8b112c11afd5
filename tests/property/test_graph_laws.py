"""Laws of lineage graphs: order never matters, and nothing that isn't verified counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lineage_samples import dependency, digest_of, provenance, rejected, verified

from lineage.build import build_graph
from lineage.query import ancestors, descendants, paths

NAMES = st.sampled_from("abcdef")
STATEMENTS = st.lists(
    st.tuples(NAMES, st.lists(NAMES, max_size=3, unique=True), st.booleans()).map(
        lambda said: (verified if said[2] else rejected)(provenance(said[0], *map(dependency, said[1])))
    ),
    max_size=10,
)


@given(STATEMENTS, st.randoms(use_true_random=False))
def test_the_order_of_the_statements_makes_no_difference(results: list[object], random: object) -> None:
    shuffled = list(results)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis hands out a random.Random
    assert build_graph(results) == build_graph(shuffled)  # type: ignore[arg-type]  # as drawn above


@given(STATEMENTS)
def test_every_query_ends_and_up_and_down_agree(results: list[object]) -> None:
    graph = build_graph(results)  # type: ignore[arg-type]  # as drawn above
    for node in graph.nodes:
        for other in ancestors(graph, node.key).graph.nodes:
            back = descendants(graph, other.key)
            assert back.graph.node(node.key) is not None
            assert (node.key in back.verified) == (other.key in ancestors(graph, node.key).verified)


@given(STATEMENTS)
def test_a_verified_path_exists_exactly_where_verified_edges_lead(results: list[object]) -> None:
    graph = build_graph(results)  # type: ignore[arg-type]  # as drawn above
    for node in graph.nodes:
        answer = ancestors(graph, node.key)
        for other in answer.graph.nodes:
            if other.key != node.key:
                found = paths(graph, node.key, other.key, limit=10_000)
                assert (other.key in answer.verified) == any(path.is_verified for path in found.paths)


@given(STATEMENTS)
def test_adding_rejected_bundles_never_adds_to_what_is_verified(results: list[object]) -> None:
    more = [rejected(provenance(name, dependency("z"))) for name in "abc"]
    before, after = build_graph(results), build_graph([*results, *more])  # type: ignore[arg-type, list-item]  # as drawn
    for name in "abcdef":
        if before.node(digest_of(name)) is not None:
            assert ancestors(before, digest_of(name)).verified == ancestors(after, digest_of(name)).verified
