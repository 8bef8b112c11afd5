"""Laws of the journal: whatever is edited, cut or moved is found, and canonical bytes are the same however written."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running_webhook import webhook

from admission.journal import Entry, Journal, check_journal
from admission.journal.contents import Content
from admission.journal.deciding import decision_entry
from admission.journal.records import Record, canonical, instant, line_of, moment_of
from admission.review import Review
from dbom.canonical import canonical_json, json_object
from dbom.errors import DocumentError, EvidenceError
from dbom.printable import printable

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers() | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@cache
def journal() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "j")
        opened = Journal.open(path, at=NOW, facts={"version": "1"}, replica="a")
        for number in range(5):
            part = Content.of(b"%d" % (number % 2))
            opened.append(Entry.of("decision", NOW, {"n": number, "part": part.digest}, contents=[part]))
        opened.close(at=NOW)
        return path.read_bytes()


def lines() -> list[bytes]:
    return journal().splitlines(keepends=True)


def is_refused(data: bytes) -> bool:
    try:
        check_journal(data, where="j")
    except EvidenceError:
        return True
    return False


@given(st.integers(0, len(journal()) - 2), st.integers(1, 255))
def test_any_byte_that_is_changed_is_found(place: int, by: int) -> None:
    """The last line but one and all before it are held by the digests after them, the end record by its form alone."""
    data = bytearray(journal())
    data[place] ^= by
    last = len(journal()) - len(lines()[-1])
    assert is_refused(bytes(data)) or place >= last


@given(st.integers(0, len(lines()) - 2))
def test_any_record_that_is_cut_out_is_found(number: int) -> None:
    found = lines()
    del found[number]
    assert is_refused(b"".join(found))


@given(st.integers(0, len(lines()) - 1), st.integers(0, len(lines()) - 1))
def test_any_two_records_that_are_swapped_are_found(first: int, second: int) -> None:
    found = lines()
    found[first], found[second] = found[second], found[first]
    assert is_refused(b"".join(found)) == (first != second)


@given(st.integers(0, len(lines()) - 1), st.integers(0, len(lines())))
def test_any_record_that_is_repeated_is_found(number: int, place: int) -> None:
    found = lines()
    found.insert(place, found[number])
    assert is_refused(b"".join(found))


@given(st.integers(1, len(journal()) - 1))
def test_what_is_cut_off_at_the_end_leaves_a_journal_without_an_end(size: int) -> None:
    cut = journal()[:size]
    assert is_refused(cut) or (cut.endswith(b"\n") and check_journal(cut, where="j").is_open)


@given(JSON)
def test_the_fast_bytes_are_the_canonical_ones(value: object) -> None:
    try:
        expected = canonical_json(value)  # type: ignore[arg-type]  # hypothesis makes JSON, and more than that
    except DocumentError:
        with pytest.raises(DocumentError):
            canonical(value)  # type: ignore[arg-type]  # the same
        return
    assert canonical(value) == expected  # type: ignore[arg-type]  # the same


@given(
    st.dictionaries(TEXTS, st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS, max_size=5),
    st.datetimes(timezones=st.just(UTC)),
)
def test_a_record_is_read_as_it_was_written(facts: dict[str, int | str], at: datetime) -> None:
    line = line_of(3, "0" * 64, "decision", instant(at), canonical(dict(facts)))
    record = Record.parse(line)
    assert record is not None
    assert (record.number, record.kind, record.facts) == (3, "decision", facts)
    assert record.at == at == moment_of(instant(at))


@given(st.binary(max_size=300))
def test_any_line_is_read_or_none(line: bytes) -> None:
    assert Record.parse(line) is None


@given(st.binary(max_size=2000))
def test_a_content_is_what_it_was(data: bytes) -> None:
    content = Content.of(data)
    facts = Record.parse(line_of(0, "0" * 64, "content", instant(NOW), content.facts()))
    assert facts is not None
    assert Content.of_facts(facts.facts) == content


NAMES = TEXTS | st.text('aZ09 ._:/@-"\\\x00\x7f\u00e9\u202e', max_size=600)


@given(st.tuples(*[NAMES] * 6), st.sampled_from(["CREATE", "UPDATE", "DELETE"]))
def test_a_record_that_is_written_from_pieces_is_the_canonical_one(texts: tuple[str, ...], operation: str) -> None:
    name, namespace, user, subresource, uid, kind = texts
    part = None if operation == "DELETE" else b"{}"
    review = Review("", kind, namespace, name, operation, part, part, uid, user, subresource)
    decision = webhook().decide(review)
    facts = decision_entry(review, decision, request=name.encode(), allowed=True).facts
    found = json_object(facts, where="")
    assert canonical_json(found) == facts
    shown = [printable(text, limit=512) for text in (name, user, subresource, uid)]
    assert [found[key] for key in ("name", "user", "subresource", "uid")] == shown
    assert (found["namespace"], found["objectKind"], found["operation"]) == (namespace, kind, operation)
    assert found["request"] == hashlib.sha256(name.encode()).hexdigest()
    assert found["part"] == (None if part is None else {"digest": Content.of(part).digest, "kept": True, "size": 2})
