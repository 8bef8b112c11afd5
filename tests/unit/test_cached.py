"""An answer is given again only to the same question, from the same policies and evidence, while it still holds."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from admission import cached
from admission.cached import CachedGate, VerdictCache
from admission.decision import Decision, Verdict
from admission.evidence import Evidence, PolicyEvidence
from admission.gate import decide
from admission.policy import LocationRule, Match, Mode, Policy
from admission.review import Review
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.canonical import Json

NOW = datetime(2026, 1, 2, tzinfo=UTC)
POLICY = Policy("p", Mode.ENFORCE, Match(), (), (LocationRule("oci://**", ("x",)),), (), "d" * 64)


def review(tag: str = "v1", namespace: str = "prod", operation: str = "CREATE") -> Review:
    volumes: list[Json] = [{"name": "m", "image": {"reference": f"registry.example.com/m:{tag}"}}]
    document: Json = {"spec": {"containers": [{"image": "i"}], "volumes": volumes}}
    return Review.of_change(("", "Pod", namespace), operation, document, document if operation == "UPDATE" else None)


class Asked:
    """The gate, counting how often it is really asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, until: datetime | None = None) -> None:
        self.count = 0
        self._until = until
        monkeypatch.setattr(cached, "decide", self)

    def __call__(self, question: Review, policies: Sequence[Policy], evidence: Evidence, *, now: datetime) -> Decision:
        """Answer as the gate does."""
        self.count += 1
        decision = decide(question, policies, evidence, now=now)
        return decision if self._until is None else replace(decision, until=self._until)


def test_the_same_question_is_worked_out_once_and_answered_at_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, gate = Asked(monkeypatch), CachedGate((POLICY,), Evidence())
    first = gate.decide(review(), now=NOW)
    again = gate.decide(
        msgspec.structs.replace(review(), uid="another", name="other", user="else"), now=NOW + timedelta(days=9)
    )
    assert (1, Verdict.REFUSED) == (asked.count, first.verdict)
    assert replace(first, at=NOW + timedelta(days=9)) == again


@pytest.mark.parametrize("other", [review("v2"), review(namespace="dev"), review(operation="UPDATE")])
def test_another_question_is_worked_out_anew(monkeypatch: pytest.MonkeyPatch, other: Review) -> None:
    asked, gate = Asked(monkeypatch), CachedGate((POLICY,), Evidence())
    gate.decide(review(), now=NOW)
    assert replace(gate.decide(other, now=NOW), until=None).verdict in Verdict
    assert 2 == asked.count


@pytest.mark.parametrize(
    ("policy", "evidence"),
    [
        (replace(POLICY, digest="e" * 64), Evidence()),
        (replace(POLICY, mode=Mode.AUDIT), Evidence()),
        (replace(POLICY, namespace="prod"), Evidence()),
        (POLICY, Evidence(digest="f" * 64)),
        (POLICY, Evidence.of_gathered({"p": PolicyEvidence()}, (), NOW)),
        (POLICY, Evidence.of_gathered({"p": PolicyEvidence(is_complete=False)}, (), None)),
        (POLICY, Evidence.of_gathered({"p": PolicyEvidence(revocations=Unknown("else"))}, (), None)),
    ],
)
def test_after_a_change_of_policy_or_evidence_nothing_from_before_is_given(
    monkeypatch: pytest.MonkeyPatch, policy: Policy, evidence: Evidence
) -> None:
    asked, cache = Asked(monkeypatch), VerdictCache()
    CachedGate((POLICY,), Evidence.of_gathered({"p": PolicyEvidence()}, (), None), cache).decide(review(), now=NOW)
    CachedGate((policy,), evidence, cache).decide(review(), now=NOW)
    assert 2 == asked.count


def test_an_answer_lives_until_the_earliest_time_bound_and_not_before_it_was_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked(monkeypatch, until=NOW + timedelta(seconds=10))
    gate = CachedGate((POLICY,), Evidence())
    moments = [(0, 1), (9, 1), (10, 2), (11, 3), (-1, 4)]
    for seconds, times in moments:
        gate.decide(review(), now=NOW + timedelta(seconds=seconds))
        assert times == asked.count, seconds


def test_large_objects_are_not_kept_and_push_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, cache = Asked(monkeypatch), VerdictCache(most_bytes=100_000, largest_entry=10_000)
    gate = CachedGate((POLICY,), Evidence(), cache)
    gate.decide(review(), now=NOW)
    for _ in range(3):
        gate.decide(review("v" * 50_000), now=NOW)
    gate.decide(review(), now=NOW)
    assert (4, 1) == (asked.count, len(cache))


def test_the_cache_is_bounded_in_bytes_and_the_least_recently_used_answers_leave() -> None:
    cache = VerdictCache(most_bytes=50_000)
    gate = CachedGate((POLICY,), Evidence(), cache)
    for number in range(200):
        gate.decide(review("kept"), now=NOW)
        gate.decide(review(f"v{number}"), now=NOW)
    assert cache.size <= 50_000
    assert 2 <= len(cache) < 25
    assert cache.size == sum(entry.size for entry in cache._entries.values())  # noqa: SLF001  what it counts is what it has


def test_a_failure_of_the_gate_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    cache = VerdictCache()
    with monkeypatch.context() as broken:
        broken.setattr("admission.gate.find_references", fails)
        assert CachedGate((POLICY,), Evidence(), cache).decide(review(), now=NOW).verdict is Verdict.CANT_TELL
    assert 0 == len(cache)
    assert CachedGate((POLICY,), Evidence(), cache).decide(review(), now=NOW).verdict is Verdict.REFUSED


def test_of_many_who_ask_at_once_one_works_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go_on = threading.Event(), threading.Event()
    count: list[int] = []

    def slowly(question: Review, policies: Sequence[Policy], evidence: Evidence, *, now: datetime) -> Decision:
        count.append(1)
        inside.set()
        assert go_on.wait(30)
        return decide(question, policies, evidence, now=now)

    monkeypatch.setattr(cached, "decide", slowly)
    gate = CachedGate((POLICY,), Evidence())
    answers: list[Decision] = []
    threads = [threading.Thread(target=lambda: answers.append(gate.decide(review(), now=NOW))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert inside.wait(30)
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert ([1], 8, 1) == (count, len(answers), len(set(map(str, answers))))


def test_parts_of_one_length_have_digests_of_their_own() -> None:
    parts = [f'{{"spec":{number}}}'.encode() for number in range(10, 99)] + [b"x" * size for size in range(100)]
    for part in (*parts, *parts):
        found = Review("", "Pod", "n", "", "CREATE", part).part_digest
        assert found == hashlib.sha256(part).digest()
