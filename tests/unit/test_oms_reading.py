"""Models signed by parts of files, or by BLAKE2 or BLAKE3, are read to what was signed and to their sha256 at once."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from attest.oms.manifest import OmsManifest
from attest.oms.reading import OmsReader
from dbom.tree import fingerprint_path

OMS = Path(__file__).parents[1] / "oms"
MODEL = OMS / "model"

SIGNED = (
    "0.2.0-digests-blake2",
    "0.2.0-shard-digests",
    "0.2.0-digest-of-shard-digests",
    "0.3.1-files-blake2",
    "0.3.1-shards",
    "1.0.1-files-blake2",
    "1.0.1-shards",
    "1.1.1-files-blake2",
    "1.1.1-files-blake3",
    "1.1.1-shards",
    "1.1.1-files",
)


def manifest_of(name: str) -> OmsManifest:
    bundle = json.loads((OMS / "signatures" / f"{name}.sig").read_bytes())
    found = OmsManifest.read(json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"])), where=name)
    assert found is not None
    return found


def differing(model: Path, name: str) -> str | None:
    reader = OmsReader(manifest_of(name))
    fingerprint_path(model, read=reader)
    return reader.differing()


@pytest.mark.parametrize("name", SIGNED)
def test_the_model_that_was_signed_is_it(name: str) -> None:
    reader = OmsReader(manifest_of(name))
    assert fingerprint_path(MODEL) == fingerprint_path(MODEL, read=reader)
    assert reader.differing() is None


def test_a_single_file_is_it_under_any_name() -> None:
    assert differing(MODEL / "a" / "b.bin", "1.1.1-file") is None
    assert differing(MODEL / "a.bin", "1.1.1-file") == "."


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("change", ["flip", "add", "remove", "rename", "empty"])
def test_another_model_is_not(name: str, change: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    victim = model / "a" / "b.bin"
    if change == "flip":
        data = bytearray(victim.read_bytes())
        data[2300] ^= 1
        victim.write_bytes(data)
    elif change == "add":
        (model / "a" / "new").write_text("new")
    elif change == "remove":
        victim.unlink()
    elif change == "rename":
        victim.rename(victim.with_name("c.bin"))
    else:
        victim.write_bytes(b"")
    assert (differing(model, name) or "").startswith("a/")


def test_a_file_that_fills_its_last_shard_has_no_other(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(2000))
    reader = OmsReader(manifest_of("1.1.1-shards"))
    fingerprint_path(tmp_path, read=reader)
    assert [("x", 0), ("x", 1000)] == sorted(reader.digests)
