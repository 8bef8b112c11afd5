"""Laws of revocation: what is written is what is read, order doesn't matter, and more of it never means less no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from evidence import key_signed, public_pem
from hypothesis import given
from hypothesis import strategies as st

from attest.authority import Authority
from attest.identity import Identity, KeyIdentity
from attest.revocation.head import Head
from attest.revocation.revokers import Revoker
from attest.revocation.selector import Selector
from attest.revocation.statement import artifact_revocation
from attest.revocation.status import RevocationEvidence, settle_revocations
from attest.verified import VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.model import Digest, Kind

if TYPE_CHECKING:
    from attest.statement import Statement

KEY = ec.generate_private_key(ec.SECP256R1())
AUTHORITY = Authority("revoker", key_pem=public_pem(KEY))
NOW = datetime(2026, 6, 1, tzinfo=UTC)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
TIMES = st.none() | st.integers(0, 10**9).map(lambda second: NOW + timedelta(seconds=second))
SIGNERS = st.builds(Identity, TEXT, TEXT) | st.builds(KeyIdentity, HEX)
DIGESTS = [Digest(kind, letter * 64) for kind in Kind for letter in "abc"]


def _verified(statement: Statement) -> VerifiedStatement:
    result = verify_bundle(key_signed(statement.payload, KEY), [AUTHORITY], where="b", now=NOW)
    assert isinstance(result, VerifiedStatement)
    return result


@cache
def _pool() -> tuple[VerifiedStatement, ...]:
    day = timedelta(days=1)
    heads = [Head(number, NOW - day, NOW + day * number, ()) for number in (1, 2, 3)]
    return (
        *(_verified(artifact_revocation(digest, "m", "r")) for digest in DIGESTS),
        *(_verified(head.statement()) for head in heads),
    )


@given(SIGNERS, st.none() | HEX, TIMES, TIMES)
def test_a_selector_survives_the_wire(
    signer: Identity | KeyIdentity, root: str | None, start: datetime | None, end: datetime | None
) -> None:
    if start is not None and end is not None and start >= end:
        start, end = (end, start) if start != end else (None, end)
    selector = Selector(signer, root, start, end)
    assert Selector.of_document(selector.document(), where="x") == selector
    assert Selector.of_document(selector.document(), where="x").sha256 == selector.sha256


@given(st.data())
def test_the_order_of_what_is_found_decides_nothing(data: st.DataObject) -> None:
    items = data.draw(st.lists(st.sampled_from(range(len(_pool()))), unique=True))
    found = [_pool()[number] for number in items]
    mixed = data.draw(st.permutations(found))
    first, second = (
        settle_revocations(RevocationEvidence(tuple(order)), [Revoker(AUTHORITY)], now=NOW, seen={})
        for order in (found, mixed)
    )
    assert {item.target for item in first.listed} == {item.target for item in second.listed}
    assert set(first.doubts) == set(second.doubts)
    assert first.remember == second.remember


@given(st.data())
def test_another_statement_never_takes_a_revocation_back(data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.sampled_from(range(len(_pool()))), unique=True, min_size=1))
    more = tuple(_pool()[number] for number in numbers)
    fewer = more[:-1]
    before, after = (
        settle_revocations(RevocationEvidence(items), [Revoker(AUTHORITY)], now=NOW, seen={}) for items in (fewer, more)
    )
    for digest in DIGESTS:
        assert before.of(digest) is None or after.of(digest) is not None
