"""A folder a case: the pod, what the gate must answer, and why. A case that ends in `_fail` must be denied."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from admission.evidence import Evidence
from admission.files import read_reviews
from admission.gate import decide
from admission.policy import LocationRule, Match, Mode, Policy
from admission.requirements.attestations import AttestationsRule, RequiredAttestation

CASES = sorted(path for path in (Path(__file__).parent / "admission").iterdir() if path.is_dir())
PLACES = (
    LocationRule("oci://registry.example.com/models/*", ("signer",)),
    LocationRule("hf://org/*", ("signer",), allows_claimed=True),
)
REQUIRED = AttestationsRule((RequiredAttestation("https://cyclonedx.org/bom", ("signer",)),))
POLICY = Policy("p", Mode.ENFORCE, Match(), (), PLACES, (REQUIRED,), "0" * 64)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_gate_answers_as_the_case_says(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text())
    (review,) = read_reviews(case / "pod.json")
    decision = decide(review, [POLICY], Evidence(), now=datetime(2026, 1, 2, tzinfo=UTC))
    rules = [reason.rule.id for reason in decision.all_reasons]
    assert (str(decision.verdict), sorted(set(rules))) == (expected["verdict"], expected["rules"]), expected["why"]
    assert decision.allowed is not case.name.endswith("_fail")
