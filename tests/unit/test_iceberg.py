"""An Iceberg snapshot is its manifest list, its manifests, and the live files that they name; nothing else is."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from table_samples import LIST_SCHEMA, IcebergSample, avro

from dbom.errors import DbomError, DocumentError, NameRefusedError, PathError, UndecidedError
from dbom.formats import iceberg
from dbom.formats.iceberg import find_snapshot, is_iceberg, read_snapshot
from dbom.table_folder import open_table

if TYPE_CHECKING:
    from pathlib import Path

ADDED, EXISTING, DELETED = 1, 0, 2
DATA, POSITIONS, EQUALITIES = 0, 1, 2


def _sample(root: Path, location: str = "s3://lake/db/table") -> IcebergSample:
    """Return a table of two snapshots: in the second a file is deleted, one is added, and rows of another are."""
    table = IcebergSample(root, location)
    for name in ("a", "b", "c", "pos", "eq"):
        table.write(f"data/{name}.parquet")
    first = table.manifest("m0", [(ADDED, DATA, f"{location}/data/{name}.parquet", 4) for name in "ab"])
    table.snapshot(11, [first])
    second = table.manifest(
        "m1",
        [
            (DELETED, DATA, f"{location}/data/a.parquet", 4),
            (EXISTING, DATA, f"{location}/data/b.parquet", 4),
            (ADDED, DATA, f"{location}/data/c.parquet", 4),
        ],
    )
    deletes = table.manifest(
        "m2",
        [
            (ADDED, POSITIONS, f"{location}/data/pos.parquet", 4),
            (ADDED, EQUALITIES, f"{location}/data/eq.parquet", 4),
            (ADDED, POSITIONS, f"{location}/data/pos.parquet", 4),
        ],
    )
    table.snapshot(22, [second, deletes])
    return table


def _paths(root: Path, snapshot: int | None = None) -> list[str]:
    reader = open_table(str(root))
    return [file.path for file in read_snapshot(reader, find_snapshot(reader, snapshot)).files]


def _fails(kind: type[DbomError], rule: str, root: Path, snapshot: int | None = None) -> str:
    with pytest.raises(kind) as caught:
        _paths(root, snapshot)
    assert rule == caught.value.rule.id
    return str(caught.value)


def test_a_snapshot_is_its_metadata_and_its_live_files(tmp_path: Path) -> None:
    _sample(tmp_path)

    assert [
        "data/b.parquet",
        "data/c.parquet",
        "data/eq.parquet",
        "data/pos.parquet",
        "metadata/m1.avro",
        "metadata/m2.avro",
        "metadata/snap-22.avro",
    ] == _paths(tmp_path)
    assert ["data/a.parquet", "data/b.parquet", "metadata/m0.avro", "metadata/snap-11.avro"] == _paths(tmp_path, 11)


def test_the_digest_is_that_of_the_sha256sum_lines_of_manifest_list_and_manifests(tmp_path: Path) -> None:
    _sample(tmp_path)
    lines = "".join(
        f"{hashlib.sha256((tmp_path / path).read_bytes()).hexdigest()}  {path}\n"
        for path in ("metadata/m1.avro", "metadata/m2.avro", "metadata/snap-22.avro")
    )

    pin = find_snapshot(open_table(str(tmp_path))).pin

    assert f"iceberg snapshot 22, manifests sha256:{hashlib.sha256(lines.encode()).hexdigest()}" == str(pin)


def test_a_later_snapshot_leaves_an_earlier_pin_as_it_was(tmp_path: Path) -> None:
    table = _sample(tmp_path)
    before = find_snapshot(open_table(str(tmp_path))).pin
    table.snapshot(33, [])

    assert before == find_snapshot(open_table(str(tmp_path)), 22).pin
    assert 33 == find_snapshot(open_table(str(tmp_path))).pin.snapshot


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("file:///lake/t", "file:/lake/t"),
        ("/lake/t", "file:///lake/t"),
        ("s3://lake/t/", "s3a://lake/t"),
        ("abfss://c@acct.dfs.example/t", "abfs://c@acct.dfs.example/t"),
    ],
)
def test_a_table_that_was_moved_is_read_where_it_is(tmp_path: Path, location: str, named: str) -> None:
    """The metadata names files by the address that they had; protocols of several names are one."""
    table = IcebergSample(tmp_path, named)
    table.write("data/a b=1/é%20.parquet")
    table.snapshot(1, [table.manifest("m0", [(ADDED, DATA, f"{named}/data/a b=1/é%20.parquet", 4)])])
    table.write_metadata(1, location=location)

    assert ["data/a b=1/é%20.parquet", "metadata/m0.avro", "metadata/snap-1.avro"] == _paths(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "s3://lake/db/other/x.parquet",
        "s3://lake/db/tablet/x.parquet",
        "s3://lake/db/table/../other/x.parquet",
        "s3://lake/db/table//x.parquet",
        "s3://lake/db/table/a\nb",
        "gs://lake/db/table/x.parquet",
        "data/x.parquet",
        "/etc/passwd",
        "",
    ],
)
def test_a_file_outside_the_table_is_refused(tmp_path: Path, path: str) -> None:
    table = IcebergSample(tmp_path)
    table.snapshot(1, [table.manifest("m0", [(ADDED, DATA, path, 4)])])

    message = _fails(NameRefusedError, "DBOM-191", tmp_path)

    assert "metadata/m0.avro" in message
    assert "\n" not in message


def test_manifests_outside_the_table_are_refused(tmp_path: Path) -> None:
    table = IcebergSample(tmp_path)
    table.snapshot(1, [{"manifest_path": "s3://lake/db/evil/m.avro", "manifest_length": 1, "content": 0}])
    _fails(NameRefusedError, "DBOM-191", tmp_path)

    table.snapshots = [{"snapshot-id": 2, "manifest-list": "s3://elsewhere/l.avro"}]
    table.write_metadata(2)
    _fails(NameRefusedError, "DBOM-191", tmp_path)


def test_metadata_may_be_packed_and_version_one_names_manifests_itself(tmp_path: Path) -> None:
    table = IcebergSample(tmp_path)
    table.write("data/a.parquet")
    manifest = table.manifest("m0", [(ADDED, DATA, f"{table.location}/data/a.parquet", 4)])
    table.snapshots = [{"snapshot-id": 5, "manifests": [manifest["manifest_path"]]}]
    plain = table.write_metadata(5, **{"format-version": 1})
    packed = gzip.compress(plain.read_bytes())
    plain.unlink()
    table.write("metadata/v3.gz.metadata.json", packed)

    assert ["data/a.parquet", "metadata/m0.avro"] == _paths(tmp_path)

    table.write("metadata/v4.metadata.json.gz", packed[:-9])
    assert "cut off" in _fails(DocumentError, "DBOM-190", tmp_path)
    table.write("metadata/v5.metadata.json.gz", b"no gzip")
    assert "gzip" in _fails(DocumentError, "DBOM-190", tmp_path)


def test_which_metadata_is_the_newest_is_told_or_refused(tmp_path: Path) -> None:
    table = _sample(tmp_path)
    other = table.root / "metadata" / f"{table.version - 1:05}-bbbb.metadata.json"
    other.write_bytes((table.root / "metadata" / "00000-aaaaaaaa.metadata.json").read_bytes())

    assert "two metadata files" in _fails(UndecidedError, "DBOM-193", tmp_path)
    assert 3 == UndecidedError.exit_code

    table.write("metadata/version-hint.text", other.name.encode())
    assert 11 == find_snapshot(open_table(str(tmp_path))).pin.snapshot

    table.write("metadata/version-hint.text", b"7\n")
    assert "version hint" in _fails(UndecidedError, "DBOM-193", tmp_path)


def test_a_snapshot_that_is_not_there_is_refused(tmp_path: Path) -> None:
    table = _sample(tmp_path)

    assert "expected one of 11, 22" in _fails(PathError, "DBOM-192", tmp_path, 99)

    table.write_metadata(None, snapshots=None)
    assert "no snapshot yet" in _fails(PathError, "DBOM-192", tmp_path)
    table.write_metadata(-1, snapshots=[])
    assert "no snapshot yet" in _fails(PathError, "DBOM-192", tmp_path)

    with pytest.raises(PathError, match="no Iceberg metadata"):
        find_snapshot(open_table(str(tmp_path / "data")))
    assert not is_iceberg(open_table(str(tmp_path / "data")))


@pytest.mark.parametrize(
    "changed",
    [
        {"format-version": 9},
        {"location": 7},
        {"location": ""},
        {"snapshots": {}},
        {"snapshots": [1]},
        {"snapshots": [{"snapshot-id": True}]},
        {"snapshots": [{"snapshot-id": 22}, {"snapshot-id": 22}]},
        {"snapshots": [{"snapshot-id": 22}]},
        {"snapshots": [{"snapshot-id": 22, "manifests": [4]}]},
        {"snapshots": [{"snapshot-id": 22, "manifest-list": 4}]},
    ],
)
def test_malformed_metadata_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    _sample(tmp_path).write_metadata(22, **changed)

    _fails(DocumentError, "DBOM-190", tmp_path)


def test_metadata_that_is_no_json_is_refused(tmp_path: Path) -> None:
    _sample(tmp_path).write("metadata/00009-x.metadata.json", b'{"a":1,"a":2}')

    with pytest.raises(DocumentError, match="stands twice"):
        _paths(tmp_path)


def test_manifests_that_contradict_their_list_are_refused(tmp_path: Path) -> None:
    table = _sample(tmp_path)
    table.write("metadata/m1.avro", (tmp_path / "metadata/m1.avro").read_bytes() + b"more")
    assert "not as long" in _fails(DocumentError, "DBOM-190", tmp_path)

    table.write("metadata/snap-22.avro", avro(LIST_SCHEMA, [])[:-3])
    assert "Avro" in _fails(DocumentError, "DBOM-190", tmp_path)

    (tmp_path / "metadata/snap-22.avro").unlink()
    assert "not here: metadata/snap-22.avro" in _fails(PathError, "DBOM-194", tmp_path)


def test_entries_of_another_form_are_refused(tmp_path: Path) -> None:
    table = IcebergSample(tmp_path)
    table.snapshot(1, [table.manifest("m0", [(7, DATA, f"{table.location}/x", 4)])])
    assert "an entry" in _fails(DocumentError, "DBOM-190", tmp_path)

    table.snapshot(2, [table.manifest("m0", [(ADDED, DATA, f"{table.location}/x", -4)])])
    assert "without" in _fails(DocumentError, "DBOM-190", tmp_path)

    table.snapshot(3, [table.manifest("m0", [(ADDED, DATA, f"{table.location}/x", size) for size in (4, 5)])])
    assert "two sizes" in _fails(DocumentError, "DBOM-190", tmp_path)


def test_more_manifests_or_files_than_are_read_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _sample(tmp_path)
    monkeypatch.setattr(iceberg, "MAX_MANIFESTS", 1)
    assert "more than 1 manifests" in _fails(DocumentError, "DBOM-190", tmp_path)

    monkeypatch.setattr(iceberg, "MAX_MANIFESTS", 10)
    monkeypatch.setattr("dbom.formats.table_snapshot.MAX_TABLE_FILES", 3)
    assert "more than 3 files" in _fails(DocumentError, "DBOM-190", tmp_path)


def test_strings_of_a_table_are_shown_harmless(tmp_path: Path) -> None:
    table = IcebergSample(tmp_path)
    table.snapshots = [{"snapshot-id": 1, "manifest-list": "s3://b\x1b[2J"}]
    table.write_metadata(1, location="s3://a\u202e")

    message = _fails(NameRefusedError, "DBOM-191", tmp_path)

    assert message.isprintable()
