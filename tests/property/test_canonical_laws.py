"""Canonical JSON: one value, one text; written and read back it is the same value."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbom.canonical import Json, canonical_json, load_json
from dbom.errors import DocumentError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)
UNHURRIED = settings(deadline=None)  # the first example pays for an import


@UNHURRIED
@given(value=VALUES)
def test_what_is_written_is_read_back(value: Json) -> None:
    assert value == load_json(canonical_json(value), where="x")


@UNHURRIED
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_back_to_the_last_bit(value: float) -> None:
    read = load_json(canonical_json(value), where="x")
    assert isinstance(read, (int, float))
    assert value == float(read)


@UNHURRIED
@given(value=VALUES)
def test_however_it_was_written_the_canonical_text_is_the_same(value: Json) -> None:
    loose = json.dumps(value, indent=3, ensure_ascii=True)
    assert canonical_json(value) == canonical_json(load_json(loose.encode(), where="x"))


@UNHURRIED
@given(members=st.dictionaries(TEXT, SCALARS, min_size=2))
def test_the_order_of_members_changes_nothing(members: dict[str, Json]) -> None:
    assert canonical_json(members) == canonical_json(dict(reversed(members.items())))


@UNHURRIED
@given(data=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = load_json(data, where="x")
    except DocumentError:
        return
    assert value == json.loads(data)


PIECES = st.lists(st.sampled_from('{}[]",:0123456789.-+eE"ab\\u00dfD8 "tfnN\x7fé\u2028' + "\n"), max_size=24).map(
    "".join
)
WRITTEN = st.one_of(
    PIECES,
    VALUES.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)),
    st.tuples(TEXT, TEXT, SCALARS).map(
        lambda item: f"{{{json.dumps(item[0])}:1,{json.dumps(item[1])}:{json.dumps(item[2])}}}"
    ),
    st.sampled_from(
        ["-0", "-0.0", "1E5", "1e999", "NaN", '{"a":1,"a":1}', '{"a":{"b":1,"b":1}}', '"\\ud800"', "9" * 5000]
    ),
)


@UNHURRIED
@given(text=WRITTEN)
@example(text='{"a":1,"\\u0061":2}')
def test_a_blank_before_a_document_changes_nothing_of_what_is_read(text: str) -> None:
    def read(data: bytes) -> str:
        try:
            return repr(load_json(data, where="x"))
        except DocumentError:
            return "refused"

    data = text.encode("utf-8", "surrogatepass")
    assert read(b" " + data) == read(data)
