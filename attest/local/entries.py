"""What the transparency log says of an entry: its body, the promise, the proof and the signed checkpoint. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

from attest.local.ecdsa import signed

if TYPE_CHECKING:
    from datetime import datetime

    from attest.local.checkpoints import LogSigner
    from attest.local.log import Inclusion
    from dbom.canonical import JsonObject

__all__ = ["dsse_entry", "dsse_entry_of", "hashedrekord_entry", "hashedrekord_v2_entry", "log_entry"]


def dsse_entry(envelope: JsonObject, payload: bytes, signature: bytes, certificate_pem: bytes) -> bytes:
    """Return the canonical body of a log entry of kind `dsse` 0.0.1 (Rekor's schema of that name)."""
    return dsse_entry_of(hashlib.sha256(_canonical(envelope)).digest(), payload, signature, certificate_pem)


def dsse_entry_of(envelope_sha256: bytes, payload: bytes, signature: bytes, verifier_pem: bytes) -> bytes:
    """Return the same of an envelope of which the sha256 is known, as it was sent."""
    return _canonical(
        {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": envelope_sha256.hex()},
                "payloadHash": _sha256(payload),
                "signatures": [{"signature": _base64(signature), "verifier": _base64(verifier_pem)}],
            },
        }
    )


def hashedrekord_entry(digest: bytes, signature: bytes, verifier_pem: bytes, *, algorithm: str = "sha256") -> bytes:
    """Return the canonical body of a log entry of kind `hashedrekord` 0.0.1: a signature over bytes by their digest.

    `verifier_pem` is the signer's certificate or public key.
    """
    return _canonical(
        {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": algorithm, "value": digest.hex()}},
                "signature": {"content": _base64(signature), "publicKey": {"content": _base64(verifier_pem)}},
            },
        }
    )


def hashedrekord_v2_entry(digest: bytes, signature: bytes, verifier: JsonObject) -> bytes:
    """Return the canonical body of a log entry of kind `hashedrekord` 0.0.2, the one of Rekor 2.

    `verifier` is Rekor's: `keyDetails`, and `x509Certificate` or `publicKey` with its `rawBytes`.
    """
    return _canonical(
        {
            "apiVersion": "0.0.2",
            "kind": "hashedrekord",
            "spec": {
                "hashedRekordV002": {
                    "data": {"algorithm": "SHA2_256", "digest": _base64(digest)},
                    "signature": {"content": _base64(signature), "verifier": verifier},
                }
            },
        }
    )


def log_entry(body: bytes, inclusion: Inclusion, *, signer: LogSigner, now: datetime | None) -> JsonObject:
    """Return the bundle's `tlogEntries` item: index, time, signed promise, inclusion proof and checkpoint.

    `now` of None leaves out the time and the promise, which Rekor 2 doesn't give.
    """
    said = json.loads(body)
    promise: JsonObject = {} if now is None else _promise(body, inclusion.index, signer, now)
    return {
        "logIndex": str(inclusion.index),
        "logId": {"keyId": _base64(signer.log_id)},
        "kindVersion": {"kind": said["kind"], "version": said["apiVersion"]},
        **promise,
        "inclusionProof": {
            "logIndex": str(inclusion.index),
            "rootHash": _base64(inclusion.root),
            "treeSize": str(inclusion.size),
            "hashes": [_base64(item) for item in inclusion.path],
            "checkpoint": {"envelope": inclusion.checkpoint},
        },
        "canonicalizedBody": _base64(body),
    }


def _promise(body: bytes, index: int, signer: LogSigner, now: datetime) -> JsonObject:
    seconds = int(now.timestamp())
    promise = _canonical(
        {"body": _base64(body), "integratedTime": seconds, "logID": signer.log_id.hex(), "logIndex": index}
    )
    return {
        "integratedTime": str(seconds),
        "inclusionPromise": {"signedEntryTimestamp": _base64(signed(promise, signer.key))},
    }


def _canonical(document: JsonObject) -> bytes:
    """Return canonical JSON (RFC 8785) of a document whose names and texts are all ASCII and whose numbers are whole.

    For those the standard library writes the same bytes, and does it many times faster.
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")


def _sha256(data: bytes) -> JsonObject:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
