"""The registry's protocol: logins, redirects, retries, and bytes that aren't those of their digest."""

from __future__ import annotations

import base64
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from memory_registry import EMPTY, INDEX, MANIFEST, MemoryRegistry, digest_of, file_layer, memory_registry
from urllib3.response import HTTPResponse

from dbom.errors import DocumentError, MismatchError, PathError, StoreError
from dbom.storage.oci import Descriptor, Manifest, Reference, Referrers, Registry
from dbom.storage.oci.referrers import Settling
from dbom.storage.oci.transport import Answer
from dbom.storage.retries import Retries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbom.storage.retries.RETRIES", Retries(attempts=3, first=0.0))


@pytest.fixture
def held() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        running.add_artifact(file_layer("a", b"content"))
        yield running


def _client(held: MemoryRegistry, environment: Mapping[str, str] | None = None) -> Registry:
    return Registry(held.host, {"HOME": "/nowhere", **(environment or {})})


def _tag(held: MemoryRegistry, name: str = "v1") -> Reference:
    return Reference.parse(held.url(name))


def _login(folder: Path, host: str, entry: Mapping[str, str]) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {host: dict(entry)}}))
    return {"DOCKER_CONFIG": str(folder)}


def _auth(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


def test_a_manifest_and_a_blob_arrive_as_they_are(held: MemoryRegistry) -> None:
    client = _client(held)
    found = client.manifest(_tag(held))
    assert isinstance(found, Manifest)
    assert b"content" == client.blob("models/iris", found.layers[0].digest, limit=100)
    client.close()


def test_other_bytes_than_those_of_the_digest_are_refused(held: MemoryRegistry) -> None:
    digest = digest_of(b"content")
    held.spoilt[digest] = lambda data: data[:-1] + b"!"
    with pytest.raises(MismatchError) as caught:
        _client(held).blob("models/iris", digest, limit=100)
    assert (caught.value.rule.id, digest) == ("DBOM-377", caught.value.expected)
    name = digest_of(held.manifests["v1"][0])
    held.spoilt[name] = lambda data: data + b" "
    with pytest.raises(MismatchError):
        _client(held).document(Reference.parse(held.url(name)))
    held.spoilt.clear()
    held.digest_header = digest_of(b"else")
    with pytest.raises(MismatchError):
        _client(held).document(_tag(held))


def test_what_is_longer_than_is_read_is_refused(held: MemoryRegistry) -> None:
    with pytest.raises(StoreError, match="more than is read"):
        _client(held).blob("models/iris", digest_of(b"content"), limit=3)


def test_what_is_busy_is_asked_again_and_then_given_up(held: MemoryRegistry) -> None:
    held.failing["v1"] = 2
    assert _client(held).manifest(_tag(held)).layers
    held.failing["v1"] = 3
    with pytest.raises(StoreError, match="503"):
        _client(held).manifest(_tag(held))


@pytest.mark.parametrize(
    ("status", "error"), [(404, PathError), (403, StoreError), (400, StoreError), (204, StoreError), (409, StoreError)]
)
def test_each_answer_means_something(held: MemoryRegistry, status: int, error: type[Exception]) -> None:
    held.answers["v1"] = status
    with pytest.raises(error):
        _client(held).manifest(_tag(held))


def test_a_registry_that_is_not_there_is_a_store_that_can_not_be_reached() -> None:
    with memory_registry() as gone:
        reference = _tag(gone)
    with pytest.raises(StoreError):
        Registry(reference.host, {}).manifest(reference)


def test_an_index_is_no_manifest(held: MemoryRegistry) -> None:
    held.add_manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}, "many", media_type=INDEX)
    with pytest.raises(DocumentError, match="is an index"):
        _client(held).manifest(_tag(held, "many"))


def test_a_login_by_name_and_password(held: MemoryRegistry, tmp_path: Path) -> None:
    held.basic = "me:secret"
    assert _client(held, _login(tmp_path, held.host, _auth("me:secret"))).manifest(_tag(held)).layers
    with pytest.raises(StoreError) as caught:
        _client(held).manifest(_tag(held))
    assert caught.value.rule.id == "DBOM-380"
    with pytest.raises(StoreError, match="doesn't take") as caught:
        _client(held, _login(tmp_path, held.host, _auth("me:wrong-word"))).manifest(_tag(held))
    assert "wrong-word" not in str(caught.value)


def test_the_token_dance_with_a_login_and_without(held: MemoryRegistry, tmp_path: Path) -> None:
    held.token = "made-up-token"
    assert _client(held).manifest(_tag(held)).layers
    held.login = "me:secret"
    client = _client(held, _login(tmp_path, held.host, _auth("me:secret")))
    assert client.manifest(_tag(held)).layers
    assert client.manifest(_tag(held)).layers
    asked = [path for _, path, _ in held.seen if path.startswith("/token")]
    assert len(asked) == 2
    assert all("scope=repository%3Amodels%2Firis%3Apull" in path and "service=made-up" in path for path in asked)
    with pytest.raises(StoreError, match="nobody has logged in"):
        _client(held).manifest(_tag(held))
    with pytest.raises(StoreError, match="answers 401"):
        _client(held, _login(tmp_path, held.host, _auth("me:wrong"))).manifest(_tag(held))


def test_a_token_that_ran_out_is_asked_for_again(held: MemoryRegistry) -> None:
    held.token = "first"
    client = _client(held)
    assert client.manifest(_tag(held)).layers
    held.token = "second"
    assert client.manifest(_tag(held)).layers


def test_an_identity_token_is_a_refresh_token(held: MemoryRegistry, tmp_path: Path) -> None:
    held.token, held.login, held.refresh = "made-up-token", "me:secret", "refresh-word"
    assert _client(held, _login(tmp_path, held.host, {"identitytoken": "refresh-word"})).manifest(_tag(held)).layers
    held.basic = "me:secret"
    with pytest.raises(StoreError):
        _client(held, _login(tmp_path, held.host, {"identitytoken": "refresh-word"})).manifest(_tag(held))


def test_a_login_service_that_is_busy_is_asked_again(held: MemoryRegistry) -> None:
    held.token = "made-up-token"
    held.failing["token"] = 2
    assert _client(held).manifest(_tag(held)).layers


@pytest.mark.parametrize("answer", [b"nonsense", b"{}", b'{"token": 1}', b'{"token": "a\\nb"}', b'{"token": ""}'])
def test_an_answer_without_a_token_is_no_login(held: MemoryRegistry, answer: bytes) -> None:
    held.token = "made-up-token"
    held.spoilt["token"] = lambda _: answer
    with pytest.raises(StoreError, match="no token"):
        _client(held).manifest(_tag(held))


@pytest.mark.parametrize(
    "realm",
    [
        "http://evil.example.org/token",
        "ftp://x/",
        "",
        "https://me:x@evil.example.org/t",
        "http://10.0.0.1/t",
        "http://[",
        "https://evil.example.org:port/",
    ],
)
def test_credentials_go_to_no_service_without_encryption(held: MemoryRegistry, tmp_path: Path, realm: str) -> None:
    held.token, held.realm = "made-up-token", realm
    if not realm:
        held.challenge = "Bearer"
    with pytest.raises(StoreError, match="login service"):
        _client(held, _login(tmp_path, held.host, _auth("me:secret"))).manifest(_tag(held))


@pytest.mark.parametrize("challenge", ["Negotiate", "Digest realm=x"])
def test_an_unknown_kind_of_login_is_refused(held: MemoryRegistry, challenge: str) -> None:
    held.token, held.challenge = "made-up-token", challenge
    with pytest.raises(StoreError, match="isn't known"):
        _client(held).manifest(_tag(held))


def test_a_redirect_to_another_host_carries_no_credentials(held: MemoryRegistry, tmp_path: Path) -> None:
    held.basic = "me:secret"
    with memory_registry() as other:
        other.add_blob(b"content")
        held.elsewhere = f"http://{other.host}"
        client = _client(held, _login(tmp_path, held.host, _auth("me:secret")))
        assert b"content" == client.blob("models/iris", digest_of(b"content"), limit=100)
        assert other.seen
        assert not any("Authorization" in headers for _, _, headers in other.seen)


@pytest.mark.parametrize(
    "target",
    [
        "http://blobs.example.org",
        "ftp://127.0.0.1",
        "file://",
        "http://me@127.0.0.1:1",
        "http://[",
        "//[::1",
        "http://127.0.0.1:port",
        "http://127.0.0.1:0",
    ],
)
def test_a_redirect_to_less_is_not_followed(held: MemoryRegistry, target: str) -> None:
    held.elsewhere = target
    with pytest.raises(StoreError, match="isn't followed"):
        _client(held).blob("models/iris", digest_of(b"content"), limit=100)


def test_a_redirect_without_an_end_is_given_up(held: MemoryRegistry) -> None:
    held.elsewhere = f"http://{held.host}"
    with pytest.raises(StoreError, match="leads on"):
        _client(held).blob("models/iris", digest_of(b"content"), limit=100)


def test_a_blob_is_stored_once(held: MemoryRegistry) -> None:
    client = _client(held)
    assert digest_of(b"new") == client.put_blob("models/iris", b"new") == client.put_blob("models/iris", b"new")
    assert [command for command, path, _ in held.seen if "/uploads/" in path] == ["POST", "PUT"]


@pytest.mark.parametrize("place", ["https://evil.example.org/upload", "//evil.example.org/x", "ftp://x/", "http://["])
def test_an_upload_goes_to_the_registry_itself(held: MemoryRegistry, place: str) -> None:
    held.uploads_to = place
    with pytest.raises(StoreError, match="another server"):
        _client(held).put_blob("models/iris", b"new")


def test_plain_http_is_for_this_machine_and_for_who_is_named() -> None:
    from dbom.storage.oci.transport import Transport

    assert Transport("registry.example.org", {}).base == "https://registry.example.org"
    assert Transport("docker.io", {}).base == "https://registry-1.docker.io"
    named = {"DBOM_PLAIN_HTTP": "other.example.org, registry.example.org:5000"}
    assert Transport("registry.example.org:5000", named).base == "http://registry.example.org:5000"
    assert Transport("registry.example.org", named).base == "https://registry.example.org"


def _referrer(held: MemoryRegistry, number: int) -> tuple[bytes, Descriptor]:
    subject, media_type = held.manifests["v1"]
    empty = {"mediaType": EMPTY, "digest": digest_of(b"{}"), "size": 2}
    data = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": "application/vnd.example",
            "config": empty,
            "layers": [empty],
            "subject": {"mediaType": media_type, "digest": digest_of(subject), "size": len(subject)},
            "annotations": {"number": str(number)},
        }
    ).encode()
    return data, Descriptor(MANIFEST, digest_of(data), len(data), {"number": str(number)}, "application/vnd.example")


def _referrers(held: MemoryRegistry, **settling: object) -> Referrers:
    subject = Reference.parse(held.url(digest_of(held.manifests["v1"][0])))
    chosen = Settling(**{"sleep": lambda _: None, "jitter": lambda: 0.0, "attempts": 4, **settling})  # type: ignore[arg-type]  # they are its fields
    return Referrers(_client(held), subject, chosen)


@pytest.mark.parametrize("says_subject", [True, False])
def test_referrers_are_listed_by_the_api_page_by_page(held: MemoryRegistry, says_subject: bool) -> None:  # noqa: FBT001  a parameter
    held.page, held.says_subject = 2, says_subject
    found = _referrers(held)
    assert found.listed() == ()
    pushed = [_referrer(held, number) for number in range(5)]
    for data, descriptor in pushed:
        found.push(data, descriptor)
    assert sorted(item.digest for _, item in pushed) == [item.digest for item in found.listed()]
    assert not any(name.startswith("sha256-") for name in held.manifests)


@pytest.mark.parametrize("link", ["https://evil.example.org/next", "//evil.example.org/x", "http://["])
def test_a_list_does_not_lead_to_another_server(held: MemoryRegistry, link: str) -> None:
    held.page, held.next_link = 1, link
    found = _referrers(held)
    for number in range(2):
        found.push(*_referrer(held, number))
    with pytest.raises(StoreError, match="another server"):
        found.listed()


@pytest.mark.parametrize(
    "link",
    [
        "<{next}>; rel=next",
        '<{next}>;title="x";REL = "next"',
        '</first>; rel="first", <{next}>; rel="next", </last>; rel="last"',
        '<{next}>; rel="prefetch next"',
    ],
)
def test_the_next_page_is_found_among_other_links(link: str) -> None:
    held = MemoryRegistry("registry.example.org")
    url, body = "https://registry.example.org/v2/", HTTPResponse()
    answer = Answer(200, {"Link": link.format(next="/v2/a/b/referrers/x?n=2")}, url, body)
    assert _client(held).next_url(answer, "here") == "https://registry.example.org/v2/a/b/referrers/x?n=2"
    for last in ("", '</first>; rel="first"', '</x>; rel="nextone"', "nonsense", '</x>; rel=prev; title="; rel-next"'):
        assert not _client(held).next_url(Answer(200, {"Link": last}, url, body), "here")


def test_a_challenge_that_goes_on_and_on_is_read_in_no_time(held: MemoryRegistry) -> None:
    # Where each of its signs could begin a parameter, it took ten seconds, and hours with thirty such headers.
    held.token, held.challenge = "made-up-token", "Bearer " + "a" * 60_000
    with pytest.raises(StoreError, match="login service"):
        _client(held).manifest(_tag(held))


def test_where_a_redirect_leads_nobody_asks_for_our_login(held: MemoryRegistry, tmp_path: Path) -> None:
    with memory_registry(basic="me:secret") as other, memory_registry(token="t") as third:
        for elsewhere in (other, third):
            held.elsewhere = f"http://{elsewhere.host}"
            with pytest.raises(StoreError, match="a login of its own"):
                _client(held, _login(tmp_path, held.host, _auth("me:secret"))).blob(
                    "models/iris", digest_of(b"content"), limit=100
                )
        assert not any("Authorization" in headers for _, _, headers in (*held.seen, *other.seen, *third.seen))


def test_a_registry_elsewhere_leads_nobody_to_this_machine_s_own_services(
    held: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = socket.getaddrinfo

    def resolved(host: str, *rest: Any, **named: Any) -> Any:  # noqa: ANN401  as the library has it
        return found("127.0.0.1" if host == "registry.example.org" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setenv("no_proxy", "*")
    host = f"registry.example.org:{held.host.partition(':')[2]}"
    client = Registry(host, {"HOME": "/nowhere", "DBOM_PLAIN_HTTP": host})
    with memory_registry() as inner:
        held.elsewhere = f"http://{inner.host}"
        with pytest.raises(StoreError, match="isn't followed"):
            client.blob("models/iris", digest_of(b"content"), limit=100)
        assert not inner.seen
    held.elsewhere = f"http://{host}"  # what was named may be plain, and leads on
    with pytest.raises(StoreError, match="leads on"):
        client.blob("models/iris", digest_of(b"content"), limit=100)


def test_a_list_without_an_end_is_given_up(held: MemoryRegistry) -> None:
    found = _referrers(held)
    found.push(*_referrer(held, 0))
    found.push(*_referrer(held, 1))
    held.page, held.next_link = 1, f"/v2/models/iris/referrers/{digest_of(held.manifests['v1'][0])}"
    with pytest.raises(StoreError, match="without end"):
        found.listed()


def test_without_the_api_the_tag_stands_in_for_it(held: MemoryRegistry) -> None:
    held.referrers = False
    found = _referrers(held)
    assert found.listed() == ()
    pushed = [_referrer(held, number) for number in range(3)]
    for data, descriptor in (*pushed, pushed[0]):
        found.push(data, descriptor)
    tag = digest_of(held.manifests["v1"][0]).replace(":", "-")
    index = json.loads(held.manifests[tag][0])
    assert [item.digest for _, item in pushed] == [item["digest"] for item in index["manifests"]]
    assert "application/vnd.example" == index["manifests"][0]["artifactType"]
    assert {item.digest for _, item in pushed} == {item.digest for item in found.listed()}


def test_an_entry_that_another_writer_overwrote_is_written_again(held: MemoryRegistry) -> None:
    """The lost update: another writer read the list before us and wrote it after us."""
    held.referrers = False
    tag = digest_of(held.manifests["v1"][0]).replace(":", "-")
    other, theirs = _referrer(held, 7)
    stale = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [theirs.document()]}).encode()
    lost: list[object] = []

    def overwrite(_: float) -> None:
        if not lost:
            lost.append(held.manifests[tag])
            held.add_manifest(stale, tag, media_type=INDEX)

    held.add_manifest(other)
    data, ours = _referrer(held, 1)
    found = _referrers(held, sleep=overwrite)
    found.push(data, ours)
    assert {ours.digest, theirs.digest} == {item.digest for item in found.listed()}


def test_what_comes_between_reading_and_writing_is_kept(held: MemoryRegistry) -> None:
    held.referrers = False
    tag = digest_of(held.manifests["v1"][0]).replace(":", "-")
    _, theirs = _referrer(held, 7)
    written = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [theirs.document()]}).encode()
    reads = []

    def between(data: bytes) -> bytes:
        reads.append(data)
        if len(reads) == 1:
            held.add_manifest(written, tag, media_type=INDEX)
        return data

    held.add_manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}, tag, media_type=INDEX)
    held.spoilt[tag] = between
    data, ours = _referrer(held, 1)
    found = _referrers(held)
    found.push(data, ours)
    assert {ours.digest, theirs.digest} == {item.digest for item in found.listed()}


def test_an_entry_that_is_lost_each_time_is_an_error(held: MemoryRegistry) -> None:
    held.referrers = False
    tag = digest_of(held.manifests["v1"][0]).replace(":", "-")
    empty = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()

    def overwrite(_: float) -> None:
        held.add_manifest(empty, tag, media_type=INDEX)

    with pytest.raises(StoreError) as caught:
        _referrers(held, sleep=overwrite).push(*_referrer(held, 1))
    assert caught.value.rule.id == "DBOM-384"


def test_an_index_is_not_written_longer_than_anybody_reads_it(
    held: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    held.referrers = False
    monkeypatch.setattr("dbom.storage.oci.referrers.MAX_MANIFEST_BYTES", 400)
    found = _referrers(held)
    found.push(*_referrer(held, 0))
    (listed,) = found.listed()
    with pytest.raises(StoreError, match="no room"):
        found.push(*_referrer(held, 1))
    assert (listed,) == found.listed()


def test_a_tag_of_referrers_that_is_no_index_is_refused(held: MemoryRegistry) -> None:
    held.referrers = False
    tag = digest_of(held.manifests["v1"][0]).replace(":", "-")
    held.manifests[tag] = held.manifests["v1"]
    with pytest.raises(DocumentError, match="no index of referrers"):
        _referrers(held).listed()


def test_an_api_that_sends_something_else_is_no_api_or_an_error(held: MemoryRegistry) -> None:
    digest = digest_of(held.manifests["v1"][0])
    held.answers[digest] = 404
    assert _referrers(held).listed() == ()
    held.answers[digest] = 403
    with pytest.raises(StoreError):
        _referrers(held).listed()
    held.answers.clear()
    manifest = held.manifests["v1"][0]
    held.spoilt["referrers"] = lambda _: manifest
    with pytest.raises(DocumentError):
        _referrers(held).listed()
