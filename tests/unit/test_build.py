"""`lineage.build`: what statements make of a graph, and what they can't."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from lineage_samples import bom, dependency, digest_of, provenance, rejected, verified

from attest.location import Location
from attest.statement import Statement, Subject
from attest.verified import RejectionKind
from dbom.model import COMPUTED, Kind
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION, PREDICATE_PROVENANCE
from dbom.tree import fingerprint_path
from lineage.build import build_graph
from lineage.graph import EdgeStatus, Inputs, LineageGraph, Named

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import Json


def edges(graph: LineageGraph) -> list[tuple[str, str, str]]:
    return [(str(each.relation), str(each.status), graph.node(each.parent).name) for each in graph.edges]  # type: ignore[union-attr]  # edges have nodes


def rules(graph: LineageGraph) -> list[str]:
    return [finding.rule for finding in graph.findings]


def test_verified_provenance_gives_verified_edges_with_relation_kind_and_proof() -> None:
    parent = dependency("data", relation="trained-on", kind=Kind.TREE)
    statement = verified(provenance("model", parent, dependency("code")))
    graph = build_graph([statement])
    assert {("trained-on", "verified", "data"), ("input", "verified", "code")} == set(edges(graph))
    assert {digest_of("data", Kind.TREE), digest_of("code")} == {each.parent for each in graph.edges}
    assert {(statement.bundle_sha256, statement.where, str(statement.signer))} == {
        (each.attestation, each.where, each.by) for each in graph.edges
    }


def test_a_verified_bom_gives_its_derivations_name_and_kind() -> None:
    graph = build_graph([verified(bom("tuned", base="base"))])
    node = graph.node(digest_of("tuned"))
    assert node is not None
    assert ([("derived-from", "verified", "base")], "model", Inputs.DECLARED) == (edges(graph), node.what, node.inputs)


def test_a_parent_without_statement_keeps_its_edge_and_is_not_attested() -> None:
    graph = build_graph([verified(provenance("model", dependency("data")))])
    parent = graph.node(digest_of("data"))
    assert parent is not None
    assert (False, Inputs.UNKNOWN, ("data",)) == (parent.is_attested, parent.inputs, parent.names)


def test_a_parent_without_digest_is_a_name_with_a_missing_edge_and_a_finding() -> None:
    graph = build_graph([verified(bom("tuned", base="base", base_digest=False))])
    assert [("derived-from", "missing", "base")] == edges(graph)
    assert (True, ["DBOM-404"]) == (graph.node(Named("base")) is not None, rules(graph))


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (RejectionKind.UNTRUSTED, EdgeStatus.UNTRUSTED),
        (RejectionKind.UNDECIDED, EdgeStatus.UNTRUSTED),
        (RejectionKind.BROKEN, EdgeStatus.INVALID),
    ],
)
def test_what_was_not_verified_is_drawn_as_that_and_attests_nothing(kind: RejectionKind, status: EdgeStatus) -> None:
    graph = build_graph([rejected(provenance("model", dependency("data")), kind)])
    node = graph.node(digest_of("model"))
    assert node is not None
    assert ([status], False, Inputs.UNKNOWN, ()) == (
        [each.status for each in graph.edges],
        node.is_attested,
        node.inputs,
        node.names,
    )
    assert (("model",), ["DBOM-409"]) == (node.claimed_names, rules(graph))


def test_a_rejected_bundle_never_changes_what_verified_ones_say() -> None:
    good = verified(provenance("data"))
    alone = build_graph([good]).node(digest_of("data"))
    beside = build_graph([good, rejected(provenance("data", dependency("evil")))]).node(digest_of("data"))
    assert alone is not None
    assert beside is not None
    assert (alone.names, alone.inputs, alone.signers) == (beside.names, beside.inputs, beside.signers)


def test_an_unreadable_rejection_is_a_finding_without_nodes() -> None:
    graph = build_graph([rejected(None, RejectionKind.BROKEN)])
    assert ((), ["DBOM-409"]) == (graph.nodes, rules(graph))


def test_no_inputs_declared_is_its_own_state() -> None:
    node = build_graph([verified(provenance("data"))]).node(digest_of("data"))
    assert node is not None
    assert Inputs.NONE_DECLARED is node.inputs


def test_a_location_adds_a_place_and_neither_edges_nor_evidence_of_content() -> None:
    location = Location.parse("oci://registry.example.org/m@sha256:" + "0" * 64)
    statement = Statement.build(
        Subject.of("model", digest_of("model")), PREDICATE_LOCATION, location.predicate(COMPUTED)
    )
    graph = build_graph([verified(statement)])
    node = graph.node(digest_of("model"))
    assert node is not None
    assert ((str(location),), False, Inputs.UNKNOWN, ()) == (
        node.locations,
        node.is_attested,
        node.inputs,
        graph.edges,
    )


def test_a_signed_model_is_the_tree_that_follows_and_never_its_root(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"1")
    found = fingerprint_path(tmp_path)
    (node,) = build_graph([verified(Statement.of_model(found))]).nodes
    assert str(found.digest) == str(node.key)


@pytest.mark.parametrize(
    ("predicate_type", "predicate"),
    [
        (PREDICATE_PROVENANCE, {}),
        (PREDICATE_PROVENANCE, {"buildDefinition": []}),
        (PREDICATE_PROVENANCE, {"buildDefinition": {"resolvedDependencies": 7}}),
        (PREDICATE_BOM, {"bomFormat": "no"}),
        (PREDICATE_BOM, {"n": 2**60}),
        (PREDICATE_LOCATION, {"location": "s3://bucket/key"}),
    ],
)
def test_a_malformed_predicate_of_a_verified_statement_is_a_finding(predicate_type: str, predicate: Json) -> None:
    assert isinstance(predicate, dict)
    subject = Subject.of("model", digest_of("model"))
    statement = Statement((subject,), predicate_type, predicate, b"signed")
    graph = build_graph([verified(statement)])
    node = graph.node(digest_of("model"))
    assert node is not None
    assert (["DBOM-402"], (), Inputs.UNKNOWN, False) == (rules(graph), graph.edges, node.inputs, node.is_attested)


@pytest.mark.parametrize(
    "item", [7, {}, {"digest": 3}, {"digest": {"sha1": "00"}}, {"digest": {"sha256": "zz"}}, {"annotations": []}]
)
def test_a_dependency_that_can_not_be_read_is_still_a_parent(item: Json) -> None:
    graph = build_graph([verified(provenance("model", item))])  # type: ignore[arg-type]  # malformed on purpose
    node = graph.node(digest_of("model"))
    assert node is not None
    assert ([EdgeStatus.MISSING], Inputs.DECLARED) == ([each.status for each in graph.edges], node.inputs)


@pytest.mark.parametrize("word", ["stolen-from", 3, []])
def test_a_relation_that_is_none_of_ours_is_an_input_and_a_finding(word: Json) -> None:
    item = {**dependency("data"), "annotations": {"dbom:relation": word}}
    graph = build_graph([verified(provenance("model", item))])
    assert ([("input", "verified", "data")], ["DBOM-408"]) == (edges(graph), rules(graph))


def test_a_bom_about_another_artifact_gives_edges_to_neither() -> None:
    graph = build_graph([verified(bom("mine", about=digest_of("other"), base="base"))])
    node = graph.node(digest_of("mine"))
    assert node is not None
    assert ((), ["DBOM-405"], Inputs.UNKNOWN, False) == (graph.edges, rules(graph), node.inputs, node.is_attested)


def test_its_own_parent_is_left_out_and_said() -> None:
    graph = build_graph([verified(provenance("a", dependency("a")))])
    assert ((), ["DBOM-410"]) == (graph.edges, rules(graph))


def test_a_circle_is_a_finding_and_ends() -> None:
    graph = build_graph([verified(provenance("a", dependency("b"))), verified(provenance("b", dependency("a")))])
    assert (2, ["DBOM-403"]) == (len(graph.edges), rules(graph))


def test_too_many_edges_make_a_graph_that_says_it_is_not_complete() -> None:
    statement = provenance("model", *(dependency(f"d{number}") for number in range(5)))
    graph = build_graph([verified(statement)], max_edges=3)
    assert (False, 3, ["DBOM-406"]) == (graph.complete, len(graph.edges), rules(graph))


def test_a_name_from_a_statement_is_harmless_in_the_graph() -> None:
    graph = build_graph([verified(provenance("evil\x1b[2J\u202ename", dependency("data")))])
    assert [r"data", r"evil\x1b[2J\u202ename"] == sorted(node.name for node in graph.nodes)


def several(statement: Statement, *names: str) -> Statement:
    """Return the statement with these subjects."""
    return dataclasses.replace(statement, subjects=tuple(Subject.of(name, digest_of(name)) for name in names))


def test_a_bom_names_only_the_subject_that_it_is_about() -> None:
    """Its name and kind were given to every subject of the statement."""
    graph = build_graph([verified(several(bom("tuned", base="base"), "tuned", "other"))])
    other = graph.node(digest_of("other"))
    assert other is not None
    assert (("other",), "", False) == (other.names, other.what, other.is_attested)


def test_a_signed_bom_with_a_number_beyond_a_double_is_read() -> None:
    statement = bom("tuned", base="base")
    large = dataclasses.replace(statement, predicate={**statement.predicate, "version": 2**60})
    assert [("derived-from", "verified", "base")] == edges(build_graph([verified(large)]))


def test_claims_do_not_fill_the_graph_before_what_is_verified() -> None:
    claims = [rejected(provenance(f"m{n}", *(dependency(f"d{k}") for k in range(9)))) for n in range(9)]
    graph = build_graph([*claims, verified(provenance("model", dependency("data")))], max_edges=3)
    assert (1, False) == (graph.count(EdgeStatus.VERIFIED), graph.complete)


def test_a_statement_of_many_subjects_and_parents_is_left_at_the_limit() -> None:
    """Each of its subjects times each of its parents was walked: 10,000 of both would have taken minutes."""
    names = [f"n{number}" for number in range(1000)]
    statement = several(provenance("m", *(dependency(name) for name in names)), *names)
    graph = build_graph([rejected(statement)], max_edges=5)
    assert (5, False, 1) == (len(graph.edges), graph.complete, rules(graph).count("DBOM-406"))
