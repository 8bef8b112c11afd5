"""Stores and hubs whose answers are hostile or forbidden: a clear error, and nothing given away."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
import servers
from servers import Trouble, Web

from dbom.errors import ChangedError, PathError, StoreError, UsageError
from dbom.remote import fingerprint_url
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.storage import retries
from dbom.storage.objects import RemoteItem, RemoteObject, close_sources, source_of
from dbom.storage.ranges import whole_range

if TYPE_CHECKING:
    from collections.abc import Iterator

_S3_PAGE = b"""<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken>
<Contents><Key>d/a</Key><Size>1</Size><ETag>"x"</ETag><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>
</ListBucketResult>"""
_AZURE_PAGE = b"""<?xml version="1.0"?><EnumerationResults><Blobs><Blob><Name>d/a</Name><Properties>
<BlobType>BlockBlob</BlobType><Content-Length>1</Content-Length><Etag>0x1</Etag></Properties></Blob></Blobs><NextMarker>same</NextMarker>
</EnumerationResults>"""
_GCS_PAGE = b'{"items": [{"name": "d/a", "size": "1", "generation": "7"}], "nextPageToken": "same"}'
_COMMIT = "c" * 40


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Run a web server that S3's, GCS's, Azure's and the hub's clients take for their own."""
    from huggingface_hub import constants

    monkeypatch.setattr(retries, "RETRIES", retries.Retries(attempts=2, first=0.001))
    with servers.web() as state:
        for name, value in {**servers.S3_ENVIRONMENT, "AWS_ENDPOINT_URL": state.url}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", state.url)
        monkeypatch.setenv(
            "AZURE_STORAGE_CONNECTION_STRING",
            f"DefaultEndpointsProtocol=http;AccountName={servers.AZURE_ACCOUNT};AccountKey={servers.AZURE_KEY};"
            f"BlobEndpoint={state.url}/{servers.AZURE_ACCOUNT};",
        )
        monkeypatch.setattr(constants, "ENDPOINT", state.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", state.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        yield state
        close_sources()


@pytest.mark.parametrize(
    ("root", "kind", "page"),
    [
        ("s3://bkt", "application/xml", _S3_PAGE),
        ("gs://bkt", "application/json", _GCS_PAGE),
        ("az://bkt", "application/xml", _AZURE_PAGE),
    ],
)
def test_a_listing_that_never_ends_is_an_error(web: Web, root: str, kind: str, page: bytes) -> None:
    web.always = Trouble(200, {"Content-Type": kind}, page)
    with pytest.raises(StoreError, match="doesn't come to an end"):
        list(source_of(root).below("d/"))
    assert len(web.requests) < 10


@pytest.mark.parametrize("root", ["s3://bkt", "gs://bkt", "az://bkt", f"hf://org/data@{_COMMIT}"])
def test_a_refusal_is_an_error_and_no_absence(web: Web, root: str) -> None:
    web.always = Trouble(403, {"Content-Type": "application/json"}, b"{}")
    source = source_of(root)
    item = RemoteObject("d/a", 3, '"x"', "7")
    for ask in (
        lambda: source.find("d/a"),
        lambda: list(source.below("d/")),
        lambda: whole_range(lambda start, stop: source.fetch(item, start, stop), 0, 3, root),
    ):
        with pytest.raises(PathError) as caught:
            ask()
        assert PATH_UNREADABLE is caught.value.rule


def test_an_object_that_is_not_the_one_that_was_listed_is_an_error(web: Web) -> None:
    """A server that knows no If-Match sends whatever is there now."""
    item = RemoteObject("d/a", 3, '"listed"')
    web.always = Trouble(200, {"ETag": '"other"', "Content-Length": "3"}, b"abc")
    with pytest.raises(ChangedError, match="was replaced"):
        RemoteItem("a", "s3://bkt", item, computed=True).digest()
    web.always = Trouble(200, {"ETag": '"listed"'}, b"abcd")
    with pytest.raises(StoreError, match="announced 4 bytes where 3 were asked for, in 2 attempts"):
        RemoteItem("a", "s3://bkt", item, computed=True).digest()
    web.always = Trouble(200, {"ETag": '"listed"'}, b"abc")
    digest = RemoteItem("a", "s3://bkt", item, computed=True).digest()
    assert hashlib.sha256(b"abc").hexdigest() == digest.sha256


def test_an_attestation_of_another_object_is_an_error(web: Web) -> None:
    web.always = Trouble(200, {"ETag": '"other"', "Content-Length": "3"})
    with pytest.raises(ChangedError, match="replaced after it was listed"):
        source_of("s3://bkt").attestation(RemoteObject("d/a", 3, '"listed"'))


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        (Trouble(200, {"ETag": '"x"'}, b"abc"), Trouble(200, {"ETag": '"x"'}, b"abcd"), "another length"),
        (Trouble(200, {"ETag": '"x"'}, b"abc"), Trouble(200, {"ETag": '"y"'}, b"abc"), "was replaced"),
        (
            Trouble(200, {"ETag": '"x"'}, b"abc"),
            Trouble(200, {"ETag": '"x"', "Content-Encoding": "gzip"}, b"abc"),
            "encoded, unasked",
        ),
        (
            Trouble(206, {"ETag": '"x"', "Content-Range": "bytes 0-0/3"}, b"a"),
            Trouble(206, {"ETag": '"x"', "Content-Range": "bytes 1-3/4"}, b"bcd"),
            "another range",
        ),
        (
            Trouble(206, {"ETag": '"x"', "Content-Range": "bytes 0-0/3"}, b"a"),
            Trouble(200, {"ETag": '"x"'}),
            "the whole",
        ),
        (Trouble(416, {"ETag": '"x"'}), Trouble(200), "doesn't say how long"),
    ],
)
def test_a_web_server_that_answers_otherwise_than_before_gives_no_digest(
    web: Web, first: Trouble, then: Trouble, said: str
) -> None:
    web.troubles, web.always = [first], then
    with pytest.raises((StoreError, ChangedError), match=said):
        fingerprint_url(f"{web.url}/x")


def test_a_place_without_versions_says_so(web: Web) -> None:
    import fsspec

    fsspec.filesystem("memory").pipe_file("/box/d/a", b"abc")
    web.files["/d/a"] = b"abc"
    for root, key in ((f"{web.url}/d/a", "/d/a"), ("memory://box", "d/a")):
        source = source_of(root)
        found = source.find(key)
        assert found is not None
        assert b"bc" == b"".join(source.fetch(found, 1, 3))
        assert [] == list(source.fetch(found, 0, 0))
        assert ("", "", 3) == (source.attestation(found), source.location(found), found.size)
        assert source.host in source.shown(key)
        assert "version" in str(source.tree_location("")) or "no pin" in str(source.tree_location(""))
    memory = source_of("memory://box")
    (listed,) = memory.below("")
    assert memory.find("") is memory.find("d/") is memory.find("none") is memory.find("d") is None
    assert [] == list(memory.below("none/"))
    with pytest.raises(NotImplementedError):
        memory.stream(listed)
    fsspec.filesystem("memory").store.clear()
    with pytest.raises(ChangedError):
        RemoteItem("d/a", "memory://box", listed).digest()


def _hub(web: Web, *, sha: str = _COMMIT) -> None:
    listed = [
        {"type": "file", "path": "d/a", "size": 3, "oid": "0" * 40},
        {"type": "directory", "path": "d", "oid": "1"},
    ]
    web.files[f"/api/models/org/data/tree/{_COMMIT}"] = json.dumps(listed).encode()
    web.files[f"/api/models/org/data/tree/{_COMMIT}/d"] = json.dumps(listed).encode()
    web.files["/api/models/org/data"] = json.dumps({"id": "org/data", "sha": sha}).encode()
    web.files[f"/org/data/resolve/{_COMMIT}/d/a"] = b"abc"


def test_a_hub_that_names_no_commit_is_an_error(web: Web) -> None:
    _hub(web, sha="main")
    with pytest.raises(UsageError, match="names no commit"):
        fingerprint_url("hf://org/data")


def test_a_folder_of_a_hub_is_a_tree_and_one_that_is_not_there_an_error(web: Web) -> None:
    _hub(web)
    source = source_of(f"hf://org/data@{_COMMIT}")
    assert ["d/a"] == [item.key for item in source.below("d/")]
    assert [] == list(source.below("none/"))
    assert source.find("") is None
    (listed,) = source.below("")
    assert [] == list(source.fetch(listed, 0, 0))
    assert "" == source.attestation(listed) == source.location(listed)
    with pytest.raises(NotImplementedError):
        source.stream(listed)
    assert "folder" in str(source.tree_location("d/"))


@pytest.mark.parametrize("start", [0, 1], ids=["whole", "range"])
def test_a_hub_sends_to_another_host_which_sees_no_token(web: Web, start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_made_up_secret")
    _hub(web)
    source = source_of(f"hf://org/data@{_COMMIT}")
    (listed,) = source.below("")
    with servers.web(Web({"/there": b"abc"})) as other:
        web.always = Trouble(302, {"Location": f"{other.url.replace('127.0.0.1', 'localhost')}/there"})
        assert b"abc"[start:] == b"".join(source.fetch(listed, start, 3))
        assert "secret" in str(web.requests), "or the next line says nothing"
        assert other.requests
        assert "secret" not in str(other.requests)
        other.ranges = False
        if start:
            with pytest.raises(retries.TransientError, match="the whole where a range"):
                list(source.fetch(listed, 1, 3))


def test_a_hub_that_sends_more_less_or_nothing_gives_no_digest(web: Web) -> None:
    _hub(web)
    root = f"hf://org/data@{_COMMIT}"
    (listed,) = source_of(root).below("")
    for trouble, said in (
        (Trouble(200, {}, b"abcd"), "more than it was asked for"),
        (Trouble(200, {}, b"ab"), "broke off 1 bytes|sent the whole"),
        (Trouble(200, {"Content-Length": "3"}, b"ab", drop=True), "the connection failed|sent the whole"),
        (Trouble(503, {"Retry-After": "0"}), "answers 503, in 2 attempts"),
        (Trouble(404), "went away"),
    ):
        web.always = trouble
        with pytest.raises((StoreError, ChangedError), match=said):
            RemoteItem("d/a", root, listed, computed=True).digest()
