"""A table's snapshot is fingerprinted as the tree of its own files: what else lies in the folder doesn't count."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import fsspec
import pyarrow as pa
import pytest
from pyarrow import parquet
from table_samples import DELTA_PROTOCOL, IcebergSample, add, commit

import dbom
from dbom.errors import ChangedError, DbomError, DocumentError, NameRefusedError, PathError, UndecidedError, UsageError
from dbom.fingerprinting import fingerprint
from dbom.snapshots import find_pins, fingerprint_snapshot
from dbom.table_folder import LocalTable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbom.formats.table_snapshot import TablePin


def _iceberg(root: Path) -> IcebergSample:
    table = IcebergSample(root)
    table.write("data/a.parquet")
    table.write("data/b.parquet", b"more rows")
    location = table.location
    table.snapshot(11, [table.manifest("m0", [(1, 0, f"{location}/data/a.parquet", 4)])])
    table.snapshot(
        22, [table.manifest("m1", [(0, 0, f"{location}/data/a.parquet", 4), (1, 0, f"{location}/data/b.parquet", 9)])]
    )
    return table


def _delta(root: Path) -> Path:
    commit(root, 0, DELTA_PROTOCOL, add("a.parquet"))
    commit(root, 1, add("b.parquet", 9))
    (root / "a.parquet").write_bytes(b"rows")
    (root / "b.parquet").write_bytes(b"more rows")
    return root


@pytest.fixture
def iceberg(tmp_path: Path) -> Path:
    _iceberg(tmp_path / "t")
    return tmp_path / "t"


@pytest.fixture
def delta(tmp_path: Path) -> Path:
    return _delta(tmp_path / "d")


def _copied(source: Path, target: Path, paths: list[str]) -> Path:
    for path in paths:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / path, target / path)
    return target


def test_the_digest_is_that_of_a_folder_with_just_those_files(iceberg: Path, tmp_path: Path) -> None:
    found = fingerprint_snapshot(iceberg, "11")
    paths = ["data/a.parquet", "metadata/m0.avro", "metadata/snap-11.avro"]

    assert paths == [entry.path for entry in found.fingerprint.entries]
    assert fingerprint(_copied(iceberg, tmp_path / "copy", paths)).digest == found.fingerprint.digest
    assert [f"only the files of {found.pin}"] == [finding.message for finding in found.fingerprint.findings]
    assert "t" == found.fingerprint.name


def test_orphans_and_later_snapshots_change_nothing(iceberg: Path, delta: Path) -> None:
    before = fingerprint_snapshot(iceberg, "11"), fingerprint_snapshot(delta, "0")
    (iceberg / "data" / "orphan.parquet").write_bytes(b"x")
    (iceberg / "new\nline").write_bytes(b"x")
    os.mkfifo(iceberg / "data" / "pipe")
    (delta / "orphan.parquet").write_bytes(b"x")
    commit(delta, 2, add("a.parquet", 4, partitionValues={"k": "v"}))

    assert before == (fingerprint_snapshot(iceberg, "11"), fingerprint_snapshot(delta, "0"))
    assert fingerprint_snapshot(iceberg) != before[0]


def test_the_pin_of_a_tree_is_that_of_its_current_snapshot(iceberg: Path, delta: Path) -> None:
    for path in (iceberg, delta):
        pins = find_pins(path, fingerprint(path))

        assert (fingerprint_snapshot(path).pin,) == pins.pins
        assert () == pins.findings


def test_the_manifests_digest_is_recomputed_with_sha256sum(iceberg: Path) -> None:
    lines = "".join(
        f"{hashlib.sha256((iceberg / path).read_bytes()).hexdigest()}  {path}\n"
        for path in ("metadata/m1.avro", "metadata/snap-22.avro")
    )

    assert hashlib.sha256(lines.encode()).hexdigest() == fingerprint_snapshot(iceberg).pin.manifests


@pytest.fixture
def bucket() -> Iterator[str]:
    yield "tables"
    fsspec.filesystem("memory").rm("/tables", recursive=True)


def test_a_table_in_a_store_is_the_same(iceberg: Path, delta: Path, bucket: str) -> None:
    memory = fsspec.filesystem("memory")
    for root in (iceberg, delta):
        for path in root.rglob("*"):
            if path.is_file():
                memory.pipe_file(f"/{bucket}/{root.name}/{path.relative_to(root)}", path.read_bytes())
        url = f"memory://{bucket}/{root.name}"

        assert fingerprint_snapshot(root) == fingerprint_snapshot(url)
        assert fingerprint_snapshot(root) == fingerprint_snapshot(f"file://{root}")
        assert find_pins(root, fingerprint(root)) == find_pins(url, fingerprint(url))

    memory.rm(f"/{bucket}/t/data/a.parquet")
    with pytest.raises(PathError, match=r"data/a\.parquet"):
        fingerprint_snapshot(f"memory://{bucket}/t")
    memory.rm(f"/{bucket}/t/metadata/m1.avro")
    with pytest.raises(PathError, match=r"metadata/m1\.avro"):
        fingerprint_snapshot(f"memory://{bucket}/t")


def _fails(kind: type[DbomError], rule: str, path: Path | str, snapshot: str = "current") -> DbomError:
    with pytest.raises(kind) as caught:
        fingerprint_snapshot(path, snapshot)
    assert rule == caught.value.rule.id
    return caught.value


def test_missing_files_are_all_named(iceberg: Path) -> None:
    (iceberg / "data/b.parquet").unlink()
    assert "data/b.parquet" in str(_fails(PathError, "DBOM-194", iceberg))
    (iceberg / "data/a.parquet").unlink()
    assert ("data/a.parquet", "data/b.parquet") == _fails(PathError, "DBOM-194", iceberg).faults


def test_a_file_of_another_size_than_the_table_says_is_refused(iceberg: Path) -> None:
    (iceberg / "data/a.parquet").write_bytes(b"other")

    error = _fails(DocumentError, "DBOM-194", iceberg)

    assert ("data/a.parquet: got 5 bytes, expected 4",) == error.faults


def test_links_out_of_the_table_are_refused_and_links_within_are_read(iceberg: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"rows")
    (iceberg / "data/a.parquet").unlink()
    (iceberg / "data/a.parquet").symlink_to(tmp_path / "outside")
    assert "leads out" in str(_fails(NameRefusedError, "DBOM-104", iceberg))

    (iceberg / "data/a.parquet").unlink()
    (iceberg / "here").write_bytes(b"rows")
    (iceberg / "data/a.parquet").symlink_to("../here")
    assert 3 + 1 == len(fingerprint_snapshot(iceberg).fingerprint.entries)

    (iceberg / "data/a.parquet").unlink()
    os.mkfifo(iceberg / "data/a.parquet")
    _fails(PathError, "DBOM-105", iceberg)


def test_metadata_out_of_the_table_is_not_read(iceberg: Path, tmp_path: Path) -> None:
    newest = max((iceberg / "metadata").glob("*.metadata.json"))
    newest.rename(tmp_path / "metadata.json")
    newest.symlink_to(tmp_path / "metadata.json")

    _fails(NameRefusedError, "DBOM-104", iceberg)


@pytest.mark.parametrize("snapshot", ["", "-1", "latest", "1.0", "\uff19", "1" * 30, "v1"])
def test_what_is_no_snapshot_is_a_usage_error(delta: Path, snapshot: str) -> None:
    _fails(UsageError, "DBOM-901", delta, snapshot)


def test_where_there_is_no_table_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "notes.json").write_text("{}")

    assert "no table" in str(_fails(PathError, "DBOM-192", tmp_path))
    _fails(PathError, "DBOM-101", tmp_path / "nowhere")
    _fails(UsageError, "DBOM-901", f"zip://x::{tmp_path}/t.zip")
    assert ((), ()) == _pins(tmp_path)


def _pins(path: Path) -> tuple[object, ...]:
    found = find_pins(path, fingerprint(path))
    return found.pins, found.findings


def test_a_folder_that_is_two_tables_has_two_pins_and_no_one_snapshot(iceberg: Path) -> None:
    _delta(iceberg)

    pins = find_pins(iceberg, fingerprint(iceberg)).pins
    assert ["iceberg", "delta"] == [pin.layout for pin in pins]
    _fails(UndecidedError, "DBOM-193", iceberg)


def test_a_table_that_cannot_be_read_still_has_a_digest_and_a_finding_says_why(iceberg: Path) -> None:
    (iceberg / "metadata/m1.avro").unlink()
    found = fingerprint(iceberg)

    pins = find_pins(iceberg, found)

    assert () == pins.pins
    assert [("DBOM-194", "warning")] == [(finding.rule, str(finding.severity)) for finding in pins.findings]


def test_a_pin_is_only_of_the_bytes_that_were_fingerprinted(iceberg: Path) -> None:
    found = fingerprint(iceberg)
    newest = max((iceberg / "metadata").glob("*.metadata.json"))
    newest.write_text(json.dumps(json.loads(newest.read_text()) | {"current-snapshot-id": 11}))

    assert ["DBOM-106"] == [finding.rule for finding in find_pins(iceberg, found).findings]


def test_manifests_that_change_under_the_read_are_an_error(iceberg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbom.formats import iceberg as module

    real = module.read_snapshot

    def changing(*given: object) -> object:
        found = real(*given)  # type: ignore[arg-type]  # passed on
        (iceberg / "metadata/snap-22.avro").write_bytes(b"evil")
        return found

    monkeypatch.setattr(module, "read_snapshot", changing)

    with pytest.raises(ChangedError, match="manifests"):
        fingerprint_snapshot(iceberg)


def test_a_choice_of_files_has_no_pin(iceberg: Path) -> None:
    assert () == find_pins(iceberg, fingerprint_snapshot(iceberg).fingerprint).pins
    assert () == find_pins(f"{iceberg}/**", fingerprint(f"{iceberg}/**")).pins


def test_metadata_that_is_too_large_is_refused(iceberg: Path) -> None:
    with pytest.raises(DocumentError, match="larger than is read"):
        LocalTable.at(str(iceberg)).read("metadata/m0.avro", limit=10)


@pytest.mark.parametrize("layout", ["iceberg", "delta"])
def test_a_bom_carries_the_pin(layout: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(layout)
    for name in ("a", "b"):
        for file in path.rglob(f"{name}.parquet"):
            parquet.write_table(pa.table({"n": [1]}), file)
    pin = _pin_of(path)

    document = json.loads(dbom.generate(path).to_json())

    component = document["metadata"]["component"]
    properties = {item["name"]: item["value"] for item in component["properties"]}
    assert "data" == component["type"]
    assert str(pin.snapshot) == properties[f"dbom:{layout}:{pin.layout.word}"]
    assert f"sha256:{pin.manifests}" == properties[f"dbom:{layout}:manifests"]


def test_weights_beside_a_table_are_still_seen(iceberg: Path) -> None:
    (iceberg / "weights.bin").write_bytes(b"\0\1\2\3" * 64)

    with pytest.raises(UsageError, match="dataset or a model"):
        dbom.generate(iceberg)


def _pin_of(path: Path) -> TablePin:
    """Return the pin alone: the files have other sizes than the table says."""
    (pin,) = find_pins(path, fingerprint(path)).pins
    return pin


def test_a_snapshot_is_asked_for_in_python(delta: Path) -> None:
    assert fingerprint_snapshot(delta, "0").fingerprint == dbom.fingerprint(delta, snapshot=0)
    assert fingerprint_snapshot(delta).fingerprint == dbom.fingerprint(delta, snapshot="current")
    with pytest.raises(UsageError):
        dbom.fingerprint(delta, snapshot=0, ignores=[])
    with pytest.raises(UsageError):
        dbom.fingerprint(delta, snapshot=0, follow_links=True)


def test_an_empty_version_has_a_pin_and_no_fingerprint(delta: Path) -> None:
    commit(delta, 2, *({"remove": {"path": f"{name}.parquet", "dataChange": True}} for name in "ab"))

    assert hashlib.sha256(b"").hexdigest() == find_pins(delta, fingerprint(delta)).pins[0].manifests
    assert "no files" in str(_fails(PathError, "DBOM-194", delta))


def test_a_file_that_is_replaced_while_it_is_read_is_an_error(iceberg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbom.reading import digest_files as real

    def replacing(*given: Any, **more: Any) -> object:  # noqa: ANN401  passed on
        entries = real(*given, **more)
        (iceberg / "data/a.parquet").unlink()
        (iceberg / "data/a.parquet").write_bytes(b"evil")
        return entries

    monkeypatch.setattr("dbom.table_folder.digest_files", replacing)

    with pytest.raises(ChangedError, match=r"data/a\.parquet"):
        fingerprint_snapshot(iceberg)


def test_names_that_are_a_file_or_too_long_are_clear_errors(iceberg: Path) -> None:
    reader = LocalTable.at(str(iceberg))

    assert () == reader.names("data/a.parquet")
    with pytest.raises(PathError):
        reader.read("x" * 5000)
    with pytest.raises(PathError):
        reader.read("data/a.parquet/x")


def test_a_table_that_went_away_is_a_finding(iceberg: Path) -> None:
    found = fingerprint(iceberg)
    shutil.rmtree(iceberg)

    assert ["DBOM-101"] == [finding.rule for finding in find_pins(iceberg, found).findings]
