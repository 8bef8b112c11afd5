"""Signing an artifact: the right BOM, one bundle a statement, everything signed before anything is written."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest.identity import KeyIdentity
from attest.local import open_local
from attest.location import Location
from attest.publishing import BomSource, GivenBom, prepare_artifact, publish, sign_artifact
from attest.signers.keys import generate_key
from attest.signers.signing import KeySigner
from attest.stores.store import open_store
from dbom.bom.generating import generate_bom
from dbom.errors import DocumentError, MismatchError, NoEvidenceError, SigningError, UsageError
from dbom.names import ANNOTATION_IGNORE, PREDICATE_BOM, PREDICATE_LOCATION, TREE_MEDIA_TYPE
from dbom.rules.attestations import REMOTE_SIGNING
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from attest.statement import Statement

_PLACE = Location.parse(f"oci://registry.example/m@sha256:{'1' * 64}")
_SIGNER = KeySigner(generate_key())


class _FailsAtTheSecond:
    """A signer whose service goes away after one statement."""

    identity = KeyIdentity("ab" * 32)

    def __init__(self) -> None:
        self.signed = 0

    def describe(self) -> str:
        return "somebody"

    def sign(self, statement: Statement) -> bytes:
        self.signed += 1
        if self.signed > 1:
            raise SigningError(REMOTE_SIGNING, "gone")
        return _SIGNER.sign(statement)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n")
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "data.csv").write_text("a,b\n1,2\n")
    (folder / ".DS_Store").write_text("ignored")
    return folder


def _sidecar(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.with_name(path.name + ".dbom").glob("*")}


def test_a_file_gets_its_generated_bom_and_one_bundle(table: Path) -> None:
    published = sign_artifact(table, _SIGNER)
    (file,) = published.files
    statement = published.prepared.signed[0].statement
    assert BomSource.GENERATED is published.prepared.bom_source
    assert {"bom.cdx.json", file.name} == set(_sidecar(table))
    assert f"bom-{published.prepared.signed[0].sha256[:16]}.sigstore.json" == file.name
    assert json.loads(_sidecar(table)["bom.cdx.json"]) == statement.predicate
    assert (
        hashlib.sha256(table.read_bytes()).hexdigest()
        == json.loads(statement.payload)["subject"][0]["digest"]["sha256"]
    )


def test_a_tree_s_subject_is_its_manifest_and_carries_the_ignore_list(tree: Path) -> None:
    published = sign_artifact(tree, _SIGNER, ignores=(".DS_Store",))
    subject = json.loads(published.prepared.signed[0].statement.payload)["subject"][0]
    assert hashlib.sha256(_sidecar(tree)["manifest.sha256"]).hexdigest() == subject["digest"]["sha256"]
    assert (TREE_MEDIA_TYPE, {ANNOTATION_IGNORE: [".DS_Store"]}) == (subject["mediaType"], subject["annotations"])


def test_signing_changes_no_fingerprint_and_the_next_signing_takes_the_bom_that_lies_there(tree: Path) -> None:
    before = fingerprint_path(tree)
    first = sign_artifact(tree, _SIGNER)
    second = sign_artifact(tree, _SIGNER)
    assert before == fingerprint_path(tree)
    assert BomSource.SIDECAR is second.prepared.bom_source
    assert first.prepared.bom == second.prepared.bom
    assert 2 == sum(name.endswith(".sigstore.json") for name in _sidecar(tree))


@pytest.mark.parametrize("beside", [b"{}", b"not json", None])
def test_a_bom_beside_it_that_is_broken_or_about_other_bytes_is_not_signed(table: Path, beside: bytes | None) -> None:
    sign_artifact(table, _SIGNER)
    if beside is None:
        table.write_text("a,b\n3,4\n")
    else:
        (table.with_name("data.csv.dbom") / "bom.cdx.json").write_bytes(beside)
    published = sign_artifact(table, _SIGNER)
    assert BomSource.GENERATED is published.prepared.bom_source
    assert published.prepared.bom == _sidecar(table)["bom.cdx.json"]


def test_a_given_bom_is_signed_and_kept_byte_for_byte(table: Path) -> None:
    data = generate_bom(table, fingerprint_path(table)).to_json().replace(b"\n", b"\r\n")
    published = sign_artifact(table, _SIGNER, bom=GivenBom(data, "given.json"))
    assert (BomSource.GIVEN, data) == (published.prepared.bom_source, _sidecar(table)["bom.cdx.json"])


def test_a_given_bom_about_other_bytes_is_refused_and_nothing_is_written(table: Path, tree: Path) -> None:
    data = generate_bom(tree, fingerprint_path(tree)).to_json()
    with pytest.raises(MismatchError) as caught:
        sign_artifact(table, _SIGNER, bom=GivenBom(data, "given.json"))
    assert ("DBOM-353", 1, "given.json") == (caught.value.rule.id, caught.value.exit_code, caught.value.where)
    assert {} == _sidecar(table)


def test_a_given_bom_that_names_no_bytes_can_not_be_told_to_be_about_these(table: Path) -> None:
    data = json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6"}).encode()
    with pytest.raises(NoEvidenceError) as caught:
        sign_artifact(table, _SIGNER, bom=GivenBom(data, "given.json"))
    assert 3 == caught.value.exit_code


def test_a_given_bom_that_is_malformed_is_refused(table: Path) -> None:
    with pytest.raises(DocumentError):
        sign_artifact(table, _SIGNER, bom=GivenBom(b"{}", "given.json"))


def test_each_location_is_a_statement_of_its_own_and_only_declared(table: Path) -> None:
    published = sign_artifact(table, _SIGNER, locations=[_PLACE])
    statements = [item.statement for item in published.prepared.signed]
    assert [PREDICATE_BOM, PREDICATE_LOCATION] == [statement.predicate_type for statement in statements]
    place, known = Location.of_predicate(statements[1].predicate)
    assert (_PLACE, "declared") == (place, str(known))
    assert statements[0].subjects == statements[1].subjects


def test_nothing_is_written_where_a_later_signature_can_not_be_had(table: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(SigningError):
        sign_artifact(table, _FailsAtTheSecond(), locations=[_PLACE], stores=[open_store(str(store))])
    assert ({}, False) == (_sidecar(table), store.exists())


def test_a_store_gets_every_bundle_too(table: Path, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    published = sign_artifact(table, _SIGNER, locations=[_PLACE], stores=[store])
    assert sorted(item.sha256 for item in published.prepared.signed) == sorted(item.sha256 for item in store.bundles())
    assert [(store.url, 2)] == [(url, len(names)) for url, names in published.stored]


def test_where_there_is_no_place_beside_it_a_store_is_enough_and_none_is_a_usage_error(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    prepared = prepare_artifact(table, _SIGNER)
    with pytest.raises(UsageError) as caught:
        publish(prepared)
    assert "DBOM-319" == caught.value.rule.id
    published = publish(prepared, stores=[open_store(str(tmp_path / "store"))])
    assert (None, ()) == (published.sidecar, published.files)
    assert {} == _sidecar(table)


def test_a_root_has_no_place_beside_it(table: Path, tmp_path: Path) -> None:
    prepared = prepare_artifact(table, _SIGNER)
    root = type(prepared)(Path("/"), prepared.fingerprint, prepared.bom, prepared.bom_source, prepared.signed)
    assert publish(root, stores=[open_store(str(tmp_path / "store"))]).sidecar is None


def test_the_local_identity_signs_it_too(table: Path, tmp_path: Path) -> None:
    signer = open_local(tmp_path / "home").signer(now=lambda: datetime.now(UTC))
    assert 1 == len(sign_artifact(table, signer).files)
