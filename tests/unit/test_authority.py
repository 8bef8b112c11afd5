"""Authorities: either keyless or a key, and demanding what can be checked."""

from __future__ import annotations

import pytest
from made_sigstore import MadeSigstore, written

from attest.authority import Authority, Demands
from attest.identity import IdentityPattern
from attest.trust import TrustRoot
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


OWN, WHOLE = (
    TrustRoot.parse(written(MadeSigstore().trusted_root(log=keyless, sct=keyless)), where="r")
    for keyless in (False, True)
)
BARE = TrustRoot.parse(written(MadeSigstore().trusted_root(sct=False, stamper=False)), where="r")


def test_a_key_with_a_trust_root_demands_the_log() -> None:
    assert Authority("a", key_pem=b"x", root=WHOLE).must_show == Demands(log=True, sct=False, time=False)


@pytest.mark.parametrize(
    "arguments",
    [
        {"identities": ALICE, "root": OWN, "demands": Demands(log=False, sct=False, time=True)},
        {"identities": ALICE, "root": WHOLE, "demands": Demands(log=False, sct=True, time=True)},
        {"key_pem": b"x", "root": WHOLE, "demands": Demands(log=False, sct=False, time=True)},
        {"key_pem": b"x", "root": BARE, "demands": Demands(log=True, sct=False, time=True)},
    ],
)
def test_demands_that_the_root_can_meet_are_taken(arguments: dict[str, object]) -> None:
    authority = Authority("a", **arguments)  # type: ignore[arg-type]  # the right ones, as a table
    assert authority.must_show == arguments["demands"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"identities": ALICE, "demands": Demands(log=True, sct=True, time=False)}, "no time is demanded"),
        ({"identities": ALICE, "root": OWN}, "names no log"),
        ({"identities": ALICE, "root": OWN, "demands": Demands(log=False, sct=True, time=True)}, "no certificate log"),
        ({"key_pem": b"x", "demands": Demands(log=True, sct=False, time=False)}, "no trust root is named"),
        ({"key_pem": b"x", "root": WHOLE, "demands": Demands(log=True, sct=True, time=False)}, "no SCT"),
        ({"key_pem": b"x", "root": OWN}, "names no log"),
        ({"key_pem": b"x", "root": BARE, "demands": Demands(log=False, sct=False, time=True)}, "vouches for times"),
    ],
)
def test_what_nobody_could_meet_is_not_taken_as_a_demand(arguments: dict[str, object], why: str) -> None:
    with pytest.raises(DocumentError, match=why) as caught:
        Authority("a", **arguments)  # type: ignore[arg-type]  # the wrong arguments are the point
    assert caught.value.rule.id == "DBOM-339"


def test_identities_need_a_root_with_a_certificate_authority() -> None:
    document = MadeSigstore().trusted_root()
    document.pop("certificateAuthorities")
    root = TrustRoot.parse(written(document), where="r")
    with pytest.raises(DocumentError, match="names no certificate authority"):
        Authority("a", ALICE, root)
