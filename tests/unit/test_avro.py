"""Avro files are read as fastavro writes them, and never make the reader do more than their bytes are worth."""

from __future__ import annotations

import io
import json
import random
import zlib
from typing import Any

import fastavro
import pytest
from table_samples import avro

from dbom.errors import DocumentError
from dbom.formats import avro as avro_module
from dbom.formats.avro import read_avro

_EVERYTHING = {
    "type": "record",
    "name": "all",
    "namespace": "a.b",
    "fields": [
        {"name": "nothing", "type": "null"},
        {"name": "truth", "type": "boolean"},
        {"name": "small", "type": "int"},
        {"name": "large", "type": "long"},
        {"name": "half", "type": "float"},
        {"name": "whole", "type": "double"},
        {"name": "raw", "type": "bytes"},
        {"name": "text", "type": "string"},
        {"name": "kind", "type": {"type": "enum", "name": "suit", "symbols": ["SPADE", "HEART"]}},
        {"name": "mark", "type": {"type": "fixed", "name": "md5", "size": 4}},
        {"name": "again", "type": "suit"},
        {"name": "list", "type": {"type": "array", "items": "long"}},
        {"name": "map", "type": {"type": "map", "values": ["null", "string"]}},
        {"name": "logical", "type": {"type": "long", "logicalType": "made-up"}},
        {"name": "inner", "type": {"type": "record", "name": "in", "fields": [{"name": "x", "type": "a.b.md5"}]}},
    ],
}
_VALUE: dict[str, Any] = {
    "nothing": None,
    "truth": True,
    "small": -3,
    "large": 2**62,
    "half": 0.5,
    "whole": -1e300,
    "raw": b"\0\xff",
    "text": "größer",
    "kind": "HEART",
    "mark": b"abcd",
    "again": "SPADE",
    "list": [1, -1, -(2**63), 2**63 - 1],
    "map": {"a": None, "b": "c"},
    "logical": 7,
    "inner": {"x": b"wxyz"},
}
_LONG = {"type": "record", "name": "r", "fields": [{"name": "n", "type": "long"}]}


def _read(data: bytes) -> list[Any]:
    return list(read_avro(data, where="m.avro"))


def _number(value: int) -> bytes:
    file = io.BytesIO()
    fastavro.schemaless_writer(file, "long", value)
    return file.getvalue()


def _file(schema: object, body: bytes, *, count: int = 1, codec: str = "null") -> bytes:
    """Return a file of one block, whose counts and lengths are as they are given."""
    text = json.dumps(schema).encode() if not isinstance(schema, bytes) else schema
    header = b"Obj\x01" + _number(2)
    for key, value in ((b"avro.schema", text), (b"avro.codec", codec.encode())):
        header += _number(len(key)) + key + _number(len(value)) + value
    return header + b"\0" + b"S" * 16 + _number(count) + _number(len(body)) + body + b"S" * 16


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_every_type_is_read_as_it_was_written(codec: str) -> None:
    records = [_VALUE, {**_VALUE, "small": 9}]

    assert records == _read(avro(_EVERYTHING, records, codec))


def test_many_blocks_and_no_records_at_all() -> None:
    many = [{"n": number} for number in range(50_000)]

    assert many == _read(avro(_LONG, many))
    assert [] == _read(avro(_LONG, []))


def test_blocks_of_collections_that_say_their_size_are_read() -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "l", "type": {"type": "array", "items": "long"}}]}

    assert [{"l": [1, 2]}] == _read(_file(schema, _number(-2) + _number(2) + _number(1) + _number(2) + b"\0"))


def _deep(levels: int) -> object:
    return "long" if levels == 0 else {"type": "array", "items": _deep(levels - 1)}


def _field(kind: object) -> dict[str, object]:
    return {"type": "record", "name": "r", "fields": [{"name": "f", "type": kind}]}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "beyond the end"),
        (b"PAR1" + b"x" * 40, "doesn't begin"),
        (_file(_LONG, b"\x02", codec="snappy"), "compressed with snappy"),
        (_file(b"{", b"\x02"), "its schema is not JSON"),
        (_file("long", b"\x02"), "no records"),
        (_file(7, b"\x02"), "a schema that is none"),
        (_file(_field("r"), b"\x02"), "unknown or holds itself"),
        (_file(_field(["null", {"type": "array", "items": "r"}]), b"\x02"), "unknown or holds itself"),
        (_file(_field(_deep(40)), b"\x02"), "levels"),
        (_file(_field("nonsense"), b"\x02"), "the type nonsense"),
        (_file({"type": "record", "name": "r"}, b"\x02"), "lacks"),
        (_file({"type": "record", "fields": []}, b"\x02"), "no text"),
        (_file({"type": "record", "name": "r", "fields": [3]}, b"\x02"), "is none"),
        (_file({**_LONG, "fields": [*_LONG["fields"], *_LONG["fields"]]}, b"\x02\x02"), "two fields of one name"),
        (_file(_field({"type": "fixed", "name": "f", "size": -1}), b""), "without a size"),
        (_file(_field({"type": "fixed", "name": "f", "size": 9}), b"1234"), "beyond the end"),
        (_file(_field("bytes"), _number(-4)), "beyond the end"),
        (_file(_field("bytes"), _number(2**40)), "beyond the end"),
        (_file(_field({"type": "array", "items": "null"}), _number(2**50) + b"\0"), "more items than bytes"),
        (_file(_field("null"), b"", count=2**50), "more items than bytes"),
        (_file(_LONG, b"\x02", count=-1), "more items than bytes"),
        (_file(_LONG, b"\xff" * 12), "64 bits"),
        (_file(_LONG, b"\x80"), "cut off"),
        (_file(_LONG, b"\x02\x02"), "more than its records"),
        (_file(_field(["null", "long"]), _number(2)), "its union lacks"),
        (_file(_field({"type": "enum", "name": "e", "symbols": ["A"]}), _number(1)), "its enum lacks"),
        (_file(_field("string"), _number(1) + b"\xff"), "cut off"),
        (_file(_LONG, b"no deflate", codec="deflate"), "cut off"),
        (_file(_LONG, zlib.compress(b"\x02" * 99, wbits=-15)[:-2], codec="deflate"), "cut off"),
        (_file(_LONG, b"\x02")[:-1] + b"T", "the file's mark"),
    ],
)
def test_what_is_no_such_file_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(DocumentError) as caught:
        _read(data)

    assert "DBOM-190" == caught.value.rule.id
    assert "m.avro" == caught.value.where
    assert why in str(caught.value)


def test_a_block_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avro_module, "MAX_BLOCK_BYTES", 1000)

    with pytest.raises(DocumentError, match="more than 1000 bytes"):
        _read(_file(_field("bytes"), zlib.compress(b"\0" * 100_000, wbits=-15), codec="deflate"))


def test_values_of_no_bytes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of nulls in an array of such records: two bytes could stand for any number of values."""
    monkeypatch.setattr(avro_module, "MAX_RECORD_VALUES", 1000)
    nulls = [{"name": f"n{number}", "type": "null"} for number in range(100)]
    array = {"type": "array", "items": {"type": "record", "name": "n", "fields": nulls}}
    pad = {"type": "fixed", "name": "p", "size": 50}
    padded = {"type": "record", "name": "r", "fields": [{"name": "f", "type": array}, {"name": "pad", "type": pad}]}

    with pytest.raises(DocumentError, match="more values than are read"):
        _read(_file(padded, _number(20) + b"\0" + b"x" * 50))


def test_no_prefix_and_no_changed_byte_brings_anything_but_records_or_a_refusal() -> None:
    data = avro(_EVERYTHING, [_VALUE] * 3, "deflate")
    chance = random.Random(4)  # noqa: S311  the same bytes each time
    cases = [data[:length] for length in range(len(data))]
    for _ in range(1500):
        changed = bytearray(data)
        changed[chance.randrange(len(data))] = chance.randrange(256)
        cases.append(bytes(changed))

    for case in cases:
        try:
            assert len(_read(case)) <= 3
        except DocumentError as error:
            assert "DBOM-190" == error.rule.id  # noqa: PT017  some cases are readable
