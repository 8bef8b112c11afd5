"""The door for sigstore-conformance: its arguments, and a yes or a no by the exit code."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from made_sigstore import ISSUER, SIGNED_AT, SUBJECT, MadeSigstore, b64, fixed_key, pem_of, spki_of, written

from attest.conformance.__main__ import main
from attest.conformance.verifying import public_root
from attest.trust import TrustRoot
from dbom.canonical import canonical_json
from dbom.names import BUNDLE_V03

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

BYTES = b"hello\n"
CASES = Path(__file__).parents[1] / "conformance" / "bundles"
MADE = MadeSigstore()
IDENTITY = ["--certificate-identity", SUBJECT, "--certificate-oidc-issuer", ISSUER]
KEY = fixed_key("signing key")


def message_bundle(*, key: ec.EllipticCurvePrivateKey | None = None, digest: bytes | None = None) -> dict[str, Any]:
    """Return the bundle of a bare file, as cosign sign-blob writes it."""
    leaf, signer = MADE.certificate() if key is None else (None, key)
    der = spki_of(signer.public_key()) if leaf is None else leaf.public_bytes(Encoding.DER)
    named = pem_of(der, "PUBLIC KEY" if leaf is None else "CERTIFICATE")
    signature = signer.sign(BYTES, ec.ECDSA(hashes.SHA256()))
    sha256 = hashlib.sha256(BYTES).digest()
    spec: JsonObject = {
        "data": {"hash": {"algorithm": "sha256", "value": sha256.hex()}},
        "signature": {"content": b64(signature), "publicKey": {"content": b64(named)}},
    }
    body = canonical_json({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec})
    who: JsonObject = {"publicKey": {"hint": ""}} if leaf is None else {"certificate": {"rawBytes": b64(der)}}
    return {
        "mediaType": BUNDLE_V03,
        "verificationMaterial": {
            **who,
            "tlogEntries": [MADE.log_entry(body, "hashedrekord 0.0.1")],
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": b64(MADE.time_stamp(signature))}]},
        },
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": b64(digest or sha256)},
            "signature": b64(signature),
        },
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(BYTES)
    (tmp_path / "root.json").write_bytes(written(MADE.trusted_root()))
    (tmp_path / "key.pub").write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return tmp_path


def verify(folder: Path, bundle: dict[str, Any], *who: str, artifact: str | None = None) -> int:
    """Run verify-bundle as the suite does, and return its exit code."""
    (folder / "b.json").write_bytes(written(bundle))
    command = ["verify-bundle", "--bundle", str(folder / "b.json"), *who]
    return main([*command, "--trusted-root", str(folder / "root.json"), artifact or str(folder / "a.txt")])


def test_the_signature_of_a_file_is_verified_by_the_file_and_by_its_digest(folder: Path) -> None:
    bundle = message_bundle()
    assert verify(folder, bundle, *IDENTITY) == 0
    assert verify(folder, bundle, *IDENTITY, artifact=f"sha256:{hashlib.sha256(BYTES).hexdigest()}") == 0


def test_the_signature_of_a_file_by_a_key_is_verified_with_its_log_entry(folder: Path) -> None:
    bundle = message_bundle(key=KEY)
    assert verify(folder, bundle, "--key", str(folder / "key.pub")) == 0
    bundle["verificationMaterial"]["tlogEntries"] = []
    assert verify(folder, bundle, "--key", str(folder / "key.pub")) == 1


def test_another_file_digest_identity_key_or_kind_of_signer_is_a_no(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = message_bundle()
    assert verify(folder, bundle, *IDENTITY, artifact=f"sha256:{'0' * 64}") == 1
    assert verify(folder, message_bundle(digest=b"\1" * 32), *IDENTITY) == 1
    other = ["--certificate-identity", "eve@example.org", "--certificate-oidc-issuer", ISSUER]
    assert verify(folder, bundle, *other) == 1
    assert verify(folder, bundle, "--key", str(folder / "key.pub")) == 1
    assert verify(folder, message_bundle(key=KEY), *IDENTITY) == 1
    (folder / "a.txt").write_bytes(b"Hello\n")
    assert verify(folder, bundle, *IDENTITY) == 1
    assert "DBOM-313" in capsys.readouterr().err


def test_a_statement_is_verified_about_one_of_its_subjects(folder: Path) -> None:
    case = CASES / "two_subjects"
    bundle = json.loads((case / "bundle.sigstore.json").read_bytes())
    artifact = (case / "artifact").read_bytes()
    (folder / "root.json").write_bytes((case / "trusted_root.json").read_bytes())
    (folder / "a.txt").write_bytes(artifact)
    assert verify(folder, bundle, *IDENTITY) == 0
    assert verify(folder, bundle, *IDENTITY, artifact=f"sha256:{hashlib.sha256(artifact).hexdigest()}") == 0
    (folder / "a.txt").write_bytes(b"other")
    assert verify(folder, bundle, *IDENTITY) == 1
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    bundle["dsseEnvelope"]["payload"] = b64(payload + b" ")
    assert verify(folder, bundle, *IDENTITY) == 1


def test_a_key_and_an_identity_at_once_or_neither_is_a_usage_error(folder: Path) -> None:
    bundle = message_bundle()
    assert verify(folder, bundle, *IDENTITY, "--key", str(folder / "key.pub")) == 2
    assert verify(folder, bundle) == 2


def test_signing_says_what_it_lacks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["sign-bundle", "--identity-token", "t", "--bundle", str(folder / "out.json")]
    alone = [*command, "--trusted-root", str(folder / "root.json"), str(folder / "a.txt")]
    assert main(alone) == 2
    (folder / "signing.json").write_text("{}")
    both = [*alone[:-1], "--signing-config", str(folder / "signing.json"), alone[-1]]
    assert main(both) == 3
    assert "not signed" in capsys.readouterr().err
    assert not (folder / "out.json").exists()


@pytest.mark.parametrize("staging", [False, True])
def test_the_public_roots_are_at_hand(*, staging: bool) -> None:
    path = public_root(staging=staging)
    root = TrustRoot.parse(path.read_bytes(), where="public")
    assert root.logs
    assert not root.expired(SIGNED_AT)
