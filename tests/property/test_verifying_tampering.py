"""Tampering anywhere in a bundle is refused, or changes nothing that was verified."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from evidence import authority_of, clock, key_signed, local_sigstore, public_pem, statement_about
from hypothesis import given, settings
from hypothesis import strategies as st

from attest.authority import Authority
from attest.identity import Identity
from attest.verified import VerifiedStatement
from attest.verifier.keyless import check_by_sigstore
from attest.verifier.verifying import verify_bundle
from dbom.errors import EvidenceError
from dbom.model import Digest, Kind

if TYPE_CHECKING:
    from attest.trust import TrustRoot

STATEMENT = statement_about(Digest(Kind.FILE, "a" * 64))
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> None:
    local = local_sigstore(tmp_path_factory.mktemp("home"))
    SIGNED["keyless"] = (local.signer(now=clock).sign(STATEMENT), authority_of(local))
    SIGNED["key"] = (key_signed(STATEMENT.payload, KEY), Authority("k", key_pem=public_pem(KEY)))


SIGNED: dict[str, tuple[bytes, Authority]] = {}


def assert_second_reader_agrees(raw: bytes, root: TrustRoot, found: VerifiedStatement) -> None:
    """sigstore-python accepts it too, or can't read what it writes otherwise (a null where it wants nothing)."""
    assert isinstance(found.signer, Identity)
    try:
        assert check_by_sigstore(raw, root, found.signer, where="x") == found.statement.payload
    except EvidenceError as error:
        assert error.what.startswith("failed to load bundle")  # noqa: PT017  the other way to agree


def assert_nothing_new(raw: bytes, tampered: bytes, authority: Authority) -> None:
    """Nothing verifies but the statement that was signed, by who signed it, on the same grounds."""
    before = verify_bundle(raw, [authority], where="x", now=clock())
    after = verify_bundle(tampered, [authority], where="x", now=clock())
    assert isinstance(before, VerifiedStatement)
    if isinstance(after, VerifiedStatement):
        assert (before.statement, before.signer) == (after.statement, after.signer)
        assert (before.time.basis, before.log_index, before.root) == (after.time.basis, after.log_index, after.root)
        if isinstance(after.signer, Identity) and authority.root is not None:
            assert_second_reader_agrees(tampered, authority.root, after)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["keyless", "key"]), st.data())
def test_a_flipped_bit_never_verifies_something_else(kind: str, data: st.DataObject) -> None:
    raw, authority = SIGNED[kind]
    place = data.draw(st.integers(0, len(raw) - 1))
    tampered = bytearray(raw)
    tampered[place] ^= 1 << data.draw(st.integers(0, 7))
    assert_nothing_new(raw, bytes(tampered), authority)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["keyless", "key"]), st.data())
def test_a_cut_or_doubled_piece_never_verifies_something_else(kind: str, data: st.DataObject) -> None:
    raw, authority = SIGNED[kind]
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, len(raw)))
    piece = data.draw(st.sampled_from([b"", raw[start:end] * 2]))
    assert_nothing_new(raw, raw[:start] + piece + raw[end:], authority)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_value_of_the_document_replaced_never_verifies_something_else(data: st.DataObject) -> None:
    raw, authority = SIGNED["keyless"]
    document = json.loads(raw)
    holder, key = document, data.draw(st.sampled_from(sorted(document)))
    while isinstance(holder[key], (dict, list)) and holder[key] and data.draw(st.booleans()):
        holder = holder[key]
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    other: st.SearchStrategy[object] = (
        st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.just([]) | st.just({})
    )
    holder[key] = data.draw(other)
    assert_nothing_new(raw, json.dumps(document).encode(), authority)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_at_all_are_more_than_a_rejection(raw: bytes) -> None:
    _, authority = SIGNED["keyless"]
    assert not isinstance(verify_bundle(raw, [authority], where="x", now=clock()), VerifiedStatement)
