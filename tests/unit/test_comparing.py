"""Two sides of any kind, compared by what they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from attest.comparing import compare_sides
from dbom.bom.facts import ArtifactType
from dbom.bom.generating import Options, generate_bom
from dbom.difference import Amount, Difference, Tally
from dbom.errors import PathError
from dbom.fingerprints import write_fingerprint
from dbom.model import Fingerprint, Unknown
from dbom.rules.artifacts import PATH_MISSING
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class _Reader:
    """Reads for real, and notes with which ignore list."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Sequence[str] | None]] = []

    def __call__(self, source: str, ignores: Sequence[str] | None) -> Fingerprint:
        self.asked.append((source, ignores))
        return fingerprint_path(source, ignores=ignores)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    folder.mkdir()
    for name, content in (("x", "one"), ("moved-from", "abcd"), ("gone", "g"), ("same", "same!")):
        (folder / name).write_text(content)
    return folder


@pytest.fixture
def new(tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    folder.mkdir()
    for name, content in (("x", "other"), ("moved-to", "abcd"), ("came", "cc"), ("same", "same!")):
        (folder / name).write_text(content)
    return folder


def _documents(tmp_path: Path, path: Path) -> dict[str, str]:
    found = fingerprint_path(path)
    bom = generate_bom(path, found, Options(type=ArtifactType.DATASET))
    documents = {"manifest": found.manifest(), "bom": bom.to_json(), "saved": write_fingerprint(found)}
    written = {"path": str(path)}
    for name, data in documents.items():
        (tmp_path / f"{path.name}.{name}").write_bytes(data)
        written[name] = str(tmp_path / f"{path.name}.{name}")
    return written


_EXPECTED = Difference(("came", "moved-to"), ("gone", "moved-from"), ("x",), (("moved-from", "moved-to"),))


def test_every_pairing_of_sides_names_the_same_files(tmp_path: Path, old: Path, new: Path) -> None:
    for before in _documents(tmp_path, old).values():
        for after in _documents(tmp_path, new).values():
            found = compare_sides(before, after, read=_Reader())
            assert (False, _EXPECTED) == (found.is_same, found.files)


def test_every_pairing_of_one_artifact_is_the_same(tmp_path: Path, old: Path) -> None:
    for before in _documents(tmp_path, old).values():
        for after in _documents(tmp_path, old).values():
            found = compare_sides(before, after, read=_Reader())
            assert (True, Difference()) == (found.is_same, found.files)


def test_bytes_are_told_where_both_sides_know_them(old: Path, new: Path) -> None:
    expected = Tally(Amount(1, 2), Amount(1, 1), Amount(1, 3), Amount(1, 5), Amount(1, 4), Amount(1, 5))
    assert expected == compare_sides(str(old), str(new), read=_Reader()).tally


def test_a_manifests_sizes_stay_unknown(tmp_path: Path, old: Path, new: Path) -> None:
    tally = compare_sides(_documents(tmp_path, old)["manifest"], str(new), read=_Reader()).tally
    assert isinstance(tally, Tally)
    assert (isinstance(tally.removed.size, Unknown), tally.added.size, tally.same.size) == (True, 2, 5)


def test_the_ignore_list_that_a_side_states_is_applied_to_the_other_and_said(tmp_path: Path, old: Path) -> None:
    found = fingerprint_path(old, ignores=("gone",))
    saved = tmp_path / "saved"
    saved.write_bytes(write_fingerprint(found))
    for sides in ((str(saved), str(old)), (str(old), str(saved))):
        reader = _Reader()
        compared = compare_sides(*sides, read=reader)
        assert compared.is_same
        assert [(str(old), ("gone",))] == reader.asked
        assert any("read with the ignore list of" in note and "gone" in note for note in compared.notes)


def test_an_ignore_list_that_was_asked_for_goes_before(tmp_path: Path, old: Path) -> None:
    saved = tmp_path / "saved"
    saved.write_bytes(write_fingerprint(fingerprint_path(old, ignores=("gone",))))
    compared = compare_sides(str(saved), str(old), read=_Reader(), ignores=())
    assert Difference(added=("gone",)) == compared.files
    assert "the two sides rest on different ignore lists" in compared.notes


def test_a_claim_is_called_a_claim(tmp_path: Path, old: Path) -> None:
    notes = compare_sides(str(old), _documents(tmp_path, old)["bom"], read=_Reader()).notes
    assert any("no signature was checked" in note for note in notes)


def test_a_file_and_a_tree_differ_in_kind(old: Path) -> None:
    found = compare_sides(str(old), str(old / "x"), read=_Reader())
    assert (False, Unknown("one is a tree, the other a file")) == (found.is_same, found.files)


def test_the_name_of_a_single_file_makes_no_difference(old: Path, new: Path) -> None:
    assert compare_sides(str(old / "moved-from"), str(new / "moved-to"), read=_Reader()).is_same
    found = compare_sides(str(old / "x"), str(new / "came"), read=_Reader())
    assert isinstance(found.tally, Tally)
    assert (Amount(1, 3), Amount(1, 2)) == (found.tally.changed_from, found.tally.changed_to)


def test_where_one_side_names_no_files_an_equal_digest_is_enough(tmp_path: Path, old: Path, new: Path) -> None:
    import json

    digest = fingerprint_path(old).digest
    component = {
        "type": "data",
        "name": "d",
        "mime-type": "application/vnd.dbom.tree.v1",
        "hashes": [{"alg": "SHA-256", "content": digest.hex}],
    }
    bare = tmp_path / "bare"
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": component}}
    bare.write_text(json.dumps(document))
    assert compare_sides(str(bare), str(old), read=_Reader()).is_same
    alone = compare_sides(str(bare), str(bare), read=_Reader())
    assert (True, Difference(), True) == (alone.is_same, alone.files, isinstance(alone.tally, Unknown))
    for sides in ((str(bare), str(new)), (str(new), str(bare))):
        other = compare_sides(*sides, read=_Reader())
        assert (False, Unknown("the BOM lists no files")) == (other.is_same, other.files)


def test_as_data_compares_the_documents_themselves(tmp_path: Path, old: Path) -> None:
    documents = _documents(tmp_path, old)
    found = compare_sides(documents["manifest"], documents["bom"], read=_Reader(), as_data=True)
    assert (False, "file") == (found.is_same, str(found.before.digest.kind))


def test_a_url_is_handed_to_the_reader_unread() -> None:
    def read(source: str, ignores: Sequence[str] | None) -> Fingerprint:
        assert ignores is None
        raise PathError(PATH_MISSING, "no network in this test", where=source)

    with pytest.raises(PathError, match="s3://bucket/x"):
        compare_sides("s3://bucket/x", "s3://bucket/y", read=read)
