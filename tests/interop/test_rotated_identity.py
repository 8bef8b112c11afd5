"""What a local identity signed before and after its keys were rotated is taken by everybody, given the new root."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from local_logs import old_home
from peer_clients import READERS, Evidence, Trust, model_signing_reads

from attest.local import open_local
from attest.local.rotation import rotate
from attest.statement import Statement, Subject
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM, PREDICATE_OMS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbom.canonical import JsonObject

_BOM: JsonObject = {"bomFormat": "CycloneDX"}
_OMS: JsonObject = {
    "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []},
    "resources": [{"name": "weights", "algorithm": "sha256", "digest": hashlib.sha256(b"rows").hexdigest()}],
}


def _now() -> datetime:
    return datetime.now(UTC)


def _evidence(folder: Path, *, old: bool, oms: bool = False) -> tuple[Evidence, Evidence, bytes]:
    """Return a bundle of before the rotation and one of after it, and the trust root of before it."""
    home = old_home(folder / "home") if old else folder / "home"
    sigstore = open_local(home)
    model = folder / "model"
    model.mkdir()
    artifact = model / "weights"
    artifact.write_bytes(b"rows")
    digest = hashlib.sha256(b"rows").digest()
    # The digest of an OMS statement is the one of its resources' digests, one behind the other.
    hexadecimal = hashlib.sha256(digest).hexdigest() if oms else digest.hex()
    subject = Subject.of("model", Digest(Kind.FILE, hexadecimal))
    kind, predicate = (PREDICATE_OMS, _OMS) if oms else (PREDICATE_BOM, _BOM)
    statement = Statement.build(subject, kind, predicate)
    before, root = sigstore.signer(now=_now).sign(statement), sigstore.trusted_root()
    rotated = rotate(sigstore, now=_now()).sigstore
    after = rotated.signer(now=_now).sign(statement)
    (folder / "trusted_root.json").write_bytes(rotated.trusted_root())
    who = rotated.identity
    trust = Trust(trusted_root=folder / "trusted_root.json", identity=who.subject, issuer=who.issuer)
    found = []
    for name, bundle in (("before", before), ("after", after)):
        path = folder / name / "bundle.sigstore.json"
        path.parent.mkdir()
        path.write_bytes(bundle)
        found.append(Evidence(model if oms else artifact, path, kind, trust))
    return found[0], found[1], root


@pytest.mark.parametrize("old", [False, True], ids=["intermediate", "older identity"])
@pytest.mark.parametrize("name", ["dbom", "cosign", "sigstore-python", "sigstore-js"])
def test_both_are_taken_and_the_new_one_not_under_the_old_root(
    tmp_path: Path, peer: Callable[[str], str], name: str, *, old: bool
) -> None:
    for program in {"cosign": ["cosign"], "sigstore-js": ["node"]}.get(name, []):
        peer(program)
    before, after, root = _evidence(tmp_path, old=old)
    for evidence in (before, after):
        said = READERS[name](evidence)
        assert said.accepted, said.words
    assert after.trust.trusted_root is not None
    after.trust.trusted_root.write_bytes(root)
    assert READERS[name](before).accepted
    assert not READERS[name](after).accepted


@pytest.mark.parametrize("old", [False, True], ids=["intermediate", "older identity"])
def test_model_signing_takes_both(tmp_path: Path, peer: Callable[[str], str], *, old: bool) -> None:
    peer("model_signing")
    for evidence in _evidence(tmp_path, old=old, oms=True)[:2]:
        said = model_signing_reads(evidence)
        assert said.accepted, said.words
