"""Reading named files: bounded, and never waiting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attest.files import read_file
from dbom.errors import PathError


def test_a_file_is_read_up_to_its_limit_and_not_beyond(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert b"12345" == read_file(path, limit=5)
    with pytest.raises(PathError, match="too large for a BOM"):
        read_file(path, limit=4, what="BOM")


def test_what_is_no_regular_file_is_neither_read_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(PathError, match=r"can.t be read"):
            read_file(path, limit=5)


def test_what_is_missing_or_has_an_impossible_name_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="no such trust root"):
        read_file(tmp_path / "missing", limit=5, what="trust root")
    with pytest.raises(PathError, match="can't be read"):
        read_file(Path("nul\0"), limit=5)
