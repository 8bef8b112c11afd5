"""The requirement `lineage`: depth, whose word each hop rests on, and gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from judging import BASE, DATA, MODEL, RAW, World, bom, briefly, provenance, read, refused_to_read

from admission.requirements.licenses import LicenseRule
from admission.requirements.lineage import LineageRule
from lineage.query import ancestors

if TYPE_CHECKING:
    from dbom.canonical import Json

CHAIN = (bom(MODEL, what="model"), provenance(MODEL, DATA), provenance(DATA, RAW, relation="derived-from"))
DEPTH, SHALLOW, NO_INPUTS = ("DBOM-574", "no"), ("DBOM-574", "can't tell"), ("DBOM-547", "can't tell")
OTHERS, CLAIMED, GAP = ("DBOM-576", "no"), ("DBOM-575", "can't tell"), ("DBOM-546", "can't tell")


def judged(value: Json, *bundles: bytes) -> list[tuple[str, str]]:
    return briefly(World(bundles, (read(LineageRule, value),)).judged())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"maxDepth": 2}, []),
        ({"maxDepth": 1}, [DEPTH]),
        ({"maxDepth": 0}, [DEPTH]),
        ({"minDepth": 2}, []),
        ({"minDepth": 3}, [SHALLOW]),
        ({"builders": ["builder"]}, []),
        ({"builders": ["builder", "other"]}, []),
        ({"builders": ["other"]}, [OTHERS, OTHERS]),
        ({"verified": True}, []),
    ],
)
def test_a_chain_of_two_hops(value: Json, expected: list[tuple[str, str]]) -> None:
    assert judged(value, *CHAIN) == expected


def test_no_inputs_are_no_depth() -> None:
    assert judged({"minDepth": 1}) == [NO_INPUTS]
    assert judged({"minDepth": 1}, bom(MODEL)) == [NO_INPUTS]
    assert judged({"maxDepth": 0}, bom(MODEL)) == []


def test_the_shortest_way_counts_for_depth() -> None:
    assert judged({"maxDepth": 1}, *CHAIN, provenance(MODEL, RAW)) == []


def test_each_hop_needs_a_builders_word_whoever_else_says_it() -> None:
    signers: Json = {"builders": ["other"]}
    assert judged(signers, provenance(MODEL, DATA)) == [OTHERS]
    assert judged(signers, provenance(MODEL, DATA), provenance(MODEL, DATA, by="other")) == []
    assert judged(signers, provenance(MODEL, DATA, by="other"), provenance(DATA, RAW)) == [OTHERS]


def test_a_hop_far_away_is_told_with_the_way_to_it() -> None:
    rule = read(LineageRule, {"builders": ["other"]})
    (reason,) = World(
        (bom(MODEL, what="model"), provenance(MODEL, DATA, by="other"), provenance(DATA, RAW)), (rule,)
    ).judged()
    assert reason.lineage == "model m <- artifact d (trained on)"
    assert str(RAW) in reason.message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"maxDepth": 9}, [GAP]),
        ({"gaps": ["hub/*"]}, []),
        ({"gapsRegExp": ["hub/[a-z]+"]}, []),
        ({"gaps": ["other/*"]}, [GAP]),
        ({"gapsRegExp": ["hub"]}, [GAP]),
    ],
)
def test_a_parent_without_digest_must_be_an_allowed_gap(value: Json, expected: list[tuple[str, str]]) -> None:
    assert judged(value, *CHAIN, provenance(DATA, "hub/base")) == expected


def test_an_allowed_gap_is_one_for_every_requirement_of_the_policy() -> None:
    gap = (*CHAIN[1:], bom(DATA, "MIT"), bom(RAW, "MIT"), bom(MODEL, "MIT"), provenance(DATA, "hub/base"))
    licenses = read(LicenseRule, {"allow": ["MIT"]})
    assert briefly(World(gap, (licenses,)).judged()) == [GAP]
    assert briefly(World(gap, (licenses, read(LineageRule, {"gaps": ["hub/*"]}))).judged()) == []


def test_a_claim_beside_verified_hops_can_not_be_told_where_all_must_be_verified() -> None:
    claim = provenance(DATA, BASE, by="nobody")
    assert judged({"maxDepth": 9}, *CHAIN, claim) == []
    assert judged({"verified": True}, *CHAIN, claim) == [CLAIMED]
    assert judged({"verified": True}, *CHAIN, provenance(BASE, RAW, by="nobody")) == []


def test_a_chain_that_is_too_large_to_walk_is_no_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = "admission.requirements.ancestry.ancestors"
    monkeypatch.setattr(cut, lambda graph, digest: ancestors(graph, digest, limit=2))
    assert judged({"maxDepth": 9}, *CHAIN) == [("DBOM-548", "can't tell")]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"minDepth": 0},
        {"maxDepth": -1},
        {"maxDepth": True},
        {"maxDepth": "2"},
        {"maxDepth": 1001},
        {"minDepth": 3, "maxDepth": 2},
        {"builders": []},
        {"builders": ["who"]},
        {"gapsRegExp": ["("]},
        {"depth": 1},
    ],
)
def test_what_asks_for_nothing_or_something_else_is_refused(value: Json) -> None:
    assert refused_to_read(LineageRule, value)


def test_it_is_explained_in_sentences() -> None:
    value: Json = {"minDepth": 1, "maxDepth": 2, "builders": ["other"], "verified": True, "gaps": ["x"]}
    assert len(read(LineageRule, value).explain()) == 5
