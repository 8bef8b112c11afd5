"""A location without a pin: the pin that the place has now is told, never taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import servers
from memory_registry import file_layer, memory_registry

from attest.locating import pinned_location
from attest.location import Location
from dbom.cli.app import run
from dbom.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def told(text: str, *, offline: bool = False) -> str:
    with pytest.raises(UsageError, match="not a pinned location") as caught:
        pinned_location(text, offline=offline)
    assert "DBOM-" in caught.value.rule.id
    return str(caught.value)


def test_an_object_s_present_version_is_told_and_nothing_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("a,b\n")
    with servers.moto() as endpoint:
        for name, value in {**servers.S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
            monkeypatch.setenv(name, value)
        call = servers.s3_call(endpoint)
        for bucket, status in (("kept", "Enabled"), ("unkept", "Suspended")):
            call("create_bucket", Bucket=bucket)
            call("put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": status})
        version = call("put_object", Bucket="kept", Key="a b.csv", Body=b"a,b\n")["VersionId"]
        call("put_object", Bucket="unkept", Key="a.csv", Body=b"a,b\n")
        pinned = f"s3://kept/a%20b.csv?versionId={version}"
        assert f"expected {pinned}" in told("s3://kept/a b.csv")
        assert Location.parse(pinned) == pinned_location(pinned)
        for nothing in ("s3://unkept/a.csv", "s3://kept/none", "s3://kept/", "s3://nowhere/x"):
            assert "expected oci://REPOSITORY@sha256:…" in told(nothing)
        assert 2 == run(["sign", "a.csv", "--location", "s3://kept/a b.csv"])
        assert pinned in capsys.readouterr().err
    assert ["a.csv"] == [path.name for path in tmp_path.iterdir()]


def test_a_tag_s_present_digest_is_told_unless_offline() -> None:
    with memory_registry() as registry:
        digest = registry.add_artifact(file_layer("model.bin", b"weights"))
        url = registry.url("v1")
        assert f"expected {registry.url(digest)}" in told(url)
        assert "expected oci://REPOSITORY@sha256:…" in told(registry.url("v2"))
        asked = len(registry.seen)
        assert "expected oci://REPOSITORY@sha256:…" in told(url, offline=True)
        assert asked == len(registry.seen)


@pytest.mark.parametrize("text", ["https://example.org/x", "az://c/x", "nonsense", "", "hf://", "s3://"])
def test_what_keeps_no_pin_is_told_what_a_pin_looks_like(text: str) -> None:
    assert "expected oci://REPOSITORY@sha256:…" in told(text)
