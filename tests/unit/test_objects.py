"""Objects of stores and members of archives as the files of a tree: names, ignores, and archives that mean harm."""

from __future__ import annotations

import hashlib
import io
import pickle
import subprocess
import sys
import tarfile
import warnings
import zipfile
from typing import TYPE_CHECKING

import fsspec
import pytest
from made_items import PlainExecutor

from dbom.errors import ChangedError, NameRefusedError, PathError, StoreError
from dbom.globs import glob_pattern
from dbom.ignores import Ignores
from dbom.keys import list_keys
from dbom.model import Basis
from dbom.remote import fingerprint_url
from dbom.rules.artifacts import ARCHIVE_REFUSED
from dbom.storage.objects import RemoteItem, RemoteObject, close_sources, source_of
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.store.clear()
    filesystem.pseudo_dirs[:] = [""]
    close_sources()


def _listed(*keys: str, size: int = 1) -> list[RemoteObject]:
    return [RemoteObject(key, size) for key in keys]


@pytest.mark.parametrize(
    "key", ["a//b", "../a", "a/../b", "./a", "a/.", "a\nb", "a\\b", "a\rb", "a\0b", "\udcff", "-", "a/"]
)
def test_keys_that_a_manifest_or_a_disk_cannot_hold_are_refused(key: str) -> None:
    with pytest.raises(NameRefusedError):
        list_keys(_listed(f"p/{key}"), "p/", "s3://b/p", Ignores.of(()))


def test_a_name_of_ten_thousand_characters_is_found_remarkable_and_shown_short() -> None:
    long = "n" * 10_000
    listing = list_keys(_listed(long, "/".join(["d"] * 5_000)), "", "s3://b", Ignores.of())
    assert 2 == len(listing.files)
    assert ["DBOM-151"] * 2 == [finding.rule for finding in listing.findings]
    with pytest.raises(NameRefusedError) as caught:
        list_keys(_listed(f"{long}\\"), "", "s3://b", Ignores.of())
    assert len(str(caught.value)) < 300


def test_empty_keys_that_end_in_a_slash_stand_for_folders() -> None:
    listing = list_keys(_listed("p/", "p/a/", size=0) + _listed("p/b"), "p/", "x", Ignores.of())
    assert ["b"] == list(listing.files)


def test_a_key_that_is_a_file_and_a_folder_is_refused_in_either_order() -> None:
    for keys in (("a", "a/b"), ("a-", "a", "a/b")):
        with pytest.raises(NameRefusedError, match="is an object and a folder"):
            list_keys(_listed(*keys), "", "x", Ignores.of())
    kept = list_keys(_listed("a", "a/b"), "", "x", Ignores.of(("a/",)))
    assert (["a"], ("a/",)) == (list(kept.files), kept.ignored)


def test_a_store_that_lists_what_was_not_asked_for_or_twice_is_an_error() -> None:
    with pytest.raises(StoreError):
        list_keys(_listed("q/a"), "p/", "x", Ignores.of())
    with pytest.raises(StoreError):
        list_keys(_listed("p/a", "p/a"), "p/", "x", Ignores.of())


def test_ignores_and_sidecars_are_those_of_a_disk(tmp_path: Path, memory: fsspec.AbstractFileSystem) -> None:
    names = (
        "keep", ".git/config", "sub/.git/config", ".DS_Store", "sub/.DS_Store", "x.dbom/bom.cdx.json",
        "y.dbom/data.bin", "z.dbom/sub/bom.cdx.json", "x/tmp/y", "x/log.tmp",
    )  # fmt: skip
    for name in names:
        (tmp_path / "t" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / name).write_text(name)
        memory.pipe_file(f"/t/{name}", name.encode())
    for ignores in (None, (), ("tmp/", "*.tmp", "/x", "*.dbom/")):
        local, remote = (
            fingerprint_path(tmp_path / "t", ignores=ignores),
            fingerprint_url("memory://t", ignores=ignores),
        )
        assert local == remote


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("*.csv", ["a.csv", ".csv"], ["a/b.csv", "a.csvx"]),
        ("a?/*", ["ab/c"], ["a/c", "abc/d", "ab/c/d"]),
        ("**/*.csv", ["a.csv", "a/b/c.csv"], ["a.csv/b"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "ab/c"]),
        ("[z]*", ["[z]1"], ["z1"]),
    ],
)
def test_globs(glob: str, yes: list[str], no: list[str]) -> None:
    pattern = glob_pattern(glob)
    assert [True] * len(yes) == [bool(pattern.fullmatch(path)) for path in yes]
    assert [False] * len(no) == [bool(pattern.fullmatch(path)) for path in no]


def test_an_item_is_pickled_without_a_connection_and_reads_itself(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe_file("/box/a", b"content")
    listed = source_of("memory://box").find("a")
    assert listed is not None
    item = pickle.loads(pickle.dumps(RemoteItem("a", "memory://box", listed)))  # noqa: S301  made here
    entry = item.digest()
    assert (hashlib.sha256(b"content").hexdigest(), Basis.COMPUTED) == (entry.sha256, entry.known.basis)
    assert item.state != RemoteItem("a", "memory://box", RemoteObject("a", 7, "other")).state
    memory.pipe_file("/box/a", b"changed")
    with pytest.raises(ChangedError):
        item.digest()
    memory.rm("/box/a")
    with pytest.raises(ChangedError):
        item.digest()


def test_nothing_there_and_everything_ignored_are_errors(memory: fsspec.AbstractFileSystem) -> None:
    with pytest.raises(PathError, match="nothing here"):
        fingerprint_url("memory://none/at/all")
    memory.pipe_file("/only/.DS_Store", b"")
    with pytest.raises(PathError, match="no files; 1 entries are ignored"):
        fingerprint_url("memory://only")


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("s3://b/k", "botocore", "dbom[s3]"),
        ("gs://b/k", "gcsfs", "dbom[gcs]"),
        ("az://b/k", "adlfs", "dbom[azure]"),
        ("hf://o/n", "huggingface_hub", "dbom[hf]"),
    ],
)
def test_a_missing_package_is_an_error_that_names_the_extra(url: str, module: str, extra: str) -> None:
    """In a process of its own: fsspec remembers what it has loaded."""
    program = (
        "import sys; sys.modules[sys.argv[2]] = None\n"
        "from dbom.errors import MissingExtraError\n"
        "from dbom.remote import fingerprint_url\n"
        "try: fingerprint_url(sys.argv[1])\n"
        "except MissingExtraError as error: print(error.hint)"
    )
    command = [sys.executable, "-P", "-c", program, url, module]
    assert f"pip install '{extra}'\n" == subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _zip(path: Path, members: list[tuple[str, bytes]]) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that stands twice
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members:
                archive.writestr(name, data)
    return f"zip://::{path}"


def _tar(path: Path, members: list[tarfile.TarInfo], data: bytes = b"") -> str:
    with tarfile.open(path, "w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(data))
    return f"tar://::{path}"


def _member(name: str, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(member, field, value)
    return member


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", "a\\b", "-"])
def test_members_with_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NameRefusedError):
        fingerprint_url(_zip(tmp_path / "a.zip", [(name, b"x")]))
    with pytest.raises(NameRefusedError):
        fingerprint_url(_tar(tmp_path / "a.tar", [_member(name)]))
    for url in (f"zip://::{tmp_path}/a.zip", f"tar://::{tmp_path}/a.tar"):
        with pytest.raises(NameRefusedError):
            fingerprint_url(url, executor=PlainExecutor())


def _refused(url: str, said: str) -> None:
    """Refused where it is read from its beginning, and where its members are read each by itself."""
    for executor in (None, PlainExecutor()):
        with pytest.raises(PathError, match=said) as caught:
            fingerprint_url(url, executor=executor)
        assert ARCHIVE_REFUSED is caught.value.rule


def test_archives_with_no_single_reading_are_refused(tmp_path: Path) -> None:
    _refused(_zip(tmp_path / "twice.zip", [("a", b"1"), ("a", b"2")]), "twice")
    _refused(_tar(tmp_path / "twice.tar", [_member("a"), _member("a")]), "twice")
    link = _member("l", type=tarfile.SYMTYPE, linkname="a")
    _refused(_tar(tmp_path / "link.tar", [_member("a"), link]), "is a link")
    _refused(_tar(tmp_path / "pipe.tar", [_member("p", type=tarfile.FIFOTYPE)]), "special file")
    dangling = _member("h", type=tarfile.LNKTYPE, linkname="gone")
    _refused(_tar(tmp_path / "hard.tar", [dangling]), "a link to what isn't there")
    (tmp_path / "no.zip").write_bytes(b"PK no zip at all")
    _refused(f"zip://::{tmp_path}/no.zip", "isn't a zip file")
    (tmp_path / "no.tar").write_bytes(b"no tar" * 1000)
    _refused(f"tar://::{tmp_path}/no.tar", "isn't a tar file")


def test_a_zip_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("l")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        archive.writestr(link, "target")
    _refused(f"zip://::{tmp_path}/l.zip", "is a link")


def test_a_hard_link_within_a_tar_is_the_file(tmp_path: Path) -> None:
    first = _member("a", size=3)
    url = _tar(tmp_path / "t.tar", [first, _member("b", type=tarfile.LNKTYPE, linkname="a")], b"abc")
    found = fingerprint_url(url)
    assert [hashlib.sha256(b"abc").hexdigest()] * 2 == [entry.sha256 for entry in found.entries]
    assert [3, 3] == [entry.size for entry in found.entries]
    assert found == fingerprint_url(url, executor=PlainExecutor())


def test_a_tar_that_is_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    """Also between two members, where a reader of tar files sees an end."""
    _tar(tmp_path / "whole.tar", [_member("a", size=5), _member("b", size=5), _member("c", size=5)], b"hello")
    whole = (tmp_path / "whole.tar").read_bytes()
    for length in (100, 512, 700, 1024, 1500, 2048, 2560, 3072):
        (tmp_path / "cut.tar").write_bytes(whole[:length])
        _refused(f"tar://::{tmp_path}/cut.tar", "isn't a tar file")
    (tmp_path / "more.tar").write_bytes(whole + whole)
    _refused(f"tar://::{tmp_path}/more.tar", "goes on after")
    damaged = bytearray(whole)
    damaged[1024:1030] = b"xxxxxx"
    (tmp_path / "bad.tar").write_bytes(damaged)
    _refused(f"tar://::{tmp_path}/bad.tar", "isn't a tar file")


def test_a_zip_that_is_damaged_is_refused(tmp_path: Path) -> None:
    url = _zip(tmp_path / "a.zip", [("a", bytes(range(256)) * 10)])
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[60:64] = b"\0\0\0\0"
    (tmp_path / "a.zip").write_bytes(data)
    _refused(url, "isn't a zip file")


def test_an_archive_that_unpacks_to_more_than_an_honest_one_is_refused(tmp_path: Path) -> None:
    import bz2

    header = _member("bomb", size=500_000_000).tobuf()
    packer = bz2.BZ2Compressor(1)
    packed = packer.compress(header) + b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
    (tmp_path / "bomb.tbz").write_bytes(packed)
    _refused(f"tar://::{tmp_path}/bomb.tbz", "far more than an honest archive")


def test_a_header_that_claims_a_gigabyte_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "pax.tar").write_bytes(_member("pax", size=1 << 30, type=tarfile.XHDTYPE).tobuf() + bytes(2048))
    _refused(f"tar://::{tmp_path}/pax.tar", "header longer")
