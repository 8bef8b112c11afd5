"""Stores: content-addressed, raw bytes untouched, any bundle at any depth found."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from evidence import key_signed, statement_about

from attest.statement import Statement
from attest.stores.store import MAX_BUNDLE_BYTES, StoredBundle, UnreadBundle, bundle_name, open_store
from dbom.errors import DbomError, StoreError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_LOCATION

TREE = statement_about(Digest(Kind.TREE, "a" * 64))
RAW = key_signed(TREE.payload, ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)))
SHA256 = hashlib.sha256(RAW).hexdigest()


def test_a_bundle_is_kept_under_kind_digest_and_its_own_digest(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    name = store.add(RAW, TREE)
    assert name == f"tree/{'a' * 64}/bom-{SHA256}.sigstore.json"
    assert (tmp_path / "store" / name).read_bytes() == RAW


def test_a_file_of_the_same_digits_is_kept_apart(tmp_path: Path) -> None:
    name = open_store(str(tmp_path)).add(RAW, statement_about(Digest(Kind.FILE, "a" * 64)))
    assert name.startswith(f"file/{'a' * 64}/")


def test_a_statement_that_identifies_nothing_is_kept_all_the_same(tmp_path: Path) -> None:
    payload = b'{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x"}],"predicateType":"other"}'
    name = open_store(str(tmp_path)).add(RAW, Statement.parse(payload, where="s"))
    assert name == f"unidentified/other-{SHA256}.sigstore.json"


def test_the_same_bundle_twice_is_one(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    assert store.add(RAW, TREE) == store.add(RAW, TREE)
    assert [bundle.sha256 for bundle in store.bundles()] == [SHA256]


def test_every_bundle_at_any_depth_is_found_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.dbom/bom-1.sigstore.json", "a/x/y.sigstore.json", "top.sigstore.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "b.dbom" / "bom.cdx.json").write_bytes(b"{}")
    found = list(open_store(str(tmp_path)).bundles())
    assert [bundle.where for bundle in found] == [
        f"{tmp_path}/a/x/y.sigstore.json",
        f"{tmp_path}/b.dbom/bom-1.sigstore.json",
        f"{tmp_path}/top.sigstore.json",
    ]
    assert found[2] == StoredBundle.of(b"top.sigstore.json", where=f"{tmp_path}/top.sigstore.json")


def test_any_fsspec_url_is_a_store() -> None:
    store = open_store("memory://dbom-test-store")
    name = store.add(RAW, TREE)
    assert [bundle.where for bundle in store.bundles()] == [f"memory://dbom-test-store/{name}"]


def test_a_store_that_is_not_there_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        list(open_store(str(tmp_path / "missing")).bundles())


def test_what_can_not_be_read_is_an_entry_of_its_own_and_the_rest_is_read(tmp_path: Path) -> None:
    """One pipe, one oversized file, one name that is no UTF-8: whoever may write to a store can put them there."""
    os.mkfifo(tmp_path / "a.sigstore.json")
    (tmp_path / "c.sigstore.json").write_bytes(RAW)
    with (tmp_path / "b.sigstore.json").open("wb") as file:
        file.truncate(MAX_BUNDLE_BYTES + 1)
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff.sigstore.json")).touch()
    store = open_store(str(tmp_path))
    entries = list(store.entries())
    unread = [entry.rejection.reason for entry in entries if isinstance(entry, UnreadBundle)]
    assert [entry.sha256 for entry in entries if isinstance(entry, StoredBundle)] == [SHA256]
    assert (3, True) == (len(unread), all(reason.startswith("not read: ") for reason in unread))
    with pytest.raises(DbomError):
        list(store.bundles())


def test_a_folder_of_a_store_that_can_not_be_listed_is_an_entry_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "c.sigstore.json").write_bytes(RAW)
    scandir = os.scandir

    def refuse(path: str) -> object:
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    stored, unread = open_store(str(tmp_path)).entries()
    assert isinstance(stored, StoredBundle)
    assert isinstance(unread, UnreadBundle)
    assert unread.where.endswith("closed")


def test_offline_reaches_no_remote_store() -> None:
    with pytest.raises(StoreError):
        open_store("s3://bucket/store", offline=True)


def test_a_name_says_the_predicate_and_the_digest() -> None:
    assert bundle_name(b"", PREDICATE_LOCATION, digits=16) == "location-e3b0c44298fc1c14.sigstore.json"


def test_the_test_vector_of_the_format(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "formats" / "store.md").read_text()
    assert f"    {open_store(str(tmp_path)).add(b'{}', TREE)}\n" in text
    assert f"`{bundle_name(b'{}', TREE.predicate_type, digits=16)}`" in text


def test_processes_that_add_to_one_folder_at_once_lose_nothing_and_leave_nothing_half(tmp_path: Path) -> None:
    script = (
        "import sys; from attest.statement import Statement, Subject; from attest.stores.store import open_store\n"
        "from dbom.model import Digest, Kind\n"
        "for number in range(20):\n"
        "    statement = Statement.build(Subject.of('x', Digest(Kind.FILE, 'a' * 64)), 'https://x/', {'n': number})\n"
        "    open_store(sys.argv[1]).add(statement.payload, statement)\n"
    )
    top = str(Path(__file__).parents[2])
    words = [sys.executable, "-P", "-c", script, str(tmp_path / "store")]
    running = [subprocess.Popen(words, env={**os.environ, "PYTHONPATH": top}) for _ in range(3)]
    assert [0, 0, 0] == [child.wait() for child in running]
    found = list(open_store(str(tmp_path / "store")).bundles())
    assert len(found) == 20
    assert all(f"-{item.sha256}." in item.where for item in found)
    assert {path.suffix for path in (tmp_path / "store").rglob("*") if path.is_file()} == {".json"}
