"""What goes wrong with object stores, on each real server: a clear error or the right digest, never a wrong one."""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest
import servers

from dbom.errors import ChangedError, DbomError, PathError, StoreError
from dbom.remote import fingerprint_url
from dbom.storage import ranges, retries
from dbom.storage.objects import RemoteItem, close_sources, source_of
from dbom.storage.ranges import STREAMED_BYTES, hash_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_OLD, _NEW = bytes(STREAMED_BYTES + 5), b"\1" * (STREAMED_BYTES + 5)


@dataclass(frozen=True, slots=True)
class _Bucket:
    root: str
    endpoint: str
    redirect: Callable[[str], None]
    put: Callable[[str, bytes], object]
    delete: Callable[[str], object]


@pytest.fixture(params=["s3", "gcs", "azure"])
def bucket(
    request: pytest.FixtureRequest, tmp_path: Path, peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[_Bucket]:
    makers = {"s3": _s3, "gcs": _gcs, "azure": _azure}
    yield from makers[request.param](tmp_path, peer, monkeypatch)
    close_sources()


def _s3(folder: Path, peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[_Bucket]:
    (folder / "bkt").mkdir()
    with servers.versitygw(peer("versitygw"), folder) as endpoint:
        for name, value in {**servers.S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
            monkeypatch.setenv(name, value)
        call = servers.s3_call(endpoint)
        yield _Bucket(
            "s3://bkt",
            endpoint,
            lambda url: monkeypatch.setenv("AWS_ENDPOINT_URL", url),
            lambda key, data: call("put_object", Bucket="bkt", Key=key, Body=data),
            lambda key: call("delete_object", Bucket="bkt", Key=key),
        )
        close_sources()


def _gcs(folder: Path, peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[_Bucket]:
    (folder / "bkt").mkdir()
    with servers.fake_gcs(peer("fake-gcs-server"), folder) as endpoint:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)

        def ask(method: str, target: str, data: bytes = b"") -> None:
            with closing(HTTPConnection(endpoint.removeprefix("http://"), timeout=30)) as connection:
                connection.request(method, target, body=data)
                assert connection.getresponse().status < 300

        yield _Bucket(
            "gs://bkt",
            endpoint,
            lambda url: monkeypatch.setenv("STORAGE_EMULATOR_HOST", url),
            lambda key, data: ask(
                "POST", f"/upload/storage/v1/b/bkt/o?uploadType=media&name={quote(key, safe='')}", data
            ),
            lambda key: ask("DELETE", f"/storage/v1/b/bkt/o/{quote(key, safe='')}"),
        )
        close_sources()


def _azure(folder: Path, peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[_Bucket]:
    from azure.storage.blob import BlobServiceClient

    with (
        servers.azurite(peer("azurite-blob"), folder) as connection,
        BlobServiceClient.from_connection_string(connection) as service,
    ):
        container = service.create_container("bkt")
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection)
        parts = urlsplit(str(service.url))
        endpoint = f"{parts.scheme}://{parts.netloc}"
        yield _Bucket(
            "az://bkt",
            endpoint,
            lambda url: monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection.replace(endpoint, url)),
            lambda key, data: container.upload_blob(key, data, overwrite=True),
            container.delete_blob,
        )
        close_sources()


def test_an_object_that_is_overwritten_before_or_in_the_midst_of_its_reading_is_an_error(bucket: _Bucket) -> None:
    """Also where the new object has the length of the old one, and whatever was asked for before."""
    bucket.put("d/small", b"one")
    bucket.put("d/large", _OLD)
    source = source_of(bucket.root)
    listed = {item.key: item for item in source.below("d/")}
    alone = source.find("d/small")
    assert alone is not None
    assert (alone.tag, alone.size, alone.version) == (
        listed["d/small"].tag,
        listed["d/small"].size,
        listed["d/small"].version,
    )
    bucket.put("d/small", b"two")
    for item in (alone, listed["d/small"]):
        with pytest.raises(ChangedError):
            RemoteItem("small", bucket.root, item, computed=True).digest()

    replaced = threading.Event()

    def fetch(start: int, stop: int) -> Iterator[bytes]:
        if start:
            replaced.wait(30)
        yield from source.fetch(listed["d/large"], start, stop)
        if not start:
            bucket.put("d/large", _NEW)
            replaced.set()

    with pytest.raises(DbomError) as caught:
        hash_ranges(fetch, len(_OLD), "x")
    assert isinstance(caught.value, ChangedError) or "nothing here" in str(caught.value)


def test_an_object_that_is_deleted_after_it_was_listed_is_an_error(bucket: _Bucket) -> None:
    bucket.put("d/a", b"one")
    (listed,) = source_of(bucket.root).below("d/")
    bucket.delete("d/a")
    with pytest.raises(ChangedError, match=r"went away|was replaced"):
        RemoteItem("a", bucket.root, listed, computed=True).digest()


def test_a_tree_to_which_something_is_added_while_it_is_read_is_an_error(
    bucket: _Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("d/a", b"one")
    fetch = type(source_of(bucket.root)).fetch

    def adding(*arguments: object) -> Iterator[bytes]:
        bucket.put("d/b", os.urandom(3))
        yield from fetch(*arguments)  # type: ignore[arg-type]  # what it was called with

    monkeypatch.setattr(type(source_of(bucket.root)), "fetch", adding)
    with pytest.raises(ChangedError, match="the tree changed"):
        fingerprint_url(f"{bucket.root}/d", computed=True)


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the number of attempts, and make the pauses between them short."""
    monkeypatch.setattr(retries, "RETRIES", retries.Retries(attempts=3, first=0.001))


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("streamed", [0, 3_000_000], ids=["in ranges", "in one go"])
def test_a_store_behind_a_troubled_way_gives_the_right_digest_or_an_error(
    bucket: _Bucket, streamed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passing trouble is overcome, also in the middle of a range; a lasting one names itself."""
    data = os.urandom(3_000_000)
    bucket.put("d/large", data)
    monkeypatch.setattr(ranges, "RANGE_BYTES", 1_000_000)
    monkeypatch.setattr(ranges, "STREAMED_BYTES", streamed)
    expected = hashlib.sha256(data).hexdigest()
    with servers.proxy(bucket.endpoint) as way:
        bucket.redirect(way.url)
        for trouble in ("503!", "500", "429", "cut", "reset", "other", "short"):
            (listed,) = source_of(bucket.root).below("d/")
            way.once = [trouble]
            assert expected == RemoteItem("large", bucket.root, listed, computed=True).digest().sha256, trouble
            assert not way.once
            way.once = [trouble]
            assert expected == fingerprint_url(f"{bucket.root}/d/large", computed=True).digest.hex, trouble
        # (gcsfs tries again by itself, with pauses of half a minute, before it says that answers break off.)
        for lasting in ("403", "404", "short", *(() if bucket.root.startswith("gs:") else ("cut",))):
            (listed,) = source_of(bucket.root).below("d/")
            way.always = lasting
            with pytest.raises((PathError, ChangedError, StoreError)) as caught:
                RemoteItem("large", bucket.root, listed, computed=True).digest()
            assert bucket.root in str(caught.value)
            way.always = ""
            close_sources()


def test_what_stores_have_in_common(bucket: _Bucket) -> None:
    bucket.put("d/a", b"one")
    bucket.put("d/empty", b"")
    source = source_of(bucket.root)
    assert source.find("") is source.find("d/") is source.find("nothing") is None
    assert [] == list(source.below("nothing/"))
    assert source.host.startswith("127.0.0.1:")
    listed = {item.key: item for item in source.below("d/")}
    assert {"d/a": 3, "d/empty": 0} == {key: item.size for key, item in listed.items()}
    assert [] == list(source.fetch(listed["d/empty"], 0, 0))
    assert "" == source.attestation(listed["d/a"])
    assert f"{bucket.root}/d/a" == source.shown("d/a")
    with pytest.raises(NotImplementedError):
        source.stream(listed["d/a"])
