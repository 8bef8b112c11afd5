"""A folder of entries, local or remote: listed in order, read with a bound, added to and never overwritten."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import uuid
from pathlib import Path
from types import ModuleType

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dbom.errors import DbomError, MismatchError, MissingExtraError, NameRefusedError, StoreError, UsageError
from dbom.storage import Folder, LocalFolder, open_folder


@pytest.fixture(params=["local", "file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    if request.param == "local":
        return open_folder(str(tmp_path / "store"))
    if request.param == "file":
        return open_folder((tmp_path / "a store").as_uri())
    return open_folder(f"memory://{uuid.uuid4().hex}/store", offline=True)


def test_what_is_added_is_listed_and_read(folder: Folder) -> None:
    assert not folder.exists()
    for name in ("z", "a/b/c", "a-b", "é"):
        folder.add(name, name.encode())
    assert folder.exists()
    assert ["a-b", "a/b/c", "z", "é"] == list(folder.names())
    assert ["a-b", "a/b/c", "z", "é"] == [folder.read(name).decode() for name in folder.names()]


def test_adding_the_same_bytes_again_does_nothing(folder: Folder) -> None:
    folder.add("x", b"1")
    folder.add("x", b"1")
    assert b"1" == folder.read("x")


@pytest.mark.parametrize("other", [b"2", b"", b"12", b"1" * 1000])
def test_adding_other_bytes_under_a_taken_name_is_refused(folder: Folder, other: bytes) -> None:
    folder.add("x", b"1")
    with pytest.raises(DbomError) as caught:
        folder.add("x", other)
    assert isinstance(caught.value, MismatchError)
    assert b"1" == folder.read("x")


def test_an_entry_longer_than_what_is_added_is_a_mismatch(folder: Folder) -> None:
    folder.add("x", b"1" * 100)
    with pytest.raises(MismatchError):
        folder.add("x", b"1")


def test_replace_overwrites(folder: Folder) -> None:
    folder.replace("a/x", b"1")
    folder.replace("a/x", b"2")
    assert b"2" == folder.read("a/x")
    assert ["a/x"] == list(folder.names())


def test_reading_is_bounded(folder: Folder) -> None:
    folder.add("x", b"12345")
    assert b"12345" == folder.read("x", limit=5)
    with pytest.raises(StoreError, match="too large"):
        folder.read("x", limit=4)


def test_a_missing_entry_is_could_not_tell(folder: Folder) -> None:
    folder.add("x", b"")
    with pytest.raises(StoreError) as caught:
        folder.read("y")
    assert 3 == caught.value.exit_code


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../x", "a//b", "./x", "a/", "..", "x\0", "\udcff"])
def test_names_that_could_lead_out_are_refused(folder: Folder, name: str) -> None:
    for use in (folder.read, lambda name: folder.add(name, b""), lambda name: folder.replace(name, b"")):
        with pytest.raises(NameRefusedError):
            use(name)


# Local folders


def test_a_missing_local_folder_cant_be_listed(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere: can't be listed: No such file"):
        open_folder(str(tmp_path / "nowhere")).names()


def test_a_name_in_a_local_folder_that_isnt_utf8_is_refused(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_bytes(b"")
    with pytest.raises(NameRefusedError):
        open_folder(str(tmp_path)).names()


def test_a_mounted_configmap_is_listed_once(tmp_path: Path) -> None:
    """Kubernetes links `key` to `..data/key` and `..data` to the folder of the current version."""
    (tmp_path / "..2026_11_23").mkdir()
    (tmp_path / "..2026_11_23" / "policy.yaml").write_bytes(b"x")
    (tmp_path / "..data").symlink_to("..2026_11_23")
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    folder = open_folder(str(tmp_path))
    assert ["policy.yaml"] == [name for name in folder.names() if not name.startswith("..")]
    assert b"x" == folder.read("policy.yaml")


def test_a_pipe_is_neither_read_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match="not a regular file"):
        LocalFolder(tmp_path).read("pipe")


def test_a_folder_in_the_place_of_an_entry_is_could_not_tell(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(StoreError):
        LocalFolder(tmp_path).read("x")
    with pytest.raises(StoreError):
        LocalFolder(tmp_path).replace("x", b"")


def test_a_file_in_the_place_of_the_folder_is_could_not_tell(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    folder = open_folder(str(tmp_path / "file"))
    for use in (folder.add, folder.replace):
        with pytest.raises(StoreError, match="can't be written"):
            use("x", b"")


@pytest.mark.parametrize("how", ["add", "replace"])
def test_nothing_half_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        getattr(LocalFolder(tmp_path), how)("x", b"1")
    assert [] == list(tmp_path.iterdir())


def test_new_entries_have_the_rights_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        LocalFolder(tmp_path).add("x", b"")
    finally:
        os.umask(before)
    assert 0o640 == (tmp_path / "x").stat().st_mode & 0o777


def test_a_disk_without_hard_links_does_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)
    folder = LocalFolder(tmp_path)
    folder.add("x", b"1")
    folder.add("x", b"1")
    with pytest.raises(MismatchError):
        folder.add("x", b"2")
    assert [b"1"] == [path.read_bytes() for path in tmp_path.iterdir()]


def test_what_a_crash_left_half_isnt_listed(tmp_path: Path) -> None:
    (tmp_path / ".dbom-tmp-0123").write_bytes(b"half")
    assert [] == list(LocalFolder(tmp_path).names())


# Addresses


def test_a_protocol_without_its_package_names_the_extra() -> None:
    # In an interpreter that can't import the package, whether it is installed or not.
    script = (
        "import sys; sys.modules['gcsfs'] = None\n"
        "from dbom.errors import MissingExtraError\n"
        "from dbom.storage import open_folder\n"
        "try: open_folder('gs://bucket/prefix')\n"
        "except MissingExtraError as error: print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert "pip install 'dbom[gcs]'\n" == done.stdout, done.stderr


def test_a_protocol_without_its_package_and_without_an_extra_is_said() -> None:
    with pytest.raises(MissingExtraError, match="oss:// needs a package"):
        open_folder("oss://bucket/prefix")


@pytest.mark.parametrize("url", ["nonsense://x", "simplecache::memory://x", "memory://x::file://y"])
def test_an_address_that_nothing_opens_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        open_folder(url)


def test_offline_forbids_what_would_use_a_network() -> None:
    with pytest.raises(StoreError, match="--offline") as caught:
        open_folder("s3://bucket/prefix", offline=True)
    assert 3 == caught.value.exit_code


def test_no_secret_of_an_address_is_shown() -> None:
    with pytest.raises(StoreError) as caught:
        open_folder("https://user:secret@host/path?sig=secret", offline=True)
    assert "https://host/path" == caught.value.where
    assert "memory://host/x" == open_folder("memory://user:secret@host/x?sig=secret").url


# Remote stores that fail or lie


class Broken(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store whose every call fails as a network does."""

    protocol = "broken"

    def _fail(self, *_: object, **__: object) -> None:
        raise ConnectionError(errno.ECONNREFUSED, "Connection refused")

    find = exists = open = pipe_file = _fail


class Lying(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store that lists names which lead out of it."""

    protocol = "lying"

    def find(self, path: str, **_: object) -> list[str]:
        """List a traversal."""
        return [f"{path}/x", f"{path}/../../etc/passwd", f"{path}/folder/"]


class Straying(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store that lists names of other places."""

    protocol = "straying"

    def find(self, path: str, **_: object) -> list[str]:
        """List another bucket."""
        return [f"{path}-other/x"]


class WithFolders(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store that has real folders, which must be there before a file is."""

    protocol = "folders"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: object) -> None:
        """Write, where the folder is there."""
        if not self.isdir(path.rpartition("/")[0]):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        super().pipe_file(path, value, mode=mode)


@pytest.fixture
def strange_stores() -> None:
    fsspec.register_implementation("broken", Broken, clobber=True)
    fsspec.register_implementation("folders", WithFolders, clobber=True)
    fsspec.register_implementation("lying", Lying, clobber=True)
    fsspec.register_implementation("straying", Straying, clobber=True)


@pytest.mark.usefixtures("strange_stores")
def test_a_store_that_cant_be_reached_is_could_not_tell() -> None:
    folder = open_folder("broken://bucket")
    uses = (
        folder.exists,
        folder.names,
        lambda: folder.read("x"),
        lambda: folder.add("x", b""),
        lambda: folder.replace("x", b""),
    )
    for use in uses:
        with pytest.raises(StoreError, match="Connection refused"):
            use()


@pytest.mark.usefixtures("strange_stores")
def test_a_store_that_lists_a_traversal_is_refused() -> None:
    with pytest.raises(NameRefusedError, match=r"\.\. segment"):
        open_folder("lying://bucket").names()
    with pytest.raises(NameRefusedError, match="not below the folder"):
        open_folder("straying://bucket").names()


def test_keys_that_stand_for_folders_dont_count() -> None:
    filesystem = fsspec.filesystem("memory")
    name = uuid.uuid4().hex
    filesystem.pipe_file(f"/{name}/x", b"1")
    filesystem.makedirs(f"/{name}/empty")
    assert ["x"] == list(open_folder(f"memory://{name}").names())


@pytest.mark.usefixtures("strange_stores")
def test_folders_are_made_where_a_store_has_such() -> None:
    folder = open_folder(f"folders://{uuid.uuid4().hex}")
    folder.add("a/b/x", b"1")
    folder.replace("c/y", b"2")
    assert ["a/b/x", "c/y"] == list(folder.names())


def test_an_error_of_a_client_library_is_could_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of botocore are no OSErrors; they are known by name once that library is loaded."""

    class BotoCoreError(Exception):
        """As botocore has it."""

    def without_credentials(*_: object, **__: object) -> None:
        raise BotoCoreError("a secret may stand here")

    library = ModuleType("botocore.exceptions")
    vars(library)["BotoCoreError"] = BotoCoreError
    monkeypatch.setitem(sys.modules, "botocore.exceptions", library)
    folder = open_folder("memory://bucket")
    monkeypatch.setattr(MemoryFileSystem, "find", without_credentials)
    with pytest.raises(StoreError, match=r"can't be listed: BotoCoreError$"):
        folder.names()


def test_a_store_that_cant_even_be_opened_is_could_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    monkeypatch.setattr(fsspec.core, "url_to_fs", refused)
    with pytest.raises(StoreError, match="can't be opened: Connection timed out"):
        open_folder("memory://bucket")


def test_any_other_fault_of_linking_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", broken)
    with pytest.raises(StoreError, match="Input/output error"):
        LocalFolder(tmp_path).add("x", b"1")
    assert [] == list(tmp_path.iterdir())
