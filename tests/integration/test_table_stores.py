"""A table in a bucket has the pin and the digests that it has on a disk: a real S3 server and a table of delta-rs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import servers
from deltalake import DeltaTable, write_deltalake

from dbom.errors import PathError
from dbom.fingerprinting import fingerprint
from dbom.snapshots import find_pins, fingerprint_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROWS = pa.table({"id": [1, 2, 3], "city": ["a b", "é/x=1", "50%+&#?"]})


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with servers.moto() as url:
        for name, value in servers.S3_ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield url


def test_a_table_in_a_bucket_is_the_same(endpoint: str, tmp_path: Path) -> None:
    folder = tmp_path / "events"
    write_deltalake(folder, _ROWS, partition_by=["city"])
    write_deltalake(folder, _ROWS, mode="append")
    DeltaTable(folder).create_checkpoint()
    DeltaTable(folder).delete("id = 2")
    call = servers.s3_call(endpoint)
    call("create_bucket", Bucket="lake")
    for path in folder.rglob("*"):
        if path.is_file():
            call("put_object", Bucket="lake", Key=f"db/events/{path.relative_to(folder)}", Body=path.read_bytes())
    url = "s3://lake/db/events"

    for version in ("0", "1", "2", "current"):
        assert fingerprint_snapshot(folder, version) == fingerprint_snapshot(url, version)
    assert find_pins(folder, fingerprint(folder)) == find_pins(url, fingerprint(url))

    gone = next(uri for uri in DeltaTable(folder).file_uris() if "a%20b" in uri)
    call("delete_object", Bucket="lake", Key=f"db/events/{gone.removeprefix(f'{folder}/')}")
    with pytest.raises(PathError, match="not here"):
        fingerprint_snapshot(url)
