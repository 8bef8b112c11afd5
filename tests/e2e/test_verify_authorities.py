"""`dbom verify` with a key and its log, and with a certificate authority of one's own: on the cases' files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbom.cli.app import run

if TYPE_CHECKING:
    import pytest

CASES = Path(__file__).parents[1] / "conformance" / "bundles"


def verify(case: str, *flags: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Verify a case's artifact by its bundle; flags that name a file name the case's."""
    folder = CASES / case
    words = [str(folder / flag) if (folder / flag).is_file() else flag for flag in flags]
    bundle = str(folder / "bundle.sigstore.json")
    code = run(["verify", str(folder / "artifact"), "--bundle", bundle, *words, "-f", "json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)["results"][0]
    return code, found


def test_a_key_and_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = verify("key_logged", "--key", "key.pub", "--trusted-root", "trusted_root.json", capsys=capsys)
    assert (code, found["statements"][0]["shown"]) == (0, {"log": True, "sct": False, "time": False})
    assert found["statements"][0]["logIndex"] == 1
    code, found = verify(
        "key_borrowed_entry_fail", "--key", "key.pub", "--trusted-root", "trusted_root.json", capsys=capsys
    )
    refused = found["notCounted"][0]
    assert (code, refused["rule"]) == (1, "DBOM-333")
    assert bytes.fromhex(refused["got"]) != bytes.fromhex(refused["expected"])


def test_an_authority_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    flags = (
        "--identity",
        "ci@example.org",
        "--certificate-chain",
        "ca.pem",
        "--timestamp-certificate-chain",
        "tsa.pem",
    )
    code, found = verify("own_authority", *flags, capsys=capsys)
    assert code == 0
    assert found["statements"][0]["signer"]["issuer"].startswith("ca:sha256:")
    code, found = verify("own_expired_fail", *flags, capsys=capsys)
    assert (code, found["notCounted"][0]["rule"]) == (1, "DBOM-327")
