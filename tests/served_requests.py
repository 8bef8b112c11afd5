"""What clients send to a served Sigstore, made by hand: certificate requests, proposed entries."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest.dsse import pre_authentication_encoding
from attest.signers.keys import public_pem, sign_bytes
from dbom.names import DSSE_PAYLOAD_TYPE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from attest.signers.keys import SoftwareKey

__all__ = ["certificate_request", "dsse_proposal", "hashed_proposal", "signing_request", "spki_pem", "text_of"]


def text_of(data: bytes) -> str:
    """Return base64."""
    return base64.b64encode(data).decode()


def signing_request(key: ec.EllipticCurvePrivateKey) -> x509.CertificateSigningRequest:
    """Return a certificate signing request for a key."""
    return x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())


def certificate_request(key: SoftwareKey, subject: str, **changed: object) -> bytes:
    """Return a request for a certificate with a proof of possession, as sigstore-js and cosign send it."""
    asked = {
        "publicKey": {"algorithm": "ECDSA", "content": public_pem(key).decode()},
        "proofOfPossession": text_of(sign_bytes(key, subject.encode())),
        **changed,
    }
    return json.dumps({"publicKeyRequest": asked}).encode()


def dsse_proposal(
    key: SoftwareKey, *, verifier: bytes | None = None, payload: bytes = b"{}", **changed: object
) -> bytes:
    """Return a proposed entry for an envelope; `changed` are parts of the envelope that are said otherwise."""
    signature = sign_bytes(key, pre_authentication_encoding(DSSE_PAYLOAD_TYPE, payload))
    envelope = {
        "payload": text_of(payload),
        "payloadType": DSSE_PAYLOAD_TYPE,
        "signatures": [{"keyid": "", "sig": text_of(signature)}],
        **changed,
    }
    content = {"envelope": json.dumps(envelope), "verifiers": [text_of(verifier or public_pem(key))]}
    return json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": content}}).encode()


def hashed_proposal(
    key: SoftwareKey,
    *,
    data: bytes = b"data",
    algorithm: str = "sha256",
    verifier: bytes | None = None,
    **changed: object,
) -> bytes:
    """Return a proposed entry for a signature over some bytes, by their digest."""
    spec = {
        "data": {"hash": {"algorithm": algorithm, "value": hashlib.new(algorithm, data).hexdigest()}},
        "signature": {
            "content": text_of(sign_bytes(key, data)),
            "publicKey": {"content": text_of(verifier or public_pem(key))},
        },
        **changed,
    }
    return json.dumps({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}).encode()


def spki_pem(key: PublicKeyTypes) -> bytes:
    """Return any public key in PEM."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
