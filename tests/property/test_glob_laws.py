"""Patterns of places mean what a regular expression of them means, and cost little whatever they are."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from admission.policy import LONGEST_PLACE, LocationRule, Match, Mode, Policy, matches_glob
from admission.references.reference import Role

PATTERNS = st.lists(st.sampled_from(["*", "**", "a", "b", "/", "ab", ".", "ü"]), max_size=8).map("".join)
TEXTS = st.text(alphabet="ab/.ü", max_size=14)


def as_expression(pattern: str) -> str:
    meant = {"**": ".*", "*": "[^/]*"}
    return "".join(meant.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*)", pattern))


@given(pattern=PATTERNS, text=TEXTS)
def test_a_pattern_means_what_its_expression_means(pattern: str, text: str) -> None:
    assert matches_glob(pattern, text) is (re.fullmatch(as_expression(pattern), text, re.DOTALL) is not None)


def test_many_stars_over_a_long_text_are_held_against_it_like_any_others() -> None:
    """Squared in the length of a text that a stranger writes, this took minutes."""
    for part in ("*a", "**a"):
        assert not matches_glob(f"oci://h/{part * 160}", "oci://h/" + "a" * (LONGEST_PLACE - 9) + "b")
        assert matches_glob(f"oci://h/{part * 160}", "oci://h/" + "a" * (LONGEST_PLACE - 8))


def test_a_place_too_long_for_patterns_is_judged_by_all_and_bound_by_none() -> None:
    policy = Policy("p", Mode.ENFORCE, Match(models=("hf://**",)), (), (LocationRule("**", ("x",)),), (), "0" * 64)
    place = "oci://h/" + "a" * LONGEST_PLACE
    assert policy.matches(Role.MODEL, place)
    assert policy.rules_for(place) == ()
