"""What others write, we verify: cosign's key-signed bundles, and the public Sigstore's trust roots."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from evidence import clock

from attest.authority import Authority
from attest.checking import verify_artifact
from attest.stores.store import StoredBundle
from attest.trust import TrustRoot
from attest.verified import TimeBasis

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.peer("cosign")
def test_a_bundle_that_cosign_signed_with_a_key_is_verified(tmp_path: Path, peer: Callable[[str], str]) -> None:
    artifact, bundle = tmp_path / "model.bin", tmp_path / "b.sigstore.json"
    artifact.write_bytes(b"weights")
    (tmp_path / "predicate.json").write_text("{}")
    words = f"--key cosign.key --type https://slsa.dev/provenance/v1 --predicate predicate.json --bundle {bundle}"
    for command in (
        ["generate-key-pair"],
        ["attest-blob", "model.bin", *words.split(), "--use-signing-config=false", "--tlog-upload=false", "-y"],
    ):
        subprocess.run(
            [peer("cosign"), *command],
            cwd=tmp_path,
            env={**os.environ, "COSIGN_PASSWORD": "x", "HOME": str(tmp_path)},
            check=True,
            capture_output=True,
        )
    authority = Authority("cosign", key_pem=(tmp_path / "cosign.pub").read_bytes())
    given = [StoredBundle.of(bundle.read_bytes(), where="b")]
    result = verify_artifact(artifact, [authority], now=clock(), bundles=given)
    assert (result.exit_code, [item.time.basis for item in result.counted]) == (0, [TimeBasis.NONE])
    artifact.write_bytes(b"Weights")
    assert verify_artifact(artifact, [authority], now=clock(), bundles=given).exit_code == 1


@pytest.mark.parametrize("host", ["sigstore.dev", "sigstage.dev"])
def test_the_trust_roots_of_the_public_sigstore_are_read(host: str) -> None:
    """sigstore-python brings them along."""
    spec = importlib.util.find_spec("sigstore")
    assert spec is not None
    assert spec.origin is not None
    (file,) = (Path(spec.origin).parent / "_store").glob(f"*{host}/trusted_root.json")
    root = TrustRoot.parse(file.read_bytes(), where=host)
    assert root.issuer_scope is None
    assert len(root.logs) >= 2
    assert not root.expired(clock())
