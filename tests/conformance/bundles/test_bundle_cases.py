"""Each refusal case comes out as it says, for its own reason; its twin is a yes; and the files are as they are made."""

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
from attest.files import read_file
from attest.identity import Identity
from attest.stores.store import MAX_BUNDLE_BYTES, StoredBundle
from attest.trust import TrustRoot
from attest.verifier.keyless import check_by_sigstore
from dbom.errors import DbomError

if TYPE_CHECKING:
    from types import ModuleType

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/case.json"))
_FILES = ("trusted_root", "key", "certificate_chain", "timestamp_certificate_chain")


def come_out(case: Path) -> tuple[int, set[str]]:
    """Return the exit code of verifying a case, and every rule that says why."""
    said = json.loads((case / "case.json").read_text())
    expect = {key: case / value if key in _FILES else value for key, value in said["expect"].items()}
    try:
        authorities = expected_authorities(**expect)
        bundle = StoredBundle.of((case / "bundle.sigstore.json").read_bytes(), where="bundle.sigstore.json")
        now = datetime.fromisoformat(said["now"])
        result = verify_artifact(case / "artifact", authorities, now=now, bundles=[bundle])
    except DbomError as error:
        return error.exit_code, {error.rule.id}
    return result.exit_code, {item.rule for item in result.reasons} | {item.rule for item in result.uncounted}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_case_comes_out_as_it_says_for_its_own_reason(case: Path) -> None:
    said = json.loads((case / "case.json").read_text())
    code, rules = come_out(case)
    assert said["exit"] == code, (said["why"], rules)
    assert (said["rule"] in rules) if said["rule"] else not rules, said["why"]
    assert case.name.endswith("_fail") == (code != 0)


@pytest.mark.parametrize("case", [case for case in CASES if case.name.endswith("_fail")], ids=lambda case: case.name)
def test_the_mended_twin_is_a_yes(case: Path) -> None:
    twin = HERE / json.loads((case / "case.json").read_text())["twin"]
    assert come_out(twin) == (0, set())


# sigstore-python reads these kinds of entries of DSSE bundles, always with a proof, and knows SHA-256 alone.
_THEIR_KINDS = ({"kind": "dsse", "version": "0.0.1"}, {"kind": "hashedrekord", "version": "0.0.2"})
_NOT_THEIRS = "keyless_p384"


def _is_theirs(case: Path) -> bool:
    said = json.loads((case / "case.json").read_text())
    if said["exit"] or "issuer" not in said["expect"] or case.name == _NOT_THEIRS:
        return False
    (entry,) = json.loads((case / "bundle.sigstore.json").read_bytes())["verificationMaterial"]["tlogEntries"]
    return entry["kindVersion"] in _THEIR_KINDS and "inclusionProof" in entry


@pytest.mark.parametrize("case", [case for case in CASES if _is_theirs(case)], ids=lambda case: case.name)
def test_what_we_accept_and_sigstore_python_reads_it_accepts_too(case: Path) -> None:
    issuer = json.loads((case / "case.json").read_text())["expect"]["issuer"]
    root = TrustRoot.parse((case / "trusted_root.json").read_bytes(), where="root")
    raw = (case / "bundle.sigstore.json").read_bytes()
    assert check_by_sigstore(raw, root, Identity("ci@example.org", issuer), where="case")


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cases", HERE / "make_cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_cases"] = module
    spec.loader.exec_module(module)
    return module


def test_the_files_are_as_the_script_makes_them() -> None:
    made = {name: case.contents() for name, case in _maker().all_cases().items()}
    there = {
        case.name: {str(path.relative_to(case)): path.read_bytes() for path in case.rglob("*") if path.is_file()}
        for case in CASES
    }
    assert sorted(made) == sorted(there)
    assert [name for name in made if made[name] != there[name]] == []


def test_a_bundle_beyond_the_limit_is_not_even_read(tmp_path: Path) -> None:
    """A gigabyte, sparse: it is refused by its size."""
    huge = tmp_path / "huge.sigstore.json"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(DbomError) as caught:
        read_file(huge, limit=MAX_BUNDLE_BYTES, what="bundle")
    assert caught.value.exit_code != 0
