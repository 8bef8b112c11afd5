"""Statements: the bytes we sign, and what we read of anybody's."""

from __future__ import annotations

import json

import pytest

from attest.statement import Statement, Subject
from dbom.errors import EvidenceError
from dbom.model import Digest, Kind
from dbom.names import STATEMENT_V01, STATEMENT_V1, TREE_MEDIA_TYPE

FILE, TREE = Digest(Kind.FILE, "a" * 64), Digest(Kind.TREE, "a" * 64)


def document(**changes: object) -> bytes:
    """Return a statement about one file, with changes."""
    good = {
        "_type": STATEMENT_V1,
        "subject": [{"name": "f", "digest": {"sha256": "a" * 64}}],
        "predicateType": "https://example.org/p",
        "predicate": {"x": 1},
    }
    return json.dumps({**good, **changes}).encode()


def test_what_we_build_we_read_back_byte_for_byte() -> None:
    built = Statement.build(Subject.of("t", TREE, ignores=("/.git/",)), "https://example.org/p", {"b": 1, "a": 2})
    assert Statement.parse(built.payload, where="s") == built
    assert built.subjects[0].media_type == TREE_MEDIA_TYPE
    assert built.subjects[0].ignores() == ("/.git/",)


def test_a_file_carries_neither_media_type_nor_ignores() -> None:
    built = Statement.build(Subject.of("f", FILE, ignores=("x",)), "p", {})
    assert json.loads(built.payload)["subject"] == [{"name": "f", "digest": {"sha256": "a" * 64}}]
    assert built.subjects[0].ignores() is None


def test_a_statement_of_ours_needs_a_digest() -> None:
    with pytest.raises(ValueError, match="by digest"):
        Statement.build(Subject("x", None), "p", {})


def test_kind_and_digits_together_are_what_a_statement_is_about() -> None:
    statement = Statement.build(Subject.of("t", TREE), "p", {})
    assert statement.about(TREE) is not None
    assert statement.about(FILE) is None


def test_older_statements_are_read_and_any_subject_that_matches_counts() -> None:
    subjects = [{"name": "f", "digest": {"sha512": "0"}}, {"digest": {"sha256": "a" * 64, "md5": "x"}}]
    statement = Statement.parse(document(_type=STATEMENT_V01, subject=subjects), where="s")
    assert statement.about(FILE) == statement.subjects[1]
    assert statement.subjects[0].digest is None


@pytest.mark.parametrize("media_type", ["", "application/octet-stream", TREE_MEDIA_TYPE + ";x=1"])
def test_any_other_media_type_means_a_file(media_type: str) -> None:
    subject = {"name": "f", "digest": {"sha256": "a" * 64}, "mediaType": media_type}
    statement = Statement.parse(document(subject=[subject]), where="s")
    assert (statement.about(FILE) is not None, statement.about(TREE)) == (True, None)


@pytest.mark.parametrize("digits", ["A" * 64, "a" * 63, "a" * 65, "", 1, None])
def test_a_sha256_of_another_form_identifies_nothing(digits: object) -> None:
    statement = Statement.parse(document(subject=[{"name": "f", "digest": {"sha256": digits}}]), where="s")
    assert statement.subjects[0].digest is None


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "not JSON"),
        (b'{"_type":1,"_type":1}', "stands twice"),
        (document(_type="x"), "unknown _type"),
        (document(subject=[]), "no subject"),
        (document(subject={}), "no subject"),
        (document(subject=["f"]), "not an object"),
        (document(subject=[{"name": 1}]), "malformed"),
        (document(subject=[{"digest": []}]), "malformed"),
        (document(subject=[{"annotations": 1}]), "malformed"),
        (document(predicateType=""), "no predicateType"),
        (document(predicateType=None), "no predicateType"),
        (document(predicate=[]), "not an object"),
    ],
)
def test_what_is_no_statement_is_refused(payload: bytes, message: str) -> None:
    with pytest.raises(EvidenceError, match=message):
        Statement.parse(payload, where="s")


@pytest.mark.parametrize("ignores", [None, "x", [1], {}])
def test_an_ignore_list_of_another_form_is_none(ignores: object) -> None:
    subject = {"name": "t", "digest": {"sha256": "a" * 64}, "annotations": {"dbom:ignore": ignores}}
    assert Statement.parse(document(subject=[subject]), where="s").subjects[0].ignores() is None
