"""A safetensors header is believed only where it accounts for every byte."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from dbom.errors import DocumentError
from dbom.formats.safetensors import MAX_HEADER_BYTES, SafetensorsHeader, Tensor, read_safetensors


def built(header: dict[str, Any] | bytes, room: int = 0, length: int | None = None) -> bytes:
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(data) if length is None else length).to_bytes(8, "little") + data + bytes(room)


def read(data: bytes) -> SafetensorsHeader:
    return read_safetensors(io.BytesIO(data), len(data), where="m.safetensors")


def tensor(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_a_header_gives_tensors_in_the_order_of_their_bytes() -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "b": tensor("F16", [2, 3], 8, 20),
        "a": tensor("F32", [2], 0, 8),
        "scalar": tensor("I64", [], 20, 28),
        "none": tensor("F32", [0, 4], 28, 28),
    }
    found = read(built(header, 28))
    assert [item.name for item in found.tensors] == ["a", "b", "scalar", "none"]
    assert found.tensors[1] == Tensor("b", "F16", (2, 3), 8, 20)
    assert found.parameters() == {"F16": 6, "F32": 2, "I64": 1}
    assert found.metadata == {"format": "pt"}


def test_spaces_behind_the_header_and_an_empty_file_of_tensors_are_fine() -> None:
    assert read(built(b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}     ', 1)).parameters() == {
        "U8": 1
    }
    assert read(built({})).tensors == ()


def test_numbers_smaller_than_a_byte_are_counted() -> None:
    assert read(built({"a": tensor("F4", [3, 2], 0, 3)}, 3)).parameters() == {"F4": 6}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the header's length can't be"),
        (b"\x08\x00\x00", "the header's length can't be"),
        (built(b"{}", length=2**63), "the header's length can't be"),
        (built(b"{}", length=MAX_HEADER_BYTES + 1), "the header's length can't be"),
        (built(b"{}", length=3), "the header's length can't be"),
        (built(b"[]"), "doesn't begin with {"),
        (built(b""), "doesn't begin with {"),
        (built(b" {}"), "doesn't begin with {"),
        (built(b'{"a": 1'), "not JSON"),
        (built(b'{"a": 1, "a": 1}'), "stands twice"),
        (built(b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}"), "nested too deeply"),
        (built({"__metadata__": {"a": 1}}), "__metadata__ is not an object of texts"),
        (built({"__metadata__": []}), "__metadata__ is not an object of texts"),
        (built({"a": 1}), "tensor a: unknown dtype None"),
        (built({"a": tensor("F99", [1], 0, 4)}, 4), "unknown dtype 'F99'"),
        (built({"a": tensor("F32", [-1], 0, 4)}, 4), "are not what they must be"),
        (built({"a": tensor("F32", [True], 0, 4)}, 4), "are not what they must be"),
        (built({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}}, 4), "are not what they must be"),
        (built({"a": {"dtype": "F32", "shape": 1, "data_offsets": [0, 4]}}, 4), "are not what they must be"),
        (built({"a": tensor("F32", [2], 0, 4)}, 4), "4 bytes can't hold 2 of F32"),
        (built({"a": tensor("F32", [2**62], 0, 4)}, 4), "can't hold"),
        (built({"a": tensor("F32", [1], 4, 0)}, 4), "can't hold"),
        (built({"a": tensor("F4", [3], 0, 1)}, 1), "can't hold"),
        (built({"a": tensor("F32", [1], 0, 4)}, 3), "the tensors end at 4, the file's buffer at 3"),
        (built({"a": tensor("F32", [1], 0, 4)}, 5), "the tensors end at 4, the file's buffer at 5"),
        (built({}, 5), "the tensors end at 0, the file's buffer at 5"),
        (built({"a": tensor("F32", [1], 4, 8)}, 8), "leaves a hole before it (0)"),
        (built({"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [1], 4, 8)}, 8), "overlaps the one before it (8)"),
        (built({"a": tensor("U8", [1], 0, 1), "b": tensor("U8", [1], 0, 1)}, 1), "overlaps the one before it (1)"),
    ],
)  # fmt: skip
def test_bytes_that_are_not_accounted_for_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(data)
    assert str(caught.value).startswith("m.safetensors: malformed safetensors: ")
    assert reason in str(caught.value)
    assert caught.value.rule.id == "DBOM-207"


def test_every_fault_is_reported() -> None:
    with pytest.raises(DocumentError) as caught:
        read(built({"a": tensor("X", [1], 0, 4), "b": tensor("F32", [9], 0, 4), "__metadata__": 1}, 4))
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    ("shape", "end", "reason"),
    [
        ([10**4000], 4, "shape or data_offsets are not what they must be"),
        ([1], 10**4000, "shape or data_offsets are not what they must be"),
        ([2**63] * 100_000, 4, "the shape holds more numbers than 64 bits can count"),
    ],
)
def test_sizes_beyond_64_bits_are_refused_and_not_multiplied(shape: list[int], end: int, reason: str) -> None:
    """2,000 sizes of 4,000 digits each took hours, and two of them ended in a traceback."""
    with pytest.raises(DocumentError) as refused:
        read(built({"a": tensor("F32", shape, 0, end)}, 4))
    assert reason in refused.value.what
    assert len(refused.value.what) < 200
