"""Bundles from parts: what our reader reads back is what was put in."""

from __future__ import annotations

import base64
import json

from attest.bundle import Bundle
from attest.signers.assembling import certificate_bundle, dsse_envelope, key_bundle
from dbom.canonical import canonical_json
from dbom.names import BUNDLE_V03, DSSE_PAYLOAD_TYPE


def test_a_key_s_bundle_holds_the_payload_the_signature_and_the_hint_and_nothing_that_tells_time() -> None:
    bundle = Bundle.parse(key_bundle(dsse_envelope(b"payload", b"sig"), hint="aGludA=="), where="bundle")
    assert (b"payload", DSSE_PAYLOAD_TYPE, b"sig") == (bundle.payload, bundle.payload_type, bundle.signature)
    assert (None, "aGludA==", (), ()) == (bundle.certificate, bundle.key_hint, bundle.log_entries, bundle.time_stamps)


def test_a_certificate_s_bundle_holds_all_three_proofs() -> None:
    raw = certificate_bundle(
        dsse_envelope(b"payload", b"sig"), certificate=b"cert", log_entry={"logIndex": "3"}, time_stamp=b"stamp"
    )
    material = json.loads(raw)["verificationMaterial"]
    assert BUNDLE_V03 == json.loads(raw)["mediaType"]
    assert b"cert" == base64.b64decode(material["certificate"]["rawBytes"])
    assert [{"logIndex": "3"}] == material["tlogEntries"]
    stamps = material["timestampVerificationData"]["rfc3161Timestamps"]
    assert [b"stamp"] == [base64.b64decode(stamp["signedTimestamp"]) for stamp in stamps]


def test_the_same_parts_give_the_same_bytes() -> None:
    envelope = dsse_envelope(b"payload", b"sig")
    assert key_bundle(envelope, hint="h") == key_bundle(dict(reversed(envelope.items())), hint="h")


def test_a_bundle_is_canonical_json_with_every_sign_that_a_head_or_a_hint_can_hold() -> None:
    signs = "".join(map(chr, (*range(0x20), 0x22, 0x5C, 0x7F, 0xE9, 0x2014, 0x2028, 0xFFFF, 0x1F600)))
    envelope = dsse_envelope(b"payload", b"sig")
    for raw in (
        key_bundle(envelope, hint=signs),
        certificate_bundle(envelope, certificate=b"c", log_entry={"logIndex": "3", "head": signs}, time_stamp=b"s"),
    ):
        assert canonical_json(json.loads(raw)) == raw
