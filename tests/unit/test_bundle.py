"""Bundles are read strictly: what two programs could read as two things is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from evidence import changed, key_signed, local_sigstore, statement_about

from attest.bundle import Bundle
from attest.stores.store import MAX_BUNDLE_BYTES
from dbom.errors import EvidenceError
from dbom.model import Digest, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

STATEMENT = statement_about(Digest(Kind.FILE, "a" * 64))
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    local = local_sigstore(tmp_path_factory.mktemp("home"))
    from evidence import clock

    return local.signer(now=clock).sign(STATEMENT)


def test_a_keyless_bundle_gives_all_its_parts(keyless: bytes) -> None:
    bundle = Bundle.parse(keyless, where="b")
    assert bundle.payload == STATEMENT.payload
    assert bundle.certificate is not None
    assert not bundle.key_hint
    assert [entry.index for entry in bundle.log_entries] == [0]
    assert len(bundle.time_stamps) == 1


def test_a_bundle_of_a_bare_key_gives_its_hint_and_no_certificate() -> None:
    bundle = Bundle.parse(key_signed(STATEMENT.payload, KEY, hint="some hint"), where="b")
    assert (bundle.certificate, bundle.key_hint, bundle.log_entries, bundle.time_stamps) == (None, "some hint", (), ())


def test_a_certificate_chain_of_older_bundles_gives_its_leaf(keyless: bytes) -> None:
    def older(document: dict[str, Any]) -> None:
        document["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"
        material = document["verificationMaterial"]
        material["x509CertificateChain"] = {"certificates": [material.pop("certificate")]}

    assert Bundle.parse(changed(keyless, older), where="b").certificate == Bundle.parse(keyless, where="b").certificate


def test_what_protocol_buffers_leave_out_is_read_as_zero_or_absent(keyless: bytes) -> None:
    def bare(document: dict[str, Any]) -> None:
        entry = document["verificationMaterial"]["tlogEntries"][0]
        entry.pop("logIndex")
        entry.pop("integratedTime")
        entry.pop("inclusionPromise")
        entry["inclusionProof"].pop("logIndex")
        entry["inclusionProof"].pop("checkpoint")
        document["verificationMaterial"]["timestampVerificationData"] = None

    entry = Bundle.parse(changed(keyless, bare), where="b").log_entries[0]
    assert (entry.index, entry.integrated_time, entry.promise) == (0, None, None)
    assert entry.proof is not None
    assert entry.proof.checkpoint is None


def test_an_entry_without_a_proof_is_read_as_that(keyless: bytes) -> None:
    raw = changed(keyless, lambda d: d["verificationMaterial"]["tlogEntries"][0].pop("inclusionProof"))
    assert Bundle.parse(raw, where="b").log_entries[0].proof is None


def _material(document: dict[str, Any]) -> dict[str, Any]:
    return document["verificationMaterial"]  # type: ignore[no-any-return]  # JSON of a test


def _entry(document: dict[str, Any]) -> dict[str, Any]:
    return _material(document)["tlogEntries"][0]  # type: ignore[no-any-return]  # JSON of a test


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unknown media type": (lambda d: d.update(mediaType="x"), "unknown media type"),
    "no media type": (lambda d: d.pop("mediaType"), "mediaType is missing"),
    "an unknown key": (lambda d: d.update(extra=1), "unknown keys: extra"),
    "a bare message": (lambda d: d.update(messageSignature={}), "bare message"),
    "no envelope": (lambda d: d.pop("dsseEnvelope"), "dsseEnvelope is missing"),
    "no signature": (lambda d: d["dsseEnvelope"].update(signatures=[]), "0 signatures"),
    "two signatures": (lambda d: d["dsseEnvelope"]["signatures"].append({"sig": "AA=="}), "2 signatures"),
    "signatures that are no list": (lambda d: d["dsseEnvelope"].update(signatures={}), "not a list"),
    "a signature that is no object": (lambda d: d["dsseEnvelope"].update(signatures=["x"]), "not an object"),
    "an empty signature": (lambda d: d["dsseEnvelope"]["signatures"][0].update(sig=""), "sig is empty"),
    "a payload that is no base64": (lambda d: d["dsseEnvelope"].update(payload="!"), "payload is not base64"),
    "a payload that is no text": (lambda d: d["dsseEnvelope"].update(payload=1), "not a text"),
    "base64 with loose bits": (lambda d: d["dsseEnvelope"].update(payload="QR=="), "canonical form"),
    "base64 for the web": (lambda d: d["dsseEnvelope"].update(payload="_-=="), "not base64"),
    "no material": (lambda d: d.pop("verificationMaterial"), "verificationMaterial is missing"),
    "two signers": (lambda d: _material(d).update(publicKey={"hint": "x"}), "exactly one of"),
    "no signer": (lambda d: _material(d).pop("certificate"), "exactly one of"),
    "an empty chain": (
        lambda d: (_material(d).pop("certificate"), _material(d).update(x509CertificateChain={"certificates": []})),
        "empty certificate chain",
    ),
    "an endless chain": (
        lambda d: (
            _material(d).pop("certificate"),
            _material(d).update(x509CertificateChain={"certificates": [{"rawBytes": "AA=="}] * 11}),
        ),
        "at most 10",
    ),
    "a number that is no text": (lambda d: _entry(d).update(logIndex=0), "not a number written as a text"),
    "a number with a sign": (lambda d: _entry(d).update(logIndex="-1"), "not a number written as a text"),
    "a number with zeros before it": (lambda d: _entry(d).update(logIndex="00"), "not a number written as a text"),
    "a time beyond all calendars": (lambda d: _entry(d).update(integratedTime="999999999999999"), "out of range"),
    "a promise of nothing": (lambda d: _entry(d).update(inclusionPromise={}), "signedEntryTimestamp is missing"),
    "a hash that is no base64": (lambda d: _entry(d)["inclusionProof"].update(hashes=["?"]), "hashes is not base64"),
    "a kind that is no text": (lambda d: _entry(d)["kindVersion"].update(kind=1), "kind is missing"),
    "too many time stamps": (
        lambda d: _material(d).update(
            timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": "AA=="}] * 33}
        ),
        "at most 32",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_bundle_is_refused_and_says_what_is_wrong(keyless: bytes, fault: str) -> None:
    change, message = FAULTS[fault]
    with pytest.raises(EvidenceError, match=message) as caught:
        Bundle.parse(changed(keyless, change), where="somewhere")
    assert caught.value.rule.id == "DBOM-304"
    assert caught.value.where == "somewhere"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"mediaType":"a","mediaType":"b"}', "stands twice"),
        (b"\xff", "not JSON"),
        (b" " * (MAX_BUNDLE_BYTES + 1), "too large"),
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(EvidenceError, match=message):
        Bundle.parse(raw, where="b")


def test_a_hostile_key_is_shown_harmless() -> None:
    with pytest.raises(EvidenceError) as caught:
        Bundle.parse(json.dumps({"\x1b[2Jx": 1}).encode(), where="b")
    assert "\x1b" not in str(caught.value)
