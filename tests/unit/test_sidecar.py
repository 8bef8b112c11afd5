"""The sidecar: beside the artifact, bundles only added, files rewritten whole."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from evidence import statement_about

from attest.stores.sidecar import Sidecar
from dbom.errors import PathError, UsageError
from dbom.model import Digest, Kind

if TYPE_CHECKING:
    from pathlib import Path

STATEMENT = statement_about(Digest(Kind.FILE, "a" * 64))


def test_it_is_the_resolved_path_with_dbom_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    monkeypatch.chdir(real)
    folder = tmp_path / "real.dbom"
    assert [Sidecar.of(path).folder for path in (real, f"{real}/", tmp_path / "link", ".")] == [folder] * 4


def test_a_root_has_no_place_for_one() -> None:
    with pytest.raises(UsageError) as caught:
        Sidecar.of("/")
    assert caught.value.rule.id == "DBOM-319"


def test_a_missing_one_is_empty(tmp_path: Path) -> None:
    sidecar = Sidecar.of(tmp_path / "x")
    assert (list(sidecar.bundles()), sidecar.bom(), sidecar.manifest()) == ([], None, None)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    sidecar = Sidecar.of(tmp_path / "x")
    path = sidecar.add_bundle(b"raw", STATEMENT)
    sidecar.write_bom(b"{}")
    sidecar.write_manifest(b"lines")
    sidecar.write_manifest(b"other lines")
    digest = hashlib.sha256(b"raw").hexdigest()
    assert path == tmp_path / "x.dbom" / f"bom-{digest[:16]}.sigstore.json"
    assert (sidecar.bom(), sidecar.manifest()) == (b"{}", b"other lines")
    assert [(bundle.raw, bundle.where, bundle.sha256) for bundle in sidecar.bundles()] == [(b"raw", str(path), digest)]


def test_a_file_in_its_place_is_no_sidecar(tmp_path: Path) -> None:
    (tmp_path / "x.dbom").write_bytes(b"")
    assert list(Sidecar.of(tmp_path / "x").bundles()) == []


def test_a_pipe_in_place_of_a_bundle_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "x.dbom"
    folder.mkdir()
    os.mkfifo(folder / "a.sigstore.json")
    with pytest.raises(PathError, match="not a regular file"):
        list(Sidecar.of(tmp_path / "x").bundles())


def test_a_bundle_that_is_too_large_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "x.dbom"
    folder.mkdir()
    with (folder / "a.sigstore.json").open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    with pytest.raises(PathError, match="too large"):
        list(Sidecar.of(tmp_path / "x").bundles())
