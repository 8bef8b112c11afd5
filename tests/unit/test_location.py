"""Locations: pinned, or not one."""

from __future__ import annotations

from pathlib import Path

import pytest

from attest.location import Location
from dbom.canonical import canonical_json
from dbom.errors import EvidenceError, UsageError
from dbom.model import Basis, Known

OCI = "oci://registry.example.org/models/iris@sha256:" + "a" * 64
HUB = "hf://org/name@" + "b" * 40


@pytest.mark.parametrize(
    ("text", "base", "pin", "enforced"),
    [
        (OCI, "oci://registry.example.org/models/iris", "sha256:" + "a" * 64, True),
        (HUB, "hf://org/name", "b" * 40, False),
        ("s3://bucket/key?versionId=v1", "s3://bucket/key", "v1", False),
        ("gs://bucket/key?generation=17", "gs://bucket/key", "17", False),
        ("az://box/key?versionId=2026", "az://box/key", "2026", False),
    ],
)
def test_a_pinned_place_is_read_and_written_back(text: str, base: str, pin: str, enforced: bool) -> None:  # noqa: FBT001  the expected value
    location = Location.parse(text)
    assert (location.base, location.pin, location.enforced, str(location)) == (base, pin, enforced, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "oci://registry.example.org/models/iris:latest",
        "oci://registry.example.org/models/iris@sha256:" + "A" * 64,
        "oci://registry.example.org/models/iris@sha512:" + "a" * 64,
        "hf://org/name@main",
        "hf://org/name",
        "s3://bucket/key",
        "s3://bucket/key?versionId=",
        "s3://bucket/key?versionId=a&versionId=b",
        "s3://bucket/key?versionId=a&x=1",
        "s3://bucket/key?versionId=a%26x%3D1",
        "s3://bucket/key?versionId=a+b",
        "s3://bucket/key?versionId=a&",
        "s3://bucket/key?generation=1",
        "https://example.org/model",
        OCI + "\n",
    ],
)
def test_a_place_that_could_move_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a pinned location"):
        Location.parse(text)


@pytest.mark.parametrize("known", [Known(Basis.COMPUTED), Known(Basis.STORE_ATTESTED, "s3")])
def test_its_predicate_is_read_back(known: Known) -> None:
    location = Location.parse(OCI)
    assert Location.of_predicate(location.predicate(known)) == (location, known)


@pytest.mark.parametrize(
    "change",
    [
        {"location": 1},
        {"location": "oci://x:latest"},
        {"known": None},
        {"known": {"basis": "guessed"}},
        {"base": "oci://evil.example.org/x"},
        {"pin": "sha256:" + "c" * 64},
    ],
)
def test_a_predicate_whose_parts_do_not_agree_is_refused(change: dict[str, object]) -> None:
    predicate = {**Location.parse(OCI).predicate(Known(Basis.COMPUTED)), **change}
    with pytest.raises(EvidenceError, match="malformed location"):
        Location.of_predicate(predicate)  # type: ignore[arg-type]  # the wrong types are the point


def test_the_test_vector_of_the_format() -> None:
    vector = (Path(__file__).parents[2] / "docs" / "formats" / "location.md").read_text().splitlines()[-1].strip()
    assert vector.encode() == canonical_json(Location.parse(OCI).predicate(Known(Basis.COMPUTED)))
