"""Signatures that four releases of model-signing made are checked with the artifact that they are of."""

from __future__ import annotations

import base64
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attest.authority import Authority
from attest.checking import verify_artifact, verify_digest
from attest.expecting import expected_authorities
from attest.stores.store import StoredBundle
from attest.verified import TimeBasis
from dbom.errors import UsageError
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from attest.verification import Verification

OMS = Path(__file__).parents[1] / "oms"
MODEL = OMS / "model"
KEY = Authority("signer", key_pem=(OMS / "keys" / "signer.pub").read_bytes())
NOW = datetime(2026, 11, 23, tzinfo=UTC)

BY_KEY = sorted(path.stem for path in (OMS / "signatures").iterdir() if "certificate" not in path.stem)
UNRECORDED = ("0.3.1-ignored", "1.0.1-ignored")


def bundle_of(name: str) -> bytes:
    return (OMS / "signatures" / f"{name}.sig").read_bytes()


def checked(path: Path, raw: bytes) -> Verification:
    return verify_artifact(path, [KEY], now=NOW, bundles=[StoredBundle.of(raw, where="model.sig")])


def signed_path(name: str) -> Path:
    return MODEL / "a" / "b.bin" if name.endswith("-file") else MODEL


def rules(result: Verification) -> set[str]:
    return {finding.rule for finding in result.findings}


@pytest.mark.parametrize("name", [name for name in BY_KEY if name not in UNRECORDED])
def test_the_model_that_was_signed_is_verified(name: str) -> None:
    result = checked(signed_path(name), bundle_of(name))
    assert (0, True) == (result.exit_code, result.bytes_checked)
    assert str(result.counted[0].signer).startswith("key sha256:")


@pytest.mark.parametrize("name", UNRECORDED)
def test_paths_left_out_without_a_word_are_not_vouched_for(name: str, tmp_path: Path) -> None:
    """Releases before 1.1 recorded no ignored paths: what they left out can only be a file that nobody signed."""
    assert checked(MODEL, bundle_of(name)).exit_code == 1
    model = tmp_path / "model"
    shutil.copytree(MODEL, model, ignore=shutil.ignore_patterns("a", "notes.txt"))
    assert checked(model, bundle_of(name)).exit_code == 0


def test_recorded_ignored_paths_are_named() -> None:
    result = checked(MODEL, bundle_of("1.1.1-ignored"))
    assert (0, ("a/", "notes.txt"), {"DBOM-321"}) == (result.exit_code, result.uncovered, rules(result))


@pytest.mark.parametrize("name", [name for name in BY_KEY if not name.endswith("-file")])
@pytest.mark.parametrize("path", [".hidden", "a.bin", "a-b/c.bin"])
def test_one_flipped_bit_of_any_file_is_refused(name: str, path: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    data = bytearray((model / path).read_bytes())
    data[-1] ^= 1
    (model / path).write_bytes(data)
    result = checked(model, bundle_of(name))
    assert result.exit_code == 1
    assert rules(result) & {"DBOM-315", "DBOM-390", "DBOM-317"}


@pytest.mark.parametrize("name", BY_KEY)
def test_a_payload_that_was_changed_is_refused(name: str) -> None:
    document = json.loads(bundle_of(name))
    payload = base64.b64decode(document["dsseEnvelope"]["payload"])
    document["dsseEnvelope"]["payload"] = base64.b64encode(payload.replace(b'"a.bin', b'"b.bin')).decode()
    if b'"a.bin' not in payload:
        document["dsseEnvelope"]["payload"] = base64.b64encode(payload + b" ").decode()
    assert checked(signed_path(name), json.dumps(document).encode()).exit_code == 1


def test_two_models_that_swapped_names_are_two_models(tmp_path: Path) -> None:
    """Their root digest is the same where the order of the digests is: names are what it doesn't bind."""
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    (model / "a.bin").rename(model / "a.bio")
    assert checked(model, bundle_of("1.1.1-files")).exit_code == 1


@pytest.mark.parametrize("name", ["1.1.1-shards", "0.2.0-digests-blake2"])
def test_of_other_digests_nothing_is_said_without_the_bytes(name: str) -> None:
    digest = fingerprint_path(MODEL).digest
    result = verify_digest(digest, [KEY], now=NOW, bundles=[StoredBundle.of(bundle_of(name), where="model.sig")])
    assert (1, "DBOM-322") == (result.exit_code, result.uncounted[0].rule)


def test_of_files_by_sha256_the_digest_alone_is_enough() -> None:
    digest = fingerprint_path(MODEL).digest
    result = verify_digest(digest, [KEY], now=NOW, bundles=[StoredBundle.of(bundle_of("1.1.1-files"), where="x")])
    assert (0, False) == (result.exit_code, result.bytes_checked)


def test_the_key_inside_an_early_bundle_is_nobody_s_word_for_it() -> None:
    other = Authority("other", key_pem=OTHER_KEY)
    bundles = [StoredBundle.of(bundle_of("0.2.0-digests"), where="model.sig")]
    assert verify_artifact(MODEL, [other], now=NOW, bundles=bundles).exit_code == 1


def by_certificate(name: str, *, now: datetime, identity: str = "signer@example.org") -> Verification:
    authorities = expected_authorities(identity=identity, certificate_chain=OMS / "keys" / "chain.pem", valid_now=True)
    return verify_artifact(
        MODEL, authorities, now=now, bundles=[StoredBundle.of(bundle_of(f"{name}-certificate"), where="model.sig")]
    )


@pytest.mark.parametrize("name", ["0.2.0-digests", "1.0.1-files", "1.1.1-files"])
def test_a_certificate_without_a_time_counts_while_it_is_valid_and_only_on_request(name: str) -> None:
    result = by_certificate(name, now=NOW)
    assert (0, TimeBasis.NONE) == (result.exit_code, result.counted[0].time.basis)
    expired = by_certificate(name, now=datetime(2054, 1, 2, tzinfo=UTC))
    early = by_certificate(name, now=datetime(2023, 12, 31, tzinfo=UTC))
    assert ("DBOM-309", "DBOM-327", 3, 1) == (
        expired.uncounted[0].rule,
        early.uncounted[0].rule,
        expired.exit_code,
        early.exit_code,
    )
    assert by_certificate(name, now=NOW, identity="other@example.org").exit_code == 1
    with pytest.raises(UsageError, match="judged at the time of the signature"):
        expected_authorities(identity="signer@example.org", certificate_chain=OMS / "keys" / "chain.pem")


@pytest.mark.parametrize(
    "words",
    [
        {"identity": "a", "issuer": "b"},
        {"identity": "a", "certificate_chain": OMS / "keys" / "chain.pem", "timestamp_certificate_chain": OMS / "x"},
    ],
)
def test_valid_now_is_about_one_s_own_authority_without_times(words: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="only a certificate of your own authority"):
        expected_authorities(valid_now=True, **words)


OTHER_KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEWFuJXrH4abyuD85iFiWdlFpz8/r+
pXy1dEMRNdnkp4ASONJS7bruHp/sRE0N205eGjW8aTziNEO3iBcx/NL+rQ==
-----END PUBLIC KEY-----
"""
