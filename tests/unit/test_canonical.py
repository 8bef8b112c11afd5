"""JSON is read so that every program reads it alike, and written in one way."""

from __future__ import annotations

import pytest

from dbom.canonical import MAX_DEPTH, JsonObject, canonical_json, json_object, load_json
from dbom.errors import DocumentError


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{} x", "not JSON"),
        (b'{"a": 1, "a": 1}', "stands twice"),
        (b'{"x": {"a": 1, "a": 2}}', "stands twice"),
        (b'{"a": 1, "\\u0061": 2}', "stands twice"),
        (b"{" + b"".join(b'"k%d":0,' % n for n in range(200_000)) + b'"k199999":0}', "stands twice"),
        (b"[NaN]", "no JSON number"),
        (b"[-Infinity]", "no JSON number"),
        (b"[1e999]", "beyond what a double"),
        (b"[" + b"9" * 5000 + b"]", "not JSON"),
        (b'["\\ud800"]', "not JSON"),
        (b'{"\\uDC00x": 1}', "not JSON"),
        (b'"\xff"', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        ("{}".encode("utf-16"), "not JSON"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested too deeply"),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "nested too deeply"),
        (b"[" * 500_000, "nested too deeply"),
        (b'{"a":' * 500_000, "nested too deeply"),
    ],
)
def test_what_could_be_read_in_two_ways_or_harm_is_refused(data: bytes, fault: str) -> None:
    with pytest.raises(DocumentError, match=fault) as caught:
        load_json(data, where="doc")
    assert "doc" == caught.value.where


def test_the_deepest_nesting_allowed_is_read() -> None:
    assert [] != load_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, where="doc")


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert ["\U0001f600", "\\ud800"] == load_json(b'["\\ud83d\\ude00", "\\\\ud800"]', where="doc")


def test_a_document_beyond_the_limit_is_refused_before_it_is_parsed() -> None:
    assert [1] == load_json(b"[1]", where="doc", limit=3)
    with pytest.raises(DocumentError, match="too large: got 3 bytes, expected at most 2"):
        load_json(b"[1]", where="doc", limit=2)


@pytest.mark.parametrize("data", [b"[]", b"1", b'"x"', b"null"])
def test_only_an_object_is_an_object(data: bytes) -> None:
    with pytest.raises(DocumentError, match="not a JSON object"):
        json_object(data, where="doc")
    assert {} == json_object(b"{}", where="doc")


def test_the_examples_of_rfc_8785() -> None:
    """RFC 8785, sections 3.2.2 and 3.2.3: numbers and strings, keys ordered by UTF-16 code units."""
    numbers: JsonObject = {"numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001]}
    assert b'{"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}' == canonical_json(numbers)
    keys: JsonObject = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    expected = '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}'
    assert expected.encode() == canonical_json(keys)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, -(2**53), "\ud800"])
def test_what_canonical_json_cant_hold_is_refused(value: float | str) -> None:
    with pytest.raises(DocumentError, match="can't be written as canonical JSON"):
        canonical_json([value])
