"""A folder a case: an artifact, its evidence, a store of revocations, and what must come of it and why."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attest.authority import Authority
from attest.checking import verify_artifact
from attest.demands import Demands
from attest.expecting import expected_authorities
from attest.revocation.head import SeenHead
from attest.revocation.reading import read_revocations
from attest.revocation.revokers import Revoker, Scope
from attest.revocation.verdict import RevocationCheck
from attest.stores.store import StoredBundle, open_store

if TYPE_CHECKING:
    from attest.verification import Verification

HERE = Path(__file__).parent / "revocation"
CASES = sorted(path for path in HERE.iterdir() if (path / "case.json").is_file())


def verified(folder: Path, case: dict[str, Any]) -> Verification:
    now = datetime.fromisoformat(case["now"])
    expect = {
        name: value if name in ("identity", "issuer") else folder / value for name, value in case["expect"].items()
    }
    scope = Scope.of_words(case["scope"])
    revokers = tuple(Revoker(Authority(name, key_pem=(folder / name).read_bytes()), scope) for name in case["revokers"])
    stores = [open_store(str(folder / "revocations"))] if (folder / "revocations").is_dir() else []
    found = read_revocations(stores, revokers, now=now)
    seen = {name: SeenHead(*head) for name, head in case["seen"].items()}
    bundles = [StoredBundle.of(path.read_bytes(), where=path.name) for path in sorted((folder / "evidence").iterdir())]
    demands: dict[str, Any] = {"use_signed_timestamps": True} if {"key", "trusted_root"} <= set(expect) else {}
    authorities = expected_authorities(**expect, **demands)
    if demands:
        authorities = tuple(replace(item, demands=Demands(log=False, sct=False, time=True)) for item in authorities)
    check = RevocationCheck(revokers, found, seen, required=case["required"])
    return verify_artifact(folder / "artifact", authorities, now=now, bundles=bundles, revocations=check)


@pytest.mark.parametrize("folder", CASES, ids=lambda case: case.name)
def test_the_verdict_is_the_cases(folder: Path) -> None:
    case = json.loads((folder / "case.json").read_text())
    result = verified(folder, case)
    rules = {finding.rule for finding in result.findings} | {item.rule for item in result.uncounted}
    assert (result.exit_code, case["rule"] in {None, *rules}) == (case["exit"], True), (case["why"], result.findings)
    assert (result.exit_code != 0) is folder.name.endswith("_fail")


def test_the_cases_are_those_that_are_made() -> None:
    specification = importlib.util.spec_from_file_location("make_revocation_cases", HERE / "make_cases.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    made = {
        f"{name}/{path}": data for name, case in module.all_cases().items() for path, data in case.contents().items()
    }
    there = {
        str(path.relative_to(HERE)): path.read_bytes()
        for folder in CASES
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert there == made
