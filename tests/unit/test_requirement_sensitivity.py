"""The requirement `sensitivity`: levels of data, which spread to what was made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from judging import DATA, MODEL, RAW, World, bom, briefly, provenance, read, refused_to_read

from admission.requirements.sensitivity import SensitivityRule

if TYPE_CHECKING:
    from dbom.canonical import Json

NO, CANT_TELL = ("DBOM-550", "no"), ("DBOM-551", "can't tell")
CHAIN = (
    bom(MODEL, what="model"),
    provenance(MODEL, DATA),
    bom(DATA, levels=["Public"]),
    provenance(DATA, RAW, relation="derived-from"),
)


def judged(value: Json, *bundles: bytes) -> list[tuple[str, str]]:
    return briefly(World(bundles, (read(SensitivityRule, value),)).judged())


@pytest.mark.parametrize(
    ("value", "raw", "expected"),
    [
        ({"allow": ["public"]}, bom(RAW, levels=["public"]), []),
        ({"allow": ["public"]}, bom(RAW, levels=["internal"]), [NO]),
        ({"deny": ["SECRET"]}, bom(RAW, levels=["secret "]), [NO]),
        ({"deny": ["secret"]}, bom(RAW, levels=["internal"]), []),
        ({"allow": ["public"]}, bom(RAW), [CANT_TELL]),
        ({"allow": ["public"], "unknown": "allow"}, bom(RAW), []),
        ({"allow": ["public"]}, bom(RAW, levels=["public"], by="nobody"), [CANT_TELL]),
        ({"allow": ["public"]}, bom(RAW, levels=["public"], about=DATA), [CANT_TELL]),
        ({"allow": ["public"], "scope": "artifact", "unknown": "allow"}, bom(RAW, levels=["secret"]), []),
    ],
)
def test_levels_spread_along_verified_edges(value: Json, raw: bytes, expected: list[tuple[str, str]]) -> None:
    assert judged(value, *CHAIN, raw) == expected


def test_the_way_to_the_data_is_read_as_a_user_reads_it() -> None:
    rule = read(SensitivityRule, {"allow": ["public"]})
    (reason,) = World((*CHAIN, bom(RAW, levels=["internal"])), (rule,)).judged()
    assert reason.lineage == "model m <- dataset d (trained on) <- dataset raw (derived from)"
    assert (reason.got, reason.expected) == ("internal", "one of public")


def test_every_accepted_bom_counts_so_that_another_never_loosens() -> None:
    both = (bom(RAW, levels=["public"]), bom(RAW, levels=["secret"]))
    assert judged({"allow": ["public"]}, *CHAIN, *both) == [NO]


def test_a_model_of_which_nobody_says_what_it_came_from_needs_a_level() -> None:
    assert judged({"allow": ["public"]}, bom(MODEL, what="model")) == [CANT_TELL]
    assert judged({"allow": ["public"]}) == [CANT_TELL]
    assert judged({"allow": ["public"]}, bom(MODEL, what="model", levels=["public"])) == []


def test_data_never_takes_after_its_parents() -> None:
    """Data may be joined with other data: only a model has its level from elsewhere."""
    assert judged({"allow": ["public"]}, bom(MODEL), provenance(MODEL, DATA), bom(DATA, levels=["public"])) == [
        CANT_TELL
    ]


def test_a_parent_without_digest_is_no_yes() -> None:
    known = (bom(MODEL, what="model", levels=["public"]), provenance(MODEL, "a set"))
    assert judged({"allow": ["public"]}, *known) == [("DBOM-546", "can't tell")]
    assert judged({"allow": ["public"], "unknown": "allow"}, *known) == []


@pytest.mark.parametrize(("sensitive", "expected"), [([], []), (["e-mail"], [NO]), (None, [CANT_TELL])])
def test_sensitive_data(sensitive: list[str] | None, expected: list[tuple[str, str]]) -> None:
    assert judged({"sensitiveData": "deny"}, bom(MODEL, sensitive=sensitive)) == expected


@pytest.mark.parametrize(
    "value",
    [{}, {"allow": []}, {"allow": "public"}, {"allow": [""]}, {"allow": ["x"], "else": 1}, {"unknown": "maybe"}],
)
def test_what_asks_for_nothing_or_something_else_is_refused(value: Json) -> None:
    assert refused_to_read(SensitivityRule, value)


def test_it_is_explained_in_sentences() -> None:
    rule = read(SensitivityRule, {"allow": ["public"], "deny": ["secret"], "sensitiveData": "deny"})
    assert "public" in " ".join(rule.explain())
