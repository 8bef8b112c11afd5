"""Tables are described by rows, columns and types, and by no value of theirs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from dbom.content import tables
from dbom.content.tables import Column, TableFacts, TableFormat, read_table
from dbom.model import Unknown

if TYPE_CHECKING:
    from pathlib import Path


def facts(path: Path, data: bytes, table_format: TableFormat = TableFormat.CSV) -> TableFacts | Unknown:
    file = path / "table"
    file.write_bytes(data)
    return read_table(file, table_format)


def known(path: Path, data: bytes, table_format: TableFormat = TableFormat.CSV) -> TableFacts:
    found = facts(path, data, table_format)
    assert isinstance(found, TableFacts)
    return found


@pytest.mark.parametrize("delimiter", ["b,", "b\t", "b;", "b|"])
def test_csv_types_are_inferred_from_all_rows(tmp_path: Path, delimiter: str) -> None:
    text = "day,n,x,s\n2024-01-02,1,1,a\n2024-01-03,2,2.5,\n".replace(",", delimiter[1])
    found = known(tmp_path, text.encode())
    kinds = (Column("day", "date32[day]"), Column("n", "int64"), Column("x", "double"), Column("s", "string"))
    assert found == TableFacts(TableFormat.CSV, 2, kinds, inferred=True)


def test_quoted_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    found = known(tmp_path, b'\xef\xbb\xbfa,b\n"x\ny",1\n')
    assert (found.rows, found.columns) == (1, (Column("a", "string"), Column("b", "int64")))


def test_years_may_be_names(tmp_path: Path) -> None:
    assert known(tmp_path, b"country,2019,2020\nX,1,2\n").columns[1] == Column("2019", "int64")


@pytest.mark.parametrize("first", ["Alice,34", "alice@example.org,x", "x,2024-01-02", "-1.5,y"])
def test_a_first_row_that_may_be_data_is_not_published(tmp_path: Path, first: str) -> None:
    found = known(tmp_path, f"{first}\nBob,35\n".encode())
    assert found.rows == Unknown("the first row may be names or data")
    assert [column.name for column in found.columns] == ["#1", "#2"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a,b\n1,2\nsecret,3,4\n", "rows of different lengths: Expected 2 columns, got 3"),
        (b"just text\nmore\n", "one column only"),
        (b"a,b\n", "one row only"),
        (b"", "one column only"),
        (b"a,b\n\xff\xfe\n" * 3, "not readable as csv"),
    ],
)
def test_what_is_no_csv_table_is_unknown_and_quotes_no_data(tmp_path: Path, data: bytes, reason: str) -> None:
    found = facts(tmp_path, data)
    assert isinstance(found, Unknown)
    assert reason in found.reason
    assert "secret" not in found.reason


def test_json_arrays_of_objects_are_tables(tmp_path: Path) -> None:
    data = b'[{"a": 1, "b": "x", "m": 1}, {"a": 2.5, "c": null, "m": "y"}, {"a": 1, "m": {"k": 1}}]'
    found = known(tmp_path, data, TableFormat.JSON)
    kinds = (Column("a", "double"), Column("b", "string"), Column("m", "mixed"), Column("c", "null"))
    assert found == TableFacts(TableFormat.JSON, 3, kinds, inferred=True)


def test_json_lines_are_tables(tmp_path: Path) -> None:
    found = known(tmp_path, b'{"a": 1, "b": [1]}\n{"a": 2, "b": []}\n', TableFormat.JSON)
    kinds = (Column("a", "int64"), Column("b", "list<item: int64>"))
    assert found == TableFacts(TableFormat.JSON_LINES, 2, kinds, inferred=True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a": 1}', "a JSON document"),
        (b'{\n  "a": 1\n}\n', "a JSON document"),
        (b"[]", "no array of objects"),
        (b"[1, 2]", "no array of objects"),
        (b'[{"a": 1}, 2]', "no array of objects"),
        (b'[{"a": 1, "a": 2}]', "malformed JSON"),
        (b"[{", "malformed JSON"),
        (b'{"a": 1}\n{"a": "x"}\n', "not readable as json"),
        (b'{"a": 1}\nnot json\n', "not readable as json"),
        (b"[" + b'{"a": 123456789012345678901234567890}' + b"]", None),
    ],
)
def test_other_json_is_no_table(tmp_path: Path, data: bytes, reason: str | None) -> None:
    found = facts(tmp_path, data, TableFormat.JSON)
    if reason is None:
        assert isinstance(found, TableFacts)
    else:
        assert isinstance(found, Unknown)
        assert reason in found.reason


@pytest.mark.parametrize("table_format", [TableFormat.PARQUET, TableFormat.ARROW_FILE, TableFormat.ARROW_STREAM])
def test_declared_types_are_taken_over(tmp_path: Path, table_format: TableFormat) -> None:
    table = pa.table(
        {"a": pa.array([1, 2], pa.int8()), "s": pa.array(["x", None], pa.dictionary(pa.int32(), pa.string()))}
    )
    file = tmp_path / "table"
    if table_format is TableFormat.PARQUET:
        parquet.write_table(table, file)
    elif table_format is TableFormat.ARROW_FILE:
        feather.write_feather(table, str(file), compression="zstd")
    else:
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        file.write_bytes(sink.getvalue())
    found = read_table(file, table_format)
    kinds = (Column("a", "int8"), Column("s", "dictionary<values=string, indices=int32, ordered=0>"))
    assert found == TableFacts(table_format, 2, kinds, inferred=False)


@pytest.mark.parametrize("table_format", [TableFormat.PARQUET, TableFormat.ARROW_FILE, TableFormat.ARROW_STREAM])
def test_broken_binary_tables_are_unknown(tmp_path: Path, table_format: TableFormat) -> None:
    found = facts(tmp_path, b"PAR1ARROW1\0\0\xff\xff\xff\xff garbage PAR1", table_format)
    assert found == Unknown(f"not readable as {table_format}")


def test_the_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_TEXT_BYTES", 3)
    monkeypatch.setattr(tables, "MAX_JSON_BYTES", 3)
    for data, table_format in (
        (b"a,b\n1,2\n", TableFormat.CSV),
        (b'{"a": 1}\n{"a": 2}\n', TableFormat.JSON),
        (b'[{"a": 1}]', TableFormat.JSON),
    ):
        assert facts(tmp_path, data, table_format) == Unknown("larger than 3 bytes")


def test_a_long_type_is_cut(tmp_path: Path) -> None:
    keys = ", ".join(f'"key{number}": 1' for number in range(100))
    kind = known(tmp_path, f'[{{"a": {{{keys}}}}}]'.encode(), TableFormat.JSON).columns[0].type
    assert len(kind) == 501


@pytest.mark.parametrize("depth", [201, 10_000, 40_000])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_json_lines_do_not_crash_the_reader(tmp_path: Path, depth: int, brackets: tuple[bytes, bytes]) -> None:
    """Arrow's reader recurses, and 10,000 levels ended the whole process."""
    deep = b'{"b":' + brackets[0] * depth + b"1" + brackets[1] * depth + b"}"
    for lines in (b'{"a":1}\n' + deep + b"\n", b'{"a":1}\n' + deep.replace(b"[", b"[\n") + b"\n"):
        found = facts(tmp_path, lines, TableFormat.JSON)
        assert found == Unknown("not readable as json: a line is no object")


def test_one_long_line_is_a_row_of_json_lines(tmp_path: Path) -> None:
    found = known(tmp_path, b'{"t":"' + b"x" * 3_000_000 + b'"}\n\n{"t":"y"}\n', TableFormat.JSON)
    assert (found.rows, found.columns) == (2, (Column("t", "string"),))


def test_what_lies_before_a_json_array_or_lines_is_skipped(tmp_path: Path) -> None:
    assert known(tmp_path, b'\n \n[\n{"a":1}]', TableFormat.JSON).format is TableFormat.JSON
    assert known(tmp_path, b'\xef\xbb\xbf{"a":1}\n{"a":2}', TableFormat.JSON).rows == 2


def test_a_reason_quotes_no_number_of_a_json_document(tmp_path: Path) -> None:
    assert facts(tmp_path, b'[{"secret": 1e999}]', TableFormat.JSON) == Unknown("malformed JSON")


@pytest.mark.parametrize(
    "data",
    [
        b"positive,Bob\nnegative,Al\npositive,Cy\n",
        b"it began well and " + b"went on " * 12 + b",x\nshort,y\n",
    ],
)
def test_a_first_row_that_its_column_repeats_or_that_is_long_is_not_published(tmp_path: Path, data: bytes) -> None:
    found = known(tmp_path, data)
    assert isinstance(found.rows, Unknown)
    assert [column.name for column in found.columns] == ["#1", "#2"]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b'"a,b,c";x\n1;2\n', ["a,b,c", "x"]),
        (b'"col\nname",b\n1,2\n', ["col\nname", "b"]),
        (b'size 5",b;c\n1,2\n', ['size 5"', "b;c"]),
    ],
)
def test_delimiters_and_line_ends_in_quoted_names_mean_nothing(tmp_path: Path, data: bytes, names: list[str]) -> None:
    assert [column.name for column in known(tmp_path, data).columns] == names


def test_a_csv_file_of_too_many_columns_is_not_read(tmp_path: Path) -> None:
    row = ",".join(f"c{number}" for number in range(tables.MAX_TEXT_COLUMNS + 1))
    assert facts(tmp_path, f"{row}\n{row}\n".encode()) == Unknown("larger than 20000 columns")


def test_a_compressed_stream_is_counted_without_unpacking_it(tmp_path: Path) -> None:
    """A few kB of zstd can hold gigabytes of zeros: the count stands in the batch's own words."""
    batch = pa.record_batch({"a": pa.array([0] * 2_000_000, pa.int64())})
    file = tmp_path / "bomb"
    with pa.ipc.new_stream(file, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
        writer.write_batch(batch)
    before = pa.default_memory_pool().max_memory()
    found = read_table(file, TableFormat.ARROW_STREAM)
    assert isinstance(found, TableFacts)
    assert found.rows == 4_000_000
    assert pa.default_memory_pool().max_memory() == before


def test_a_stream_of_less_than_no_rows_is_unknown(tmp_path: Path) -> None:
    sink = io.BytesIO()
    batch = pa.record_batch({"a": pa.array(range(4242), pa.int64())})
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data = sink.getvalue().replace((4242).to_bytes(8, "little"), (-1).to_bytes(8, "little", signed=True))
    assert facts(tmp_path, data, TableFormat.ARROW_STREAM) == Unknown("not readable as arrow-stream")
