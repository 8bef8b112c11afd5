"""The same bytes have the same digest wherever they are: real servers, one tree, one answer."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import servers

from admission.loading import load_for_pod
from dbom.engine.journal import Journal
from dbom.errors import MismatchError, PathError, StoreError
from dbom.model import Basis, Unknown
from dbom.remote import fingerprint_remote, fingerprint_url
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbom.model import Fingerprint

_LARGE = 17_000_003  # three ranges


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of every kind of file: large, empty, ignored, evidence beside one, names that are not ASCII."""
    root = tmp_path_factory.mktemp("src") / "data"
    files = {
        "a.txt": b"a",
        "empty": b"",
        "sub/large.bin": os.urandom(_LARGE),
        "sub/b c+d&e.csv": b"1,2\n",
        "sub/é/ü.txt": "ü".encode(),
        ".DS_Store": b"x",
        "sub/x.csv.dbom/bom.cdx.json": b"{}",
        "y.dbom/data.bin": b"no sidecar",
    }
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


@pytest.fixture(scope="module")
def expected(tree: Path) -> Fingerprint:
    return fingerprint_path(tree)


def _files(tree: Path) -> dict[str, bytes]:
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in sorted(tree.rglob("*")) if path.is_file()}


def _same(expected: Fingerprint, actual: Fingerprint) -> None:
    assert (expected.digest, expected.ignored, expected.findings) == (actual.digest, actual.ignored, actual.findings)
    assert expected.manifest() == actual.manifest()
    assert "data" == actual.name


@pytest.fixture(scope="module")
def s3(tree: Path, peer: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Run a real S3 server that has the tree in a bucket."""
    folder = tmp_path_factory.mktemp("gw")
    shutil.copytree(tree, folder / "bkt" / "data")
    with servers.versitygw(peer("versitygw"), folder) as endpoint:
        yield endpoint, folder / "bkt"


@pytest.fixture
def s3_client(s3: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    _as_s3_client(s3[0], monkeypatch)
    return s3[1]


def _as_s3_client(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**servers.S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("url", ["s3://bkt/data", "s3://bkt/data/"])
def test_s3_has_the_digest_of_the_disk(expected: Fingerprint, s3_client: Path, url: str) -> None:
    assert s3_client.is_dir()
    found = fingerprint_remote(url, computed=True)
    _same(expected, found.fingerprint)
    assert found.fingerprint.known.basis is Basis.COMPUTED
    assert isinstance(found.location, Unknown)


@pytest.mark.usefixtures("s3_client")
def test_any_executor_gives_the_same(expected: Fingerprint) -> None:
    with ThreadPoolExecutor(2) as executor:
        _same(expected, fingerprint_url("s3://bkt/data", executor=executor))


def test_what_a_journal_knows_of_a_url_is_not_read_again(expected: Fingerprint, tree: Path, tmp_path: Path) -> None:
    """Two of the objects can't be read any more; a run with the journal needs none of them."""
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(tree), "/kept/data", recursive=True)
    url = "memory://kept/data"
    with Journal.open(tmp_path / "journal", tree=url, ignores=expected.ignores) as journal:
        _same(expected, fingerprint_url(url, journal=journal))
    for name in ("/kept/data/a.txt", "/kept/data/sub/large.bin"):
        memory.store[name].getbuffer()[:1] = b"?"  # changed without a trace, so that a reading would show
    with Journal.open(tmp_path / "journal", tree=url, ignores=expected.ignores) as journal:
        assert len(expected.entries) == len(journal)
        _same(expected, fingerprint_url(url, journal=journal))
    assert expected.digest != fingerprint_url(url).digest
    memory.store.clear()


@pytest.mark.usefixtures("s3_client")
def test_one_object_is_a_file_and_a_glob_a_tree_of_its_matches(tree: Path, tmp_path: Path) -> None:
    large = fingerprint_url("s3://bkt/data/sub/large.bin")
    assert fingerprint_path(tree / "sub/large.bin").digest == large.digest
    for path in ("a.txt", "sub/é/ü.txt"):
        (tmp_path / "data" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / path, tmp_path / "data" / path)
    chosen = fingerprint_url("s3://bkt/data/**/*.txt")
    assert ["DBOM-195"] == [finding.rule for finding in chosen.findings]
    _same(fingerprint_path(tmp_path / "data"), replace(chosen, findings=()))
    only = fingerprint_url("s3://bkt/data/sub/*.csv")
    assert ["b c+d&e.csv"] == [entry.path for entry in only.entries]
    assert "sub" == only.name


@pytest.mark.usefixtures("s3_client")
def test_a_full_object_checksum_is_taken_and_a_composite_one_is_read() -> None:
    """A multipart object's COMPOSITE sha256 is the digest of digests: it is read, not believed."""
    from dbom.storage.objects import close_sources

    whole, part = b"z" * 1000, b"q" * 5 * 1024 * 1024
    call = servers.s3_call(os.environ["AWS_ENDPOINT_URL"])
    call("put_object", Bucket="bkt", Key="attested/full", Body=whole, ChecksumAlgorithm="SHA256")
    upload = call("create_multipart_upload", Bucket="bkt", Key="attested/parts", ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number in (1, 2):
        done = call(
            "upload_part",
            Bucket="bkt",
            Key="attested/parts",
            UploadId=upload,
            PartNumber=number,
            Body=part,
            ChecksumAlgorithm="SHA256",
        )
        parts.append({"PartNumber": number, "ETag": done["ETag"], "ChecksumSHA256": done["ChecksumSHA256"]})
    call(
        "complete_multipart_upload",
        Bucket="bkt",
        Key="attested/parts",
        UploadId=upload,
        MultipartUpload={"Parts": parts},
    )
    head = call("head_object", Bucket="bkt", Key="attested/parts", ChecksumMode="ENABLED")
    assert "COMPOSITE" == head["ChecksumType"]
    close_sources()

    found = fingerprint_url("s3://bkt/attested")
    full, composite = found.entries
    assert (hashlib.sha256(whole).hexdigest(), Basis.STORE_ATTESTED) == (full.sha256, full.known.basis)
    assert full.known.by.startswith("127.0.0.1:")
    assert (hashlib.sha256(part * 2).hexdigest(), Basis.COMPUTED) == (composite.sha256, composite.known.basis)
    assert found.known.basis is Basis.STORE_ATTESTED
    insisted = fingerprint_url("s3://bkt/attested", computed=True)
    assert (found.digest, Basis.COMPUTED) == (insisted.digest, insisted.known.basis)


def test_zip_and_tar_members_have_the_digest_of_the_disk(
    expected: Fingerprint, tree: Path, s3_client: Path, tmp_path: Path
) -> None:
    shutil.make_archive(str(tmp_path / "z"), "zip", tree.parent)
    for name, flags, what in (
        ("t.tar", "-cf", "./data"),
        ("t.tgz", "-czf", "data"),
        ("t.txz", "-cJf", "data/sub/é"),
        ("t.tbz", "-cjf", "./data/sub/é"),
    ):
        subprocess.run(["tar", "-C", str(tree.parent), flags, str(tmp_path / name), what], check=True)
    for name in ("z.zip", "t.tgz"):
        shutil.copy(tmp_path / name, s3_client / name)
    served = {f"/{name}": (tmp_path / name).read_bytes() for name in ("z.zip", "t.tar")}
    with servers.web(servers.Web(served)) as web:
        for archive in (
            f"zip://data::{tmp_path}/z.zip",
            f"tar://data::{tmp_path}/t.tar",
            f"tar://data::file://{tmp_path}/t.tgz",
            "zip://data::s3://bkt/z.zip",
            "tar://data::s3://bkt/t.tgz",
            f"zip://data::{web.url}/z.zip",
            f"tar://data::{web.url}/t.tar",
        ):
            _same(expected, fingerprint_url(archive))
    for name in ("t.txz", "t.tbz"):
        packed = fingerprint_url(f"tar://data/sub/é::{tmp_path}/{name}")
        assert fingerprint_path(tree / "sub/é").digest == packed.digest
    member = fingerprint_url(f"zip://data/sub/large.bin::{tmp_path}/z.zip")
    assert fingerprint_path(tree / "sub/large.bin").digest == member.digest


def test_gcs_has_the_digest_of_the_disk_and_pins_generations(
    expected: Fingerprint, tree: Path, peer: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bkt").mkdir()
    with servers.fake_gcs(peer("fake-gcs-server"), tmp_path) as endpoint:
        for name, data in _files(tree).items():
            target = f"/upload/storage/v1/b/bkt/o?uploadType=media&name={quote(f'data/{name}', safe='')}"
            with closing(HTTPConnection(endpoint.removeprefix("http://"), timeout=30)) as connection:
                connection.request("POST", target, body=data)
                assert 200 == connection.getresponse().status
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
        found = fingerprint_remote("gs://bkt/data")
        _same(expected, found.fingerprint)
        assert expected.entries[0].path in found.pins
        single = fingerprint_remote("gs://bkt/data/a.txt")
        assert found.pins["a.txt"] == single.location
        assert str(single.location).startswith("gs://bkt/data/a.txt?generation=")
        assert hashlib.sha256(b"a").hexdigest() == fingerprint_url(str(single.location)).digest.hex


def test_azure_has_the_digest_of_the_disk(
    expected: Fingerprint, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peer: Callable[[str], str]
) -> None:
    from azure.storage.blob import BlobServiceClient

    with servers.azurite(peer("azurite-blob"), tmp_path) as connection:
        with BlobServiceClient.from_connection_string(connection) as service:
            container = service.create_container("cont")
            for name, data in _files(tree).items():
                container.upload_blob(f"data/{name}", data)
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection)
        _same(expected, fingerprint_url("az://cont/data"))
        single = fingerprint_url("az://cont/data/sub/large.bin")
        assert fingerprint_path(tree / "sub/large.bin").digest == single.digest


def test_http_has_the_digest_of_the_disk_with_and_without_ranges(tree: Path) -> None:
    large = (tree / "sub/large.bin").read_bytes()
    with servers.web(servers.Web({"/d/large.bin": large, "/empty": b""})) as web:
        expected = fingerprint_path(tree / "sub/large.bin")
        assert expected == fingerprint_url(f"{web.url}/d/large.bin?signature=secret")
        assert fingerprint_path(tree / "empty") == fingerprint_url(f"{web.url}/empty")
        web.ranges = False
        assert expected == fingerprint_url(f"{web.url}/d/large.bin")
        web.ranges, web.tag = True, lambda _: 'W/"weak"'
        assert expected == fingerprint_url(f"{web.url}/d/large.bin")


def test_a_disk_has_the_digest_of_the_disk(expected: Fingerprint, tree: Path) -> None:
    assert expected == fingerprint_url(str(tree))
    assert expected == fingerprint_url(f"file://{quote(str(tree))}")


def test_a_bucket_that_keeps_versions_pins_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was pinned can be read again after it was overwritten."""
    with servers.moto() as endpoint:
        _as_s3_client(endpoint, monkeypatch)
        call = servers.s3_call(os.environ["AWS_ENDPOINT_URL"])
        call("create_bucket", Bucket="kept")
        call("put_bucket_versioning", Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        call("put_object", Bucket="kept", Key="m/a b", Body=b"one")
        call("put_object", Bucket="kept", Key="m/gone", Body=b"x")
        call("delete_object", Bucket="kept", Key="m/gone")
        before = fingerprint_remote("s3://kept/m")
        pin = fingerprint_remote("s3://kept/m/a b")
        call("put_object", Bucket="kept", Key="m/a b", Body=b"two")
        after = fingerprint_remote("s3://kept/m/a b")
        again = fingerprint_url(str(pin.location))
    assert ["a b"] == [entry.path for entry in before.fingerprint.entries]
    assert before.pins["a b"] == pin.location
    assert str(pin.location).startswith("s3://kept/m/a%20b?versionId=")
    assert pin.location != after.location
    assert hashlib.sha256(b"one").hexdigest() == again.digest.hex == pin.fingerprint.digest.hex


def _hub(tree: Path, *, lie: bool = False) -> servers.Web:
    """Return a hub with one repository, speaking the endpoints that huggingface_hub uses for it."""
    commit = "c" * 40
    files = _files(tree)
    state = servers.Web()
    listed = []
    for name, data in files.items():
        described: dict[str, object] = {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
        if name.endswith(".bin"):
            digest = hashlib.sha256(b"lie" if lie else data).hexdigest()
            described["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 130}
        listed.append(described)
        state.files[f"/datasets/org/data/resolve/{commit}/{quote(name)}"] = data
    about = json.dumps({"id": "org/data", "sha": commit, "private": False, "siblings": []}).encode()
    state.files["/api/datasets/org/data"] = about
    state.files["/api/datasets/org/data/revision/main"] = about
    state.files[f"/api/datasets/org/data/tree/{commit}"] = json.dumps(listed).encode()
    return state


def _as_hub_client(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what HF_ENDPOINT sets: the library reads the variable when it is imported, which it may already be."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


def test_a_hub_has_the_digest_of_the_disk_at_one_commit(
    expected: Fingerprint, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its large files are taken at its word, which `computed` doesn't."""
    with servers.web(_hub(tree)) as hub:
        _as_hub_client(hub.url, monkeypatch)
        found, at_branch = (fingerprint_remote(f"hf://datasets/org/data{branch}") for branch in ("", "@main"))
        assert found == at_branch
        _same(expected, found.fingerprint)
        assert f"hf://datasets/org/data@{'c' * 40}" == found.location
        known = {entry.path: entry.known for entry in found.fingerprint.entries}
        assert (Basis.STORE_ATTESTED, hub.url.removeprefix("http://")) == (
            known["sub/large.bin"].basis,
            known["sub/large.bin"].by,
        )
        assert Basis.COMPUTED is known["a.txt"].basis
        insisted = fingerprint_url("hf://datasets/org/data", computed=True)
        _same(expected, insisted)
        assert insisted.known.basis is Basis.COMPUTED


def test_a_hub_that_attests_another_digest_is_not_believed_once_it_is_read(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers.web(_hub(tree, lie=True)) as hub:
        _as_hub_client(hub.url, monkeypatch)
        with pytest.raises(MismatchError, match="not those that the store attests"):
            fingerprint_url("hf://datasets/org/data", computed=True)


def test_offline_forbids_every_network(tmp_path: Path) -> None:
    for url in ("s3://b/k", "hf://o/n", "https://h/x", "zip://a::s3://b/k"):
        with pytest.raises(StoreError, match="offline"):
            fingerprint_url(url, offline=True)
    (tmp_path / "x").write_bytes(b"x")
    assert hashlib.sha256(b"x").hexdigest() == fingerprint_url(str(tmp_path / "x"), offline=True).digest.hex


@pytest.mark.usefixtures("s3_client")
def test_what_is_not_there_is_an_error() -> None:
    for url in ("s3://bkt/nothing", "s3://nobucket/x", "s3://bkt/data/*.nothing"):
        with pytest.raises(PathError, match="nothing here"):
            fingerprint_url(url)


@pytest.mark.usefixtures("s3_client")
@pytest.mark.parametrize("key", ["data", "data/sub/large.bin"])
def test_a_copy_from_a_store_is_what_was_named_or_isnt_put_there(tree: Path, tmp_path: Path, key: str) -> None:
    named = fingerprint_path(tree.parent / key).digest
    target = tmp_path / "volume" / "m"
    assert load_for_pod(target, named, source=f"s3://bkt/{key}").digest == named
    with pytest.raises(MismatchError):
        load_for_pod(tmp_path / "volume" / "other", named, source="s3://bkt/data/sub")
    assert [path.name for path in target.parent.iterdir()] == ["m"]
