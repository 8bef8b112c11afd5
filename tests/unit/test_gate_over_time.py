"""What a decision of the gate is worth later: a yes lapses to "can't tell", and a no is not kept past its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from judging import DATA, MODEL, NOW, PLACE, World, bom, located, provenance, read, refused_to_read, signed

from admission.break_glass import SUBJECT_NAME, Projection, break_glass_predicate
from admission.decision import Decision, Verdict
from admission.evidence import Evidence
from admission.gate import decide
from admission.policy import Match, Mode
from admission.requirements.ancestors import AncestorRule
from admission.requirements.attestations import AttestationsRule, RequiredAttestation
from admission.requirements.break_glass import BreakGlassRule
from admission.requirements.freshness import FreshnessRule
from admission.requirements.identity import IdentityRule
from admission.requirements.revocation import RevocationRule
from admission.review import Review
from attest.revocation.head import Head
from attest.statement import Statement, Subject
from attest.verified import Rejection, VerifiedStatement
from dbom.names import PREDICATE_BOM, PREDICATE_BREAK_GLASS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from admission.requirements.requirement import Requirement
    from dbom.canonical import Json, JsonObject

REVOKERS: JsonObject = {"revokers": [{"authority": "other"}]}
IMAGE = "example.com/serve@sha256:" + "9" * 64
TEXT = str(PLACE).removeprefix("oci://")
POD: JsonObject = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "prod"},
    "spec": {
        "containers": [{"name": "c", "image": IMAGE}],
        "volumes": [{"name": "m", "image": {"reference": TEXT}}],
    },
}
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
BASE = (located(MODEL), bom(MODEL, what="model"))
SYNCED = NOW.replace(microsecond=0)


def head(expires: datetime, by: str = "other") -> bytes:
    issued = SYNCED - HOUR
    return signed(Head(1, issued, expires, ()).statement(), by)


def world(*bundles: bytes, rules: Sequence[Requirement] = ()) -> World:
    demanded = AttestationsRule((RequiredAttestation(PREDICATE_BOM, ("signer",)),))
    return World((*BASE, *bundles), (demanded, *rules))


def decided(
    asked: World, at: datetime = NOW, *, synced: datetime | None = SYNCED, evidence: Evidence | None = None
) -> Decision:
    policy = asked.policy()
    known = evidence or Evidence.of_results([policy], {"p": asked.results()}, synced_at=synced)
    return decide(Review.of_object(POD, where="test"), [policy], known, now=at)


def briefly(decision: Decision) -> tuple[Verdict, list[str]]:
    return decision.verdict, [reason.rule.id for reason in decision.all_reasons]


def test_a_yes_under_a_head_of_revocations_lapses_to_can_not_tell() -> None:
    end = SYNCED + HOUR
    asked = world(head(end), rules=[read(RevocationRule, REVOKERS)])
    first = decided(asked)
    assert briefly(first) == (Verdict.VERIFIED, [])
    assert first.until is not None
    assert first.until <= end
    assert briefly(decided(asked, end - SECOND)) == (Verdict.VERIFIED, [])
    for moment in (end + SECOND, end + 24 * HOUR):
        later = decided(asked, moment)
        assert briefly(later) == (Verdict.CANT_TELL, ["DBOM-571"])
        assert not later.allowed


def test_at_the_very_end_of_a_head_the_answer_is_what_reading_it_then_would_give() -> None:
    end = SYNCED + HOUR
    asked = world(head(end), rules=[read(RevocationRule, REVOKERS)])
    kept, read_then = decided(asked, end), decided(asked, end, synced=end)
    assert briefly(kept) == briefly(read_then) == (Verdict.CANT_TELL, ["DBOM-571"])


def test_a_head_that_goes_on_takes_nothing_from_a_yes_and_one_that_ended_is_told() -> None:
    end = SYNCED + HOUR
    value: JsonObject = {"revokers": [{"authority": "other"}, {"authority": "builder"}]}
    asked = world(head(end), head(SYNCED + 9 * HOUR, "builder"), rules=[read(RevocationRule, value)])
    assert briefly(decided(asked)) == (Verdict.VERIFIED, [])
    later = decided(asked, end + SECOND)
    assert briefly(later) == (Verdict.CANT_TELL, ["DBOM-571"])


def lasting(asked: World, kind: str, until: datetime) -> Evidence:
    """Return the evidence, of which all statements of one kind hold until a moment."""
    results: list[VerifiedStatement | Rejection] = [
        replace(item, holds_until=until)
        if isinstance(item, VerifiedStatement) and item.statement.predicate_type == kind
        else item
        for item in asked.results()
    ]
    return Evidence.of_results([asked.policy()], {"p": results}, synced_at=SYNCED)


def test_a_yes_ends_with_what_vouched_for_one_statement_and_the_others_still_count() -> None:
    asked = world()
    evidence = lasting(asked, PREDICATE_BOM, NOW + HOUR)
    first = decided(asked, evidence=evidence)
    assert (first.verdict, first.until) == (Verdict.VERIFIED, NOW + HOUR)
    assert decided(asked, NOW + HOUR, evidence=evidence).verdict is Verdict.VERIFIED
    later = decided(asked, NOW + HOUR + SECOND, evidence=evidence)
    assert later.verdict is Verdict.CANT_TELL
    assert not later.allowed
    assert decided(world(), NOW + HOUR + SECOND).verdict is Verdict.VERIFIED


def test_an_ancestor_whose_signature_has_lapsed_is_no_yes() -> None:
    rule = read(AncestorRule, {"signed": True, "builders": ["builder"]})
    asked = world(provenance(MODEL, DATA), bom(DATA), rules=[rule])
    evidence = lasting(asked, "https://slsa.dev/provenance/v1", NOW + HOUR)
    before, after = (decided(asked, NOW + span, evidence=evidence) for span in (HOUR, HOUR + SECOND))
    assert briefly(before) == (Verdict.VERIFIED, [])
    assert briefly(after) == (Verdict.CANT_TELL, ["DBOM-547"])


FRESH = read(FreshnessRule, {"notOlderThan": "1h"})


@pytest.mark.parametrize(
    ("synced", "expected"),
    [
        (NOW, (Verdict.VERIFIED, [])),
        (NOW - HOUR + SECOND, (Verdict.VERIFIED, [])),
        (NOW + 5 * MINUTE, (Verdict.VERIFIED, [])),
        (NOW + 5 * MINUTE + SECOND, (Verdict.CANT_TELL, ["DBOM-580"])),
        (NOW - HOUR, (Verdict.CANT_TELL, ["DBOM-580"])),
        (NOW - 24 * HOUR, (Verdict.CANT_TELL, ["DBOM-580"])),
        (None, (Verdict.CANT_TELL, ["DBOM-580"])),
    ],
)
def test_a_copy_of_the_stores_counts_for_as_long_as_the_policy_says(
    synced: datetime | None, expected: tuple[Verdict, list[str]]
) -> None:
    decision = decided(world(rules=[FRESH]), synced=synced)
    assert briefly(decision) == expected
    assert decision.allowed is (expected[0] is Verdict.VERIFIED)


def test_a_copy_from_the_future_counts_once_its_time_comes_near() -> None:
    """A clock that is a year ahead would else have its evidence fresh for a year after it was read last."""
    decision = decided(world(rules=[FRESH]), synced=NOW + HOUR)
    assert decision.until == NOW + HOUR - 5 * MINUTE
    assert "in the future" in decision.message


def test_a_yes_on_a_copy_of_the_stores_is_not_kept_until_the_copy_is_too_old() -> None:
    decision = decided(world(rules=[FRESH]))
    assert decision.until == SYNCED + HOUR
    assert decided(world(rules=[FRESH]), SYNCED + HOUR).verdict is Verdict.CANT_TELL


@pytest.mark.parametrize(
    "value", [{}, {"notOlderThan": "soon"}, {"notOlderThan": 3}, {"notOlderThan": "1h", "x": 1}, "1h"]
)
def test_how_old_it_may_be_is_read_strictly(value: Json) -> None:
    assert refused_to_read(FreshnessRule, value)


def test_the_bounds_are_explained_in_sentences() -> None:
    assert FRESH.explain() == ["The stores must have been read within 1:00:00."]
    assert read(IdentityRule, "bytes").explain() == ["An artifact is told by the digest of its bytes."]
    assert read(IdentityRule, "bytes").judge(world().case()) == []


def excusing(start: datetime, end: datetime) -> bytes:
    """Return the signed word that the pod may start for a time, whatever its BOM."""
    projection = Projection("prod", "default", (f"image volume: {TEXT}",), (f"oci://{IMAGE}",))
    rules = [f"DBOM-{number}" for number in range(500, 600)]
    said = break_glass_predicate(projection, rules, reason="INC-1", start=start, end=end)
    return signed(Statement.build(Subject.of(SUBJECT_NAME, projection.digest), PREDICATE_BREAK_GLASS, said), "other")


def waived(*bundles: bytes, rules: tuple[Requirement, ...] = (BreakGlassRule(("other",)),)) -> World:
    demanded = AttestationsRule((RequiredAttestation(PREDICATE_BOM, ("builder",)),))
    return World((*BASE, *bundles), (demanded, *rules))


def test_a_no_is_not_kept_past_the_start_of_a_statement_that_will_excuse_it() -> None:
    start = SYNCED + HOUR
    asked = waived(excusing(start, start + HOUR))
    early = decided(asked)
    assert not early.allowed
    assert early.until is not None
    assert early.until <= start
    running = decided(asked, start)
    assert (running.allowed, running.verdict) == (True, early.verdict)
    assert running.until == start + HOUR
    assert not decided(asked, start + HOUR).allowed


def test_a_no_that_nobody_will_excuse_is_kept_as_long_as_its_evidence() -> None:
    assert decided(waived()).until is None or decided(waived()).until != NOW
    stranger = excusing(SYNCED + HOUR, SYNCED + 2 * HOUR)
    assert not decided(waived(stranger, rules=()), SYNCED + HOUR).allowed


def test_left_out_evidence_is_never_a_yes_since_it_could_have_said_no() -> None:
    asked = world()
    policy = asked.policy()
    whole = Evidence.of_results([policy], {"p": asked.results()}, synced_at=SYNCED)
    part = Evidence.of_gathered({"p": replace(whole.of(policy), is_complete=False)}, ["0" * 64], SYNCED)
    assert decided(asked, evidence=whole).verdict is Verdict.VERIFIED
    decision = decided(asked, evidence=part)
    assert (decision.verdict, decision.allowed) == (Verdict.CANT_TELL, False)
    assert whole.key != part.key


def test_where_no_policy_matches_nothing_is_verified() -> None:
    policy = replace(world().policy(), match=Match(namespaces=("staging",)))
    evidence = Evidence.of_results([policy], {"p": world().results()}, synced_at=SYNCED)
    decision = decide(Review.of_object(POD, where="test"), [policy], evidence, now=NOW)
    assert decision.verdict is Verdict.CANT_TELL
    assert "no policy matches the namespace 'prod'" in str(decision.all_reasons[0])


@pytest.mark.parametrize(("mode", "allowed"), [(Mode.ENFORCE, False), (Mode.WARN, False), (Mode.AUDIT, True)])
def test_a_requirement_that_breaks_inside_is_no_yes_and_is_asked_again_at_once(
    monkeypatch: pytest.MonkeyPatch, *, mode: Mode, allowed: bool
) -> None:
    def breaks(*_: object) -> None:
        raise RecursionError("too\x1b[31m deep")

    monkeypatch.setattr(FreshnessRule, "judge", breaks)
    asked = world(rules=[FRESH])
    policy = replace(asked.policy(), mode=mode)
    evidence = Evidence.of_results([policy], {"p": asked.results()}, synced_at=SYNCED)
    decision = decide(Review.of_object(POD, where="test"), [policy], evidence, now=NOW)
    assert (*briefly(decision), decision.allowed) == (Verdict.CANT_TELL, ["DBOM-999"], allowed)
    assert decision.until == NOW
    assert "\x1b" not in str(decision.all_reasons[0])
