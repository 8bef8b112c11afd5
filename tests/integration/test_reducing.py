"""Prefixes of a bucket reduced on workers: the digest of the disk, from real S3 servers."""

from __future__ import annotations

import io
import itertools
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import servers

from dbom.errors import DbomError, NameRefusedError, PathError, UsageError
from dbom.model import Basis
from dbom.reducing import Prefix, reduce_source
from dbom.remote import fingerprint_url
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

FILES = (
    "a/b",
    "a/c/d",
    "a-b",
    "a.b/c/d",
    "a0",
    "é/ü",
    "z",
    ".git/config",
    "a/.DS_Store",
    "y.dbom/bom.cdx.json",
    "x.dbom/d",
)


_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Bucket:
    """A bucket of moto's server."""

    name: str
    call: Callable[..., dict[str, Any]]

    @property
    def url(self) -> str:
        """The address of a tree in it."""
        return f"s3://{self.name}/data"

    def fill(self, *keys: str) -> None:
        """Put an object at each key."""
        for key in keys:
            self.call("put_object", Bucket=self.name, Key=key, Body=key.removeprefix("data/").encode())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


@pytest.fixture(scope="module")
def moto() -> Iterator[Callable[..., dict[str, Any]]]:
    """Run moto's server; return how to call it."""
    with servers.moto() as endpoint, pytest.MonkeyPatch.context() as patch:
        for name, value in {**servers.S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
            patch.setenv(name, value)
        yield servers.s3_call(endpoint)


@pytest.fixture
def bucket(moto: Callable[..., dict[str, Any]]) -> Bucket:
    """Return a bucket of its own for each test."""
    name = f"bucket-{next(_NUMBERS)}"
    moto("create_bucket", Bucket=name)
    return Bucket(name, moto)


def test_a_prefix_of_a_real_s3_server_has_the_digest_of_the_disk(
    tree: Path, tmp_path: Path, peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the segments go to a bucket, and where a level's listing has several pages."""
    shutil.copytree(tree, tmp_path / "gw" / "bkt" / "data")
    for number in range(1003):
        (tmp_path / "gw" / "bkt" / "wide" / f"{number}").mkdir(parents=True)
        (tmp_path / "gw" / "bkt" / "wide" / f"{number}" / "x").touch()
    (tmp_path / "gw" / "spill").mkdir()
    with servers.versitygw(peer("versitygw"), tmp_path / "gw") as endpoint:
        for name, value in {**servers.S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
            monkeypatch.setenv(name, value)
        expected, out = fingerprint_path(tree), io.BytesIO()
        found = reduce_source("s3://bkt/data", segments="s3://spill/segments", out=out, computed=True)
        assert (expected.digest, len(expected.entries), expected.size, "data") == (
            found.tree.digest,
            found.tree.files,
            found.tree.size,
            found.name,
        )
        assert expected.manifest() == out.getvalue()
        assert Basis.COMPUTED is found.tree.known.basis
        wide = reduce_source("s3://bkt/wide", segments=str(tmp_path / "s"))
        assert (1003, fingerprint_path(tmp_path / "gw" / "bkt" / "wide").digest) == (wide.tree.files, wide.tree.digest)


@pytest.mark.parametrize("versions", [False, True])
def test_a_bucket_with_or_without_versions_gives_the_same(
    tree: Path, tmp_path: Path, bucket: Bucket, *, versions: bool
) -> None:
    if versions:
        bucket.call("put_bucket_versioning", Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
        bucket.fill("data/gone/x")
        bucket.call("delete_object", Bucket=bucket.name, Key="data/gone/x")
    bucket.fill(*(f"data/{name}" for name in FILES), "database/x")
    found = reduce_source(f"{bucket.url}/", segments=str(tmp_path / "s"), journal=tmp_path / "j")
    again = reduce_source(bucket.url, segments=str(tmp_path / "s"), journal=tmp_path / "j2")
    assert fingerprint_path(tree).digest == found.tree.digest == again.tree.digest
    assert fingerprint_url(bucket.url).digest == found.tree.digest


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        (("data/a", "data/a/b"), NameRefusedError),
        (("data//b",), NameRefusedError),
        (("data/a//b",), NameRefusedError),
        (("data/../b",), NameRefusedError),
        (("data/a/./b",), NameRefusedError),
        (("data/a\\b/c",), NameRefusedError),
        (("data/.git/a",), PathError),
        (("database",), PathError),
        (("data",), UsageError),
    ],
)
def test_keys_that_no_disk_can_hold_and_prefixes_of_nothing_have_no_digest(
    keys: tuple[str, ...], error: type[DbomError], tmp_path: Path, bucket: Bucket
) -> None:
    bucket.fill(*keys)
    with pytest.raises(error):
        reduce_source(bucket.url, segments=str(tmp_path / "s"))


def test_a_part_can_be_sent_to_another_machine_and_holds_nothing_secret() -> None:
    import pickle

    part = Prefix("s3://b", "data/", "a", (), computed=True)
    assert part == pickle.loads(pickle.dumps(part))  # noqa: S301  our own bytes
    assert "a/" == part.name
