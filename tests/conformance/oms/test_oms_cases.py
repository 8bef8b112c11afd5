"""Each case of a signed model comes out as it says, for its own reason; its twin is a yes; and all are as made."""

from __future__ import annotations

import importlib.util
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest.checking import verify_artifact
from attest.expecting import expected_authorities
from attest.stores.store import StoredBundle

if TYPE_CHECKING:
    from types import ModuleType

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/case.json"))


def come_out(case: Path) -> tuple[int, set[str]]:
    """Return the exit code of verifying a case, and every rule that says why."""
    said = json.loads((case / "case.json").read_text())
    authorities = expected_authorities(key=case / said["expect"]["key"])
    bundle = StoredBundle.of((case / "bundle.sigstore.json").read_bytes(), where="bundle.sigstore.json")
    result = verify_artifact(case / "artifact", authorities, now=datetime.fromisoformat(said["now"]), bundles=[bundle])
    return result.exit_code, {item.rule for item in result.reasons} | {item.rule for item in result.uncounted}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_case_comes_out_as_it_says_for_its_own_reason(case: Path) -> None:
    said = json.loads((case / "case.json").read_text())
    code, rules = come_out(case)
    assert said["exit"] == code, (said["why"], rules)
    assert (said["rule"] in rules) if said["rule"] else not rules, (said["why"], rules)
    assert case.name.endswith("_fail") == (code != 0)


@pytest.mark.parametrize("case", [case for case in CASES if case.name.endswith("_fail")], ids=lambda case: case.name)
def test_the_mended_twin_is_a_yes(case: Path) -> None:
    twin = HERE / json.loads((case / "case.json").read_text())["twin"]
    assert come_out(twin) == (0, set())


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_oms_cases", HERE / "make_cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_oms_cases"] = module
    spec.loader.exec_module(module)
    return module


def test_the_files_are_as_the_script_makes_them() -> None:
    made = {name: case.contents() for name, case in _maker().all_cases().items()}
    there = {
        case.name: {str(path.relative_to(case)): path.read_bytes() for path in case.rglob("*") if path.is_file()}
        for case in CASES
    }
    assert made == there
