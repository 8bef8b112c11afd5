"""Sigstore bundles (v0.3) put together from their parts. Pure: who signs, logs and stamps is not decided here."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from dbom.canonical import canonical_json
from dbom.names import BUNDLE_V03, DSSE_PAYLOAD_TYPE

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

__all__ = ["certificate_bundle", "dsse_envelope", "key_bundle"]


def dsse_envelope(payload: bytes, signature: bytes) -> JsonObject:
    """Return the DSSE envelope of an in-toto payload with its one signature."""
    return {
        "payload": _base64(payload),
        "payloadType": DSSE_PAYLOAD_TYPE,
        "signatures": [{"sig": _base64(signature)}],
    }


def certificate_bundle(envelope: JsonObject, *, certificate: bytes, log_entry: JsonObject, time_stamp: bytes) -> bytes:
    """Return the bundle of a signer known by a certificate (DER), with its log entry and RFC 3161 time stamp (DER)."""
    return _bundle(
        envelope,
        {
            "certificate": {"rawBytes": _base64(certificate)},
            "tlogEntries": [log_entry],
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": _base64(time_stamp)}]},
        },
    )


def key_bundle(envelope: JsonObject, *, hint: str) -> bytes:
    """Return the bundle of a signer known by a key alone: no log, no time; `hint` helps to find the key."""
    return _bundle(envelope, {"publicKey": {"hint": hint}, "tlogEntries": []})


def _bundle(envelope: JsonObject, material: JsonObject) -> bytes:
    return canonical_json({"mediaType": BUNDLE_V03, "verificationMaterial": material, "dsseEnvelope": envelope})


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
