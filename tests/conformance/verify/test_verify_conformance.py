"""A folder a case: an artifact, a bundle, whom to expect, and what must come of it (`_fail`: never a yes).

`case.json` says why the case is there, the exit code, and the rule that is broken. Other verifiers may run them too.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attest.authority import Authority
from attest.checking import verify_artifact
from attest.identity import IdentityPattern
from attest.stores.store import StoredBundle
from attest.trust import TrustRoot

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/case.json"))
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_case_comes_out_as_it_says(case: Path) -> None:
    said = json.loads((case / "case.json").read_text())
    key, root = case / "key.pub", case / "trusted_root.json"
    if key.exists():
        authority = Authority("key", key_pem=key.read_bytes())
    else:
        identity = IdentityPattern.exact(said["identity"]["subject"], said["identity"]["issuer"])
        authority = Authority("identity", (identity,), TrustRoot.parse(root.read_bytes(), where=str(root)))
    bundle = StoredBundle.of((case / "bundle.sigstore.json").read_bytes(), where="bundle.sigstore.json")
    result = verify_artifact(case / "artifact", [authority], now=NOW, bundles=[bundle])
    assert said["exit"] == result.exit_code
    assert ([] if said["rule"] is None else [said["rule"]]) == sorted({finding.rule for finding in result.reasons})
    assert case.name.endswith("_fail") == (said["exit"] != 0)


def test_there_are_cases_of_both_kinds() -> None:
    assert {case.name.endswith("_fail") for case in CASES} == {True, False}
