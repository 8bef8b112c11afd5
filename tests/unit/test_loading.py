"""`verify --for-pod`: the named bytes are there and nothing else is, or the pod doesn't start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from admission.loading import demand_bytes, load_for_pod
from dbom.copying import STAGED_SUFFIX, copy_artifact
from dbom.errors import MismatchError, NameRefusedError, PathError, StoreError, UsageError
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbom.model import Digest


@pytest.fixture
def model(tmp_path: Path) -> Path:
    root = tmp_path / "source" / "m"
    (root / "sub").mkdir(parents=True)
    (root / "config.json").write_bytes(b"{}")
    (root / "sub" / "weights.bin").write_bytes(os.urandom(70_000))
    return root


@pytest.fixture
def digest(model: Path) -> Digest:
    return fingerprint_path(model).digest


def test_the_named_bytes_pass(model: Path, digest: Digest) -> None:
    assert demand_bytes(model, digest).digest == digest


def _change(root: Path) -> object:
    return (root / "config.json").write_bytes(b"{ }")


def _add(root: Path) -> object:
    return (root / "extra.py").write_bytes(b"")


def _add_ignored(root: Path) -> object:
    (root / ".git" / "hooks").mkdir(parents=True)
    return (root / ".git" / "hooks" / "x").write_bytes(b"x")


def _add_sidecar(root: Path) -> object:
    (root / "sub.dbom").mkdir()
    return (root / "sub.dbom" / "bom.cdx.json").write_bytes(b"{}")


def _remove(root: Path) -> object:
    return (root / "config.json").rename(root.parent / "elsewhere")


@pytest.mark.parametrize("change", [_change, _add, _add_ignored, _add_sidecar, _remove])
def test_anything_else_there_is_a_no(model: Path, digest: Digest, change: Callable[[Path], object]) -> None:
    """Also what a fingerprint leaves out: it could be loaded like any other file."""
    change(model)
    with pytest.raises(MismatchError) as caught:
        demand_bytes(model, digest)
    assert (caught.value.rule.id, caught.value.expected) == ("DBOM-585", str(digest))


def test_a_file_is_no_tree_of_the_same_hex(model: Path, digest: Digest) -> None:
    manifest = model.parent / "manifest"
    manifest.write_bytes(fingerprint_path(model).manifest())
    with pytest.raises(MismatchError):
        demand_bytes(manifest, digest)


def test_a_link_out_of_the_tree_is_refused(model: Path, digest: Digest, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"x")
    (model / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(NameRefusedError, match="link may lead elsewhere"):
        demand_bytes(model, digest)


def _link_in_it(root: Path) -> Path:
    (root / "config.json").rename(root / "real.json")
    (root / "config.json").symlink_to("real.json")
    return root


def _absolute_link_in_it(root: Path) -> Path:
    (root / "real").mkdir()
    (root / "real" / "x").write_bytes(b"x")
    (root / "sub2").symlink_to(root / "real")
    return root


def _link_to_it(root: Path) -> Path:
    (root.parent / "other").symlink_to("m")
    return root.parent / "other"


def _link_above_it(root: Path) -> Path:
    (root.parent.parent / "mounted").symlink_to(root.parent)
    return root.parent.parent / "mounted" / "m"


@pytest.mark.parametrize("link", [_link_in_it, _absolute_link_in_it, _link_to_it, _link_above_it])
def test_no_link_is_followed_since_it_leads_elsewhere_in_another_container(
    model: Path, tmp_path: Path, link: Callable[[Path], Path]
) -> None:
    place = link(model)
    digest = fingerprint_path(place, ignores=()).digest
    with pytest.raises(NameRefusedError, match="link may lead elsewhere") as caught:
        load_for_pod(place, digest)
    assert caught.value.expected is not None
    assert "--copy-from" in caught.value.expected
    assert load_for_pod(tmp_path / "volume" / "m", digest, source=str(place)).digest == digest


def test_a_copy_is_checked_and_then_put_in_its_place(model: Path, digest: Digest, tmp_path: Path) -> None:
    target = tmp_path / "volume" / "m"
    assert load_for_pod(target, digest, source=str(model)).digest == digest
    assert fingerprint_path(target, ignores=()).digest == digest
    assert [path.name for path in target.parent.iterdir()] == ["m"]


def test_what_is_left_out_of_a_fingerprint_is_not_copied(model: Path, digest: Digest, tmp_path: Path) -> None:
    _add_ignored(model)
    _add_sidecar(model)
    assert load_for_pod(tmp_path / "volume" / "m", digest, source=str(model)).digest == digest


def test_one_file_is_copied_as_a_file(model: Path, tmp_path: Path) -> None:
    weights = model / "sub" / "weights.bin"
    named = fingerprint_path(weights).digest
    assert load_for_pod(tmp_path / "volume" / "w.bin", named, source=weights.as_uri()).digest == named


def test_a_copy_of_other_bytes_is_not_left_there(model: Path, digest: Digest, tmp_path: Path) -> None:
    _change(model)
    with pytest.raises(MismatchError):
        load_for_pod(tmp_path / "volume" / "m", digest, source=str(model))
    assert list((tmp_path / "volume").iterdir()) == []


def test_a_pod_that_starts_again_checks_what_is_there(model: Path, digest: Digest, tmp_path: Path) -> None:
    target = tmp_path / "volume" / "m"
    load_for_pod(target, digest, source=str(model))
    shutil.rmtree(model)
    assert load_for_pod(target, digest, source=str(model)).digest == digest
    _change(target)
    with pytest.raises(MismatchError):
        load_for_pod(target, digest, source=str(model))


def test_what_a_killed_copy_left_is_begun_again(model: Path, digest: Digest, tmp_path: Path) -> None:
    left = tmp_path / "volume" / f".m{STAGED_SUFFIX}"
    left.mkdir(parents=True)
    (left / "config.json").write_bytes(b"half")
    assert load_for_pod(tmp_path / "volume" / "m", digest, source=str(model)).digest == digest
    assert not left.exists()


def test_a_folder_that_cant_be_written_to_is_told(model: Path, digest: Digest, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PathError) as caught:
        load_for_pod(tmp_path / "file" / "m", digest, source=str(model))
    assert caught.value.rule.id == "DBOM-186"


@pytest.mark.parametrize("source", ["oci://registry.example.com/m@sha256:" + "0" * 64, "zip://m::file:///x.zip"])
def test_what_cant_be_copied_is_told(source: str, digest: Digest, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_for_pod(tmp_path / "m", digest, source=source)
    assert caught.value.rule.id == "DBOM-185"


def test_a_source_that_is_missing_or_out_of_reach_leaves_nothing(digest: Digest, tmp_path: Path) -> None:
    with pytest.raises(PathError):
        load_for_pod(tmp_path / "volume" / "m", digest, source=str(tmp_path / "nowhere"))
    with pytest.raises(StoreError):
        load_for_pod(tmp_path / "volume" / "m", digest, source="s3://bucket/m", offline=True)
    assert list((tmp_path / "volume").iterdir()) == []


def test_a_dangling_link_in_the_source_is_told_as_such(model: Path, tmp_path: Path) -> None:
    (model / "config.json").unlink()
    (model / "config.json").symlink_to("missing")
    with pytest.raises(NameRefusedError, match=r"config\.json.*dangles"):
        copy_artifact(str(model), tmp_path / "copy")


def test_the_command_says_what_it_found_and_exits_accordingly(model: Path, digest: Digest, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "dbom", "verify", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    good = run("--for-pod", str(digest), "--copy-from", str(model), str(tmp_path / "v" / "m"))
    assert (good.returncode, str(digest) in good.stdout) == (0, True)
    bad = run("--for-pod", "tree:sha256:" + "0" * 64, str(model))
    assert (bad.returncode, bad.stdout, "DBOM-585" in bad.stderr) == (1, "", True)
    assert '"schema":"dbom.dev/verify-for-pod/v1"' in run(
        "--for-pod", str(digest), "-f", "json", str(model)
    ).stdout.replace(" ", "").replace("\n", "")
    assert run("--for-pod", str(digest), str(model), str(model)).returncode == 2
    assert run("--for-pod", str(digest), "--trust-cache", str(model)).returncode == 2
    assert run("--copy-from", str(model), str(model)).returncode == 2
