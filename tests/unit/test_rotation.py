"""Certificates are renewed in time, and at every moment the one that is served is believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from admission.certificates import Issued, issue_serving, make_authority
from admission.controller.rotation import Held, Lifetimes, believed, ends_at, rotated_authority, rotated_serving

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 23, tzinfo=UTC)
NAMES = ("dbom.dbom-system.svc", "dbom.dbom-system.svc.cluster.local")
TIMES = Lifetimes(timedelta(days=90), timedelta(days=9), timedelta(minutes=2))


def kept(held: Held, now: datetime, renew_before: datetime | None = None) -> Held:
    held = rotated_authority(held, now, lifetimes=TIMES, renew_before=renew_before)
    return rotated_serving(held, NAMES, now, lifetimes=TIMES)


def is_believed(held: Held, now: datetime) -> bool:
    assert held.serving is not None
    serving = x509.load_pem_x509_certificate(held.serving.certificate)
    found = False
    for authority in x509.load_pem_x509_certificates(believed(held)):
        try:
            serving.verify_directly_issued_by(authority)
        except Exception:  # noqa: BLE001, S112  whatever it is, that one didn't sign it
            continue
        found = authority.not_valid_before_utc <= now <= authority.not_valid_after_utc
    return found and serving.not_valid_before_utc <= now <= serving.not_valid_after_utc


def test_a_year_of_hours_is_a_year_in_which_what_is_served_is_believed() -> None:
    held, authorities, served = kept(Held(), NOW), set(), set()
    for hour in range(0, 24 * 365, 6):
        now = NOW + timedelta(hours=hour)
        before = held
        held = kept(held, now)
        # A kubelet shows the certificate before for a while yet.
        assert is_believed(held, now)
        assert is_believed(replace(held, serving=before.serving), now)
        authorities.add(held.authority)
        served.add(held.serving)
    assert 5 <= len(authorities) <= 8
    assert 50 <= len(served) <= 75


def test_what_is_good_stays() -> None:
    held = kept(Held(), NOW)
    assert held == kept(held, NOW + timedelta(days=5))
    assert ends_at(held.serving) == NOW + timedelta(days=9)


def test_a_new_authority_signs_only_after_it_was_believed_for_a_while() -> None:
    held = kept(Held(), NOW)
    later = NOW + timedelta(days=1)
    asked = kept(held, later, renew_before=later)
    assert asked.authority != held.authority
    assert asked.serving == held.serving
    assert kept(asked, later + timedelta(seconds=119), renew_before=later).serving == held.serving
    settled = kept(asked, later + timedelta(seconds=121), renew_before=later)
    assert settled.serving != held.serving
    assert settled.authority == asked.authority
    assert len(x509.load_pem_x509_certificates(believed(settled))) == 2


def test_one_is_not_renewed_before_the_moment_that_is_asked_for() -> None:
    held = kept(Held(), NOW)
    assert held == kept(held, NOW, renew_before=NOW + timedelta(days=1))


def other() -> Issued:
    return make_authority("somebody", now=NOW, lasts=timedelta(days=90))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda held: replace(held, serving=None),
        lambda held: replace(held, serving=Issued(b"half", held.serving.key)),
        lambda held: replace(held, serving=Issued(held.serving.certificate, b"half")),
        lambda held: replace(held, serving=Issued(held.serving.certificate, other().key)),
        lambda held: replace(held, serving=issue_serving(other(), NAMES, now=NOW, lasts=timedelta(days=9))),
        lambda held: replace(held, serving=issue_serving(held.authority, ("x",), now=NOW, lasts=timedelta(days=9))),
        lambda held: replace(held, serving=other()),
        lambda held: replace(held, authority=None),
        lambda held: replace(held, authority=Issued(held.authority.certificate, other().key)),
        lambda held: replace(held, authority=other(), previous=b"half"),
    ],
)
def test_what_is_missing_half_written_swapped_or_somebody_elses_is_replaced(spoil: Callable[[Any], Held]) -> None:
    spoilt = spoil(kept(Held(), NOW))
    held = kept(spoilt, NOW)
    assert is_believed(held, NOW)
    assert {*NAMES} == {
        *x509.load_pem_x509_certificate((held.serving or other()).certificate)
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value.get_values_for_type(x509.DNSName)
    }


def test_a_clock_that_went_back_gives_a_new_one() -> None:
    held = kept(Held(), NOW)
    earlier = NOW - timedelta(days=1)
    assert is_believed(kept(held, earlier), earlier)


def test_without_a_usable_authority_nothing_is_signed() -> None:
    assert Held() == rotated_serving(Held(), NAMES, NOW)
    assert ends_at(None) is None
    with pytest.raises(ValueError, match="isn't that"):
        issue_serving(Issued(other().certificate, other().key), NAMES, now=NOW, lasts=timedelta(days=1))


def test_short_lives_are_renewed_in_their_last_third_too() -> None:
    """Certificates begin five minutes before they are made, for clocks that lag: that is no part of their life."""
    times = Lifetimes.of(timedelta(seconds=30))
    held = rotated_serving(rotated_authority(Held(), NOW, lifetimes=times), NAMES, NOW, lifetimes=times)
    later = [NOW + timedelta(seconds=seconds) for seconds in (19, 21)]
    renewed = [rotated_serving(held, NAMES, now, lifetimes=times) != held for now in later]
    assert [False, True] == renewed
    assert held == rotated_authority(held, NOW + timedelta(seconds=239), lifetimes=times)
    assert held != rotated_authority(held, NOW + timedelta(seconds=241), lifetimes=times)
    assert Lifetimes.of(timedelta(days=30)) == Lifetimes()


def test_a_bundle_that_was_written_late_is_given_time_to_be_known() -> None:
    """Where the API server took no bundle for a while, the new authority is long made and yet unknown."""
    held = kept(Held(), NOW)
    later = NOW + timedelta(days=1)
    asked = rotated_authority(held, later, lifetimes=TIMES, renew_before=later)
    settled = later + timedelta(minutes=3)
    assert asked == rotated_serving(asked, NAMES, settled, lifetimes=TIMES, announced=False)
    assert asked != rotated_serving(asked, NAMES, settled, lifetimes=TIMES)
    # One that nobody would believe is replaced in any case.
    ended = settled + timedelta(days=7)
    assert asked != rotated_serving(asked, NAMES, ended, lifetimes=TIMES, announced=False)
