"""Whom to expect comes from the person who asks, never by half and never merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from evidence import local_sigstore, public_pem

from attest.expecting import expected_authorities, local_authority
from attest.identity import Identity
from dbom.errors import PathError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


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
