"""Leadership: one leads at a time, whatever the clocks say; a stopped one notices that it was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from memory_api import MemoryApi

from admission.controller.leading import Leadership
from dbom.errors import UndecidedError

LEASE = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/dbom-controller"


class Clock:
    """A clock that a test moves, in seconds."""

    now = 100.0

    def __call__(self) -> float:
        """Return what it shows."""
        return self.now


def candidate(api: MemoryApi, clock: Clock, name: str, year: int = 2026) -> Leadership:
    return Leadership(api, "ns", name, monotonic=clock, wall=lambda: datetime(year, 1, 1, tzinfo=UTC))


def test_the_first_leads_and_the_second_takes_over_only_when_nothing_was_renewed_for_long_enough() -> None:
    api, clock = MemoryApi(), Clock()
    # The clocks on the wall are decades apart, which changes nothing.
    one, two = candidate(api, clock, "one", 1999), candidate(api, clock, "two", 2050)
    assert [True, False] == [one.attempt(), two.attempt()]
    for _ in range(5):
        clock.now += 9
        assert [True, False] == [one.attempt(), two.attempt()]
    clock.now += 10
    assert not one.is_leading
    assert not two.attempt()
    clock.now += 6
    assert two.attempt()
    assert [False, True] == [one.is_leading, two.is_leading]
    assert not one.attempt()
    assert (1, "two") == (api.at(LEASE)["spec"]["leaseTransitions"], api.at(LEASE)["spec"]["holderIdentity"])


def test_a_stopped_leader_does_not_lead_when_it_goes_on() -> None:
    api, clock = MemoryApi(), Clock()
    one = candidate(api, clock, "one")
    one.attempt()
    one.demand()
    clock.now += 3600
    with pytest.raises(UndecidedError):
        one.demand()


def test_of_two_that_take_it_at_once_one_gets_it() -> None:
    api, clock = MemoryApi(), Clock()
    one, two = candidate(api, clock, "one"), candidate(api, clock, "two")
    original = api._answer  # noqa: SLF001  what is asked between its two requests

    def between(method: str, *words: Any, **more: Any) -> Any:  # noqa: ANN401  passed on as it is
        answer = original(method, *words, **more)
        if method == "GET" and not one.is_leading:
            object.__setattr__(api, "_answer", original)
            one.attempt()
        return answer

    object.__setattr__(api, "_answer", between)
    assert not two.attempt()
    assert [True, False] == [one.is_leading, two.is_leading]


def test_a_leader_that_ends_gives_it_away_at_once_and_never_takes_it_again() -> None:
    api, clock = MemoryApi(), Clock()
    one, two = candidate(api, clock, "one"), candidate(api, clock, "two")
    one.attempt()
    candidate(api, clock, "three").release()
    one.release()
    assert [False, True] == [one.attempt(), two.attempt()]


@pytest.mark.parametrize("seconds", [0, -1, "x", 10**9, None])
def test_a_lease_that_asks_for_nonsense_lasts_as_long_as_ours(seconds: object) -> None:
    api, clock = MemoryApi(), Clock()
    api.put(LEASE, {"spec": {"holderIdentity": "other", "leaseDurationSeconds": seconds, "leaseTransitions": "x"}})
    one = candidate(api, clock, "one")
    assert not one.attempt()
    clock.now += 16
    assert one.attempt()


def test_where_the_api_server_is_gone_nobody_leads_for_long() -> None:
    api, clock = MemoryApi(), Clock()
    one = candidate(api, clock, "one")
    one.attempt()
    api.state["writes_left"] = 0
    with pytest.raises(UndecidedError):
        one.attempt()
    assert one.is_leading
    clock.now += 10
    assert not one.is_leading
