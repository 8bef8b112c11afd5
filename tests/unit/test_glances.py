"""What is seen of files while they are read is what opening them would tell."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbom.bom.looking import look
from dbom.formats.glances import Glances
from dbom.formats.recognition import HEAD_BYTES, FileFormat, recognise_file, recognise_head
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from pathlib import Path

BEGINNINGS = (
    b"PAR1", b"RIFF\0\0\0\0WEBP", b"PK\x03\x04", b"GGUF", b"{", b'{"a": 1', b"a,b\n1,2\n", "é".encode(), b"\x80\x04",
    b"(lp0\n", b"\x10\0\0\0\0\0\0\0" + b'{"a":{"dtype"', b"\x08\x07\x12\x03abc", b"", b"\x1f\x8b",
)  # fmt: skip
ENDS = (b"", b".", b"PAR1", b"data.pkl", b"\x00", b"\xc3")


@given(
    st.sampled_from(BEGINNINGS),
    st.binary(max_size=40),
    st.sampled_from([0, 10, HEAD_BYTES - 8, HEAD_BYTES, 3 * HEAD_BYTES]),
    st.sampled_from(ENDS),
)
def test_a_glance_tells_what_the_whole_file_would_or_nothing(
    beginning: bytes, middle: bytes, filling: int, end: bytes
) -> None:
    data = beginning + middle + b"." * filling + end
    expected = recognise_file(io.BytesIO(data), len(data))
    assert recognise_head(memoryview(data)[: 4 * HEAD_BYTES], len(data)) in (None, expected)


def test_a_short_beginning_tells_nothing() -> None:
    assert recognise_head(b"a,b\n", 5_000) is None


def test_what_is_told_by_its_end_is_not_told_by_its_beginning() -> None:
    data = pickle.dumps("x" * (2 * HEAD_BYTES))
    assert recognise_head(data[:HEAD_BYTES], len(data)) is None


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_files_of_a_tree_are_told_while_they_are_read(tmp_path: Path, jobs: int) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "text.bin").write_bytes(b"a, b, c\n")
    (tree / "empty").write_bytes(b"")
    (tree / "random").write_bytes(bytes(range(256)) * 2_000)
    glances = Glances()
    found = fingerprint_path(tree, jobs=jobs, onlooker=glances)
    assert glances.formats == {"text.bin": FileFormat.TEXT, "random": FileFormat.UNKNOWN}
    assert look(tree, found).formats == look(tree, found, glances).formats


def test_a_file_that_was_glanced_at_is_not_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "random"
    path.write_bytes(bytes(range(256)))
    glances = Glances()
    found = fingerprint_path(path, onlooker=glances)
    path.unlink()
    assert look(path, found, glances).formats == {"random": FileFormat.UNKNOWN}
