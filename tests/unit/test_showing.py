"""What a bundle claims is read without a word about whether it is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from evidence import changed, clock, key_signed, local_sigstore, statement_about

from attest.showing import claim_of
from attest.statement import Statement, Subject
from dbom.errors import EvidenceError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_LOCATION, PREDICATE_PROVENANCE

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import JsonObject

SUBJECT = Subject.of("flowers", Digest(Kind.FILE, "a" * 64))
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))


def test_a_tampered_bundle_still_says_what_it_claims(tmp_path: Path) -> None:
    local = local_sigstore(tmp_path)
    raw = local.signer(now=clock).sign(statement_about(Digest(Kind.FILE, "a" * 64)))
    forged = changed(raw, lambda d: d["dsseEnvelope"]["signatures"][0].update(sig="AAAA"))
    claim = claim_of(forged, where="b")
    assert (claim.signer, claim.log_indexes, len(claim.times)) == (local.identity, (0,), 2)


def test_a_certificate_or_time_stamp_that_can_not_be_read_is_said(tmp_path: Path) -> None:
    raw = local_sigstore(tmp_path).signer(now=clock).sign(statement_about(Digest(Kind.FILE, "a" * 64)))

    def spoil(document: dict[str, Any]) -> None:
        material = document["verificationMaterial"]
        material["certificate"]["rawBytes"] = "AAAA"
        material["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] = "AAAA"

    claim = claim_of(changed(raw, spoil), where="b")
    assert claim.signer is None
    assert "can't be read" in claim.unreadable
    assert [time.by for time in claim.times] == ["transparency log"]


@pytest.mark.parametrize(
    ("predicate_type", "predicate", "summary"),
    [
        (PREDICATE_LOCATION, {"location": "oci://x@sha256:y"}, "can be had at oci://x@sha256:y"),
        (
            PREDICATE_PROVENANCE,
            {
                "buildDefinition": {"resolvedDependencies": [{}, {}]},
                "runDetails": {"builder": {"id": "https://b.example.org"}},
            },
            "built by https://b.example.org from 2 inputs",
        ),
        (PREDICATE_PROVENANCE, {}, "built by None from 0 inputs"),
        ("https://cyclonedx.org/bom", {}, "None None: , 0 components"),
        ("https://example.org/other", {"a": 1}, "1 fields"),
        (PREDICATE_LOCATION, {"location": "\x1b[2J"}, "can be had at \\x1b[2J"),
    ],
)
def test_the_predicate_is_summed_up(predicate_type: str, predicate: JsonObject, summary: str) -> None:
    statement = Statement.build(SUBJECT, predicate_type, predicate)
    assert claim_of(key_signed(statement.payload, KEY), where="b").summary == summary


def test_another_payload_type_is_refused() -> None:
    with pytest.raises(EvidenceError, match="another type"):
        claim_of(key_signed(b"{}", KEY, payload_type="text/plain"), where="b")
