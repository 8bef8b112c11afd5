"""A BOM is read whole, refused with every fault, and says what it is about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dbom.bom import Bom, lint, matches
from dbom.errors import DocumentError
from dbom.model import Basis, Derivation, Digest, Kind, Known, Relation, Severity, Unknown
from dbom.names import TREE_MEDIA_TYPE

HEX = "ab" * 32
DECLARED = Known(Basis.DECLARED)


def document(component: dict[str, Any] | None = None, **more: object) -> dict[str, Any]:
    described = {"type": "data", "name": "x", "bom-ref": "x", **(component or {})}
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": described}, **more}


def parsed(component: dict[str, Any] | None = None, **more: object) -> Bom:
    return Bom.parse(json.dumps(document(component, **more)).encode(), where="bom.json")


def sha256(digits: str = HEX) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digits}]


def properties(**values: str) -> list[dict[str, str]]:
    return [{"name": "dbom:" + name.replace("_", ":"), "value": value} for name, value in values.items()]


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ({"hashes": sha256()}, Digest(Kind.FILE, HEX)),
        ({"hashes": sha256(HEX.upper())}, Digest(Kind.FILE, HEX)),
        ({"hashes": sha256(), "mime-type": "text/csv"}, Digest(Kind.FILE, HEX)),
        ({"hashes": sha256(), "mime-type": TREE_MEDIA_TYPE}, Digest(Kind.TREE, HEX)),
        ({"hashes": sha256() + sha256()}, Digest(Kind.FILE, HEX)),
        ({"hashes": sha256() + sha256("cd" * 32)}, Unknown("several SHA-256 are stated")),
        ({"hashes": sha256("ab" * 16)}, Unknown("what is stated as SHA-256 is none")),
        ({"hashes": [{"alg": "SHA-1", "content": "ab" * 20}]}, Unknown("no SHA-256 is stated")),
        ({}, Unknown("no SHA-256 is stated")),
    ],
)
def test_the_artifact_is_its_sha256_and_its_kind(component: dict[str, Any], expected: object) -> None:
    assert expected == parsed(component).artifact


def test_a_bom_matches_the_same_kind_and_digits_only() -> None:
    bom = parsed({"hashes": sha256(), "mime-type": TREE_MEDIA_TYPE})
    assert matches(bom, Digest(Kind.TREE, HEX))
    assert not matches(bom, Digest(Kind.FILE, HEX))
    assert not matches(bom, Digest(Kind.TREE, "cd" * 32))
    assert not matches(parsed(), Digest(Kind.FILE, HEX))


def test_a_bom_without_a_component_is_about_nothing() -> None:
    bom = Bom.parse(b'{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}', where="b")
    assert bom.artifact == Unknown("the BOM describes no component")
    assert (bom.name, bom.version, bom.kind_word, bom.spec_version) == ("", "", "data", "1.5")
    assert bom.derivations == ()
    assert bom.licenses == Unknown("the BOM states no licence")


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ({"type": "machine-learning-model"}, "model"),
        ({"type": "data", "data": [{"type": "dataset"}]}, "dataset"),
        ({"type": "data", "data": [{"type": "configuration"}]}, "data"),
        ({"type": "library"}, "data"),
    ],
)
def test_the_kind_word_follows_type_and_data(component: dict[str, Any], expected: str) -> None:
    assert expected == parsed(component).kind_word


def test_licences_are_ids_names_and_expressions() -> None:
    listed = parsed({"licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "Mine"}}]})
    assert listed.licenses == ("MIT", "Mine")
    assert listed.licenses_known == DECLARED
    stated = parsed({"licenses": [{"expression": "MIT OR Apache-2.0"}], "properties": properties(licenses_by="card")})
    assert stated.licenses == ("MIT OR Apache-2.0",)
    assert stated.licenses_known == Known(Basis.DECLARED, "card")


def test_derivations_are_read_from_card_pedigree_and_components() -> None:
    parent = {"type": "data", "name": "d", "bom-ref": "d", "hashes": sha256(), "mime-type": TREE_MEDIA_TYPE}
    card = {
        "modelParameters": {"datasets": [{"ref": "d"}, {"type": "dataset", "name": "inline"}, {"ref": "urn:cdx:x"}]}
    }
    ancestors = [
        {"type": "machine-learning-model", "name": "base"},
        {"type": "file", "name": "f", "properties": properties(relation="fine-tuned-from", known="computed")},
    ]
    inputs = [
        parent,
        {"type": "file", "name": "i", "properties": properties(relation="input", known="bad", known_by="s")},
    ]
    bom = parsed(
        {"type": "machine-learning-model", "modelCard": card, "pedigree": {"ancestors": ancestors}}, components=inputs
    )
    none = Unknown("no SHA-256 is stated")
    assert bom.derivations == (
        Derivation(Relation.TRAINED_ON, "d", Digest(Kind.TREE, HEX), DECLARED),
        Derivation(Relation.TRAINED_ON, "inline", none, DECLARED),
        Derivation(Relation.TRAINED_ON, "urn:cdx:x", Unknown("described in another BOM"), DECLARED),
        Derivation(Relation.DERIVED_FROM, "base", none, DECLARED),
        Derivation(Relation.FINE_TUNED_FROM, "f", none, Known(Basis.COMPUTED)),
        Derivation(Relation.INPUT, "i", none, Known(Basis.DECLARED, "s")),
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[]", "not a JSON object"),
        (b"{", "not JSON"),
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b'{"bomFormat": "CycloneDX", "specVersion": "9.9"}', "not a CycloneDX document"),
        (b'{"spdxVersion": "SPDX-2.3"}', "not a CycloneDX document"),
        (b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1e999}', "beyond what a double can hold"),
        (b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "x": "\\ud800"}', "surrogates not allowed"),
        (b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": ' + b"1" * 5000 + b"}", "not JSON"),
    ],
)
def test_what_is_no_cyclonedx_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Bom.parse(data, where="theirs.json")
    assert "theirs.json" in str(caught.value)
    assert reason in str(caught.value)


def test_every_fault_is_reported() -> None:
    component = {"type": "nonsense", "components": [{"type": "file", "name": "f", "bom-ref": "x"}]}
    dependencies = [{"ref": "gone", "dependsOn": ["away", "urn:cdx:elsewhere"]}]
    with pytest.raises(DocumentError) as caught:
        parsed(component, dependencies=dependencies, compositions=[{"aggregate": "complete", "assemblies": ["lost"]}])
    assert len(caught.value.faults) == 5
    for part in ("nonsense", "the bom-ref 'x' stands 2 times", "'gone'", "'away'", "'lost'"):
        assert any(part in fault for fault in caught.value.faults)


def test_a_flood_of_faults_is_cut() -> None:
    with pytest.raises(DocumentError) as caught:
        parsed(components=[{"type": "nonsense", "name": "n"}] * 150)
    assert len(caught.value.faults) == 100


def test_a_dataset_reference_to_nothing_is_a_fault() -> None:
    with pytest.raises(DocumentError, match="'gone'"):
        parsed({"type": "machine-learning-model", "modelCard": {"modelParameters": {"datasets": [{"ref": "gone"}]}}})


def test_a_bom_about_no_bytes_is_a_warning() -> None:
    findings = lint(document())
    assert [(finding.rule, finding.severity) for finding in findings] == [("DBOM-206", Severity.WARNING)]
    assert lint(document({"hashes": sha256()})) == ()
    assert "no metadata.component" in lint({"bomFormat": "CycloneDX"})[0].message


def test_saving_keeps_order_and_the_unknown() -> None:
    data = (
        b'{"specVersion": "1.6", "bomFormat": "CycloneDX", "services": [{"name": "\\u00e9", "x-trust-boundary": true}]}'
    )
    bom = Bom.parse(data, where="b")
    assert json.loads(data) == json.loads(bom.to_json())
    assert list(bom.document) == ["specVersion", "bomFormat", "services"]
    assert Bom.parse(bom.to_json(), where="again") == bom
