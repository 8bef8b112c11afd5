"""How many rows a table has, and which columns of which types; never a value that stands in it.

Parquet and Arrow declare their types. For CSV, JSON and JSON Lines they are inferred by Arrow from all rows, and said
to be. What can't be read is `Unknown` with a reason that quotes no data.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dbom.canonical import MAX_DEPTH, load_json
from dbom.errors import DocumentError
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbom.canonical import JsonObject

__all__ = ["MAX_JSON_BYTES", "MAX_TEXT_BYTES", "TOO_LARGE", "Column", "TableFacts", "TableFormat", "read_table"]

MAX_TEXT_BYTES = 256 * 1024 * 1024
"""The largest CSV or JSON Lines file that is read for its types, in bytes."""

MAX_JSON_BYTES = 64 * 1024 * 1024
"""The largest JSON array that is read, in bytes."""

TOO_LARGE = "larger than"
"""How the reason begins where a file wasn't read because of its size."""

MAX_TEXT_COLUMNS = 20_000
"""The widest CSV file that is read, in columns: each costs the reader some 10 kB, however short its values are."""

_HEAD_CHARACTERS = 1_000_000
_DELIMITERS = ",\t;|"
_QUOTED = re.compile(r'(?:\A|(?<=[,\t;|\r\n]))"(?:[^"]|"")*"')
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_TYPE = 500
_LONGEST_NAME = 100
_BATCH = "record batch"
_NO_TABLE = "a JSON document, and no array of objects"
_LEAST_BLOCK = 1024 * 1024
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_DATUM = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}.*|[^\s@]+@[^\s@]+\.[^\s@]+")
_RAGGED = re.compile(r"Expected \d+ columns, got \d+")


class TableFormat(StrEnum):
    """How a table is written."""

    CSV = "csv"
    JSON = "json"
    JSON_LINES = "json-lines"
    PARQUET = "parquet"
    ARROW_FILE = "arrow-file"
    ARROW_STREAM = "arrow-stream"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, and its type in Arrow's notation (`mixed` where the values share none)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What a table is made of.

    `inferred` says that the types were worked out from the values, not declared. Where the first row of a CSV file
    looks like data, nobody can tell names from values: `rows` is then unknown and the columns have numbers for names.
    """

    format: TableFormat
    rows: int | Unknown
    columns: tuple[Column, ...]
    inferred: bool


def read_table(path: Path, table_format: TableFormat) -> TableFacts | Unknown:
    """Read a file as a table of this format; JSON is read as a JSON array or as JSON Lines, whichever it is.

    Returns why not where the file is no table, is malformed or too large.
    """
    import pyarrow as pa  # noqa: PLC0415  only what describes tables pays for it

    readers: dict[TableFormat, Callable[[Path], TableFacts | Unknown]] = {
        TableFormat.CSV: _read_csv,
        TableFormat.JSON: _read_json,
        TableFormat.JSON_LINES: _read_json,
        TableFormat.PARQUET: _read_parquet,
        TableFormat.ARROW_FILE: _read_arrow_file,
        TableFormat.ARROW_STREAM: _read_arrow_stream,
    }
    try:
        return readers[table_format](path)
    except (pa.ArrowException, OSError, ValueError, KeyError, NotImplementedError) as error:
        ragged = _RAGGED.search(str(error))
        return Unknown(f"rows of different lengths: {ragged[0]}" if ragged else f"not readable as {table_format}")
    except DocumentError as error:
        return Unknown(error.rule.title)  # its words may quote the document


def _read_csv(path: Path) -> TableFacts | Unknown:
    from pyarrow import csv  # noqa: PLC0415  as above

    if path.stat().st_size > MAX_TEXT_BYTES:
        return Unknown(f"{TOO_LARGE} {MAX_TEXT_BYTES} bytes")
    first = _first_row(path)
    delimiter = max(_DELIMITERS, key=first.count)
    if delimiter not in first:
        return Unknown("one column only, which any text has")
    if first.count(delimiter) >= MAX_TEXT_COLUMNS:
        return Unknown(f"{TOO_LARGE} {MAX_TEXT_COLUMNS} columns")
    table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True))
    if not table.num_rows:
        return Unknown("one row only, which any text has")
    if _may_be_data(table):
        numbered = tuple(Column(f"#{number}", kind) for number, (_, kind) in enumerate(_types(table.schema), start=1))
        return TableFacts(TableFormat.CSV, Unknown("the first row may be names or data"), numbered, inferred=True)
    return TableFacts(TableFormat.CSV, table.num_rows, _columns(table.schema), inferred=True)


def _first_row(path: Path) -> str:
    """Return the first row without its quoted values, in which delimiters and ends of lines mean nothing."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = _QUOTED.sub("", file.read(_HEAD_CHARACTERS)).lstrip("\r\n")
    return re.split(r"[\r\n]", head, maxsplit=1)[0]


def _may_be_data(table: Any) -> bool:  # noqa: ANN401  pyarrow has no types
    """Return whether the first row looks like data: a datum, a long text, or what its own column holds again."""
    return any(
        (_DATUM.fullmatch(name) and not _YEAR.fullmatch(name)) or len(name) > _LONGEST_NAME or _holds(column, name)
        for name, column in zip(table.column_names, table.columns, strict=True)
    )


def _holds(column: Any, value: str) -> bool:  # noqa: ANN401  pyarrow has no types
    import pyarrow as pa  # noqa: PLC0415  as above
    from pyarrow import compute  # noqa: PLC0415  as above

    is_text = value != "" and pa.types.is_string(column.type)
    return is_text and compute.index(column, pa.scalar(value)).as_py() >= 0


def _read_json(path: Path) -> TableFacts | Unknown:
    with path.open("rb") as file:
        head = file.read(_HEAD_CHARACTERS).removeprefix(_BYTE_ORDER_MARK).lstrip()
    return _read_json_array(path) if head.startswith(b"[") else _read_json_lines(path)


def _read_json_lines(path: Path) -> TableFacts | Unknown:
    from pyarrow import json as arrow_json  # noqa: PLC0415  as above

    if path.stat().st_size > MAX_TEXT_BYTES:
        return Unknown(f"{TOO_LARGE} {MAX_TEXT_BYTES} bytes")
    lines = longest = 0
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                if not _is_object(line.removeprefix(_BYTE_ORDER_MARK) if not lines else line):
                    return Unknown("not readable as json: a line is no object" if lines else _NO_TABLE)
                lines, longest = lines + 1, max(longest, len(line))
    if lines <= 1:
        return Unknown(_NO_TABLE)
    block = arrow_json.ReadOptions(block_size=max(_LEAST_BLOCK, longest + 1))
    table = arrow_json.read_json(path, read_options=block)
    return TableFacts(TableFormat.JSON_LINES, table.num_rows, _columns(table.schema), inferred=True)


def _is_object(line: bytes) -> bool:
    """Return whether a line is a JSON object, and no deeper than is good for a reader that recurses (Arrow's does)."""
    try:
        is_flat = line.count(b"{") + line.count(b"[") <= MAX_DEPTH
        value = json.loads(line.decode()) if is_flat else load_json(line, where="a line")
    except (ValueError, RecursionError, DocumentError):
        return False
    return isinstance(value, dict)


def _read_json_array(path: Path) -> TableFacts | Unknown:
    if path.stat().st_size > MAX_JSON_BYTES:
        return Unknown(f"{TOO_LARGE} {MAX_JSON_BYTES} bytes")
    value = load_json(path.read_bytes().removeprefix(_BYTE_ORDER_MARK), where=path.name, limit=MAX_JSON_BYTES)
    rows: list[JsonObject] = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    if not rows or not isinstance(value, list) or len(rows) != len(value):
        return Unknown(_NO_TABLE)
    names = dict.fromkeys(name for row in rows for name in row)
    columns = tuple(Column(name, _inferred([row.get(name) for row in rows])) for name in names)
    return TableFacts(TableFormat.JSON, len(rows), columns, inferred=True)


def _inferred(values: list[Any]) -> str:
    import pyarrow as pa  # noqa: PLC0415  as above

    try:
        return _short(pa.array(values).type)
    except (pa.ArrowException, OverflowError, TypeError):
        return "mixed"


def _read_parquet(path: Path) -> TableFacts:
    from pyarrow import parquet  # noqa: PLC0415  as above

    with parquet.ParquetFile(path) as file:
        return TableFacts(TableFormat.PARQUET, file.metadata.num_rows, _columns(file.schema_arrow), inferred=False)


def _read_arrow_file(path: Path) -> TableFacts:
    from pyarrow import dataset  # noqa: PLC0415  as above

    table = dataset.dataset(path, format="ipc")
    return TableFacts(TableFormat.ARROW_FILE, table.count_rows(), _columns(table.schema), inferred=False)


def _read_arrow_stream(path: Path) -> TableFacts:
    """Count rows by the messages' own words: to unpack the batches could cost any amount of memory."""
    import pyarrow as pa  # noqa: PLC0415  as above

    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as reader:
        schema = reader.schema
    with pa.OSFile(str(path)) as file:
        messages = pa.ipc.MessageReader.open_stream(file)
        rows = sum(_batch_rows(message.metadata.to_pybytes()) for message in messages if message.type == _BATCH)
    return TableFacts(TableFormat.ARROW_STREAM, rows, _columns(schema), inferred=False)


def _batch_rows(metadata: bytes) -> int:
    """Return `length` of the RecordBatch in a message: FlatBuffers tables, as Arrow's Message.fbs lays them out."""
    try:
        message = struct.unpack_from("<I", metadata)[0]
        header = _field(metadata, message, 2)
        batch = header + struct.unpack_from("<I", metadata, header)[0]
        length: int = struct.unpack_from("<q", metadata, _field(metadata, batch, 0))[0]
    except struct.error as error:
        raise ValueError("not a record batch") from error
    if length < 0:
        raise ValueError("a record batch of less than no rows")
    return length


def _field(data: bytes, table: int, number: int) -> int:
    """Return where a field of a FlatBuffers table stands."""
    entries = table - struct.unpack_from("<i", data, table)[0]
    place: int = struct.unpack_from("<H", data, entries + 4 + 2 * number)[0]
    return table + place


def _columns(schema: Any) -> tuple[Column, ...]:  # noqa: ANN401  pyarrow has no types
    return tuple(Column(name, kind) for name, kind in _types(schema))


def _types(schema: Any) -> list[tuple[str, str]]:  # noqa: ANN401  pyarrow has no types
    return [(field.name, _short(field.type)) for field in schema]


def _short(kind: object) -> str:
    text = str(kind)
    return text if len(text) <= _LONGEST_TYPE else text[:_LONGEST_TYPE] + "…"
