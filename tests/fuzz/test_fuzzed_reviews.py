"""No review, however it is made, breaks the gate or gets a yes by error; `make fuzz` asks a million."""

from __future__ import annotations

from collections import Counter

import pytest
from fuzz.laws import broken_law, counted
from fuzz.mutations import case_of

from admission.decision import Verdict

SEED = "ci"
CASES = 10_000
PART = 1000


@pytest.mark.parametrize("start", range(0, CASES, PART))
def test_no_review_breaks_a_law(start: int) -> None:
    broken = {number: law for number in range(start, start + PART) if (law := broken_law(SEED, number))}
    assert broken == {}


def test_the_cases_are_of_every_sort() -> None:
    verdicts = Counter(counted(SEED, number) for number in range(500))
    assert set(verdicts) == {Verdict.REFUSED, Verdict.CANT_TELL, Verdict.NOTHING_FOUND}
    assert min(verdicts.values()) > 0


def test_a_case_is_the_same_each_time() -> None:
    assert [case_of(SEED, number) for number in range(50)] == [case_of(SEED, number) for number in range(50)]
    assert case_of(SEED, 1) != case_of("other", 1)
