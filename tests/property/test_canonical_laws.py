"""Canonical JSON: one value, one text; written and read back it is the same value."""

from __future__ import annotations

import json

from hypothesis import given, settings
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
