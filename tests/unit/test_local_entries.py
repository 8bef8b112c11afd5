"""Log entries are canonical JSON to the byte, in the shapes of Rekor."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from local_logs import SIGNER

from attest.local.ecdsa import is_signed
from attest.local.entries import dsse_entry, hashedrekord_entry, hashedrekord_v2_entry, log_entry
from attest.local.log import Inclusion
from attest.signers.assembling import dsse_envelope
from dbom.canonical import canonical_json

_BODIES = (
    dsse_entry(dsse_envelope(b"{}", b"\x00sig"), b"{}", b"\x00sig", b"-----BEGIN CERTIFICATE-----\n"),
    hashedrekord_entry(bytes(32), b"sig", b"-----BEGIN PUBLIC KEY-----\n"),
    hashedrekord_v2_entry(
        bytes(32), b"sig", {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "publicKey": {"rawBytes": "AA=="}}
    ),
)


@pytest.mark.parametrize("body", _BODIES)
def test_a_body_is_canonical_json(body: bytes) -> None:
    assert body == canonical_json(json.loads(body))


@pytest.mark.parametrize(
    ("body", "kind", "version"),
    [(_BODIES[0], "dsse", "0.0.1"), (_BODIES[1], "hashedrekord", "0.0.1"), (_BODIES[2], "hashedrekord", "0.0.2")],
)
def test_an_entry_says_its_kind_and_is_promised_where_there_is_a_time(body: bytes, kind: str, version: str) -> None:
    inclusion = Inclusion(3, 4, bytes(32), (bytes(32),), SIGNER.checkpoint(4, bytes(32)))
    at = datetime(2026, 3, 1, tzinfo=UTC)
    entry, bare = (log_entry(body, inclusion, signer=SIGNER, now=now) for now in (at, None))
    assert {"kind": kind, "version": version} == entry["kindVersion"] == bare["kindVersion"]
    assert {"integratedTime", "inclusionPromise"} == set(entry) - set(bare)
    promise = canonical_json(
        {
            "body": base64.b64encode(body).decode(),
            "integratedTime": int(at.timestamp()),
            "logID": SIGNER.log_id.hex(),
            "logIndex": 3,
        }
    )
    said = entry["inclusionPromise"]
    assert isinstance(said, dict)
    assert is_signed(promise, base64.b64decode(str(said["signedEntryTimestamp"])), SIGNER.public_key)
