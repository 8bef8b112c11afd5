"""`lineage.reading`: every bundle of some stores once, readable or not."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from attest.stores.store import open_store
from attest.verified import Rejection, RejectionKind
from dbom.errors import StoreError
from lineage.reading import read_stores

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_same_bytes_in_many_places_are_one_bundle_and_the_same_place_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "x.dbom").mkdir()
    for name in ("a.sigstore.json", "x.dbom/b.sigstore.json", "c.sigstore.json"):
        (tmp_path / name).write_bytes(b"{}" if name[0] != "c" else b"[]")
    (tmp_path / "other.json").write_bytes(b"{}")
    found = read_stores([open_store(str(tmp_path)), open_store(str(tmp_path))], (), now=NOW)
    expected = [["a.sigstore.json", "x.dbom/b.sigstore.json"], ["c.sigstore.json"]]
    assert expected == [[place.removeprefix(f"{tmp_path}/") for place in bundle.places] for bundle in found]


def test_a_file_that_can_not_be_read_is_undecided_and_the_rest_is_read_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.sigstore.json")
    (tmp_path / "b.sigstore.json").write_bytes(b"{}")
    pipe, broken = read_stores([open_store(str(tmp_path))], (), now=NOW)
    assert isinstance(pipe.result, Rejection)
    assert isinstance(broken.result, Rejection)
    assert ("", RejectionKind.UNDECIDED, RejectionKind.BROKEN) == (pipe.sha256, pipe.result.kind, broken.result.kind)


def test_a_store_that_can_not_be_listed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        read_stores([open_store(str(tmp_path / "missing"))], (), now=NOW)
