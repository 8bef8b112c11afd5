"""Sigstore bundles (v0.3) put together from their parts. Pure: who signs, logs and stamps is not decided here."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from dbom.names import BUNDLE_V03, DSSE_PAYLOAD_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.canonical import Json, JsonObject

__all__ = ["certificate_bundle", "dsse_envelope", "key_bundle", "own_certificate_bundle"]


def dsse_envelope(payload: bytes, signature: bytes) -> JsonObject:
    """Return the DSSE envelope of an in-toto payload with its one signature."""
    return {
        "payload": _base64(payload),
        "payloadType": DSSE_PAYLOAD_TYPE,
        "signatures": [{"sig": _base64(signature)}],
    }


def certificate_bundle(envelope: JsonObject, *, certificate: bytes, log_entry: JsonObject, time_stamp: bytes) -> bytes:
    """Return the bundle of a signer known by a certificate (DER), with its log entry and RFC 3161 time stamp (DER)."""
    return own_certificate_bundle(
        envelope, certificate=certificate, log_entries=(log_entry,), time_stamps=(time_stamp,)
    )


def own_certificate_bundle(
    envelope: JsonObject,
    *,
    certificate: bytes,
    log_entries: Sequence[JsonObject],
    time_stamps: Sequence[bytes],
    issuers: Sequence[bytes] | None = None,
) -> bytes:
    """Return the bundle of a signer known by a certificate (DER), with what is there of a log and of time stamps.

    Version 0.3 holds the signer's certificate alone: the others of its chain belong to the verifier's trust root. With
    `issuers`, those between it and the root, it is a chain all the same, since model-signing reads nothing else.
    """
    named: JsonObject = {"certificate": {"rawBytes": _base64(certificate)}}
    if issuers is not None:
        chain: list[Json] = [{"rawBytes": _base64(der)} for der in (certificate, *issuers)]
        named = {"x509CertificateChain": {"certificates": chain}}
    return _bundle(envelope, {**named, **_recorded(log_entries, time_stamps)})


def key_bundle(
    envelope: JsonObject, *, hint: str, log_entries: Sequence[JsonObject] = (), time_stamps: Sequence[bytes] = ()
) -> bytes:
    """Return the bundle of a signer known by a key, with what is there of a log and of time stamps (DER).

    `hint` helps to find the key.
    """
    return _bundle(envelope, {"publicKey": {"hint": hint}, **_recorded(log_entries, time_stamps)})


def _recorded(log_entries: Sequence[JsonObject], time_stamps: Sequence[bytes]) -> JsonObject:
    logged: JsonObject = {"tlogEntries": list(log_entries)}
    if not time_stamps:
        return logged
    stamps: list[Json] = [{"signedTimestamp": _base64(stamp)} for stamp in time_stamps]
    return {**logged, "timestampVerificationData": {"rfc3161Timestamps": stamps}}


def _bundle(envelope: JsonObject, material: JsonObject) -> bytes:
    """Return canonical JSON (RFC 8785): for names that are ASCII and values that are texts, the standard library's.

    It writes a bundle in a quarter of the time, which a signature on a fast disk shows.
    """
    document = {"mediaType": BUNDLE_V03, "verificationMaterial": material, "dsseEnvelope": envelope}
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
