"""Tables of the open formats, written by hand where no library here writes what a test needs."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import fastavro
import pyarrow as pa
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["DELTA_PROTOCOL", "LIST_SCHEMA", "IcebergSample", "add", "avro", "checkpoint", "commit"]

LIST_SCHEMA = {
    "type": "record",
    "name": "manifest_file",
    "fields": [
        {"name": "manifest_path", "type": "string", "field-id": 500},
        {"name": "manifest_length", "type": "long", "field-id": 501},
        {"name": "content", "type": "int", "field-id": 517},
    ],
}
ENTRY_SCHEMA = {
    "type": "record",
    "name": "manifest_entry",
    "fields": [
        {"name": "status", "type": "int", "field-id": 0},
        {
            "name": "data_file",
            "field-id": 2,
            "type": {
                "type": "record",
                "name": "r2",
                "fields": [
                    {"name": "content", "type": "int", "field-id": 134},
                    {"name": "file_path", "type": "string", "field-id": 100},
                    {"name": "file_size_in_bytes", "type": "long", "field-id": 104},
                ],
            },
        },
    ],
}


def avro(schema: Mapping[str, Any], records: Sequence[object], codec: str = "deflate") -> bytes:
    """Return an Avro file, written by fastavro."""
    file = io.BytesIO()
    fastavro.writer(file, dict(schema), records, codec=codec)
    return file.getvalue()


@dataclass
class IcebergSample:
    """A table of one's own: files are added to a snapshot, and `commit` writes what names them."""

    root: Path
    location: str = "s3://lake/db/table"
    snapshots: list[dict[str, object]] = field(default_factory=list)
    version: int = 0

    def write(self, path: str, data: bytes = b"rows") -> Path:
        """Write one file of the table."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return target

    def manifest(self, name: str, entries: Sequence[tuple[int, int, str, int]]) -> dict[str, object]:
        """Write a manifest of (status, content, path, size), and return what the manifest list says of it."""
        records = [
            {"status": status, "data_file": {"content": content, "file_path": path, "file_size_in_bytes": size}}
            for status, content, path, size in entries
        ]
        data = avro(ENTRY_SCHEMA, records)
        self.write(f"metadata/{name}.avro", data)
        return {
            "manifest_path": f"{self.location}/metadata/{name}.avro",
            "manifest_length": len(data),
            "content": 0,
        }

    def snapshot(self, identity: int, manifests: Sequence[Mapping[str, object]]) -> None:
        """Write a manifest list, and the metadata in which this snapshot is the current one."""
        self.write(f"metadata/snap-{identity}.avro", avro(LIST_SCHEMA, [dict(item) for item in manifests]))
        self.snapshots.append(
            {"snapshot-id": identity, "manifest-list": f"{self.location}/metadata/snap-{identity}.avro"}
        )
        self.write_metadata(identity)

    def write_metadata(self, current: int | None, **changed: object) -> Path:
        """Write the next metadata file."""
        document = {
            "format-version": 2,
            "location": self.location,
            "current-snapshot-id": current,
            "snapshots": self.snapshots,
            **changed,
        }
        path = self.write(f"metadata/{self.version:05}-{'a' * 8}.metadata.json", json.dumps(document).encode())
        self.version += 1
        return path


DELTA_PROTOCOL = {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}


def add(path: str, size: int = 4, **more: object) -> dict[str, object]:
    """Return the action that adds a file."""
    return {"add": {"path": path, "size": size, "partitionValues": {}, "dataChange": True, **more}}


def commit(root: Path, version: int, *actions: Mapping[str, object]) -> Path:
    """Write a commit of a Delta log."""
    path = root / "_delta_log" / f"{version:020}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(action) + "\n" for action in actions))
    return path


_VECTOR = pa.struct(
    [
        ("storageType", pa.string()),
        ("pathOrInlineDv", pa.string()),
        ("offset", pa.int32()),
        ("sizeInBytes", pa.int32()),
        ("cardinality", pa.int64()),
    ]
)
_ADD = pa.struct(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("partitionValues", pa.map_(pa.string(), pa.string())),
        ("deletionVector", _VECTOR),
    ]
)
_PROTOCOL = pa.struct([("minReaderVersion", pa.int32()), ("readerFeatures", pa.list_(pa.string()))])


def checkpoint(root: Path, name: str, *actions: Mapping[str, Any]) -> Path:
    """Write a checkpoint of a Delta log, with the columns that decide what the table holds."""
    rows = [
        {"add": None, "protocol": None}
        | {
            key: dict(value, partitionValues=list(value["partitionValues"].items())) if key == "add" else value
            for key, value in action.items()
        }
        for action in actions
    ]
    table = pa.Table.from_pylist(rows, schema=pa.schema([("add", _ADD), ("protocol", _PROTOCOL)]))
    path = root / "_delta_log" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)
    return path
