"""Whatever is torn off a log's files, reopening it either refuses or keeps all that was acknowledged."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_logs import SIGNER, new_log

from attest.local.log import LogReader, MerkleLog
from attest.local.merkle import (
    check_consistency,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    nodes_of,
    root_from_proof,
    tree_root,
)
from dbom.errors import SigningError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENTRIES = [b"", b"one", b"two two", b"three"]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return copies of a log: before its last entry, and after it."""
    folder = tmp_path_factory.mktemp("stages")
    log = new_log(folder / "log")
    for entry in _ENTRIES[:-1]:
        log.append(entry)
    shutil.copytree(log.folder, folder / "before")
    log.append(_ENTRIES[-1])
    shutil.copytree(log.folder, folder / "after")
    return [folder / "before", folder / "after"]


def _reopened(folder: Path) -> list[bytes] | None:
    """Return the entries after one more was added, or None where the log is refused."""
    refused = ""
    try:
        MerkleLog(folder, SIGNER).append(b"more")
    except SigningError as error:
        refused = error.rule.id
    assert refused in ("", "DBOM-341")
    return None if refused else list(LogReader(folder).entries())


def _lengths(path: Path) -> Iterator[int]:
    return iter(range(path.stat().st_size + 1))


@pytest.mark.parametrize("name", ["entries", "tree", "checkpoint"])
def test_a_file_cut_at_any_length_is_refused_or_nothing_is_lost(stages: list[Path], tmp_path: Path, name: str) -> None:
    """Media that lose what they confirmed: never a shorter log that claims to be whole."""
    for length in _lengths(stages[1] / name):
        folder = tmp_path / str(length)
        shutil.copytree(stages[1], folder)
        with (folder / name).open("r+b") as file:
            file.truncate(length)
        assert _reopened(folder) in (None, [*_ENTRIES, b"more"])


@pytest.mark.parametrize("name", ["entries", "tree", "checkpoint.new"])
def test_a_crash_at_any_byte_of_a_write_loses_nothing_that_was_acknowledged(
    stages: list[Path], tmp_path: Path, name: str
) -> None:
    """The write of the last entry ends at every byte in turn, what comes before it in order being on disk."""
    before, after = stages
    order = ["entries", "tree", "checkpoint.new"]
    for length in _lengths(after / name.removesuffix(".new")):
        folder = tmp_path / str(length)
        shutil.copytree(before, folder)
        for done in order[: order.index(name)]:
            shutil.copy(after / done, folder / done)
        torn = (after / name.removesuffix(".new")).read_bytes()[:length]
        if name == "checkpoint.new" or length >= (before / name).stat().st_size:
            (folder / name).write_bytes(torn)
        assert _reopened(folder) in ([*_ENTRIES[:-1], b"more"], [*_ENTRIES, b"more"])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["entries", "tree", "checkpoint"]),
    st.integers(0, 10**6),
    st.integers(1, 255),
)
def test_a_changed_byte_is_refused_or_found_by_reading(name: str, place: int, change: int) -> None:
    """No byte of a log can be changed so that a whole, other log is read from it."""
    with TemporaryDirectory() as home:
        log = new_log(Path(home, "log"))
        for entry in _ENTRIES:
            log.append(entry)
        data = bytearray((log.folder / name).read_bytes())
        data[place % len(data)] ^= change
        (log.folder / name).write_bytes(data)
        try:
            read = list(log.entries())
        except SigningError:
            return
        assert _ENTRIES == read


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=8), max_size=40), st.data())
def test_proofs_hold_for_the_tree_that_they_are_of(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [leaf_hash(item) for item in data]
    node, size = nodes_of(leaves), len(leaves)
    old = draw.draw(st.integers(0, size))
    path = consistency_proof(old, size, node)
    assert check_consistency(old, size, tree_root(old, node), tree_root(size, node), path)
    for index in range(size):
        assert tree_root(size, node) == root_from_proof(leaves[index], index, size, inclusion_proof(index, size, node))
