"""Evidence for tests: bundles by keys and by local Sigstores, made with the real thing, and ways to spoil them."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from unittest.mock import patch

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest.authority import Authority
from attest.dsse import pre_authentication_encoding
from attest.identity import Identity, IdentityPattern
from attest.local import LocalSigstore, open_local
from attest.statement import Statement, Subject
from attest.stores.sidecar import Sidecar
from attest.trust import TrustRoot
from dbom.names import BUNDLE_V03, DSSE_PAYLOAD_TYPE, PREDICATE_BOM
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from dbom.canonical import JsonObject
    from dbom.model import Digest, Fingerprint

    PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

BOM: JsonObject = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {"component": {"type": "data", "name": "flowers", "version": "1"}},
}


def clock() -> datetime:
    """Return now: local certificates live from now on."""
    return datetime.now(UTC)


def local_sigstore(home: Path) -> LocalSigstore:
    """Return the local Sigstore of a home, made at the first use."""
    return open_local(home, now=clock)


def authority_of(local: LocalSigstore, *, name: str = "local") -> Authority:
    """Return the authority that expects the identity of a local Sigstore, under its root."""
    exact = IdentityPattern.exact(local.identity.subject, local.identity.issuer)
    return Authority(name, (exact,), TrustRoot.parse(local.trusted_root(), where="root"))


def minted(local: LocalSigstore, identity: Identity, statement: Statement) -> bytes:
    """Return a bundle in which a local Sigstore's authority vouches for an identity that isn't its own.

    Whoever does that leaves out the check that our signer makes before it gives a bundle away.
    """
    with patch("attest.local.signer.check_bundle"):
        return replace(local.signer(now=clock), identity=identity).sign(statement)


def statement_about(digest: Digest, *, predicate_type: str = PREDICATE_BOM, ignores: tuple[str, ...] = ()) -> Statement:
    """Return a statement of ours about a digest, a BOM unless said otherwise."""
    return Statement.build(Subject.of("flowers", digest, ignores=ignores), predicate_type, BOM)


def statement_of(found: Fingerprint, *, predicate_type: str = PREDICATE_BOM, predicate: JsonObject = BOM) -> Statement:
    """Return a statement of ours about a fingerprint."""
    return Statement.build(Subject.of(found.name, found.digest, ignores=found.ignores), predicate_type, predicate)


def public_pem(key: PrivateKey) -> bytes:
    """Return the public half in PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hint_of(key: PrivateKey) -> str:
    """Return the hint that dbom and cosign write: the sha256 of the public key in base64."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def raw_signature(key: PrivateKey, signed: bytes) -> bytes:
    """Return the signature that Sigstore's algorithm registry wants of this kind of key."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        strength = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[key.curve.key_size]
        return key.sign(signed, ec.ECDSA(strength))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(signed)


def key_signed(
    payload: bytes, key: PrivateKey, *, hint: str | None = None, payload_type: str = DSSE_PAYLOAD_TYPE
) -> bytes:
    """Return a bundle that a bare key signed."""
    signature = raw_signature(key, pre_authentication_encoding(payload_type, payload))
    document = {
        "mediaType": BUNDLE_V03,
        "verificationMaterial": {"publicKey": {"hint": hint_of(key) if hint is None else hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"sig": base64.b64encode(signature).decode()}],
        },
    }
    return json.dumps(document).encode()


def changed(raw: bytes, change: Callable[[Any], object]) -> bytes:
    """Return a JSON document after `change` has worked on it."""
    document = json.loads(raw)
    change(document)
    return json.dumps(document).encode()


def flipped(text: str, *, byte: int = -3) -> str:
    """Return base64 in which one bit of one decoded byte is another."""
    data = bytearray(base64.b64decode(text))
    data[byte] ^= 1
    return base64.b64encode(bytes(data)).decode()


def signed_artifact(path: Path, local: LocalSigstore, *, predicate: JsonObject = BOM) -> Path:
    """Sign what is at `path` with a whole sidecar: manifest, BOM file and BOM statement; return the bundle's path."""
    found = fingerprint_path(path)
    statement = statement_of(found, predicate=predicate)
    sidecar = Sidecar.of(path)
    sidecar.write_manifest(found.manifest())
    sidecar.write_bom(json.dumps(predicate, indent=2).encode())
    return sidecar.add_bundle(local.signer(now=clock).sign(statement), statement)
