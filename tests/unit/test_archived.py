"""Members of archives that are read each by itself: the same digests, by any executor, with a journal, and their no."""

from __future__ import annotations

import io
import pickle
import shutil
import subprocess
import tarfile
import zipfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import fsspec
import pytest
from made_items import Bar, PlainExecutor

from dbom.archived import LocalArchive, MemberItem
from dbom.cache import SETTLED_NS
from dbom.engine import Journal
from dbom.errors import ChangedError, PathError
from dbom.fingerprinting import fingerprint
from dbom.remote import fingerprint_url
from dbom.rules.artifacts import ARCHIVE_REFUSED
from dbom.storage.packed import Member, hash_member, tar_index, zip_index
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for number in range(12):
        file = root / f"d{number % 3}" / f"é{number}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([number]) * number * 10_000)
    return root


@pytest.fixture
def archives(tree: Path, tmp_path: Path) -> list[str]:
    """Return a zip file with every method, a tar file, and tar files that are compressed as a whole."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number, path in enumerate(sorted(path for path in tree.rglob("*") if path.is_file())):
            archive.write(path, path.relative_to(tmp_path), compress_type=METHODS[number % 4])
    # What stands before the archive, as in one that unpacks itself, moves all places.
    (tmp_path / "b.zip").write_bytes(b"#!/bin/sh\n" + (tmp_path / "a.zip").read_bytes())
    for flags, name in (("-cf", "a.tar"), ("-czf", "a.tgz")):
        subprocess.run(["tar", "-C", str(tmp_path), flags, str(tmp_path / name), "./data"], check=True)
    return [f"{name.split('.')[1].replace('tgz', 'tar')}://data::{tmp_path}/{name}" for name in NAMES]


NAMES = ("a.zip", "b.zip", "a.tar", "a.tgz")


def test_the_digest_is_that_of_the_disk_on_any_executor(tree: Path, archives: list[str], tmp_path: Path) -> None:
    expected = fingerprint_path(tree)
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        for number, url in enumerate(archives):
            found = [
                fingerprint(url),
                fingerprint(url, executor=threads),
                fingerprint(url, executor=processes),
                fingerprint(url, engine="threads", jobs=2),
                fingerprint(url, journal=tmp_path / f"journal{number}"),
                fingerprint(url, journal=tmp_path / f"journal{number}"),
            ]
            assert [expected.manifest()] * len(found) == [one.manifest() for one in found]
            assert {expected.digest} == {one.digest for one in found}


def test_one_member_and_a_choice_of_them_are_read_alone(tree: Path, archives: list[str]) -> None:
    bar = Bar()
    one = fingerprint(archives[2].replace("data::", "data/d1/é4.bin::"), executor=PlainExecutor(), progress=bar)
    assert (fingerprint_path(tree / "d1" / "é4.bin"), 40_000) == (one, bar.advanced)
    some = fingerprint(archives[0].replace("data::", "data/d1/*.bin::"), executor=PlainExecutor())
    assert fingerprint_path(tree / "d1").digest == some.digest


def test_an_archive_in_a_store_is_read_member_by_member(tree: Path, archives: list[str], tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    for name in NAMES:
        memory.put(str(tmp_path / name), f"/kept/{name}")
    expected = fingerprint_path(tree)
    for url, name in zip(archives, NAMES, strict=True):
        there = f"{url.partition('::')[0]}::memory://kept/{name}"
        assert expected.manifest() == fingerprint(there, executor=PlainExecutor()).manifest()
    memory.store.clear()


def test_what_a_journal_knows_of_an_archive_is_not_read_again(archives: list[str], tmp_path: Path) -> None:
    """And it knows nothing of an archive that was written to just before: a later write could look the same."""
    url, path = archives[0], tmp_path / "journal"
    written = (tmp_path / "a.zip").stat().st_ctime_ns
    ignores = fingerprint(url).ignores
    for later, known in ((SETTLED_NS, 0), (SETTLED_NS + 1, 12)):
        with Journal.open(path, tree=url, ignores=ignores, now_ns=written + later) as journal:
            fingerprint_url(url, journal=journal)
        with Journal.open(path, tree=url, ignores=ignores) as journal:
            assert known == len(journal)
    bar = Bar()
    assert fingerprint(url) == fingerprint(url, journal=path, progress=bar)
    assert 0 == bar.advanced


def item_of(path: Path, index: Callable[..., list[Member]]) -> MemberItem:
    with path.open("rb") as file:
        (member, *_) = index(file, "here!")
    return MemberItem("a", LocalArchive.of(str(path)), member, "here!")


def made_zip(path: Path, data: bytes = b"hello" * 100) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", data)
    return path


def test_an_archive_that_is_another_by_the_time_it_is_read_is_refused(tmp_path: Path) -> None:
    item = pickle.loads(pickle.dumps(item_of(made_zip(tmp_path / "a.zip"), zip_index)))  # noqa: S301  our own
    assert 500 == item.digest().size
    shutil.copy(tmp_path / "a.zip", tmp_path / "b.zip")
    (tmp_path / "b.zip").rename(tmp_path / "a.zip")
    with pytest.raises(ChangedError):
        item.digest()
    (tmp_path / "a.zip").unlink()
    with pytest.raises(PathError, match="can't be read"):
        item.digest()


def test_an_items_state_is_that_of_its_archive_and_its_place(tmp_path: Path) -> None:
    first, second = (item_of(made_zip(tmp_path / f"{name}.zip"), zip_index) for name in "ab")
    assert first.state != second.state
    assert first.state == item_of(tmp_path / "a.zip", zip_index).state


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.replace(b"PK\3\4", b"PK\3\5", 1), "isn't that of the directory"),
        (lambda data: data[:30] + b"b" + data[31:], "isn't that of the directory"),
        (lambda data: data[:35] + b"\xff" + data[36:], "isn't a zip file"),
        (lambda data: data[:0], "cut off"),
        (lambda data: data[:40], "isn't a zip file|holds"),
    ],
)
def test_bytes_that_are_not_what_the_directory_announces_are_refused(
    tmp_path: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    path = made_zip(tmp_path / "a.zip")
    member = item_of(path, zip_index).member
    with pytest.raises(PathError, match=said) as raised:
        hash_member(io.BytesIO(change(path.read_bytes())), member, "here!", lambda _: None)
    assert ARCHIVE_REFUSED is raised.value.rule


@pytest.mark.parametrize("size", [499, 501])
def test_a_size_that_is_not_the_announced_one_is_refused(tmp_path: Path, size: int) -> None:
    path = made_zip(tmp_path / "a.zip")
    found = item_of(path, zip_index).member
    lying = Member(found.key, size, found.offset, found.packed, found.method, found.crc, found.flags)
    with pytest.raises(PathError, match=r"holds \d+ bytes where|isn't a zip file"):
        hash_member(io.BytesIO(path.read_bytes()), lying, "here!", lambda _: None)
    with pytest.raises(PathError, match="holds 3 bytes where 9 are announced"):
        hash_member(io.BytesIO(b"abc"), Member("a", 9, 0, 9), "here!", lambda _: None)


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    path = made_zip(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\1\2")
    data[place + 8] |= 1
    with pytest.raises(PathError, match="is encrypted"):
        zip_index(io.BytesIO(bytes(data)), "here!")


def test_a_pipe_is_no_archive(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PathError, match="no regular file"):
        LocalArchive.of(str(tmp_path / "pipe"))


def test_a_tar_is_indexed_without_its_contents(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("a")
        info.size = 10 * 1024 * 1024
        archive.addfile(info, io.BytesIO(bytes(info.size)))

    class Counting(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    file = Counting((tmp_path / "a.tar").read_bytes())
    (member,) = tar_index(file, "here!")
    assert (512, 10 * 1024 * 1024) == (member.offset, member.size)
    assert file.count < 20_000
