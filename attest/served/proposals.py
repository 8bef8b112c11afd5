"""Entries proposed to the log, of Rekor 1's kinds `dsse` 0.0.1 and `hashedrekord` 0.0.1: read and verified. Pure.

The schemas are Rekor's (sigstore/rekor, pkg/types). What is logged is written anew, in canonical form.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from attest.certificates import load_certificate
from attest.dsse import pre_authentication_encoding
from attest.local.entries import dsse_entry_of, hashedrekord_entry
from attest.served.refusing import Reason, RequestRefusedError
from attest.verifier.key_verifying import VerifyingKey, signature_holds
from dbom.canonical import json_object
from dbom.errors import DocumentError, EvidenceError
from dbom.printable import printable
from dbom.rules.local import ENTRY_REFUSED

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from dbom.canonical import Json, JsonObject

__all__ = ["MAX_PROPOSAL_BYTES", "Proposal", "read_proposal"]

MAX_PROPOSAL_BYTES: Final = 8 * 1024 * 1024
"""The largest proposed entry that is read."""

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_WHERE: Final = "the entry"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed entry whose signature holds: its kind, its canonical body, and the signer's certificate or None."""

    kind: str
    body: bytes = field(repr=False)
    certificate: x509.Certificate | None = field(repr=False)


def read_proposal(raw: bytes) -> Proposal:
    """Read a proposed entry and verify its signature. Raises `RequestRefusedError`."""
    try:
        document = json_object(raw, where=_WHERE, limit=MAX_PROPOSAL_BYTES)
        kind = f"{document.get('kind')} {document.get('apiVersion')}"
        spec = _object(document, "spec")
        if kind == "dsse 0.0.1":
            return _dsse(_object(spec, "proposedContent"))
        if kind == "hashedrekord 0.0.1":
            return _hashedrekord(spec)
    except DocumentError as error:
        raise _refused(Reason.MALFORMED, f"the entry can't be read: {error.what}") from error
    raise RequestRefusedError(
        ENTRY_REFUSED,
        Reason.ENTRY_KIND,
        "this kind of entry isn't logged",
        got=printable(kind[:100]),
        expected="dsse 0.0.1 or hashedrekord 0.0.1",
    )


def _dsse(content: JsonObject) -> Proposal:
    sent = _text(content, "envelope").encode()
    envelope = json_object(sent, where=_WHERE, limit=MAX_PROPOSAL_BYTES)
    payload = _base64(envelope, "payload")
    signature = _base64(_only(envelope, "signatures"), "sig")
    verifiers = content.get("verifiers")
    if not isinstance(verifiers, list) or len(verifiers) != 1:
        raise _refused(Reason.MALFORMED, "an envelope is logged with one signature and its one verifier")
    verifier = _verifier(_decoded(verifiers[0], "the verifier"))
    encoded = pre_authentication_encoding(_text(envelope, "payloadType"), payload)
    if not signature_holds(verifier.key, signature, encoded):
        raise _refused(Reason.ENTRY_SIGNATURE, "the envelope isn't signed by its verifier")
    body = dsse_entry_of(hashlib.sha256(sent).digest(), payload, signature, verifier.pem)
    return Proposal("dsse", body, verifier.certificate)


def _hashedrekord(spec: JsonObject) -> Proposal:
    signed, hashed = _object(spec, "signature"), _object(_object(spec, "data"), "hash")
    name, value = _text(hashed, "algorithm"), _text(hashed, "value")
    algorithm = _HASHES.get(name)
    digest = bytes.fromhex(value) if _is_hex(value) else b""
    if algorithm is None or len(digest) != algorithm.digest_size:
        raise _refused(Reason.MALFORMED, "the entry holds no sha256, sha384 or sha512 in lower-case hex")
    signature = _base64(signed, "content")
    verifier = _verifier(_base64(_object(signed, "publicKey"), "content"))
    if isinstance(verifier.key, Ed25519PublicKey):
        raise _refused(Reason.KEY_UNUSABLE, "a signature by Ed25519 can't be verified by a digest")
    if not signature_holds(verifier.key, signature, digest, algorithm=Prehashed(algorithm)):
        raise _refused(Reason.ENTRY_SIGNATURE, "the digest isn't signed by this key")
    body = hashedrekord_entry(digest, signature, verifier.pem, algorithm=name)
    return Proposal("hashedrekord", body, verifier.certificate)


@dataclass(frozen=True, slots=True)
class _Verifier:
    key: PublicKeyTypes
    pem: bytes
    certificate: x509.Certificate | None


def _verifier(pem: bytes) -> _Verifier:
    """Read a certificate or a public key in PEM; what is logged of it is written anew."""
    certificate: x509.Certificate | None = None
    key: PublicKeyTypes
    try:
        if b"BEGIN CERTIFICATE" in pem:
            (found,) = x509.load_pem_x509_certificates(pem)
            certificate = load_certificate(found.public_bytes(Encoding.DER), where=_WHERE)
            key = certificate.public_key()
            written = certificate.public_bytes(Encoding.PEM)
        else:
            key = load_pem_public_key(pem)
            written = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        VerifyingKey.of(key, where=_WHERE)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _refused(Reason.MALFORMED, "the verifier is no certificate and no public key in PEM") from None
    except (DocumentError, EvidenceError) as error:
        raise _refused(Reason.KEY_UNUSABLE, f"the verifier won't do: {error.what}") from error
    return _Verifier(key, written, certificate)


def _object(holder: JsonObject, name: str) -> JsonObject:
    value = holder.get(name)
    if not isinstance(value, dict):
        raise _refused(Reason.MALFORMED, f"{name} is missing or not an object")
    return value


def _only(holder: JsonObject, name: str) -> JsonObject:
    items = holder.get(name)
    item = items[0] if isinstance(items, list) and len(items) == 1 else None
    if not isinstance(item, dict):
        raise _refused(Reason.MALFORMED, f"{name} doesn't hold exactly one object")
    return item


def _text(holder: JsonObject, name: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise _refused(Reason.MALFORMED, f"{name} is missing or not a text")
    return value


def _base64(holder: JsonObject, name: str) -> bytes:
    return _decoded(holder.get(name), name)


def _decoded(value: Json, name: str) -> bytes:
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise _refused(Reason.MALFORMED, f"{name} is missing or not base64")


def _is_hex(text: str) -> bool:
    return len(text) % 2 == 0 and not text.strip("0123456789abcdef")


def _refused(reason: Reason, what: str) -> RequestRefusedError:
    return RequestRefusedError(ENTRY_REFUSED, reason, what)
