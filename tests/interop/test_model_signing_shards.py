"""Model Signing's own serializer cuts files as we do, and comes to the same root."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbom.shards import shard_path

if TYPE_CHECKING:
    from collections.abc import Callable

THEIRS = """
import hashlib, json, pathlib, sys
from model_signing import hashing
config = hashing.Config().use_shard_serialization(shard_size=int(sys.argv[2]))
found = list(config.hash(pathlib.Path(sys.argv[1])).resource_descriptors())
root = hashlib.sha256(b"".join(one.digest.digest_value for one in found)).hexdigest()
print(json.dumps([root, [[one.identifier, one.digest.algorithm, one.digest.digest_hex] for one in found]]))
"""


@pytest.mark.peer("model_signing")
@pytest.mark.parametrize("size", [4, 7, 1000])
@pytest.mark.parametrize("path", [".", "a"])
def test_model_signing_has_the_same_shards_and_root(
    tmp_path: Path, peer: Callable[[str], str], size: int, path: str
) -> None:
    python = Path(peer("model_signing")).with_name("python")
    for name, data in {"a": b"0123456789", "sub/b": b"0123", "sub-c": b"x", "sub.d/é": b"yz", "empty": b""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    command = [str(python), "-c", THEIRS, str(tmp_path / path), str(size)]
    theirs = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    ours = shard_path(tmp_path / path, shard_size=size)
    assert theirs == [ours.root, [[shard.name, ours.algorithm, shard.sha256] for shard in ours.shards]]
