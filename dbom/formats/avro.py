"""The records of an Avro container file, read with bounds on all that it could make a reader do.

Source: the Apache Avro 1.12 specification, «Object Container Files», «Binary Encoding» and «Schema Declaration». What
manifests of tables don't need is left out and refused: types that hold themselves, schema resolution, logical types
(the underlying values are given), and the codecs other than `null` and `deflate`.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from dbom.canonical import load_json
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.artifacts import TABLE_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbom.canonical import Json, JsonObject

__all__ = ["MAX_BLOCK_BYTES", "MAX_RECORD_VALUES", "MAX_VALUES", "AvroRecord", "AvroValue", "read_avro"]

AvroValue: TypeAlias = "bool | int | float | str | bytes | list[AvroValue] | dict[str, AvroValue] | None"
"""What Avro can hold: records and maps are dicts, enums their symbols, fixed values bytes."""

AvroRecord: TypeAlias = "dict[str, AvroValue]"
"""One record: its fields by name."""

MAX_BLOCK_BYTES: Final = 64 * 1024 * 1024
"""The largest block that is read, in bytes after decompression."""

MAX_VALUES: Final = 200_000_000
"""The most values of one file that are read: values of no bytes, such as nulls, would cost their author nothing."""

MAX_RECORD_VALUES: Final = 2_000_000
"""The most values of one record, which are held at once."""

_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_MAX_SCHEMA_BYTES = 4 * 1024 * 1024
_MAX_NESTING = 24
_LONGEST_SHIFT = 63
_MORE = 0x80
_RAW_DEFLATE = -15

_Decode: TypeAlias = "Callable[[_Input], AvroValue]"


def read_avro(data: bytes, *, where: str) -> Iterator[AvroRecord]:
    """Give the records of a container file, one after the other.

    Raises `DocumentError` (DBOM-190) for what isn't such a file, is cut off, goes beyond a bound, or uses what isn't
    read here.
    """
    try:
        yield from _records(_Input(data))
    except (_MalformedError, IndexError, struct.error, UnicodeDecodeError, zlib.error) as error:
        what = str(error) if isinstance(error, _MalformedError) else "cut off, or not what its schema says"
        raise DocumentError(TABLE_MALFORMED, f"not readable as Avro: {what}", where=where) from error


class _MalformedError(ValueError):
    """What is wrong with a file; only ever seen by `read_avro`."""


@dataclass(slots=True)
class _Input:
    """Bytes that are read from the front, and what may still be made of them."""

    data: bytes
    at: int = 0
    left: int = MAX_RECORD_VALUES

    def long(self) -> int:
        """Read an int or a long: zig-zag, in groups of seven bits."""
        data, at, shift, value = self.data, self.at, 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & ~_MORE) << shift
            if byte < _MORE:
                break
            shift += 7
            if shift > _LONGEST_SHIFT:
                raise _MalformedError("a number of more than 64 bits")
        self.at = at
        return (value >> 1) ^ -(value & 1)

    def take(self, size: int) -> bytes:
        if size < 0 or size > len(self.data) - self.at:
            raise _MalformedError("a length beyond the end")
        self.at += size
        return self.data[self.at - size : self.at]

    def bytes(self) -> bytes:
        return self.take(self.long())

    def spend(self, values: int) -> None:
        self.left -= values
        if self.left < 0:
            raise _MalformedError("more values than are read")

    def demand_bytes(self, count: int) -> None:
        if not 0 <= count <= len(self.data) - self.at:
            raise _MalformedError("more items than bytes")

    def counts(self) -> Iterator[int]:
        """Give the lengths of the blocks of an array or a map, up to the empty one that ends it."""
        while count := self.long():
            if count < 0:
                count = -count
                self.long()  # the block's size in bytes, for who skips it
            self.demand_bytes(count)
            self.spend(count)
            yield count

    @property
    def is_read(self) -> bool:
        return self.at >= len(self.data)


def _records(file: _Input) -> Iterator[AvroRecord]:
    if file.take(len(_MAGIC)) != _MAGIC:
        raise _MalformedError("it doesn't begin as such a file does")
    header = {file.bytes().decode(): file.bytes() for count in file.counts() for _ in range(count)}
    codec = header.get("avro.codec", b"null").decode()
    if codec not in ("null", "deflate"):
        raise _MalformedError(f"compressed with {printable(codec, limit=40)}; null and deflate are read")
    decode = _decoder_of(header.get("avro.schema", b""))
    sync = file.take(_SYNC_BYTES)
    left = MAX_VALUES
    while not file.is_read:
        count = file.long()
        block = _Input(_unpacked(file.bytes(), codec))
        if file.take(_SYNC_BYTES) != sync:
            raise _MalformedError("a block that doesn't end with the file's mark")
        block.demand_bytes(count)
        for _ in range(count):
            block.left = min(left, MAX_RECORD_VALUES)
            yield _record(decode(block))
            left -= min(left, MAX_RECORD_VALUES) - block.left
        if not block.is_read:
            raise _MalformedError("a block with more than its records")


def _unpacked(data: bytes, codec: str) -> bytes:
    if codec == "deflate":
        unpacker = zlib.decompressobj(_RAW_DEFLATE)
        data = unpacker.decompress(data, MAX_BLOCK_BYTES + 1)
        if len(data) <= MAX_BLOCK_BYTES and not unpacker.eof:
            raise _MalformedError("a compressed block that is cut off")
    if len(data) > MAX_BLOCK_BYTES:
        raise _MalformedError(f"a block of more than {MAX_BLOCK_BYTES} bytes")
    return data


def _record(value: AvroValue) -> AvroRecord:
    if not isinstance(value, dict):
        raise _MalformedError("its values are no records")
    return value


def _decoder_of(schema: bytes) -> _Decode:
    try:
        document = load_json(schema, where="the schema", limit=_MAX_SCHEMA_BYTES)
    except DocumentError as error:
        raise _MalformedError(f"its schema is {error.what}") from error
    return _Compiler({}).decoder(document, "", 0)


@dataclass(slots=True)
class _Compiler:
    """Makes a function that reads values of a schema. A type is known by its full name once it is complete."""

    named: dict[str, _Decode]

    def decoder(self, schema: Json, space: str, depth: int) -> _Decode:
        if depth > _MAX_NESTING:
            raise _MalformedError(f"a schema of more than {_MAX_NESTING} levels")
        if isinstance(schema, list):
            return _union([self.decoder(branch, space, depth + 1) for branch in schema])
        if isinstance(schema, str):
            return self._by_name(schema, space)
        if not isinstance(schema, dict):
            raise _MalformedError("a schema that is none")
        kind = schema.get("type")
        if kind in ("record", "error", "enum", "fixed"):
            return self._named(schema, str(kind), space, depth)
        if kind == "array":
            return _array(self.decoder(schema.get("items"), space, depth + 1))
        if kind == "map":
            return _map(self.decoder(schema.get("values"), space, depth + 1))
        return self.decoder(kind, space, depth + 1)

    def _by_name(self, name: str, space: str) -> _Decode:
        found = _PRIMITIVES.get(name) or self.named.get(_full_name(name, space))
        if found is None:
            raise _MalformedError(f"the type {printable(name, limit=80)}, which is unknown or holds itself")
        return found

    def _named(self, schema: JsonObject, kind: str, space: str, depth: int) -> _Decode:
        inner = schema.get("namespace", space)
        name = _full_name(_text(schema.get("name")), _text(inner))
        if kind == "enum":
            found = _enum([_text(symbol) for symbol in _list(schema.get("symbols"))])
        elif kind == "fixed":
            found = _fixed(schema.get("size"))
        else:
            fields = [_object(item) for item in _list(schema.get("fields"))]
            below = name.rpartition(".")[0]
            found = _record_of(
                [(_text(item.get("name")), self.decoder(item.get("type"), below, depth + 1)) for item in fields]
            )
        self.named[name] = found
        return found


def _full_name(name: str, space: str) -> str:
    return name if "." in name or not space else f"{space}.{name}"


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise _MalformedError("a name in its schema that is no text")
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise _MalformedError("a list that its schema lacks")
    return value


def _object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise _MalformedError("a field in its schema that is none")
    return value


def _boolean(block: _Input) -> AvroValue:
    return block.take(1) != b"\0"


def _float(block: _Input) -> AvroValue:
    (value,) = struct.unpack("<f", block.take(4))
    return float(value)


def _double(block: _Input) -> AvroValue:
    (value,) = struct.unpack("<d", block.take(8))
    return float(value)


_PRIMITIVES: Final[dict[str, _Decode]] = {
    "null": lambda _: None,
    "boolean": _boolean,
    "int": lambda block: block.long(),
    "long": lambda block: block.long(),
    "float": _float,
    "double": _double,
    "bytes": lambda block: block.bytes(),
    "string": lambda block: block.bytes().decode(),
}


def _union(branches: list[_Decode]) -> _Decode:
    def decode(block: _Input) -> AvroValue:
        branch = block.long()
        if not 0 <= branch < len(branches):
            raise _MalformedError("a branch that its union lacks")
        return branches[branch](block)

    return decode


def _array(item: _Decode) -> _Decode:
    def decode(block: _Input) -> AvroValue:
        return [item(block) for count in block.counts() for _ in range(count)]

    return decode


def _map(value: _Decode) -> _Decode:
    def decode(block: _Input) -> AvroValue:
        return {block.bytes().decode(): value(block) for count in block.counts() for _ in range(count)}

    return decode


def _enum(symbols: list[str]) -> _Decode:
    def decode(block: _Input) -> AvroValue:
        place = block.long()
        if not 0 <= place < len(symbols):
            raise _MalformedError("a symbol that its enum lacks")
        return symbols[place]

    return decode


def _fixed(size: Json) -> _Decode:
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_BLOCK_BYTES:
        raise _MalformedError("a fixed type without a size")
    return lambda block: block.take(size)


def _record_of(fields: list[tuple[str, _Decode]]) -> _Decode:
    if len({name for name, _ in fields}) != len(fields):
        raise _MalformedError("a record with two fields of one name")

    def decode(block: _Input) -> AvroValue:
        block.spend(len(fields))
        return {name: value(block) for name, value in fields}

    return decode
