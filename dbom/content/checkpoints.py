"""The actions of a Delta checkpoint, which is a Parquet file, as the objects that a commit has them as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dbom.errors import DocumentError
from dbom.rules.artifacts import TABLE_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbom.canonical import Json, JsonObject

__all__ = ["MAX_CHECKPOINT_ROWS", "read_checkpoint"]

MAX_CHECKPOINT_ROWS: Final = 10_000_000
"""The most actions of one checkpoint file."""

MAX_UNPACKED: Final = 2 * 1024 * 1024 * 1024
"""The most bytes that the columns which are read may unpack to, as the file says itself."""

_WANTED = ("add.path", "add.size", "add.partitionValues", "add.deletionVector", "protocol")
_ROWS_AT_ONCE = 10_000


def read_checkpoint(data: bytes, where: str) -> Iterator[JsonObject]:
    """Give the `add` and `protocol` actions of a checkpoint's bytes; only the fields that decide what the table holds.

    Raises `DocumentError` (DBOM-190) for what can't be read or goes beyond a bound.
    """
    import pyarrow as pa  # noqa: PLC0415  only who reads such tables pays for it
    from pyarrow import parquet  # noqa: PLC0415  as above

    try:
        with parquet.ParquetFile(pa.BufferReader(data)) as file:
            columns = _columns(file.metadata, where)
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
                for row in batch.to_pylist(maps_as_pydicts="strict"):
                    yield {key: _json(value) for key, value in row.items() if value is not None}
    except (pa.ArrowException, OSError, ValueError, KeyError, NotImplementedError) as error:
        raise DocumentError(TABLE_MALFORMED, "not readable as a Parquet checkpoint", where=where) from error


def _columns(metadata: Any, where: str) -> list[str]:  # noqa: ANN401  pyarrow has no types
    """Return the columns to read, after a look at how much they unpack to."""
    paths = [metadata.schema.column(number).path for number in range(len(metadata.schema))]
    wanted = [path for path in paths if any(path == name or path.startswith(f"{name}.") for name in _WANTED)]
    if "add.path" not in wanted:
        raise DocumentError(TABLE_MALFORMED, "not a Parquet checkpoint: it has no add.path", where=where)
    places = [number for number, path in enumerate(paths) if path in set(wanted)]
    size = sum(
        metadata.row_group(group).column(place).total_uncompressed_size
        for group in range(metadata.num_row_groups)
        for place in places
    )
    if metadata.num_rows > MAX_CHECKPOINT_ROWS or size > MAX_UNPACKED:
        raise DocumentError(TABLE_MALFORMED, "a checkpoint larger than is read", where=where)
    return wanted


def _json(value: Any) -> Json:  # noqa: ANN401  what Arrow gives for a column
    """Return a value of a row as one of JSON."""
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise ValueError("a value that no action has")
