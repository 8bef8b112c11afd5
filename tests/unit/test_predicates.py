"""Predicates of known types are held against their form before they are signed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from attest.creating import GivenPredicate, attest_artifact, attest_digest
from attest.predicates import demand_predicate, predicate_faults
from attest.signers.keys import generate_key
from attest.signers.signing import KeySigner
from attest.stores.sidecar import Sidecar
from attest.stores.store import open_store
from dbom.errors import DocumentError, MismatchError, UsageError
from dbom.model import Digest, Kind
from dbom.names import (
    PREDICATE_BOM,
    PREDICATE_LOCATION,
    PREDICATE_OMS,
    PREDICATE_PROVENANCE,
    PREDICATE_REVOCATION,
    PREDICATE_VSA,
)
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbom.canonical import JsonObject

_DIGEST = Digest(Kind.FILE, "a" * 64)
_PROVENANCE: dict[str, Any] = {
    "buildDefinition": {
        "buildType": "https://example.org/build/v1",
        "externalParameters": {},
        "resolvedDependencies": [{"uri": "git+https://example.org/x", "digest": {"gitCommit": "a" * 40}}],
    },
    "runDetails": {"builder": {"id": "https://example.org/builder"}, "metadata": {"startedOn": "2026-01-01T00:00:00Z"}},
}
_VSA: dict[str, Any] = {
    "verifier": {"id": "https://example.org/verifier"},
    "timeVerified": "2026-01-01T00:00:00Z",
    "resourceUri": "oci://example.org/x",
    "policy": {"uri": "https://example.org/policy", "digest": {"sha256": "a" * 64}},
    "verificationResult": "PASSED",
    "verifiedLevels": ["SLSA_BUILD_LEVEL_1"],
}
_LOCATION: dict[str, Any] = {
    "location": f"oci://h.example/a@sha256:{'a' * 64}",
    "base": "oci://h.example/a",
    "pin": f"sha256:{'a' * 64}",
    "known": {"basis": "declared"},
}
_BOM: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {
        "component": {"type": "data", "name": "x", "hashes": [{"alg": "SHA-256", "content": "a" * 64}]},
    },
}
_GOOD = {
    PREDICATE_PROVENANCE: _PROVENANCE,
    PREDICATE_VSA: _VSA,
    PREDICATE_LOCATION: _LOCATION,
    PREDICATE_BOM: _BOM,
    "https://example.org/any/v1": {"anything": 1},
}


@pytest.mark.parametrize("kind", _GOOD)
def test_a_well_formed_predicate_passes(kind: str) -> None:
    demand_predicate(kind, _GOOD[kind], _DIGEST, where="p.json")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (PREDICATE_PROVENANCE, lambda p: p.pop("runDetails")),
        (PREDICATE_PROVENANCE, lambda p: p["buildDefinition"].update(buildType="no uri")),
        (PREDICATE_PROVENANCE, lambda p: p["buildDefinition"].update(externalParameters=[])),
        (PREDICATE_PROVENANCE, lambda p: p["buildDefinition"].update(resolvedDependencies=[{"name": "x"}])),
        (PREDICATE_PROVENANCE, lambda p: p["runDetails"]["builder"].pop("id")),
        (PREDICATE_PROVENANCE, lambda p: p["runDetails"]["metadata"].update(startedOn="yesterday")),
        (PREDICATE_VSA, lambda p: p.update(verificationResult="MAYBE")),
        (PREDICATE_VSA, lambda p: p.pop("verifiedLevels")),
        (PREDICATE_VSA, lambda p: p.update(inputAttestations=[{"uri": "https://x/"}])),
        (PREDICATE_VSA, lambda p: p.update(policy={})),
        (PREDICATE_LOCATION, lambda p: p.update(pin="v1")),
        (PREDICATE_LOCATION, lambda p: p.update(known={"basis": "sure"})),
        (PREDICATE_BOM, lambda p: p.update(specVersion="9")),
        (PREDICATE_BOM, lambda p: p.update(bomFormat="SPDX")),
        (PREDICATE_BOM, lambda p: p.update(components=1)),
    ],
)
def test_a_malformed_one_is_refused_with_every_fault(kind: str, change: Callable[[Any], object]) -> None:
    predicate: JsonObject = copy.deepcopy(_GOOD[kind])
    change(predicate)
    with pytest.raises(DocumentError) as caught:
        demand_predicate(kind, predicate, _DIGEST, where="p.json")
    assert (caught.value.rule.id, predicate_faults(kind, predicate)) == ("DBOM-382", caught.value.faults)


def test_a_bom_about_other_bytes_is_refused() -> None:
    with pytest.raises(MismatchError):
        demand_predicate(PREDICATE_BOM, _BOM, Digest(Kind.FILE, "b" * 64), where="p.json")


@pytest.mark.parametrize(
    "kind", ["provenance", "https://x y/", "https://x\n/", "", PREDICATE_REVOCATION, PREDICATE_OMS]
)
def test_what_is_no_type_or_has_a_command_of_its_own_is_refused(kind: str) -> None:
    with pytest.raises(UsageError):
        demand_predicate(kind, {}, _DIGEST, where="p.json")


def test_any_statement_is_signed_and_put_beside_the_artifact_and_into_stores(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"1")
    given = GivenPredicate("https://example.org/any/v1", {"n": 1}, "p.json")
    store = open_store(str(tmp_path / "store"))
    made = attest_artifact(path, given, KeySigner(generate_key()), stores=[store])
    assert fingerprint_path(path).digest == made.subject.digest
    assert [made.signed.bundle] == [item.raw for item in Sidecar.of(path).bundles()]
    assert [made.signed.bundle] == [item.raw for item in store.bundles()]


def test_nothing_malformed_is_signed(tmp_path: Path) -> None:
    class Never:
        identity = None

        def describe(self) -> str:
            return "nobody"

        def sign(self, statement: object) -> bytes:
            raise AssertionError(statement)

    (tmp_path / "x").write_bytes(b"1")
    given = GivenPredicate(PREDICATE_VSA, {}, "p.json")
    with pytest.raises(DocumentError):
        attest_artifact(tmp_path / "x", given, Never())


def test_a_digest_needs_a_store_and_a_name(tmp_path: Path) -> None:
    given = GivenPredicate("https://example.org/any/v1", {}, "p.json")
    signer, store = KeySigner(generate_key()), open_store(str(tmp_path / "store"))
    made = attest_digest(_DIGEST, "x", given, signer, stores=[store])
    assert [made.signed.bundle] == [item.raw for item in store.bundles()]
    with pytest.raises(UsageError):
        attest_digest(_DIGEST, "x", given, signer, stores=[])
    with pytest.raises(UsageError):
        attest_digest(_DIGEST, "../x", given, signer, stores=[store])


def test_where_there_is_no_place_a_store_is_needed() -> None:
    given = GivenPredicate("https://example.org/any/v1", {}, "p.json")
    with pytest.raises(UsageError):
        attest_artifact("/", given, KeySigner(generate_key()))
