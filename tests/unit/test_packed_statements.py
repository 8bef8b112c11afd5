"""Rows of a snapshot for statements that were verified, whoever signed them; and rows that can't be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest
from judging import MODEL, NOW, statement

from admission.packing.signed import read_rejection, read_verified, rejection_row, verified_row
from admission.packing.texts import ReadTexts, Texts
from attest.demands import Demands
from attest.identity import Identity, KeyIdentity
from attest.verified import Rejection, RejectionKind, SignedTime, TimeBasis, VerifiedStatement
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from admission.packing.rows import RejectionRow

SIGNERS = (KeyIdentity("a" * 64), Identity("someone@example.com", "https://issuer.example.com"))
TIMES = (SignedTime(TimeBasis.NONE, None, ""), SignedTime(TimeBasis.TRUSTED, NOW, "a log"))


def verified(signer: KeyIdentity | Identity = SIGNERS[0], time: SignedTime = TIMES[0]) -> VerifiedStatement:
    said = statement(MODEL, PREDICATE_BOM, {"a": [1]})
    return VerifiedStatement(
        said, signer, "a", "b" * 64, time, 7, "c" * 64, "store", Demands(log=True, sct=False, time=False), None
    )


def rejection() -> Rejection:
    said = verified(SIGNERS[1]).statement
    return Rejection(RejectionKind.UNDECIDED, "DBOM-200", "late", "c" * 64, "store", said, SIGNERS[1], "got", None)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("signer", SIGNERS)
def test_a_verified_statement_is_read_as_it_was_written(signer: KeyIdentity | Identity, time: SignedTime) -> None:
    texts, item = Texts.gathering(), replace(verified(signer, time), holds_until=NOW)
    row = verified_row(item, texts)
    assert item == read_verified(row, ReadTexts(tuple(texts.places)))


def test_what_does_not_count_is_read_as_it_was_written() -> None:
    texts = Texts.gathering()
    row = rejection_row(rejection(), texts)
    assert rejection() == read_rejection(row, ReadTexts(tuple(texts.places)))
    bare = replace(rejection(), statement=None, signer=None)
    row = rejection_row(bare, texts)
    assert bare == read_rejection(row, ReadTexts(tuple(texts.places)))


def row_and_texts() -> tuple[RejectionRow, tuple[str, ...]]:
    texts = Texts.gathering()
    row = rejection_row(rejection(), texts)
    return row, tuple(texts.places)


def test_a_signer_of_three_texts_and_a_predicate_that_is_a_list_are_refused() -> None:
    row, texts = row_and_texts()
    with pytest.raises(ValueError, match="a signer of 3 texts"):
        read_rejection(msgspec.structs.replace(row, signer=(0, 0, 0)), ReadTexts(texts))
    assert row.statement is not None
    said = msgspec.structs.replace(row.statement, predicate=len(texts))
    with pytest.raises(ValueError, match="no object in JSON"):
        read_rejection(msgspec.structs.replace(row, statement=said), ReadTexts((*texts, "[1]")))
