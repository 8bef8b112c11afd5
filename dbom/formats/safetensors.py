"""The header of a safetensors file: which tensors it holds, and whether the bytes are all accounted for.

The format (huggingface/safetensors, README "Format"): 8 bytes little-endian length N, N bytes of JSON that begin with
`{` and may be padded with spaces, then one buffer. Each tensor has dtype, shape and `data_offsets` [begin, end) in the
buffer. Offsets must tile the buffer: no holes, no overlaps, nothing after the end. Tensor bytes are never read here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbom.canonical import json_object
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.documents import SAFETENSORS_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from dbom.canonical import Json, JsonObject

__all__ = ["MAX_HEADER_BYTES", "SafetensorsHeader", "Tensor", "read_safetensors"]

MAX_HEADER_BYTES = 100_000_000
"""The longest header that is read, the limit of the reference implementation."""

LENGTH_BYTES = 8

_MAX_FAULTS = 20
_SIZE_LIMIT = 2**64
"""Sizes and offsets are 64-bit numbers in the reference implementation; longer ones would cost hours to multiply."""

_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
    "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as the header declares it; `begin` and `end` are byte offsets in the buffer behind the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def elements(self) -> int:
        """How many numbers it holds; 1 for a scalar."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """The tensors of a file in the order of their bytes, and the file's own metadata."""

    tensors: tuple[Tensor, ...]
    metadata: Mapping[str, str]

    def parameters(self) -> dict[str, int]:
        """Return how many numbers there are of each dtype, dtypes sorted."""
        return {
            dtype: sum(tensor.elements for tensor in self.tensors if tensor.dtype == dtype)
            for dtype in sorted({tensor.dtype for tensor in self.tensors})
        }


def read_safetensors(file: BinaryIO, size: int, *, where: str) -> SafetensorsHeader:
    """Read the header at the beginning of `file`, which is `size` bytes long.

    Raises `DocumentError` with every fault where the header is cut off, too long, not strict JSON, or where dtypes,
    shapes and offsets don't account for exactly the bytes that are there.
    """
    length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    room = size - LENGTH_BYTES
    if size < LENGTH_BYTES or length > min(room, MAX_HEADER_BYTES):
        raise _malformed(
            where, "the header's length can't be", got=str(length), expected=f"at most {min(room, MAX_HEADER_BYTES)}"
        )
    data = file.read(length)
    if len(data) != length or not data.startswith(b"{"):
        raise _malformed(where, "the header is cut off or doesn't begin with {")
    try:
        header = json_object(data, where=where, limit=MAX_HEADER_BYTES)
    except DocumentError as error:
        raise _malformed(where, f"the header is {error.what}") from error
    metadata, faults = _metadata(header.pop("__metadata__", {}))
    tensors: list[Tensor] = []
    for name, item in header.items():
        tensor = _tensor(name, item)
        if isinstance(tensor, str):
            faults.append(f"tensor {printable(name)}: {tensor}")
        else:
            tensors.append(tensor)
    tensors.sort(key=lambda tensor: (tensor.begin, tensor.end, tensor.name))
    faults += [] if faults else _layout_faults(tensors, room - length)
    if faults:
        raise _malformed(where, faults[0], faults=tuple(faults[:_MAX_FAULTS]))
    return SafetensorsHeader(tuple(tensors), metadata)


def _metadata(value: Json) -> tuple[dict[str, str], list[str]]:
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return {key: str(item) for key, item in value.items()}, []
    return {}, ["__metadata__ is not an object of texts"]


def _tensor(name: str, item: Json) -> Tensor | str:
    fields: JsonObject = item if isinstance(item, dict) else {}
    dtype, shape, offsets = fields.get("dtype"), _sizes(fields.get("shape")), _sizes(fields.get("data_offsets"))
    if not isinstance(dtype, str) or dtype not in _BITS:
        return f"unknown dtype {printable(repr(dtype))}"
    if shape is None or offsets is None or len(offsets) != len(("begin", "end")):
        return "shape or data_offsets are not what they must be"
    if not _fits(shape):
        return "the shape holds more numbers than 64 bits can count"
    tensor = Tensor(name, dtype, shape, *offsets)
    if (tensor.end - tensor.begin) * 8 != tensor.elements * _BITS[dtype]:
        return f"{tensor.end - tensor.begin} bytes can't hold {tensor.elements} of {dtype}"
    return tensor


def _sizes(value: Json) -> tuple[int, ...] | None:
    if not isinstance(value, list):
        return None
    sizes = tuple(
        item for item in value if isinstance(item, int) and not isinstance(item, bool) and 0 <= item < _SIZE_LIMIT
    )
    return sizes if len(sizes) == len(value) else None


def _fits(shape: tuple[int, ...]) -> bool:
    elements = 1
    for size in shape:
        elements *= size
        if elements >= _SIZE_LIMIT:
            return False
    return True


def _layout_faults(tensors: list[Tensor], room: int) -> list[str]:
    faults, position = [], 0
    for tensor in tensors:
        if tensor.begin != position:
            word = "overlaps the one before it" if tensor.begin < position else "leaves a hole before it"
            faults.append(f"tensor {printable(tensor.name)}: begins at {tensor.begin} and {word} ({position})")
        position = max(position, tensor.end)
    if position != room:
        faults.append(f"the tensors end at {position}, the file's buffer at {room}")
    return faults


def _malformed(
    where: str, what: str, *, got: str | None = None, expected: str | None = None, faults: tuple[str, ...] = ()
) -> DocumentError:
    what = f"malformed safetensors: {what}"
    return DocumentError(SAFETENSORS_MALFORMED, what, where=where, got=got, expected=expected, faults=faults)
