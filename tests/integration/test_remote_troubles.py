"""Stores that fail, lie, change and redirect: a clear error or the right digest, never a wrong one."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
import servers
from servers import Trouble, Web

from dbom.errors import ChangedError, DbomError, NameRefusedError, PathError, StoreError, UsageError
from dbom.remote import fingerprint_remote, fingerprint_url
from dbom.rules.artifacts import KEY_IS_FOLDER_TOO, NAME_TOO_LONG, REDIRECT_REFUSED
from dbom.storage import ranges, retries
from dbom.storage.s3 import S3Source

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGE = os.urandom(17_000_003)
_DIGEST = hashlib.sha256(_LARGE).hexdigest()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the number of attempts, and make the pauses between them short."""
    monkeypatch.setattr(retries, "RETRIES", retries.Retries(attempts=6, first=0.001))


@pytest.fixture
def web() -> Iterator[Web]:
    with servers.web(Web({"/large": _LARGE, "/small": b"small"})) as state:
        yield state


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(500),
        Trouble(502),
        Trouble(503, {"Retry-After": "0"}, b"slow down"),
        Trouble(429),
        Trouble(206, {"Content-Length": "8388608"}, b"cut short", drop=True),
        Trouble(200, {"Content-Length": "0", "ETag": ""}, b""),
    ],
    ids=["500", "502", "503", "429", "truncated", "empty"],
)
def test_a_passing_trouble_is_overcome(web: Web, trouble: Trouble) -> None:
    """The first and a middle range fail once; the digest is that of the whole object."""
    web.troubles = [trouble, trouble] if trouble.status >= 400 else []
    web.troubled = lambda path, headers: path == "/large" and headers.get("Range") != "bytes=0-0"
    if trouble.status >= 400:
        assert _DIGEST == fingerprint_url(f"{web.url}/large").digest.hex
        assert not web.troubles
    else:
        web.troubles = [trouble]
        try:
            assert _DIGEST == fingerprint_url(f"{web.url}/large").digest.hex
        except ChangedError as error:
            assert "replaced" in str(error)  # noqa: PT017  either of two honest ends


@pytest.mark.parametrize(
    ("trouble", "error", "said"),
    [
        (Trouble(403), PathError, "the store answers 403"),
        (Trouble(401), PathError, "the store answers 401"),
        (Trouble(404), PathError, "nothing here"),
        (Trouble(500), StoreError, "the store answers 500, in 6 attempts"),
        (Trouble(429), StoreError, "the store answers 429, in 6 attempts"),
        (Trouble(418), StoreError, "the store answers 418"),
        (Trouble(302, {"Location": "ftp://elsewhere/x"}), StoreError, "can't be read|isn't followed"),
        (Trouble(302, {"Location": "file:///etc/passwd"}), StoreError, "can't be read|isn't followed"),
    ],
)
def test_a_lasting_trouble_is_an_error_that_names_it(
    web: Web, trouble: Trouble, error: type[DbomError], said: str
) -> None:
    web.always = trouble
    with pytest.raises(error, match=said) as caught:
        fingerprint_url(f"{web.url}/large?token=secret")
    assert "secret" not in str(caught.value)
    if trouble.status in (401, 403, 404):
        assert 1 == len(web.requests)


def test_a_server_that_always_breaks_off_gives_no_digest(web: Web) -> None:
    web.ranges = False
    web.always = Trouble(200, {"Content-Length": "1000"}, b"x" * 999, drop=True)
    with pytest.raises(StoreError, match="broke off 1 bytes before the end, in 6 attempts"):
        fingerprint_url(f"{web.url}/large")


def test_a_length_that_is_not_announced_is_refused(web: Web) -> None:
    web.always = Trouble(200, {"Content-Length": "", "ETag": '"x"'}, b"who knows", drop=True)
    with pytest.raises(StoreError, match="doesn't say how long"):
        fingerprint_url(f"{web.url}/large")


def test_an_object_that_is_replaced_meanwhile_is_an_error(web: Web) -> None:
    def replace() -> None:
        web.files["/large"] = bytes(len(_LARGE))

    web.after_each = replace
    with pytest.raises(ChangedError):
        fingerprint_url(f"{web.url}/large")


def test_an_object_that_vanishes_meanwhile_is_an_error(web: Web) -> None:
    web.after_each = web.files.clear
    with pytest.raises(ChangedError, match="went away"):
        fingerprint_url(f"{web.url}/large")


def test_a_redirect_is_followed_and_gives_nothing_away(web: Web) -> None:
    with servers.web(Web({"/there": _LARGE})) as other:
        web.always = Trouble(302, {"Location": f"{other.url}/there"})
        assert _DIGEST == fingerprint_url(f"{web.url}/large?token=secret").digest.hex
        heard = "\n".join(f"{path} {headers}" for _, path, headers in other.requests)
    assert "secret" not in heard
    assert "Authorization" not in heard


def test_redirects_without_end_are_an_error(web: Web) -> None:
    web.always = Trouble(302, {"Location": "/large"})
    with pytest.raises(StoreError):
        fingerprint_url(f"{web.url}/large")
    assert len(web.requests) < 60


def test_redirects_lead_to_nothing_less_protected() -> None:
    from email.message import Message
    from io import BytesIO
    from urllib.request import Request

    from dbom.storage.web import Redirects

    for target in ("http://h/x", "file:///etc/passwd", "https://user:pw@h/x"):
        with pytest.raises(StoreError) as caught:
            Redirects().redirect_request(Request("https://h/a"), BytesIO(), 302, "Found", Message(), target)  # type: ignore[arg-type]  # a message is all it needs
        assert REDIRECT_REFUSED is caught.value.rule


@pytest.mark.parametrize(
    "url", ["https://user:pw@h/x", "https:///x", "sftp://u:pw@h/x", "hf://lonely", "zip://a", "zip://a::b::c"]
)
def test_what_is_no_address_is_a_usage_error_without_its_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        fingerprint_url(url)
    assert "pw" not in str(caught.value)


@pytest.fixture
def bucket(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """Run moto's S3 server, which takes any key, with one bucket."""
    with servers.moto() as endpoint:
        for name, value in {**servers.S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
            monkeypatch.setenv(name, value)
        yield "s3://odd"


def _put(objects: dict[str, bytes]) -> None:
    call = servers.s3_call(os.environ["AWS_ENDPOINT_URL"])
    call("create_bucket", Bucket="odd")
    for key, data in objects.items():
        call("put_object", Bucket="odd", Key=key, Body=data)


def test_keys_that_no_disk_can_hold_are_refused_together_and_others_found(bucket: str) -> None:
    long = "n" * 300
    _put(
        {
            "bad/x\\y": b"2",
            "bad/back\\slash": b"3",
            "ok/marker/": b"",
            "ok/Case": b"5",
            "ok/case": b"6",
            f"ok/{long}": b"7",
            "both": b"8",
            "both/under": b"9",
            "tree/both": b"10",
            "tree/both/under": b"11",
        },
    )
    with pytest.raises(NameRefusedError) as caught:
        fingerprint_url(f"{bucket}/bad")
    assert 2 == len(caught.value.faults)
    found = fingerprint_url(f"{bucket}/ok")
    assert ["Case", "case", long] == [entry.path for entry in found.entries]
    assert {NAME_TOO_LONG.id, "DBOM-109"} == {finding.rule for finding in found.findings}
    for both in ("both", "tree"):
        with pytest.raises(NameRefusedError) as refused:
            fingerprint_url(f"{bucket}/{both}")
        assert KEY_IS_FOLDER_TOO is refused.value.rule


def test_a_bucket_behind_a_troubled_proxy_gives_the_right_digest_or_an_error(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put({"d/large": _LARGE, "d/small": b"small"})
    expected = fingerprint_url(f"{bucket}/d").digest
    with servers.proxy(os.environ["AWS_ENDPOINT_URL"]) as troubled:
        monkeypatch.setenv("AWS_ENDPOINT_URL", troubled.url)
        for trouble in ("503", "500", "429", "cut", "reset"):
            troubled.once = [trouble] * 3
            assert expected == fingerprint_url(f"{bucket}/d").digest, trouble
            assert not troubled.once
        for lasting, error in {"403": PathError, "404": PathError, "503": StoreError, "cut": StoreError}.items():
            troubled.always = lasting
            with pytest.raises((error, ChangedError)):
                fingerprint_url(f"{bucket}/d")
        troubled.always = ""
        assert expected == fingerprint_url(f"{bucket}/d").digest


def test_an_s3_object_overwritten_meanwhile_is_an_error(bucket: str) -> None:
    _put({"d/a": b"one"})
    source = S3Source(bucket)
    listed = next(source.below("d/"))
    _put({"d/a": b"two"})
    with pytest.raises(ChangedError):
        list(source.fetch(listed, 0, 3))
    with pytest.raises(ChangedError):
        source.attestation(listed)
    source.close()


def test_memory_is_bounded_by_the_ranges_under_way() -> None:
    assert 64 * 1024 * 1024 == ranges.RANGES * ranges.RANGE_BYTES


def test_what_is_remote_says_why_it_has_no_pin(web: Web) -> None:
    assert "no version" in str(fingerprint_remote(f"{web.url}/small").location)
