"""What the transparency log says of an entry: its body, the promise, the proof and the signed checkpoint. Pure."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from attest.local.certificates import spki
from dbom.canonical import canonical_json

if TYPE_CHECKING:
    from datetime import datetime

    from attest.local.log import Inclusion
    from dbom.canonical import JsonObject

__all__ = ["checkpoint", "dsse_entry", "log_entry"]

_HINT_BYTES = 4
_TREE_NUMBER_BYTES = 7  # below 2^63, which is what the clients read


def dsse_entry(envelope: JsonObject, payload: bytes, signature: bytes, certificate_pem: bytes) -> bytes:
    """Return the canonical body of a log entry of kind `dsse` 0.0.1 (Rekor's schema of that name)."""
    return canonical_json(
        {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": _sha256(canonical_json(envelope)),
                "payloadHash": _sha256(payload),
                "signatures": [{"signature": _base64(signature), "verifier": _base64(certificate_pem)}],
            },
        }
    )


def checkpoint(origin: str, inclusion: Inclusion, key: ec.EllipticCurvePrivateKey) -> str:
    """Return the signed checkpoint of the log at this size (C2SP tlog-checkpoint, signed with ECDSA as by Rekor 1).

    Behind the origin stands a number for the tree, ` - N`: sigstore-go takes a checkpoint without one for Rekor 2's,
    and then refuses entries of kind `dsse`.
    """
    log_id = _log_id(key)
    tree = int.from_bytes(log_id[:_TREE_NUMBER_BYTES], "big")
    note = f"{origin} - {tree}\n{inclusion.size}\n{_base64(inclusion.root)}\n"
    signature = key.sign(note.encode(), ec.ECDSA(hashes.SHA256()))
    hint = log_id[:_HINT_BYTES]
    return f"{note}\n\u2014 {origin} {_base64(hint + signature)}\n"


def log_entry(
    body: bytes, inclusion: Inclusion, *, origin: str, key: ec.EllipticCurvePrivateKey, now: datetime
) -> JsonObject:
    """Return the bundle's `tlogEntries` item: index, time, signed promise, inclusion proof and checkpoint."""
    log_id, seconds = _log_id(key), int(now.timestamp())
    promise = canonical_json(
        {
            "body": _base64(body),
            "integratedTime": seconds,
            "logID": log_id.hex(),
            "logIndex": inclusion.index,
        }
    )
    return {
        "logIndex": str(inclusion.index),
        "logId": {"keyId": _base64(log_id)},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": str(seconds),
        "inclusionPromise": {"signedEntryTimestamp": _base64(key.sign(promise, ec.ECDSA(hashes.SHA256())))},
        "inclusionProof": {
            "logIndex": str(inclusion.index),
            "rootHash": _base64(inclusion.root),
            "treeSize": str(inclusion.size),
            "hashes": [_base64(item) for item in inclusion.path],
            "checkpoint": {"envelope": checkpoint(origin, inclusion, key)},
        },
        "canonicalizedBody": _base64(body),
    }


def _log_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(spki(key.public_key())).digest()


def _sha256(data: bytes) -> JsonObject:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
