"""Objects of a real S3 server that keeps versions: what an earlier statement vouches for isn't fetched again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import servers
from cryptography.hazmat.primitives.asymmetric import ec
from evidence import key_signed, public_pem, statement_of

from attest.authority import Authority
from attest.reusing import reuse_of
from attest.stores.store import StoredBundle
from dbom.errors import UsageError
from dbom.fingerprinting import fingerprint, source_name
from dbom.fingerprints import write_fingerprint
from dbom.reuse import Reuse, States

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbom.model import Fingerprint

KEY = ec.generate_private_key(ec.SECP256R1())
OWNER = (Authority("owner", key_pem=public_pem(KEY)),)
URL = "s3://kept/data"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., object]]:
    """Run an S3 server with a bucket of three objects; this process is a client of it."""
    with servers.moto() as endpoint:
        for name, value in {**servers.S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
            monkeypatch.setenv(name, value)
        do = servers.s3_call(endpoint)
        do("create_bucket", Bucket="kept")
        yield do


def put(call: Callable[..., object], **content: bytes) -> None:
    for name, data in content.items():
        call("put_object", Bucket="kept", Key=f"data/{name}", Body=data)


def saved(file: Path) -> tuple[Fingerprint, StoredBundle]:
    noting = Reuse.begin(datetime.now(UTC))
    found = fingerprint(URL, reuse=noting)
    file.write_bytes(write_fingerprint(found, States(source_name(URL), noting.noted)))
    return found, StoredBundle.of(key_signed(statement_of(found).payload, KEY), where="given")


def test_only_what_has_another_version_is_read(call: Callable[..., object], tmp_path: Path) -> None:
    call("put_bucket_versioning", Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    put(call, a=b"aaa", b=b"bbb", c=b"ccc")
    found, bundle = saved(tmp_path / "saved.json")
    put(call, b=b"BBB", c=b"ccc", d=b"ddd")
    reuse, _ = reuse_of(tmp_path / "saved.json", URL + "/", OWNER, now=datetime.now(UTC), bundles=[bundle])
    again = fingerprint(URL, reuse=reuse)
    assert (1, 3) == (reuse.taken, reuse.size)  # c was written anew: the same bytes, another version, read
    assert fingerprint(URL).digest == again.digest != found.digest
    bases = [str(entry.known.basis) for entry in again.entries]
    assert ["derived", "computed", "computed", "computed"] == bases


def test_a_bucket_without_versions_has_no_states_whatever_its_etags_say(
    call: Callable[..., object], tmp_path: Path
) -> None:
    put(call, a=b"aaa", b=b"bbb")
    _, bundle = saved(tmp_path / "saved.json")
    with pytest.raises(UsageError, match="no states"):
        reuse_of(tmp_path / "saved.json", URL, OWNER, now=datetime.now(UTC), bundles=[bundle])


def test_what_was_written_before_versions_were_kept_is_read(call: Callable[..., object], tmp_path: Path) -> None:
    """Its version is "null", which the next write without versions replaces."""
    put(call, a=b"aaa")
    call("put_bucket_versioning", Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    put(call, b=b"bbb")
    _, bundle = saved(tmp_path / "saved.json")
    reuse, _ = reuse_of(tmp_path / "saved.json", URL, OWNER, now=datetime.now(UTC), bundles=[bundle])
    assert ["computed", "derived"] == [str(entry.known.basis) for entry in fingerprint(URL, reuse=reuse).entries]
