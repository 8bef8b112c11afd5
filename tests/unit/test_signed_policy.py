"""Signed policies: the bytes that were signed, with the roots and keys that they name, by who may; and nothing else."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from evidence import authority_of, key_signed, local_sigstore, public_pem
from policies import policy_document, small_spec, some_key

from admission.policy_files import policies_at, policy_files
from admission.signed_policy import load_signed_policies, sign_policies
from attest.authority import Authority
from attest.statement import Statement, Subject
from dbom.errors import DocumentError, EvidenceError, UsageError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from pathlib import Path

    from attest.local import LocalSigstore
    from dbom.canonical import JsonObject


@pytest.fixture(name="local")
def make_local(tmp_path: Path) -> LocalSigstore:
    return local_sigstore(tmp_path / "home")


@pytest.fixture(name="file")
def make_file(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "signer.pub").write_text(some_key())
    spec: JsonObject = {**small_spec(), "authorities": [{"name": "signer", "key": {"path": "signer.pub"}}]}
    path = folder / "policy.yaml"
    path.write_text(json.dumps(policy_document(spec)))
    return path


def sign(path: Path, local: LocalSigstore) -> Path:
    return sign_policies(path, local.signer(now=lambda: datetime.now(UTC)))[1]


def later() -> datetime:
    return datetime.now(UTC)


def refused(path: Path, signer: Authority, because: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        load_signed_policies([path], [signer], now=later())
    assert caught.value.rule.id == "DBOM-504"
    assert because in str(caught.value)


def test_what_an_accepted_signer_signed_is_loaded(file: Path, local: LocalSigstore) -> None:
    bundle = sign(file, local)
    assert bundle.parent == file.with_name("policy.yaml.dbom")
    policies, (proof,) = load_signed_policies([file], [authority_of(local)], now=later())
    assert [policy.name for policy in policies] == ["p"]
    assert proof.signer == local.identity
    assert policies_at([file], signers=[authority_of(local)], now=later()) == policies


def test_a_bundle_beside_the_file_counts_too(file: Path, local: LocalSigstore) -> None:
    """A mounted ConfigMap holds no folders."""
    sign(file, local).rename(file.with_name("policy.yaml.sigstore.json"))
    shutil.rmtree(file.with_name("policy.yaml.dbom"))
    assert load_signed_policies(policy_files([file.parent]), [authority_of(local)], now=later())[0]


def test_an_unsigned_or_changed_policy_is_refused(file: Path, local: LocalSigstore) -> None:
    refused(file, authority_of(local), "no bundle beside it")
    sign(file, local)
    file.write_text(file.read_text().replace("oci://registry", "oci://evil"))
    refused(file, authority_of(local), "about other bytes")


def test_another_key_under_the_same_words_is_refused(file: Path, local: LocalSigstore) -> None:
    sign(file, local)
    (file.parent / "signer.pub").write_bytes(public_pem(ec.generate_private_key(ec.SECP256R1())))
    refused(file, authority_of(local), "with other roots or keys")


def test_somebody_elses_signature_is_refused(file: Path, local: LocalSigstore, tmp_path: Path) -> None:
    sign(file, local)
    refused(file, authority_of(local_sigstore(tmp_path / "stranger")), "signed by")


def test_a_statement_of_another_kind_signs_no_policy(file: Path) -> None:
    """Who may describe any file mustn't thereby write policies."""
    import hashlib

    key = ec.generate_private_key(ec.SECP256R1())
    digest = Digest(Kind.FILE, hashlib.sha256(file.read_bytes()).hexdigest())
    statement = Statement.build(Subject.of("policy.yaml", digest), PREDICATE_BOM, {"policies": []})
    file.with_name("policy.yaml.sigstore.json").write_bytes(key_signed(statement.payload, key))
    refused(file, Authority("k", key_pem=public_pem(key)), "not a policy statement")


def test_a_policy_with_faults_is_not_signed(file: Path, local: LocalSigstore) -> None:
    file.write_text(json.dumps(policy_document({**small_spec(), "modes": "x"})))
    with pytest.raises(DocumentError):
        sign(file, local)
    assert not file.with_name("policy.yaml.dbom").exists()


def test_signatures_need_a_time_to_be_judged_at(file: Path, local: LocalSigstore) -> None:
    with pytest.raises(UsageError):
        policies_at([file], signers=[authority_of(local)])
