"""The requirement `residency`: where the data lies that the artifact came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from judging import DATA, MODEL, RAW, World, bom, briefly, located, provenance, read, refused_to_read, signed, statement

from admission.requirements.residency import ResidencyRule
from attest.location import Location
from dbom.names import PREDICATE_LOCATION

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

NO, CANT_TELL = ("DBOM-552", "no"), ("DBOM-553", "can't tell")
EU, US = Location("s3://eu-data/d", "1"), Location("s3://us-data/d", "1")
LONG = Location(f"s3://us-data/{'d' * 5000}", "1")
CHAIN = (bom(MODEL, what="model"), provenance(MODEL, DATA), bom(DATA))
IN_EU: JsonObject = {"allow": ["s3://eu-*/**"]}


def judged(value: Json, *bundles: bytes) -> list[tuple[str, str]]:
    return briefly(World(bundles, (read(ResidencyRule, value),)).judged())


@pytest.mark.parametrize(
    ("value", "bundles", "expected"),
    [
        (IN_EU, (located(DATA, EU),), []),
        (IN_EU, (located(DATA, US),), [NO]),
        (IN_EU, (located(DATA, EU), located(DATA, US)), [NO]),
        ({"deny": ["s3://us-*/**"]}, (located(DATA, US),), [NO]),
        ({"deny": ["s3://us-*/**"]}, (located(DATA, EU),), []),
        ({"deny": ["s3://us-*/**"]}, (located(DATA, LONG),), [NO]),
        ({"allowRegExp": ["s3://eu-[a-z]+/.*"]}, (located(DATA, EU),), []),
        ({"allowRegExp": ["eu"]}, (located(DATA, EU),), [NO]),
        (IN_EU, (), [CANT_TELL]),
        ({**IN_EU, "unknown": "allow"}, (), []),
        (IN_EU, (located(DATA, EU, by="nobody"),), [CANT_TELL]),
        ({**IN_EU, "authorities": ["other"]}, (located(DATA, EU),), [CANT_TELL]),
    ],
)
def test_data_must_lie_where_it_may(value: Json, bundles: tuple[bytes, ...], expected: list[tuple[str, str]]) -> None:
    assert judged(value, *CHAIN, *bundles) == expected


def test_data_far_away_counts_and_the_way_to_it_is_told() -> None:
    bundles = (*CHAIN, located(DATA, EU), provenance(DATA, RAW, relation="derived-from"), located(RAW, US))
    (reason,) = World(bundles, (read(ResidencyRule, IN_EU),)).judged()
    assert reason.lineage == "model m <- dataset d (trained on) <- artifact raw (derived from)"


def test_a_model_is_no_data_unless_the_policy_says_so_and_what_nobody_describes_is() -> None:
    known = (*CHAIN, located(DATA, EU))
    assert judged({**IN_EU, "models": True}, *known) == [CANT_TELL]
    assert judged(IN_EU, *known[1:]) == [CANT_TELL]


def test_a_parent_without_digest_is_no_yes() -> None:
    assert judged(IN_EU, *CHAIN, located(DATA, EU), provenance(MODEL, "x")) == [("DBOM-546", "can't tell")]


@pytest.mark.parametrize("value", [{}, {"allow": []}, {"allowRegExp": ["("]}, {"allow": ["x"], "authorities": ["who"]}])
def test_what_asks_for_nothing_or_something_else_is_refused(value: Json) -> None:
    assert refused_to_read(ResidencyRule, value)


def test_countries_are_refused_by_name_since_no_statement_tells_them() -> None:
    faults = refused_to_read(ResidencyRule, {**IN_EU, "countries": ["DE"]})
    assert faults == ["spec.residency.countries: nothing here says in which country a place is; list the places"]


def test_it_is_explained_in_sentences() -> None:
    assert "s3://eu-*/**" in " ".join(read(ResidencyRule, IN_EU).explain())


def test_a_statement_of_location_that_can_not_be_read_names_no_place() -> None:
    broken = signed(statement(DATA, PREDICATE_LOCATION, {"location": "s3://eu-data/d"}))
    assert judged(IN_EU, *CHAIN, broken) == [CANT_TELL]
