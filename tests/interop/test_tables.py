"""The files of a snapshot are those that the formats' own libraries read, for every snapshot of tables that they wrote.

pyiceberg (Apache Iceberg's own) and deltalake (delta-rs) write and read; what is told here must be what they say.
"""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.types import StringType

from dbom.fingerprinting import fingerprint
from dbom.snapshots import find_pins, fingerprint_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CITIES = ("plain", "a b", "é/x=1", "q%20z", "50%", "+&#?;", "日本", "a:b")


def _rows(chance: random.Random) -> pa.Table:
    count = chance.randrange(1, 6)
    return pa.table(
        {
            "id": pa.array([chance.randrange(100) for _ in range(count)], pa.int64()),
            "city": [chance.choice(_CITIES) for _ in range(count)],
        }
    )


def _files(path: Path, snapshot: int) -> list[str]:
    return [entry.path for entry in fingerprint_snapshot(path, str(snapshot)).fingerprint.entries]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqlCatalog]:
    catalog = SqlCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/lake")
    catalog.create_namespace("db")
    yield catalog
    catalog.close()


def _evolve(table: Any, chance: random.Random, step: int) -> None:  # noqa: ANN401  pyiceberg's table
    if step == 4:
        with table.update_schema() as update:
            update.add_column("extra", StringType())
    what = chance.choice(("append", "append", "delete", "overwrite"))
    if what == "delete":
        table.delete(f"id < {chance.randrange(60)}")
        return
    rows = _rows(chance)
    if step >= 4:
        rows = rows.append_column("extra", pa.array(["e"] * rows.num_rows))
    (table.append if what == "append" else table.overwrite)(rows)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.filterwarnings("ignore:Delete operation did not match any records:UserWarning")
def test_iceberg_snapshots_are_those_of_pyiceberg(catalog: SqlCatalog, tmp_path: Path, seed: int, version: str) -> None:
    chance = random.Random(seed)  # noqa: S311  the same tables each time
    schema = _rows(chance).schema
    table = catalog.create_table(
        "db.events", schema=schema, properties={"format-version": version, "commit.manifest-merge.enabled": "true"}
    )
    if seed % 2 == 0:
        with table.update_spec() as update:
            update.add_identity("city")
    for step in range(8):
        _evolve(table, chance, step)
    folder = tmp_path / "lake" / "db" / "events"
    prefix = f"{table.location()}/"

    for snapshot in table.metadata.snapshots:
        theirs = {task.file.file_path for task in table.scan(snapshot_id=snapshot.snapshot_id).plan_files()}
        metadata = {snapshot.manifest_list, *(file.manifest_path for file in snapshot.manifests(table.io))}
        expected = sorted(path.removeprefix(prefix) for path in theirs | metadata)

        assert expected == _files(folder, snapshot.snapshot_id)

    moved = shutil.copytree(folder, tmp_path / "moved" / "events")
    current = table.metadata.current_snapshot_id
    assert current == fingerprint_snapshot(moved).pin.snapshot
    assert fingerprint_snapshot(folder) == fingerprint_snapshot(moved)
    assert (fingerprint_snapshot(folder).pin,) == find_pins(folder, fingerprint(folder)).pins


def _change(folder: Path, chance: random.Random, step: int) -> None:
    table, what = DeltaTable(folder), chance.choice(("append", "append", "delete", "overwrite", "optimize", "schema"))
    rows = _rows(chance)
    if what == "delete":
        table.delete(f"id < {chance.randrange(60)}")
    elif what == "optimize":
        table.optimize.compact()
    else:
        if what == "schema":
            rows = rows.append_column(f"extra{step}", pa.array(["e"] * rows.num_rows))
        write_deltalake(folder, rows, mode="overwrite" if what == "overwrite" else "append", schema_mode="merge")
    if step % 4 == 3:
        DeltaTable(folder).create_checkpoint()


@pytest.mark.parametrize("seed", range(6))
def test_delta_versions_are_those_of_deltalake(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  the same tables each time
    folder = tmp_path / "events"
    write_deltalake(folder, _rows(chance), partition_by=["city"] if seed % 2 == 0 else None)
    pins = {}
    for step in range(12):
        _change(folder, chance, step)
        version, files = DeltaTable(folder).version(), DeltaTable(folder).file_uris()
        if files:
            pins[version] = fingerprint_snapshot(folder).pin

    for version, pin in pins.items():
        theirs = DeltaTable(folder, version=version).file_uris()

        assert sorted(uri.removeprefix(f"{folder}/") for uri in theirs) == _files(folder, version)
        assert pin == fingerprint_snapshot(folder, str(version)).pin


def test_a_log_that_was_cleaned_up_behind_a_checkpoint_pins_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    chance = random.Random(9)  # noqa: S311  the same table each time
    write_deltalake(folder, _rows(chance), partition_by=["city"])
    for _ in range(3):
        write_deltalake(folder, _rows(chance), mode="append")
    before = fingerprint_snapshot(folder)

    DeltaTable(folder).create_checkpoint()
    for version in range(4):
        (folder / "_delta_log" / f"{version:020}.json").unlink()

    assert before == fingerprint_snapshot(folder)
    assert (before.pin,) == find_pins(folder, fingerprint(folder)).pins
