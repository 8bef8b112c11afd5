"""Whom to expect comes from the person who asks, never by half and never merged."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from evidence import local_sigstore, public_pem

from attest.demands import Demands
from attest.expecting import expected_authorities, local_authority
from attest.identity import Identity
from dbom.errors import PathError, UsageError


def test_nothing_said_is_this_machine_where_it_has_an_identity(tmp_path: Path) -> None:
    local = local_sigstore(tmp_path)
    (authority,) = expected_authorities(home=tmp_path)
    assert authority == local_authority(tmp_path)
    assert authority.identities[0].matches(local.identity)
    assert authority.root is not None
    assert authority.root.issuer_scope == local.identity.issuer


def test_nothing_said_and_no_identity_here_is_a_usage_error_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        expected_authorities(home=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_an_identity_of_this_machine_needs_no_root(tmp_path: Path) -> None:
    local = local_sigstore(tmp_path)
    named = {"identity": local.identity.subject, "issuer": local.identity.issuer}
    (authority,) = expected_authorities(**named, home=tmp_path)  # type: ignore[arg-type]  # texts all
    assert authority.root is not None


def test_an_identity_of_another_issuer_rests_on_no_root_at_hand(tmp_path: Path) -> None:
    local_sigstore(tmp_path)
    (authority,) = expected_authorities(identity="a", issuer="https://issuer.example.org", home=tmp_path)
    assert authority.root is None


def test_a_key_an_identity_and_this_machine_are_authorities_of_their_own(tmp_path: Path) -> None:
    local_sigstore(tmp_path)
    (tmp_path / "k.pub").write_bytes(public_pem(ed25519.Ed25519PrivateKey.generate()))
    authorities = expected_authorities(identity="a", issuer="b", key=tmp_path / "k.pub", local=True, home=tmp_path)
    assert [authority.name for authority in authorities] == ["k.pub", "expected identity", "this machine"]


def test_an_expression_is_matched_in_full(tmp_path: Path) -> None:
    (authority,) = expected_authorities(identity_regexp="a.c", issuer="b", home=tmp_path)
    assert authority.identities[0].matches(Identity("abc", "b"))
    assert not authority.identities[0].matches(Identity("xabcx", "b"))


def test_a_root_alone_expects_nobody(tmp_path: Path) -> None:
    local_sigstore(tmp_path)
    with pytest.raises(UsageError, match="whom to expect"):
        expected_authorities(trusted_root=tmp_path / "r", home=tmp_path)


def test_a_file_too_large_for_a_key_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "k.pub").open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    with pytest.raises(PathError, match="too large"):
        expected_authorities(key=tmp_path / "k.pub")


CASES = Path(__file__).parents[1] / "conformance" / "bundles"
OWN = {"certificate_chain": CASES / "own_authority" / "ca.pem"}
STAMPER = {"timestamp_certificate_chain": CASES / "own_authority" / "tsa.pem"}
KEY, ROOT = CASES / "key_logged" / "key.pub", CASES / "key_logged" / "trusted_root.json"


def test_an_authority_of_ones_own_is_the_issuer_and_demands_a_time() -> None:
    (authority,) = expected_authorities(identity="a@example.org", **OWN, **STAMPER)  # type: ignore[arg-type]  # paths
    assert authority.must_show == Demands(log=False, sct=False, time=True)
    assert authority.expects.startswith("a@example.org (issuer ca:sha256:")


def test_a_root_beside_a_key_demands_its_log_and_a_time_where_asked() -> None:
    (logged,) = expected_authorities(key=KEY, trusted_root=ROOT)
    (timed,) = expected_authorities(key=KEY, trusted_root=ROOT, use_signed_timestamps=True)
    (stamped,) = expected_authorities(key=KEY, **STAMPER)  # type: ignore[arg-type]  # a path
    assert logged.must_show == Demands(log=True, sct=False, time=False)
    assert timed.must_show == Demands(log=True, sct=False, time=True)
    assert stamped.must_show == Demands(log=False, sct=False, time=True)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({**OWN, **STAMPER}, "without an identity"),
        ({**OWN, **STAMPER, "identity": "a", "issuer": "https://b"}, "an issuer beside an authority"),
        ({**OWN, "identity": "a"}, "who vouches for the time"),
        ({**OWN, **STAMPER, "identity": "a", "trusted_root": ROOT}, "never merged"),
        ({"key": KEY, "use_signed_timestamps": True}, "who vouches for time stamps"),
        (STAMPER, "whom to expect"),
    ],
)
def test_what_does_not_go_together_with_ones_own_authority(said: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        expected_authorities(**said)  # type: ignore[arg-type]  # what doesn't go together is the point
