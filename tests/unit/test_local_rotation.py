"""Rotation: the identity stays, the past stays verifiable, the future uses new keys, and no moment is in between."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from evidence import authority_of
from local_logs import old_home

from attest.authority import Authority
from attest.bundle import Bundle
from attest.identity import IdentityPattern
from attest.local import LocalSigstore, find_local, open_local
from attest.local.auditing import audit
from attest.local.generations import held
from attest.local.logged import read_logged
from attest.local.rotation import rotate
from attest.local.services import Services
from attest.statement import Statement, Subject
from attest.trust import TrustRoot
from attest.verified import Rejection, VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.errors import DbomError, PathError, SigningError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_THEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
_STATEMENT = Statement.build(
    Subject.of("data", Digest(Kind.FILE, "ab" * 32)), PREDICATE_BOM, {"bomFormat": "CycloneDX"}
)


def _at(minutes: int) -> Callable[[], datetime]:
    return lambda: _THEN + timedelta(minutes=minutes)


def _signed(sigstore: LocalSigstore, minutes: int) -> bytes:
    return sigstore.signer(now=_at(minutes)).sign(_STATEMENT)


def _verified(bundle: bytes, sigstore: LocalSigstore, minutes: int = 90) -> VerifiedStatement | Rejection:
    return verify_bundle(bundle, [authority_of(sigstore)], where="bundle", now=_at(minutes)())


def _opened(home: Path) -> LocalSigstore:
    found = find_local(home)
    assert found is not None
    return found


@pytest.fixture
def sigstore(tmp_path: Path) -> LocalSigstore:
    return open_local(tmp_path, now=_at(0))


def test_what_was_signed_before_and_after_verifies_under_the_new_root(sigstore: LocalSigstore, tmp_path: Path) -> None:
    before = _signed(sigstore, 1)
    rotated = rotate(sigstore, now=_at(2)())
    after = _signed(rotated.sigstore, 3)
    again = rotate(rotated.sigstore, now=_at(4)())
    last = _signed(again.sigstore, 5)
    results = [_verified(bundle, again.sigstore) for bundle in (before, after, last)]
    assert [VerifiedStatement] * 3 == [type(result) for result in results]
    assert {sigstore.identity} == {result.signer for result in results if isinstance(result, VerifiedStatement)}
    assert again.sigstore == _opened(tmp_path)
    assert ((1, _at(2)()), (2, _at(4)())) == ((rotated.number, rotated.since), (again.number, again.since))


def test_the_old_root_does_not_vouch_for_what_the_new_keys_sign(sigstore: LocalSigstore) -> None:
    rotated = rotate(sigstore, now=_at(2)()).sigstore
    assert isinstance(_verified(_signed(rotated, 3), sigstore), Rejection)


def test_the_old_keys_vouch_for_nothing_after_their_end(sigstore: LocalSigstore, tmp_path: Path) -> None:
    """Somebody who kept a copy of the old keys signs with them after the rotation."""
    shutil.copytree(sigstore.folder, tmp_path / "thief" / "local-sigstore")
    rotated = rotate(sigstore, now=_at(2)()).sigstore
    stolen = _signed(_opened(tmp_path / "thief"), 3)
    result = _verified(stolen, rotated)
    assert isinstance(result, Rejection)
    assert "in force" in result.reason


def test_every_key_is_new_but_the_root_s(sigstore: LocalSigstore) -> None:
    root = TrustRoot.parse(sigstore.trusted_root(), where="root")
    old = Services.load(sigstore.folder, root)
    rotated = rotate(sigstore, now=_at(2)()).sigstore
    new = Services.load(rotated.folder, TrustRoot.parse(rotated.trusted_root(), where="root"))
    assert old.authority.chain[-1] == new.authority.chain[-1]
    keys = [
        (item.authority.key, item.authority.log.signer.key, item.log.signer.key, item.stamper.key)
        for item in (old, new)
    ]
    assert 8 == len({key.private_numbers().private_value for pair in keys for key in pair})
    assert old.log.signer.name != new.log.signer.name


def test_the_retired_private_keys_are_gone_and_all_that_is_left_is_for_this_user_alone(
    sigstore: LocalSigstore, tmp_path: Path
) -> None:
    rotate(rotate(sigstore, now=_at(2)()).sigstore, now=_at(3)())
    keys = sorted(str(path.relative_to(tmp_path / "local-sigstore")) for path in tmp_path.rglob("*.key"))
    assert ["ca.key", *(f"generations/2/{name}.key" for name in ("ct", "intermediate", "log", "tsa"))] == keys
    files = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_dir()}
    assert ({0o600}, {0o700}) == (files, folders)


def test_a_signer_that_was_loaded_before_signs_with_the_new_keys_after(sigstore: LocalSigstore) -> None:
    signer = sigstore.signer(now=_at(3))
    rotated = rotate(sigstore, now=_at(2)()).sigstore
    bundle = signer.sign(_STATEMENT)
    assert isinstance(_verified(bundle, rotated), VerifiedStatement)
    assert audit(rotated, bundles=[read_logged(bundle, where="b")]).holds


def test_a_rotation_waits_for_a_signature_and_is_refused_where_that_takes_too_long(sigstore: LocalSigstore) -> None:
    with held(sigstore.folder), pytest.raises(SigningError, match="another program"):
        rotate(sigstore, now=_at(2)(), patience=0.05)


@pytest.mark.parametrize("minutes", [-1, 60 * 24 * 3654])
def test_a_clock_outside_the_keys_time_rotates_nothing(sigstore: LocalSigstore, tmp_path: Path, minutes: int) -> None:
    with pytest.raises(SigningError, match="clock") as caught:
        rotate(sigstore, now=_at(minutes)())
    assert "DBOM-368" == caught.value.rule.id
    assert sigstore == _opened(tmp_path)


def test_a_clock_that_went_back_behind_the_rotation_signs_nothing(sigstore: LocalSigstore) -> None:
    rotated = rotate(sigstore, now=_at(60)()).sigstore
    with pytest.raises(SigningError, match="isn't valid now") as caught:
        _signed(rotated, 30)
    assert "DBOM-343" == caught.value.rule.id


def test_a_clock_that_goes_back_within_the_keys_time_still_signs_in_the_log_s_order(sigstore: LocalSigstore) -> None:
    bundles = [_signed(sigstore, minutes) for minutes in (30, 10, 20)]
    results = [_verified(bundle, sigstore) for bundle in bundles]
    assert [0, 1, 2] == [result.log_index for result in results if isinstance(result, VerifiedStatement)]


def test_a_damaged_log_is_not_left_behind_in_silence(sigstore: LocalSigstore, tmp_path: Path) -> None:
    _signed(sigstore, 1)
    (sigstore.folder / "log" / "entries").write_bytes(b"")
    with pytest.raises(SigningError, match="cut short"):
        rotate(sigstore, now=_at(2)())
    assert sigstore == _opened(tmp_path)


def test_what_a_rotation_that_was_cut_short_left_is_never_in_force_and_cleared_by_the_next(
    sigstore: LocalSigstore, tmp_path: Path
) -> None:
    base = tmp_path / "local-sigstore"
    for name in (".new.half", "1"):
        (base / "generations" / name).mkdir(parents=True)
        (base / "generations" / name / "half.key").touch()
    assert base == _opened(tmp_path).folder
    assert isinstance(_verified(_signed(sigstore, 1), sigstore), VerifiedStatement)
    assert 1 == rotate(sigstore, now=_at(2)()).number
    assert ["1"] == [path.name for path in (base / "generations").iterdir()]
    assert not list(base.rglob("half.key"))


@pytest.mark.parametrize("text", ["", "0\n", "1", "x\n", "../../elsewhere\n", "9999999\n"])
def test_a_file_that_names_no_generation_is_refused(sigstore: LocalSigstore, tmp_path: Path, text: str) -> None:
    (sigstore.folder / "generation").write_text(text)
    with pytest.raises(PathError, match="doesn't name the generation"):
        find_local(tmp_path)


def test_a_generation_that_is_not_there_is_refused(sigstore: LocalSigstore, tmp_path: Path) -> None:
    (sigstore.folder / "generation").write_text("7\n")
    with pytest.raises(PathError, match="can't be read"):
        find_local(tmp_path)
    (sigstore.folder / "generation").unlink()
    (sigstore.folder / "generation").mkdir()
    with pytest.raises(PathError, match="can't be read"):
        find_local(tmp_path)


def test_a_place_that_can_not_be_written_keeps_the_old_keys(sigstore: LocalSigstore, tmp_path: Path) -> None:
    (sigstore.folder / "generations").write_bytes(b"in the way")
    with pytest.raises(PathError, match="can't be rotated"):
        rotate(sigstore, now=_at(2)())
    assert sigstore == _opened(tmp_path)


def test_the_trust_root_ends_the_old_keys_where_the_new_begin(sigstore: LocalSigstore) -> None:
    rotated = rotate(sigstore, now=_at(2)()).sigstore
    document = json.loads(rotated.trusted_root())
    moment = "2026-03-01T12:02:00Z"
    for key in ("certificateAuthorities", "ctlogs", "tlogs", "timestampAuthorities"):
        old, new = ((item.get("publicKey") or item)["validFor"] for item in document[key])
        assert ({"start": "2026-03-01T12:00:00Z", "end": moment}, {"start": moment}) == (old, new)


def test_an_identity_of_an_older_dbom_goes_on_and_is_rotated(tmp_path: Path) -> None:
    """Its root may have nothing between it and a signer, so it goes on signing itself; all else is new."""
    home = old_home(tmp_path)
    sigstore = _opened(home)
    old = [path.read_bytes() for path in sorted((home / "bundles").iterdir())]
    more = _signed(sigstore, 90)
    rotated = rotate(sigstore, now=_at(100)()).sigstore
    last = _signed(rotated, 110)
    results = [_verified(bundle, rotated, 120) for bundle in (*old, more, last)]
    assert [VerifiedStatement] * 5 == [type(result) for result in results]
    assert [0, 1, 2, 3, 0] == [result.log_index for result in results if isinstance(result, VerifiedStatement)]
    assert audit(rotated, bundles=[read_logged(bundle, where="b") for bundle in (*old, more, last)]).holds
    assert 1 == len(TrustRoot.parse(rotated.trusted_root(), where="root").authorities)
    assert (home / "local-sigstore" / "ca.key").exists()


def test_an_identity_of_an_older_dbom_is_rotated_before_it_signs_again(tmp_path: Path) -> None:
    """The heads of its logs are signed while their keys are still there."""
    home = old_home(tmp_path)
    rotated = rotate(_opened(home), now=_at(100)()).sigstore
    answer = audit(rotated, bundles=[read_logged((home / "bundles" / "2.sigstore.json").read_bytes(), where="b")])
    assert (True, [3, 3, 0, 0]) == (answer.holds, [item.size for item in answer.logs])
    assert all(item.checkpoint for item in answer.logs)


def test_a_signer_s_certificate_hangs_by_an_intermediate_from_the_root(sigstore: LocalSigstore) -> None:
    leaf = x509.load_der_x509_certificate(Bundle.parse(_signed(sigstore, 1), where="b").certificate or b"")
    chain = TrustRoot.parse(sigstore.trusted_root(), where="root").authorities[0].certificates
    intermediate, root = (x509.load_der_x509_certificate(der) for der in chain)
    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(root)
    lengths = [
        item.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
        for item in (intermediate, root)
    ]
    assert [0, 1] == lengths


def test_another_machine_s_rotated_root_is_not_mine(sigstore: LocalSigstore, tmp_path: Path) -> None:
    other = rotate(open_local(tmp_path / "other", now=_at(0)), now=_at(2)()).sigstore
    bundle = _signed(rotate(sigstore, now=_at(2)()).sigstore, 3)
    exact = IdentityPattern.exact(sigstore.identity.subject, sigstore.identity.issuer)
    root = TrustRoot.parse(other.trusted_root(), where="root")
    assert isinstance(verify_bundle(bundle, [Authority("other", (exact,), root)], where="b", now=_at(90)()), Rejection)


def test_the_root_key_must_be_this_root_s(sigstore: LocalSigstore, tmp_path: Path) -> None:
    rotated = rotate(sigstore, now=_at(2)()).sigstore
    other = open_local(tmp_path / "other", now=_at(0))
    shutil.copy(other.folder / "ca.key", tmp_path / "local-sigstore" / "ca.key")
    with pytest.raises(DbomError, match="belong together"):
        rotate(rotated, now=_at(3)())
