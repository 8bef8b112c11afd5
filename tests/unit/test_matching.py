"""Which policies judge a reference, and what a no then means: the strictest wins, and adding one never loosens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from admission.evidence import Evidence
from admission.gate import decide
from admission.matching import Matching
from admission.policy import LocationRule, Match, Mode, Policy
from admission.references.reference import ModelReference, Role, Target
from admission.review import Review
from attest.authority import Authority
from attest.identity import IdentityPattern
from attest.location import Location
from dbom.model import Unknown

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

PIN = "@sha256:" + "1" * 64


def policy(
    name: str,
    mode: Mode = Mode.ENFORCE,
    *,
    namespace: str = "",
    place: str = "oci://r.example/**",
    **match: tuple[str, ...] | tuple[Role, ...],
) -> Policy:
    rules = (LocationRule(place, ("x",)),)
    return Policy(name, mode, Match(**match), (), rules, (), "d" * 64, namespace)  # type: ignore[arg-type]  # fields of a Match


def reference(place: str = "oci://r.example/m", role: Role = Role.MODEL) -> ModelReference:
    return ModelReference(role, place, "path", Target.at(Location.parse(place + PIN)))


OPAQUE = ModelReference(Role.MODEL, "x", "path", Target.opaque("a script"))
ELSEWHERE = reference("oci://evil.example/m")


def answer(
    *policies: Policy, asked: ModelReference | None = None, namespace: str = "prod"
) -> tuple[list[str], bool, Mode | Unknown]:
    matching = Matching.of(policies, namespace)
    about = asked or reference()
    return [item.name for item in matching.asked(about)], matching.is_covered(about), matching.mode_of(about)


def test_all_that_match_are_asked_and_the_strictest_mode_wins() -> None:
    assert answer(policy("a", Mode.AUDIT), policy("b", Mode.WARN)) == (["a", "b"], True, Mode.WARN)


@pytest.mark.parametrize(
    "other",
    [
        policy("b", namespaces=("dev-*",)),
        policy("b", namespace="dev"),
        policy("b", roles=(Role.DATASET,)),
        policy("b", models=("hf://**",)),
    ],
)
def test_what_does_not_match_is_not_asked_and_sets_no_mode(other: Policy) -> None:
    assert answer(policy("a", Mode.AUDIT), other) == (["a"], True, Mode.AUDIT)


@pytest.mark.parametrize(
    ("pattern", "namespace"), [("*", "a/b"), ("prod-*", "prod-a/b"), ("*", ""), ("dev", "a" * 64), ("*", "a" * 5000)]
)
def test_a_name_that_no_cluster_would_take_is_no_way_out(pattern: str, namespace: str) -> None:
    assert answer(policy("a", namespaces=(pattern,)), namespace=namespace)[0] == ["a"]


def test_the_namespace_of_a_policy_is_a_name_and_no_pattern() -> None:
    assert answer(policy("a", namespace="pro"), namespace="prod")[0] == []


def test_a_policy_for_the_whole_namespace_sets_its_mode_whatever_it_judges() -> None:
    """Otherwise a policy that only watches everything would open what another enforces."""
    watching = policy("w", Mode.AUDIT, place="**")
    assert answer(policy("a"), watching, asked=ELSEWHERE) == (["w"], True, Mode.ENFORCE)


def test_a_policy_that_picks_models_sets_the_mode_for_those_alone() -> None:
    picky = policy("a", models=("oci://r.example/**",))
    watching = policy("w", Mode.AUDIT, models=("oci://evil.example/**",))
    assert answer(picky, watching, asked=ELSEWHERE) == (["w"], True, Mode.AUDIT)
    assert answer(picky, asked=ELSEWHERE) == ([], False, Mode.ENFORCE)


def test_a_policy_of_a_namespace_covers_nothing_where_the_cluster_has_one() -> None:
    own = policy("own", namespace="prod", place="**")
    assert answer(policy("a"), own, asked=ELSEWHERE) == (["own"], False, Mode.ENFORCE)
    assert answer(own, asked=ELSEWHERE) == (["own"], True, Mode.ENFORCE)


def test_what_can_not_be_told_is_judged_by_all_of_its_role() -> None:
    assert answer(policy("a"), policy("b", place="hf://**"), asked=OPAQUE)[0] == ["a", "b"]
    assert answer(policy("a", roles=(Role.DATASET,)), asked=OPAQUE)[0] == []


def test_no_policy_at_all_has_no_mode() -> None:
    found, covered, mode = answer()
    assert (found, covered, isinstance(mode, Unknown)) == ([], False, True)


KINDS = [
    policy(f"{mode}-{where}-{place}", mode, namespace=where, place=place)
    for mode in Mode
    for where in ("", "prod")
    for place in ("oci://r.example/**", "**")
]


@pytest.mark.parametrize("asked", [reference(), ELSEWHERE, OPAQUE])
def test_adding_a_policy_takes_no_no_away(asked: ModelReference) -> None:
    """Whatever is there, one more that picks no models only adds what is asked and only makes the mode stricter."""
    modes: list[Mode | Unknown] = [*Mode, Unknown("no policy matches")]
    for few in combinations(KINDS, 2):
        before, _, mode = answer(*few, asked=asked)
        for more in KINDS:
            after, _, then = answer(*few, more, asked=asked)
            assert set(before) <= set(after)
            assert [type(item) for item in modes].index(type(then)) <= [type(item) for item in modes].index(type(mode))
            if isinstance(mode, Mode):
                assert isinstance(then, Mode)
                assert modes.index(then) <= modes.index(mode)


def decided(*policies: Policy) -> tuple[str, bool, list[str]]:
    pod: JsonObject = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "prod"},
        "spec": {
            "containers": [{"name": "c", "image": "i"}],
            "volumes": [{"name": "m", "image": {"reference": f"evil.example/m{PIN}"}}],
        },
    }
    review = Review.of_object(pod, where="test")
    decision = decide(review, policies, Evidence(), now=datetime(2026, 1, 2, tzinfo=UTC))
    return str(decision.verdict), decision.allowed, [reason.rule.id for reason in decision.all_reasons]


def test_a_place_that_a_policy_picks_and_nobody_may_state_is_refused() -> None:
    named = Authority("x", (IdentityPattern.exact("s", "i"),))
    picking = replace(policy("a", models=("oci://**",)), authorities=(named,))
    assert decided(picking) == ("refused", False, ["DBOM-523"])
    assert decided(replace(picking, authorities=())) == ("can't tell", False, ["DBOM-530"])


def test_what_a_namespace_asks_is_said_beside_that_the_cluster_says_nothing() -> None:
    own = policy("own", namespace="prod", place="**")
    assert decided(policy("a"), own) == ("refused", False, ["DBOM-523", "DBOM-530"])
    assert decided(policy("a", Mode.AUDIT), own) == ("can't tell", False, ["DBOM-523", "DBOM-530"])
    assert decided(policy("a", Mode.AUDIT)) == ("can't tell", True, ["DBOM-523"])
