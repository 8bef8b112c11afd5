"""Unmodified cosign takes what we sign, and refuses what was changed, in a namespace without a network."""

from __future__ import annotations

import hashlib
import json
import subprocess
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from attest.local import LocalSigstore, open_local
from attest.signers.keys import generate_key, public_pem
from attest.signers.signing import KeySigner
from attest.statement import Statement, Subject
from dbom.model import Digest, Entry, Kind, manifest_bytes, tree_digest
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.peer("cosign")

_FILES = (Entry("a b.txt", 1, hashlib.sha256(b"1").hexdigest()), Entry("z", 0, hashlib.sha256(b"").hexdigest()))


@pytest.fixture
def cosign(peer: Callable[[str], str]) -> str:
    return peer("cosign")


@pytest.fixture
def sigstore(tmp_path: Path) -> LocalSigstore:
    return open_local(tmp_path / "home")


def _now() -> datetime:
    return datetime.now(UTC)


def _about(data: bytes, predicate_type: str = PREDICATE_BOM) -> Statement:
    digest = Digest(Kind.FILE, hashlib.sha256(data).hexdigest())
    return Statement.build(Subject.of("data", digest), predicate_type, {"bomFormat": "CycloneDX"})


def _without_network(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run where there is no interface at all but an unconfigured loopback, and no home to keep a cache in."""
    return subprocess.run(
        ["unshare", "-rn", *arguments], check=False, capture_output=True, text=True, env={"HOME": "/nonexistent"}
    )


def _verify(
    cosign: str, sigstore: LocalSigstore, folder: Path, bundle: bytes, blob: bytes, **changed: str
) -> subprocess.CompletedProcess[str]:
    (folder / "bundle.sigstore.json").write_bytes(bundle)
    (folder / "trusted_root.json").write_bytes(sigstore.trusted_root())
    (folder / "blob").write_bytes(blob)
    words = {
        "identity": sigstore.identity.subject,
        "issuer": sigstore.identity.issuer,
        "type": PREDICATE_BOM,
        **changed,
    }
    return _without_network(
        cosign,
        "verify-blob-attestation",
        f"--bundle={folder / 'bundle.sigstore.json'}",
        f"--trusted-root={folder / 'trusted_root.json'}",
        f"--certificate-identity={words['identity']}",
        f"--certificate-oidc-issuer={words['issuer']}",
        f"--type={words['type']}",
        "--use-signed-timestamps",
        str(folder / "blob"),
    )


def test_accepts_a_statement_about_a_file(cosign: str, sigstore: LocalSigstore, tmp_path: Path) -> None:
    bundle = sigstore.signer(now=_now).sign(_about(b"rows"))
    result = _verify(cosign, sigstore, tmp_path, bundle, b"rows")
    assert (0, "Verified OK") == (result.returncode, result.stderr.strip())


def test_accepts_a_statement_about_a_tree_given_its_manifest(
    cosign: str, sigstore: LocalSigstore, tmp_path: Path
) -> None:
    subject = Subject.of("tree", tree_digest(_FILES), ignores=(".git/",))
    bundle = sigstore.signer(now=_now).sign(Statement.build(subject, PREDICATE_BOM, {}))
    assert 0 == _verify(cosign, sigstore, tmp_path, bundle, manifest_bytes(_FILES)).returncode


def test_accepts_every_entry_of_a_growing_log_and_our_own_predicates(
    cosign: str, sigstore: LocalSigstore, tmp_path: Path
) -> None:
    signer = sigstore.signer(now=_now)
    bundles = [signer.sign(_about(b"%d" % number, PREDICATE_LOCATION)) for number in range(5)]
    codes = [
        _verify(cosign, sigstore, tmp_path, bundle, b"%d" % number, type=PREDICATE_LOCATION).returncode
        for number, bundle in enumerate(bundles)
    ]
    assert [0] * 5 == codes


def test_refuses_other_bytes(cosign: str, sigstore: LocalSigstore, tmp_path: Path) -> None:
    bundle = sigstore.signer(now=_now).sign(_about(b"rows"))
    result = _verify(cosign, sigstore, tmp_path, bundle, b"Rows")
    assert (1, True) == (result.returncode, "do not match" in result.stderr)


def test_refuses_a_tampered_payload(cosign: str, sigstore: LocalSigstore, tmp_path: Path) -> None:
    document = json.loads(sigstore.signer(now=_now).sign(_about(b"rows")))
    payload = b64decode(document["dsseEnvelope"]["payload"])
    document["dsseEnvelope"]["payload"] = b64encode(payload.replace(b"CycloneDX", b"CycloneDY")).decode()
    assert 1 == _verify(cosign, sigstore, tmp_path, json.dumps(document).encode(), b"rows").returncode


@pytest.mark.parametrize("changed", [{"identity": "eve@elsewhere"}, {"issuer": "https://elsewhere.example"}])
def test_refuses_another_identity(
    cosign: str, sigstore: LocalSigstore, tmp_path: Path, changed: dict[str, str]
) -> None:
    bundle = sigstore.signer(now=_now).sign(_about(b"rows"))
    assert 1 == _verify(cosign, sigstore, tmp_path, bundle, b"rows", **changed).returncode


@pytest.mark.parametrize("part", ["certificateAuthorities", "ctlogs", "tlogs", "timestampAuthorities"])
def test_refuses_a_root_in_which_one_authority_is_another_machine_s(
    cosign: str, sigstore: LocalSigstore, tmp_path: Path, part: str
) -> None:
    bundle = sigstore.signer(now=_now).sign(_about(b"rows"))
    document = json.loads(sigstore.trusted_root())
    document[part] = json.loads(open_local(tmp_path / "other").trusted_root())[part]
    mixed = LocalSigstore(sigstore.folder, sigstore.identity, json.dumps(document).encode())
    assert 1 == _verify(cosign, mixed, tmp_path, bundle, b"rows").returncode


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ed25519"])
def test_accepts_and_refuses_by_a_bare_key(cosign: str, tmp_path: Path, kind: str) -> None:
    """Not P-384 and P-521: given `--key`, cosign 3.1 assumes SHA-256 whatever the curve."""
    key = generate_key(kind)
    (tmp_path / "bundle.sigstore.json").write_bytes(KeySigner(key).sign(_about(b"rows")))
    (tmp_path / "good.pub").write_bytes(public_pem(key))
    (tmp_path / "other.pub").write_bytes(public_pem(generate_key(kind)))
    (tmp_path / "blob").write_bytes(b"rows")
    codes = [
        _without_network(
            cosign,
            "verify-blob-attestation",
            f"--bundle={tmp_path / 'bundle.sigstore.json'}",
            f"--key={tmp_path / name}",
            "--insecure-ignore-tlog",
            f"--type={PREDICATE_BOM}",
            str(tmp_path / "blob"),
        ).returncode
        for name in ("good.pub", "other.pub")
    ]
    assert [0, 1] == codes
