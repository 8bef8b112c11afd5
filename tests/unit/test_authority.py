"""Authorities: either keyless or a key, and demanding what can be checked."""

from __future__ import annotations

import pytest

from attest.authority import Authority, Demands
from attest.identity import IdentityPattern
from dbom.errors import DocumentError

ALICE = (IdentityPattern.exact("alice@example.org", "https://issuer.example.org"),)


def test_a_keyless_authority_demands_log_sct_and_time() -> None:
    assert Authority("a", ALICE).must_show == Demands(log=True, sct=True, time=True)


def test_a_bare_key_demands_none_of_them() -> None:
    assert Authority("a", key_pem=b"x").must_show == Demands(log=False, sct=False, time=False)


def test_it_says_whom_it_expects() -> None:
    assert Authority("a", ALICE).expects == "alice@example.org (issuer https://issuer.example.org)"
    assert Authority("release.pub", key_pem=b"x").expects == "key release.pub"


@pytest.mark.parametrize("arguments", [{}, {"identities": ALICE, "key_pem": b"x"}])
def test_neither_or_both_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(DocumentError, match="expects"):
        Authority("a", **arguments)  # type: ignore[arg-type]  # the wrong arguments are the point


@pytest.mark.parametrize(
    "arguments",
    [
        {"identities": ALICE, "demands": Demands(log=False, sct=True, time=True)},
        {"key_pem": b"x", "demands": Demands(log=True, sct=False, time=False)},
    ],
)
def test_what_the_verifier_of_its_kind_does_not_check_is_not_taken_as_a_demand(arguments: dict[str, object]) -> None:
    with pytest.raises(DocumentError, match="can't be checked"):
        Authority("a", **arguments)  # type: ignore[arg-type]  # the wrong arguments are the point
