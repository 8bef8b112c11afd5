"""References: which texts name an artifact in a registry, and which hosts are this machine."""

from __future__ import annotations

import pytest

from dbom.errors import UsageError
from dbom.storage.oci.reference import Reference, is_loopback

_DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"oci://ghcr.io/org/name@{_DIGEST}", Reference("ghcr.io", "org/name", "", _DIGEST)),
        ("oci://localhost:5000/a:v1", Reference("localhost:5000", "a", "v1")),
        (f"oci://[::1]:5000/a/b_c/d__e:v1@{_DIGEST}", Reference("[::1]:5000", "a/b_c/d__e", "v1", _DIGEST)),
        ("oci://docker.io/library/x-y.z:1.0", Reference("docker.io", "library/x-y.z", "1.0")),
    ],
)
def test_what_names_an_artifact_is_read_and_written_back(url: str, expected: Reference) -> None:
    found = Reference.parse(url)
    assert expected == found
    assert found.wanted == (expected.digest or expected.tag)


@pytest.mark.parametrize(
    "url",
    [
        "oci://ghcr.io/org/name",
        "oci://ghcr.io/org/name@sha256:" + "A" * 64,
        "oci://ghcr.io/org/name@sha256:" + "a" * 63,
        "oci://ghcr.io/org/name@sha512:" + "a" * 128,
        "oci://ghcr.io/Org/name:v1",
        "oci://ghcr.io/org/../name:v1",
        "oci://user:password@ghcr.io/org/name:v1",
        "oci://ghcr.io/org/name:v1?x=1",
        "oci://ghcr.io/org/name:v1\n",
        "oci:///name:v1",
        "https://ghcr.io/org/name:v1",
        "oci://ghcr.io/" + "a/" * 300 + "b:v1",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Reference.parse(url)
    assert caught.value.rule.id == "DBOM-375"


def test_a_digest_counts_more_than_a_tag_and_is_what_stands_when_pinned() -> None:
    found = Reference.parse(f"oci://h.example/a/b:v1@{_DIGEST}")
    assert _DIGEST == found.wanted
    assert f"oci://h.example/a/b@{_DIGEST}" == str(found.pinned(_DIGEST)) == str(found)
    assert found.name == "b"


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1", "127.8.8.8:80", "[::1]", "[::1]:5000"])
def test_this_machine_is_known_by_its_name_and_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["localhost.example.org", "127.0.0.1.example.org", "10.0.0.1", "[2001:db8::1]:5000", ""]
)
def test_no_other_name_is_this_machine(host: str) -> None:
    assert not is_loopback(host)
