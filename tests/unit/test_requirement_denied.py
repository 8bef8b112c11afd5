"""The requirement `denied`: what may not be loaded nor be among the ancestors, at any depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from judging import BASE, DATA, MODEL, RAW, World, bom, briefly, provenance, read, refused_to_read

from admission.requirements.ancestors import AncestorRule
from admission.requirements.denied import DeniedRule

if TYPE_CHECKING:
    from dbom.canonical import Json

NO = ("DBOM-554", "no")
CHAIN = (bom(MODEL, what="model"), provenance(MODEL, DATA), bom(DATA), provenance(DATA, RAW, relation="derived-from"))


def judged(value: Json, *bundles: bytes) -> list[tuple[str, str]]:
    return briefly(World(bundles, (read(DeniedRule, value),)).judged())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"digests": [str(BASE)]}, []),
        ({"digests": [str(MODEL)]}, [NO]),
        ({"digests": [str(DATA)]}, [NO]),
        ({"digests": [str(RAW)]}, [NO]),
        ({"digests": [str(RAW).removeprefix("tree:")]}, []),
        ({"names": ["raw"]}, [NO]),
        ({"names": ["ra*"]}, [NO]),
        ({"names": ["aw"]}, []),
        ({"namesRegExp": ["r.w"]}, [NO]),
        ({"namesRegExp": ["a"]}, []),
        ({"names": ["RAW"]}, []),
    ],
)
def test_at_any_depth(value: Json, expected: list[tuple[str, str]]) -> None:
    assert judged(value, *CHAIN, bom(RAW)) == expected


def test_a_denied_dataset_two_hops_up_is_told_as_a_user_reads_it() -> None:
    (reason,) = World((*CHAIN, bom(RAW)), (read(DeniedRule, {"digests": [str(RAW)]}),)).judged()
    assert reason.lineage == "model m <- dataset d (trained on) <- dataset raw (derived from)"
    assert reason.message == f"the ancestor raw {RAW} is denied"


def test_an_ancestor_of_which_nothing_else_is_known_is_denied_as_well() -> None:
    assert judged({"digests": [str(RAW)]}, *CHAIN) == [NO]


def test_a_parent_that_is_only_a_name_is_held_against_names_and_is_no_yes_for_digests() -> None:
    named = (*CHAIN, provenance(DATA, "books3"))
    assert judged({"names": ["books*"]}, *named) == [NO]
    assert judged({"names": ["others"]}, *named) == []
    assert judged({"digests": [str(BASE)]}, *named) == [("DBOM-546", "can't tell")]
    assert judged({"digests": [str(BASE)], "unknown": "allow"}, *named) == []


def test_what_nobody_accepted_claims_of_the_origin_is_not_followed() -> None:
    assert judged({"digests": [str(BASE)]}, *CHAIN, provenance(MODEL, BASE, by="nobody")) == []


@pytest.mark.parametrize("value", [{}, {"digests": ["sha256:1"]}, {"digests": ["md5:a"]}, {"namesRegExp": ["(?=x)"]}])
def test_what_asks_for_nothing_or_something_else_is_refused(value: Json) -> None:
    assert refused_to_read(DeniedRule, value)


def test_it_is_explained_in_sentences() -> None:
    rule = read(DeniedRule, {"digests": [str(RAW)], "names": ["x"]})
    assert rule.explain() == ["Neither the artifact nor any ancestor may be one of 1 digests and whatever is called x."]


def test_a_name_counts_whoever_accepted_says_it() -> None:
    """Builders alone say what came from what; what a thing is called, any accepted BOM may say."""
    builders = read(AncestorRule, {"signed": True, "builders": ["builder"], "noInputs": "allow"})
    named = (*CHAIN, bom(RAW, name="books3"))
    assert briefly(World(named, (read(DeniedRule, {"names": ["books3"]}), builders)).judged()) == [NO]
