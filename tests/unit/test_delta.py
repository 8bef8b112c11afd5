"""A Delta version is what its log comes to: the data files and deletion vectors, whether checkpoints help or not."""

from __future__ import annotations

import hashlib
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from table_samples import DELTA_PROTOCOL, add, checkpoint, commit

from dbom.content import checkpoints
from dbom.content.checkpoints import read_checkpoint
from dbom.errors import DbomError, DocumentError, NameRefusedError, PathError, UndecidedError
from dbom.formats.delta import is_delta, read_version
from dbom.table_folder import open_table

if TYPE_CHECKING:
    from dbom.formats.table_snapshot import TableSnapshot

_ID = uuid.UUID("d2c639aa-8816-431a-aaf6-d3fe2512ff61")
_VECTOR = {
    "storageType": "u",
    "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^",
    "offset": 4,
    "sizeInBytes": 40,
    "cardinality": 6,
}
"""The example of the protocol («Deletion Vectors», «Derived Fields»), and its file's name."""


def _read(root: Path, version: int | None = None) -> TableSnapshot:
    return read_version(open_table(str(root)), version, read_checkpoint)


def _paths(root: Path, version: int | None = None) -> list[str]:
    return [file.path for file in _read(root, version).files]


def _fails(kind: type[DbomError], rule: str, root: Path, version: int | None = None) -> str:
    with pytest.raises(kind) as caught:
        _read(root, version)
    assert rule == caught.value.rule.id
    return str(caught.value)


def _remove(path: str, **more: object) -> dict[str, object]:
    return {"remove": {"path": path, "dataChange": True, **more}}


def _sample(root: Path) -> Path:
    """Write a log of five commits: a, then b, then a goes, then c, then a comes back with another size."""
    commit(root, 0, {"commitInfo": {}}, DELTA_PROTOCOL, {"metaData": {}}, add("a.parquet"))
    commit(root, 1, add("k=x%2520y/b.parquet", partitionValues={"k": "x y"}))
    commit(root, 2, _remove("a.parquet"))
    commit(root, 3, add("c.parquet"))
    commit(root, 4, add("a.parquet", 9))
    return root


def test_a_version_is_what_was_added_and_not_removed(tmp_path: Path) -> None:
    _sample(tmp_path)

    assert [
        ["a.parquet"],
        ["a.parquet", "k=x%20y/b.parquet"],
        ["k=x%20y/b.parquet"],
        ["c.parquet", "k=x%20y/b.parquet"],
        ["a.parquet", "c.parquet", "k=x%20y/b.parquet"],
    ] == [_paths(tmp_path, version) for version in range(5)]
    assert 4 == _read(tmp_path).pin.snapshot


def test_the_digest_is_that_of_one_line_of_json_a_file(tmp_path: Path) -> None:
    _sample(tmp_path)
    lines = (
        '{"partitionValues":{},"path":"a.parquet","size":9}\n'
        '{"partitionValues":{},"path":"c.parquet","size":4}\n'
        '{"partitionValues":{"k":"x y"},"path":"k=x%20y/b.parquet","size":4}\n'
    )

    assert f"delta version 4, manifests sha256:{hashlib.sha256(lines.encode()).hexdigest()}" == str(_read(tmp_path).pin)


@pytest.mark.parametrize(
    "names",
    [
        ("{:020}.checkpoint.parquet",),
        ("{:020}.checkpoint.0000000001.0000000002.parquet", "{:020}.checkpoint.0000000002.0000000002.parquet"),
    ],
)
def test_a_checkpoint_changes_nothing_and_the_log_before_it_may_go(tmp_path: Path, names: tuple[str, ...]) -> None:
    _sample(tmp_path)
    before = _read(tmp_path)
    actions: list[dict[str, Any]] = [
        DELTA_PROTOCOL,
        add("k=x%2520y/b.parquet", partitionValues={"k": "x y"}),
        add("c.parquet"),
    ]
    for place, name in enumerate(names):
        checkpoint(tmp_path, name.format(3), *actions[place :: len(names)])
    for version in range(4):
        (tmp_path / "_delta_log" / f"{version:020}.json").unlink()

    assert before == _read(tmp_path)
    assert ["c.parquet", "k=x%20y/b.parquet"] == _paths(tmp_path, 3)
    assert "cleaned up" in _fails(PathError, "DBOM-192", tmp_path, 2)

    (tmp_path / "_delta_log" / names[-1].format(3)).unlink()
    assert "cleaned up" in _fails(PathError, "DBOM-192", tmp_path)


def test_deletion_vectors_are_files_of_the_version(tmp_path: Path) -> None:
    commit(tmp_path, 0, DELTA_PROTOCOL, add("a.parquet"))
    without = _read(tmp_path)
    commit(tmp_path, 1, _remove("a.parquet"), add("a.parquet", deletionVector=_VECTOR))
    inline = {
        "storageType": "i",
        "pathOrInlineDv": "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L",
        "sizeInBytes": 40,
    }
    commit(tmp_path, 2, add("b.parquet", deletionVector=inline))

    assert ["a.parquet"] == [file.path for file in without.files]
    assert ["a.parquet", f"ab/deletion_vector_{_ID}.bin"] == _paths(tmp_path, 1)
    assert without.pin.manifests != _read(tmp_path, 1).pin.manifests
    assert ["a.parquet", f"ab/deletion_vector_{_ID}.bin", "b.parquet"] == _paths(tmp_path)

    checkpoint(tmp_path, f"{1:020}.checkpoint.parquet", DELTA_PROTOCOL, add("a.parquet", deletionVector=_VECTOR))
    pin = _read(tmp_path, 1).pin
    (tmp_path / "_delta_log" / f"{1:020}.checkpoint.parquet").unlink()
    assert pin == _read(tmp_path, 1).pin


@pytest.mark.parametrize(
    "vector",
    [
        {"storageType": "x", "pathOrInlineDv": "y"},
        {"storageType": "u"},
        {"storageType": "u", "pathOrInlineDv": "short"},
        {"storageType": "u", "pathOrInlineDv": "é" * 20},
        {"storageType": "u", "pathOrInlineDv": "vBn[lx{q8@P<9BNH/isA", "offset": "4"},
    ],
)
def test_a_malformed_deletion_vector_is_refused(tmp_path: Path, vector: dict[str, object]) -> None:
    commit(tmp_path, 0, DELTA_PROTOCOL, add("a.parquet", deletionVector=vector))

    _fails(DocumentError, "DBOM-190", tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "s3://other/x.parquet",
        "file:/etc/passwd",
        "../x",
        "a/%2E%2E/x",
        "a//x",
        "a%0Ab",
        "%FF",
        "a%5Cb",
        ".",
    ],
)
def test_a_file_outside_the_table_is_refused(tmp_path: Path, path: str) -> None:
    commit(tmp_path, 0, DELTA_PROTOCOL, add(path))

    assert _fails(NameRefusedError, "DBOM-191", tmp_path).isprintable()


def test_vectors_outside_the_table_are_refused(tmp_path: Path) -> None:
    absolute = {**_VECTOR, "storageType": "p", "pathOrInlineDv": "s3://other/dv.bin"}
    commit(tmp_path, 0, DELTA_PROTOCOL, add("a.parquet", deletionVector=absolute))
    _fails(NameRefusedError, "DBOM-191", tmp_path)

    above = {**_VECTOR, "pathOrInlineDv": f"../{_VECTOR['pathOrInlineDv']}"}
    commit(tmp_path, 0, DELTA_PROTOCOL, add("a.parquet", deletionVector=above))
    _fails(NameRefusedError, "DBOM-191", tmp_path)


def test_a_log_with_a_gap_says_nothing(tmp_path: Path) -> None:
    _sample(tmp_path)
    (tmp_path / "_delta_log" / f"{3:020}.json").unlink()
    assert "no commit 3" in _fails(UndecidedError, "DBOM-193", tmp_path)
    assert ["k=x%20y/b.parquet"] == _paths(tmp_path, 2)

    (tmp_path / "_delta_log" / f"{4:020}.checkpoint.{_ID}.parquet").write_bytes(b"")
    assert "checkpoint of version 2" in _fails(UndecidedError, "DBOM-193", tmp_path)


def test_a_checkpoint_that_is_named_and_not_there_says_nothing(tmp_path: Path) -> None:
    _sample(tmp_path)
    hint = tmp_path / "_delta_log" / "_last_checkpoint"
    hint.write_text('{"version":4,"size":9}')
    assert 4 == _read(tmp_path).pin.snapshot

    hint.write_text('{"version":7,"size":9}')
    assert "version 7" in _fails(UndecidedError, "DBOM-193", tmp_path)
    hint.write_text('{"version":"7"}')
    _fails(DocumentError, "DBOM-190", tmp_path)


def test_a_version_that_is_not_there_is_refused(tmp_path: Path) -> None:
    _sample(tmp_path)

    assert "expected 0 to 4" in _fails(PathError, "DBOM-192", tmp_path, 5)
    assert is_delta(open_table(str(tmp_path)))
    assert not is_delta(open_table(str(tmp_path / "_delta_log")))


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ({"minReaderVersion": 2}, None),
        ({"minReaderVersion": 3, "readerFeatures": ["deletionVectors", "columnMapping"]}, None),
        ({"minReaderVersion": 3, "readerFeatures": ["catalogManaged", "\x1b"]}, "catalogManaged"),
        ({"minReaderVersion": 3}, "none named"),
        ({"minReaderVersion": 4}, "isn't known"),
        ({"minReaderVersion": "1"}, "isn't known"),
        ({}, "isn't known"),
    ],
)
def test_a_protocol_that_could_mean_something_else_says_nothing(
    tmp_path: Path, protocol: dict[str, object], expected: str | None
) -> None:
    commit(tmp_path, 0, {"protocol": protocol}, add("a.parquet"))

    if expected is None:
        assert ["a.parquet"] == _paths(tmp_path)
    else:
        assert expected in _fails(UndecidedError, "DBOM-193", tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"add": 7}',
        '{"add": {"path": 7, "size": 4}}',
        '{"add": {"path": "", "size": 4}}',
        '{"add": {"path": "x"}}',
        '{"add": {"path": "x", "size": -1}}',
        '{"add": {"path": "x", "size": 1, "partitionValues": {"a": 1}}}',
        '{"add": {"path": "x", "size": 1, "partitionValues": []}}',
        '{"add": {"path": "x", "size": 1, "deletionVector": "d"}}',
        '{"add": {"path": "x", "size": 1}, "add": {"path": "y", "size": 1}}',
    ],
)
def test_a_malformed_log_is_refused(tmp_path: Path, line: str) -> None:
    with commit(tmp_path, 0, DELTA_PROTOCOL, add("a.parquet")).open("a") as file:
        file.write(line + "\n")

    with pytest.raises(DocumentError) as caught:
        _read(tmp_path)
    assert f"{0:020}.json" in str(caught.value)


def test_a_log_without_a_protocol_is_refused(tmp_path: Path) -> None:
    commit(tmp_path, 0, add("a.parquet"))

    assert "protocol" in _fails(DocumentError, "DBOM-190", tmp_path)


def test_a_checkpoint_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _sample(tmp_path)
    path = checkpoint(tmp_path, f"{4:020}.checkpoint.parquet", DELTA_PROTOCOL, add("a.parquet"))
    assert ["a.parquet"] == _paths(tmp_path)
    monkeypatch.setattr(checkpoints, "MAX_CHECKPOINT_ROWS", 1)
    assert "larger" in _fails(DocumentError, "DBOM-190", tmp_path)
    monkeypatch.undo()

    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert "Parquet" in _fails(DocumentError, "DBOM-190", tmp_path)

    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"x": [1]}), path)
    assert "add.path" in _fails(DocumentError, "DBOM-190", tmp_path)


def test_the_vectors_of_the_format_are_these(tmp_path: Path) -> None:
    """docs/formats/table-pins.md, «Test vectors»."""
    page = Path(__file__).resolve().parents[2] / "docs" / "formats" / "table-pins.md"
    vectors = page.read_text(encoding="utf-8").partition("## Test vectors")[2]
    indented = re.findall(r"\n    (.*(?:\n    .*)*)", vectors)
    blocks = ["".join(f"{line}\n" for line in block.split("\n    ")) for block in indented]
    digests = re.findall(r"`([0-9a-f]{64})`", vectors)

    assert digests == [hashlib.sha256(block.encode()).hexdigest() for block in blocks]
    _sample(tmp_path / "files")
    commit(tmp_path / "vectors", 0, DELTA_PROTOCOL, add("a.parquet", deletionVector=_VECTOR))
    assert digests[1:] == [_read(tmp_path / name).pin.manifests for name in ("files", "vectors")]
