"""Verifying artifacts: the must-show matrix, each a case in which the answer is no, or isn't known."""

from __future__ import annotations

import hashlib
import json
import os
import time
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from evidence import (
    BOM,
    authority_of,
    changed,
    clock,
    flipped,
    key_signed,
    local_sigstore,
    minted,
    public_pem,
    signed_artifact,
    statement_about,
    statement_of,
)

from attest.authority import Authority
from attest.checking import verify_artifact, verify_digest
from attest.identity import Identity, IdentityPattern
from attest.judging import Requirement
from attest.statement import Statement, Subject
from attest.stores.sidecar import Sidecar
from attest.stores.store import StoredBundle, open_store
from attest.verification import Verdict, Verification
from dbom.cache import Cache
from dbom.errors import PathError, StoreError, UsageError
from dbom.model import Digest, Kind, Severity
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION, PREDICATE_PROVENANCE, TREE_MEDIA_TYPE
from dbom.rules.artifacts import STORE_UNREACHABLE
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from attest.local import LocalSigstore
    from attest.stores.store import Store


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalSigstore:
    return local_sigstore(tmp_path_factory.mktemp("home"))


@pytest.fixture
def tree(tmp_path: Path, local: LocalSigstore) -> Path:
    """Return a signed tree with its sidecar."""
    root = tmp_path / "flowers"
    (root / "sub").mkdir(parents=True)
    (root / "iris.csv").write_bytes(b"setosa,1\n")
    (root / "sub" / "more.csv").write_bytes(b"virginica,2\n")
    signed_artifact(root, local)
    return root


@pytest.fixture
def file(tmp_path: Path, local: LocalSigstore) -> Path:
    """Return a signed file with its sidecar."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    signed_artifact(path, local)
    return path


def checked(
    path: Path,
    *authorities: Authority,
    now: datetime | None = None,
    bundles: Sequence[StoredBundle] = (),
    stores: Sequence[Store] = (),
) -> Verification:
    return verify_artifact(path, authorities, now=now or clock(), bundles=bundles, stores=stores)


def rules(result: Verification) -> set[str]:
    return {finding.rule for finding in result.reasons}


def bundle_in(path: Path) -> Path:
    return next(Sidecar.of(path).folder.glob("*.sigstore.json"))


def test_a_signed_tree_is_verified(tree: Path, local: LocalSigstore) -> None:
    result = checked(tree, authority_of(local))
    assert (result.verdict, result.exit_code, result.bytes_checked) == (Verdict.VERIFIED, 0, True)
    assert result.digest == fingerprint_path(tree).digest
    assert [item.signer for item in result.counted] == [local.identity]
    assert result.reasons == ()


def test_a_signed_file_is_verified_under_any_name(file: Path, local: LocalSigstore) -> None:
    renamed = file.rename(file.with_name("renamed"))
    Sidecar.of(file).folder.rename(Sidecar.of(renamed).folder)
    assert checked(renamed, authority_of(local)).verdict is Verdict.VERIFIED


def test_one_flipped_byte_of_a_tree_is_refused_and_the_file_is_named(tree: Path, local: LocalSigstore) -> None:
    (tree / "iris.csv").write_bytes(b"setosa,0\n")
    (tree / "new.csv").write_bytes(b"x")
    (tree / "sub" / "more.csv").unlink()
    result = checked(tree, authority_of(local))
    assert (result.exit_code, rules(result)) == (1, {"DBOM-315"})
    assert result.difference is not None
    assert (result.difference.changed, result.difference.added, result.difference.removed) == (
        ("iris.csv",),
        ("new.csv",),
        ("sub/more.csv",),
    )


def test_one_flipped_byte_of_a_file_is_refused_with_both_digests(file: Path, local: LocalSigstore) -> None:
    file.write_bytes(b"Weights")
    result = checked(file, authority_of(local))
    assert (result.exit_code, rules(result)) == (1, {"DBOM-315"})
    expected, got = hashlib.sha256(b"weights").hexdigest(), hashlib.sha256(b"Weights").hexdigest()
    assert f"got sha256:{got}, expected sha256:{expected}" in result.reasons[0].message


def test_a_manifest_that_nothing_proves_names_no_files(tree: Path, local: LocalSigstore) -> None:
    (tree / "iris.csv").write_bytes(b"setosa,0\n")
    sidecar = Sidecar.of(tree)
    sidecar.write_manifest((sidecar.manifest() or b"").replace(b"iris", b"rose"))
    result = checked(tree, authority_of(local))
    assert (result.exit_code, result.difference) == (1, None)


def test_files_are_named_from_a_signed_bom_that_proves_its_list(tmp_path: Path, local: LocalSigstore) -> None:
    root = tmp_path / "flowers"
    root.mkdir()
    (root / "a").write_bytes(b"1")
    listed: Any = [
        {"type": "file", "name": "a", "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(b"1").hexdigest()}]},
        {"type": "library", "name": "not a file"},
    ]
    signed_artifact(root, local, predicate={**BOM, "components": listed})
    (Sidecar.of(root).folder / "manifest.sha256").unlink()
    (root / "a").write_bytes(b"2")
    result = checked(root, authority_of(local))
    assert result.difference is not None
    assert result.difference.changed == ("a",)


@pytest.mark.parametrize("spoiled", ["not json", '{"bomFormat":"CycloneDX"}'])
def test_a_bom_file_that_is_not_the_signed_one_is_refused(file: Path, local: LocalSigstore, spoiled: str) -> None:
    Sidecar.of(file).write_bom(spoiled.encode())
    result = checked(file, authority_of(local))
    assert (result.exit_code, rules(result)) == (1, {"DBOM-316"})


def test_a_bom_file_may_be_laid_out_otherwise_but_not_hold_other_values(file: Path, local: LocalSigstore) -> None:
    Sidecar.of(file).write_bom(json.dumps(BOM, indent=7).encode())
    assert checked(file, authority_of(local)).exit_code == 0


def test_a_bom_file_without_any_signed_bom_is_refused(tmp_path: Path, local: LocalSigstore) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    statement = statement_of(fingerprint_path(path), predicate_type=PREDICATE_PROVENANCE)
    sidecar = Sidecar.of(path)
    sidecar.add_bundle(local.signer(now=clock).sign(statement), statement)
    assert checked(path, authority_of(local)).exit_code == 0
    sidecar.write_bom(json.dumps(BOM).encode())
    assert rules(checked(path, authority_of(local))) == {"DBOM-316"}


def test_one_flipped_byte_in_the_sidecars_bundle_is_refused(file: Path, local: LocalSigstore) -> None:
    raw = bundle_in(file).read_bytes()
    for place in range(0, len(raw), 97):
        spoiled = bytearray(raw)
        spoiled[place] ^= 1
        bundle_in(file).write_bytes(spoiled)
        result = checked(file, authority_of(local))
        assert result.exit_code == 1, (place, result)


def test_a_bundle_that_is_not_the_one_its_name_says_is_refused(file: Path, local: LocalSigstore) -> None:
    """Even where no signature covers what was changed."""
    path = bundle_in(file)
    path.write_bytes(path.read_bytes() + b"\n")
    assert rules(checked(file, authority_of(local))) == {"DBOM-325"}
    path.rename(path.with_name("renamed.sigstore.json"))
    assert checked(file, authority_of(local)).exit_code == 0


def test_a_broken_bundle_beside_a_good_one_is_a_no_in_the_sidecar_and_a_remark_in_a_store(
    file: Path, local: LocalSigstore, tmp_path: Path
) -> None:
    broken = changed(
        bundle_in(file).read_bytes(), lambda d: d["dsseEnvelope"].update(payload=flipped(d["dsseEnvelope"]["payload"]))
    )
    store = tmp_path / "store"
    store.mkdir()
    (store / "x.sigstore.json").write_bytes(broken)
    remarked = checked(file, authority_of(local), stores=[open_store(str(store))])
    assert remarked.exit_code == 0
    assert [finding.rule for finding in remarked.findings] == ["DBOM-324"]
    given = checked(file, authority_of(local), bundles=[StoredBundle.of(broken, where="b")])
    assert (given.exit_code, rules(given)) == (1, {"DBOM-305"})
    (Sidecar.of(file).folder / "x.sigstore.json").write_bytes(broken)
    assert checked(file, authority_of(local)).exit_code == 1


def test_what_can_not_be_read_of_a_store_is_a_remark(file: Path, local: LocalSigstore, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    os.mkfifo(tmp_path / "store" / "a.sigstore.json")
    (tmp_path / "store" / "b.sigstore.json").symlink_to("nowhere")
    Path(os.fsdecode(bytes(tmp_path) + b"/store/\xff")).touch()
    store = open_store(str(tmp_path / "store"))
    result = checked(file, authority_of(local), stores=[store])
    assert (result.exit_code, len(result.findings)) == (0, 3)
    assert {Severity.WARNING} == {finding.severity for finding in result.findings}
    bundle_in(file).unlink()
    assert checked(file, authority_of(local), stores=[store]).exit_code == 3


def test_a_store_full_of_large_rubbish_is_not_held_in_memory(file: Path, local: LocalSigstore, tmp_path: Path) -> None:
    """The bytes of each bundle were kept until the verdict: a hundred of the largest were six gigabytes."""
    size, count = 1024 * 1024, 24
    (tmp_path / "store").mkdir()
    for number in range(count):
        (tmp_path / "store" / f"x-{number}.sigstore.json").write_bytes(bytes([number]) * size)
    tracemalloc.start()
    try:
        result = checked(file, authority_of(local), stores=[open_store(str(tmp_path / "store"))])
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert (Verdict.VERIFIED, count) == (result.verdict, len(result.uncounted))
    assert held < size * count / 2


def test_broken_json_is_refused(file: Path, local: LocalSigstore) -> None:
    bundle_in(file).write_bytes(b"{")
    assert rules(checked(file, authority_of(local))) == {"DBOM-304"}


def test_a_valid_bundle_about_other_bytes_counts_for_nothing(file: Path, tree: Path, local: LocalSigstore) -> None:
    stray = StoredBundle.of(bundle_in(tree).read_bytes(), where="stray")
    result = checked(file, authority_of(local), bundles=[stray])
    assert result.exit_code == 0
    assert [(item.rule, item.answer.result.where) for item in result.uncounted] == [("DBOM-313", "stray")]


def test_a_bundle_for_another_artifact_alone_is_refused(tmp_path: Path, tree: Path, local: LocalSigstore) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"other")
    result = checked(
        path, authority_of(local), bundles=[StoredBundle.of(bundle_in(tree).read_bytes(), where="b.sigstore.json")]
    )
    assert (result.exit_code, rules(result)) == (1, {"DBOM-315"})


def test_a_valid_signature_by_another_identity_is_refused(file: Path, local: LocalSigstore, tmp_path: Path) -> None:
    other = local_sigstore(tmp_path / "other home")
    result = checked(file, authority_of(other))
    assert (result.exit_code, rules(result)) == (1, {"DBOM-317"})
    assert [item.rule for item in result.uncounted] == ["DBOM-306"]
    assert str(local.identity) in result.uncounted[0].reason
    assert str(other.identity) in result.uncounted[0].reason


def test_a_signed_manifest_file_offered_for_its_tree_is_refused(tree: Path, local: LocalSigstore) -> None:
    """Its digits are those of the tree, and its kind is not."""
    bundle_in(tree).unlink()
    found = fingerprint_path(Sidecar.of(tree).folder / "manifest.sha256")
    assert found.digest.hex == fingerprint_path(tree).digest.hex
    statement = statement_of(found)
    Sidecar.of(tree).add_bundle(local.signer(now=clock).sign(statement), statement)
    result = checked(tree, authority_of(local))
    assert (result.exit_code, rules(result)) == (1, {"DBOM-314"})


def test_a_signed_tree_says_nothing_about_its_manifest_file(tree: Path, local: LocalSigstore) -> None:
    manifest = Sidecar.of(tree).folder / "manifest.sha256"
    given = [StoredBundle.of(bundle_in(tree).read_bytes(), where="b")]
    assert rules(checked(manifest, authority_of(local), bundles=given)) == {"DBOM-314"}


def test_a_local_root_that_minted_another_issuers_identity_is_refused(file: Path, local: LocalSigstore) -> None:
    victim = Identity("victim@example.org", "https://accounts.google.com")
    raw = minted(local, victim, statement_of(fingerprint_path(file)))
    bundle_in(file).unlink()
    authority = replace(authority_of(local), identities=(IdentityPattern.exact(victim.subject, victim.issuer),))
    result = checked(file, authority, bundles=[StoredBundle.of(raw, where="b")])
    assert (result.exit_code, rules(result)) == (1, {"DBOM-307"})


def test_a_wrong_key_is_refused_and_the_right_one_verified(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    key, wrong = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    given = [StoredBundle.of(key_signed(statement_of(fingerprint_path(path)).payload, key), where="b")]
    assert checked(path, Authority("k", key_pem=public_pem(key)), bundles=given).exit_code == 0
    refused = checked(path, Authority("k", key_pem=public_pem(wrong)), bundles=given)
    assert (refused.exit_code, rules(refused)) == (1, {"DBOM-317"})


def test_an_expired_root_can_not_tell(file: Path, local: LocalSigstore) -> None:
    result = checked(file, authority_of(local), now=clock() + timedelta(days=4000))
    assert (result.verdict, result.exit_code, rules(result)) == (Verdict.UNDECIDED, 3, {"DBOM-309"})


def test_a_root_that_is_not_at_hand_can_not_tell(file: Path, local: LocalSigstore) -> None:
    result = checked(file, replace(authority_of(local), root=None))
    assert (result.exit_code, rules(result)) == (3, {"DBOM-320"})


def test_no_bundle_at_all_can_not_tell(tmp_path: Path, local: LocalSigstore) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    result = checked(path, authority_of(local))
    assert (result.exit_code, rules(result)) == (3, {"DBOM-312"})


def test_a_store_that_holds_nothing_about_it_can_not_tell(tmp_path: Path, tree: Path, local: LocalSigstore) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    result = checked(path, authority_of(local), stores=[open_store(str(tree.parent))])
    assert (result.exit_code, result.uncounted) == (3, ())


def test_a_store_that_knows_its_name_with_other_bytes_is_a_no(tree: Path, local: LocalSigstore, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    store.add(bundle_in(tree).read_bytes(), statement_of(fingerprint_path(tree)))
    bundle_in(tree).unlink()
    assert checked(tree, authority_of(local), stores=[store]).exit_code == 0
    (tree / "iris.csv").write_bytes(b"setosa,0\n")
    assert rules(checked(tree, authority_of(local), stores=[store])) == {"DBOM-315"}


def test_a_location_alone_is_not_enough(tmp_path: Path, local: LocalSigstore) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    statement = statement_of(fingerprint_path(path), predicate_type=PREDICATE_LOCATION)
    Sidecar.of(path).add_bundle(local.signer(now=clock).sign(statement), statement)
    result = checked(path, authority_of(local))
    assert (result.exit_code, len(result.counted)) == (1, 1)
    assert rules(result) == {"DBOM-317"}


def test_a_file_of_digests_is_not_the_model_whose_oms_root_it_hashes_to(tmp_path: Path, local: LocalSigstore) -> None:
    """That root is the sha256 of its files' digests one behind the other, which anybody can write into a file."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "a").write_bytes(b"weights")
    (model / "b").write_bytes(b"config")
    statement = Statement.of_model(fingerprint_path(model))
    path = tmp_path / "crafted"
    path.write_bytes(hashlib.sha256(b"weights").digest() + hashlib.sha256(b"config").digest())
    Sidecar.of(path).add_bundle(local.signer(now=clock).sign(statement), statement)
    result = checked(path, authority_of(local))
    assert (result.exit_code, rules(result)) == (1, {"DBOM-315"})
    by_digest = verify_digest(
        fingerprint_path(path).digest, [authority_of(local)], now=clock(), bundles=list(Sidecar.of(path).bundles())
    )
    assert by_digest.exit_code == 1


def test_provenance_is_content(tmp_path: Path, local: LocalSigstore) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    statement = statement_of(fingerprint_path(path), predicate_type=PREDICATE_PROVENANCE)
    Sidecar.of(path).add_bundle(local.signer(now=clock).sign(statement), statement)
    assert checked(path, authority_of(local)).exit_code == 0


def test_only_the_signed_ignore_list_is_applied(tmp_path: Path, local: LocalSigstore) -> None:
    """What it leaves out and is there is named; what it doesn't leave out is read, whatever we leave out elsewhere."""
    root = tmp_path / "d"
    (root / "keep").mkdir(parents=True)
    (root / "keep" / "a").write_bytes(b"1")
    (root / "notes.txt").write_bytes(b"2")
    found = fingerprint_path(root, ignores=("/notes.txt",))
    statement = statement_of(found)
    Sidecar.of(root).add_bundle(local.signer(now=clock).sign(statement), statement)
    result = checked(root, authority_of(local))
    assert result.exit_code == 0
    assert [(finding.rule, finding.message.split(": ")[1]) for finding in result.findings] == [
        ("DBOM-321", "notes.txt")
    ]
    (root / ".DS_Store").write_bytes(b"3")
    assert checked(root, authority_of(local)).exit_code == 1


def test_what_another_tree_s_ignore_list_leaves_out_is_a_warning_and_not_covered(
    tmp_path: Path, local: LocalSigstore
) -> None:
    """A statement about a tree without weights holds for this one too; that it says nothing of the weights is said."""
    other, model = tmp_path / "other", tmp_path / "model"
    for root, weights in ((other, b"good"), (model, b"evil")):
        root.mkdir()
        (root / "config.json").write_bytes(b"{}")
        (root / "w.safetensors").write_bytes(weights)
    statement = statement_of(fingerprint_path(other, ignores=("*.safetensors",)))
    narrow = StoredBundle.of(local.signer(now=clock).sign(statement), where="narrow")
    result = checked(model, authority_of(local), bundles=[narrow])
    assert (result.exit_code, result.uncovered) == (0, ("w.safetensors",))
    assert [(item.rule, item.severity) for item in result.findings] == [("DBOM-321", Severity.WARNING)]
    # Where another statement covers them, they are covered, and the digest is the one that covers most.
    signed_artifact(model, local)
    covered = checked(model, authority_of(local), bundles=[narrow])
    assert (covered.exit_code, covered.uncovered, covered.findings) == (0, (), ())
    assert (covered.digest, len(covered.counted)) == (fingerprint_path(model).digest, 2)


def test_a_place_covers_nothing_of_what_content_leaves_out(tmp_path: Path, local: LocalSigstore) -> None:
    root = tmp_path / "d"
    (root / "sub").mkdir(parents=True)
    for name in ("a", "sub/b"):
        (root / name).write_bytes(b"1")
    content = statement_of(fingerprint_path(root, ignores=("/sub/",)))
    place = statement_of(fingerprint_path(root, ignores=()), predicate_type=PREDICATE_LOCATION)
    for statement in (content, place):
        Sidecar.of(root).add_bundle(local.signer(now=clock).sign(statement), statement)
    result = checked(root, authority_of(local))
    assert (result.exit_code, result.uncovered) == (0, ("sub/",))


def test_a_list_that_leaves_out_all_that_is_there_proves_nothing(tree: Path, local: LocalSigstore) -> None:
    """Nor does it keep the others from being looked at."""
    statement = statement_about(Digest(Kind.TREE, "a" * 64), ignores=("*",))
    stray = StoredBundle.of(local.signer(now=clock).sign(statement), where="stray")
    assert checked(tree, authority_of(local), bundles=[stray]).exit_code == 0
    bundle_in(tree).unlink()
    assert checked(tree, authority_of(local), bundles=[stray]).exit_code == 1


def test_a_signed_bom_that_describes_other_bytes_is_no_content(file: Path, local: LocalSigstore) -> None:
    other: Any = {"type": "data", "name": "o", "hashes": [{"alg": "SHA-256", "content": "0" * 64}]}
    for path in Sidecar.of(file).folder.iterdir():
        path.unlink()
    signed_artifact(file, local, predicate={**BOM, "metadata": {"component": other}})
    result = checked(file, authority_of(local))
    assert (result.exit_code, rules(result)) == (1, {"DBOM-317"})
    assert "DBOM-353" in {finding.rule for finding in result.findings}


def test_a_bom_that_has_no_canonical_form_is_no_and_not_a_crash(tmp_path: Path) -> None:
    path, key = tmp_path / "f", ed25519.Ed25519PrivateKey.generate()
    path.write_bytes(b"x")
    payload = json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "f", "digest": {"sha256": hashlib.sha256(b"x").hexdigest()}}],
            "predicateType": PREDICATE_BOM,
            "predicate": {**BOM, "n": 2**60},
        }
    ).encode()
    given = [StoredBundle.of(key_signed(payload, key), where="b")]
    assert checked(path, Authority("k", key_pem=public_pem(key)), bundles=given).exit_code == 0
    Sidecar.of(path).write_bom(json.dumps(BOM).encode())
    assert rules(checked(path, Authority("k", key_pem=public_pem(key)), bundles=given)) == {"DBOM-316"}


def test_a_link_that_leads_to_itself_is_an_input_error(tmp_path: Path, local: LocalSigstore) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(PathError):
        checked(tmp_path / "loop", authority_of(local))


def test_a_tree_signed_without_an_ignore_list_is_read_whole(tmp_path: Path, local: LocalSigstore) -> None:
    root = tmp_path / "d"
    root.mkdir()
    (root / ".DS_Store").write_bytes(b"1")
    digest = fingerprint_path(root, ignores=()).digest
    statement = Statement.build(Subject("d", digest, TREE_MEDIA_TYPE), PREDICATE_PROVENANCE, {})
    Sidecar.of(root).add_bundle(local.signer(now=clock).sign(statement), statement)
    assert checked(root, authority_of(local)).exit_code == 0


def test_a_signed_ignore_list_that_can_not_be_applied_proves_nothing(tmp_path: Path, local: LocalSigstore) -> None:
    root = tmp_path / "d"
    root.mkdir()
    (root / "a").write_bytes(b"1")
    statement = statement_about(fingerprint_path(root).digest, ignores=("",))
    Sidecar.of(root).add_bundle(local.signer(now=clock).sign(statement), statement)
    assert checked(root, authority_of(local)).exit_code == 1


def test_a_subject_without_a_usable_sha256_is_no_match(tmp_path: Path, local: LocalSigstore) -> None:
    """Upper case, cut off, or by name alone."""
    path = tmp_path / "flowers"
    path.write_bytes(b"x")
    digits = hashlib.sha256(b"x").hexdigest()
    for digest in ({"sha256": digits.upper()}, {"sha256": digits[:32]}, {"sha512": digits}, {}):
        payload = json.dumps(
            {
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{"name": "flowers", "digest": digest}],
                "predicateType": PREDICATE_PROVENANCE,
                "predicate": {},
            }
        ).encode()
        key = ed25519.Ed25519PrivateKey.generate()
        given = [StoredBundle.of(key_signed(payload, key), where="b")]
        result = checked(path, Authority("k", key_pem=public_pem(key)), bundles=given)
        assert (result.exit_code, rules(result)) == (1, {"DBOM-322"})
    assert local.identity.subject


def test_a_missing_path_is_an_input_error(tmp_path: Path, local: LocalSigstore) -> None:
    with pytest.raises(PathError) as caught:
        checked(tmp_path / "nothing", authority_of(local))
    assert caught.value.exit_code == 2


def test_nobody_to_expect_is_a_usage_error(file: Path) -> None:
    with pytest.raises(UsageError):
        checked(file)
    with pytest.raises(UsageError):
        verify_digest(Digest(Kind.FILE, "a" * 64), [], now=clock())


def test_the_root_of_the_disk_has_no_sidecar(local: LocalSigstore) -> None:
    with pytest.raises(UsageError):
        Sidecar.of("/")
    assert local.identity.subject


# What a policy requires


def test_every_requirement_must_be_met_by_somebody_it_names(file: Path, local: LocalSigstore) -> None:
    def required(*requirements: Requirement) -> Verification:
        return verify_artifact(file, [authority_of(local)], now=clock(), requirements=requirements)

    bom, provenance = (Requirement(kind, ("local",)) for kind in (PREDICATE_BOM, PREDICATE_PROVENANCE))
    assert required(bom).exit_code == 0
    missing = required(bom, provenance)
    assert (missing.exit_code, rules(missing)) == (1, {"DBOM-317"})
    assert PREDICATE_PROVENANCE in missing.reasons[0].message


def test_an_authority_that_no_requirement_names_may_not_say_what_an_artifact_is(
    file: Path, local: LocalSigstore
) -> None:
    requirement = Requirement(PREDICATE_BOM, ("release",))
    result = verify_artifact(file, [authority_of(local)], now=clock(), requirements=[requirement])
    assert (result.exit_code, rules(result)) == (1, {"DBOM-317"})


def test_a_statement_counts_for_each_authority_that_accepts_its_signer(file: Path, local: LocalSigstore) -> None:
    """One identity in two authorities: the first doesn't take the statement away from the second."""
    authorities = [authority_of(local, name="builder"), authority_of(local, name="release")]
    requirement = Requirement(PREDICATE_BOM, ("release",))
    assert verify_artifact(file, authorities, now=clock(), requirements=[requirement]).exit_code == 0
    stranger = Requirement(PREDICATE_BOM, ("stranger",))
    assert verify_artifact(file, authorities, now=clock(), requirements=[stranger]).exit_code == 1


@pytest.mark.parametrize("also_signed", [True, False])
def test_why_the_bom_file_is_not_covered_is_said(file: Path, local: LocalSigstore, *, also_signed: bool) -> None:
    if not also_signed:
        bundle_in(file).unlink()
    statement = statement_of(fingerprint_path(file), predicate_type=PREDICATE_PROVENANCE)
    Sidecar.of(file).add_bundle(local.signer(now=clock).sign(statement), statement)
    requirement = Requirement(PREDICATE_PROVENANCE, ("local",))
    result = verify_artifact(file, [authority_of(local)], now=clock(), requirements=[requirement])
    assert (result.exit_code, rules(result)) == (1, {"DBOM-316"})
    assert ("nobody who is asked" if also_signed else "no signed BOM") in result.reasons[0].message


# By digest, without the bytes


@pytest.mark.parametrize("change", [None, "kind", "digits"])
def test_a_digest_is_checked_against_the_subject_and_no_bytes_are(
    tree: Path, local: LocalSigstore, change: str | None
) -> None:
    digest = fingerprint_path(tree).digest
    asked = {
        None: digest,
        "kind": Digest(Kind.FILE, digest.hex),
        "digits": Digest(Kind.TREE, "0" * 64),
    }[change]
    given = [StoredBundle.of(bundle_in(tree).read_bytes(), where="b")]
    result = verify_digest(asked, [authority_of(local)], now=clock(), bundles=given)
    assert not result.bytes_checked
    assert result.exit_code == (0 if change is None else 1)
    assert "bytes not checked" in [finding.message for finding in result.findings]
    assert rules(result) == {None: set(), "kind": {"DBOM-314"}, "digits": {"DBOM-313"}}[change]


def test_an_ignored_folder_is_told_by_how_it_was_signed(
    tree: Path, local: LocalSigstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bundle, asked about by a relative path with a trailing slash."""
    monkeypatch.chdir(tree.parent)
    assert verify_artifact("flowers/", [authority_of(local)], now=clock()).exit_code == 0


def test_what_a_trusted_cache_gave_is_said_and_counts_as_not_checked(
    tree: Path, tmp_path: Path, local: LocalSigstore
) -> None:
    """`--trust-cache`: the digest is believed; the result says of how many files, and that bytes weren't checked."""
    settled = Cache(tmp_path / "cache.sqlite", now_ns=lambda: time.time_ns() + 10**11)
    first, again = (
        verify_artifact(tree, [authority_of(local)], now=clock(), cache=settled),
        verify_artifact(tree, [authority_of(local)], now=clock(), cache=settled),
    )
    assert (Verdict.VERIFIED, True, Verdict.VERIFIED, False) == (
        first.verdict,
        first.bytes_checked,
        again.verdict,
        again.bytes_checked,
    )
    assert [("DBOM-132", "files that were taken from the cache, and not read: 2")] == [
        (finding.rule, finding.message) for finding in again.findings
    ]


def test_a_changed_file_is_refused_with_a_trusted_cache_too(tree: Path, tmp_path: Path, local: LocalSigstore) -> None:
    settled = Cache(tmp_path / "cache.sqlite", now_ns=lambda: time.time_ns() + 10**11)
    verify_artifact(tree, [authority_of(local)], now=clock(), cache=settled)
    status = (tree / "iris.csv").stat()
    (tree / "iris.csv").write_bytes(b"setosa,0\n")
    os.utime(tree / "iris.csv", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert 1 == verify_artifact(tree, [authority_of(local)], now=clock(), cache=settled).exit_code


class OutOfReach:
    """A store that answers nobody."""

    url = "s3://bucket/attestations"

    def entries(self) -> Iterator[StoredBundle]:
        """Fail, as a store does whose server is down."""
        raise StoreError(STORE_UNREACHABLE, "can't be reached", where=self.url)

    def bundles(self) -> Iterator[StoredBundle]:
        """Fail likewise."""
        return self.entries()

    def add(self, raw: bytes, statement: Statement) -> str:  # noqa: ARG002  whatever it is given
        """Fail likewise."""
        raise StoreError(STORE_UNREACHABLE, "can't be reached", where=self.url)


def test_a_store_out_of_reach_is_a_warning_where_the_sidecar_is_enough(tmp_path: Path, local: LocalSigstore) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    statement = statement_of(fingerprint_path(path))
    Sidecar.of(path).add_bundle(local.signer(now=clock).sign(statement), statement)
    result = checked(path, authority_of(local), stores=[OutOfReach()])
    assert (0, Severity.WARNING) == (result.exit_code, result.findings[0].severity)
    assert "can't be reached" in result.findings[0].message


def test_where_only_a_store_out_of_reach_could_tell_nothing_can_be_told(tmp_path: Path, local: LocalSigstore) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    assert checked(path, authority_of(local), stores=[OutOfReach()]).exit_code == 3
