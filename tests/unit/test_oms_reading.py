"""Models signed by parts of files, or by BLAKE2 or BLAKE3, are read to what was signed and to their sha256 at once."""

from __future__ import annotations

import base64
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attest.authority import Authority
from attest.checking import verify_artifact
from attest.oms.manifest import OmsManifest
from attest.oms.reading import OmsReader, unlisted
from attest.stores.store import StoredBundle
from dbom.artifact import find_artifact
from dbom.ignores import Ignores
from dbom.tree import fingerprint_path

OMS = Path(__file__).parents[1] / "oms"
MODEL = OMS / "model"
KEY = Authority("signer", key_pem=(OMS / "keys" / "signer.pub").read_bytes())
NOW = datetime(2026, 11, 23, tzinfo=UTC)

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


@pytest.mark.parametrize("name", SIGNED)
def test_the_names_and_sizes_of_the_signed_model_are_no_reason_not_to_read_it(name: str) -> None:
    assert unlisted(manifest_of(name), find_artifact(MODEL, Ignores.of()).listing) is None


def test_a_model_of_other_names_or_sizes_is_not_read(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    (model / "a.bin").write_bytes(bytes(998))
    listing = find_artifact(model, Ignores.of()).listing
    assert ("a.bin", None) == (
        unlisted(manifest_of("1.1.1-shards"), listing),
        unlisted(manifest_of("1.1.1-files-blake2"), listing),
    )
    (model / "a.bin").unlink()
    listing = find_artifact(model, Ignores.of()).listing
    assert unlisted(manifest_of("1.1.1-files-blake2"), listing) == "a.bin"
    single = find_artifact(MODEL / "a.bin", Ignores.of()).listing
    assert (None, ".") == (unlisted(manifest_of("1.1.1-file"), single), unlisted(manifest_of("1.1.1-file"), listing))


def test_signatures_of_other_models_in_a_store_cost_no_read(tmp_path: Path) -> None:
    read: list[int] = []

    class Watch:
        def expect(self, size: int) -> None:
            """Note it."""
            read.append(size)

        def advance(self, size: int) -> None:
            """Note nothing."""

    (tmp_path / "weights").write_bytes(bytes(100))
    raw = (OMS / "signatures" / "1.1.1-shards.sig").read_bytes()
    result = verify_artifact(
        tmp_path / "weights", [KEY], now=NOW, bundles=[StoredBundle.of(raw, where="x")], progress=Watch()
    )
    assert (1, [100]) == (result.exit_code, read)
