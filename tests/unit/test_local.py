"""The embedded local Sigstore: made whole at the first use, the same at every later one, refused where it is broken."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rfc3161_client import decode_timestamp_response

from attest.authority import Authority
from attest.bundle import Bundle
from attest.identity import Identity, IdentityPattern
from attest.local import LocalSigstore, data_home, find_local, open_local
from attest.local.creation import create, machine_subject
from attest.local.log import LogReader
from attest.statement import Statement, Subject
from attest.trust import TrustRoot
from attest.verified import TimeBasis, VerifiedStatement
from attest.verifier.selfcheck import check_bundle
from attest.verifier.verifying import verify_bundle
from dbom.errors import PathError, SigningError
from dbom.model import Digest, Kind
from dbom.names import LOCAL_ISSUER_PREFIX, PREDICATE_BOM

if TYPE_CHECKING:
    from pathlib import Path

    from attest.signers.signing import Signer

_THEN = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
_STATEMENT = Statement.build(
    Subject.of("data", Digest(Kind.FILE, hashlib.sha256(b"rows").hexdigest())),
    PREDICATE_BOM,
    {"bomFormat": "CycloneDX"},
)


def _then() -> datetime:
    return _THEN


@pytest.fixture
def sigstore(tmp_path: Path) -> LocalSigstore:
    return open_local(tmp_path, now=_then)


def test_what_it_signs_is_verified_by_its_own_root_and_its_time_is_self_asserted(sigstore: LocalSigstore) -> None:
    signer: Signer = sigstore.signer(now=_then)
    root = TrustRoot.parse(sigstore.trusted_root(), where="root")
    pattern = IdentityPattern.exact(sigstore.identity.subject, sigstore.identity.issuer)
    result = verify_bundle(signer.sign(_STATEMENT), [Authority("us", (pattern,), root)], where="b", now=_THEN)
    assert isinstance(result, VerifiedStatement)
    assert _STATEMENT.payload == result.statement.payload
    assert (TimeBasis.SELF_ASSERTED, _THEN.replace(microsecond=0)) == (result.time.basis, result.time.at)
    assert (sigstore.identity, 0) == (result.signer, result.log_index)


def test_its_issuer_is_its_own_key_and_its_root_vouches_for_that_alone(sigstore: LocalSigstore) -> None:
    root = TrustRoot.parse(sigstore.trusted_root(), where="root")
    assert sigstore.identity.issuer == root.issuer_scope
    assert len(LOCAL_ISSUER_PREFIX) + 32 == len(sigstore.identity.issuer)
    assert sigstore.identity.subject in sigstore.signer(now=_then).describe()
    assert "only as good as this machine" in sigstore.signer(now=_then).describe()


def test_a_certificate_lives_ten_minutes_and_every_time_in_a_bundle_is_the_time_passed_in(
    sigstore: LocalSigstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    later = _THEN + timedelta(days=30)
    bundle = Bundle.parse(sigstore.signer(now=lambda: later).sign(_STATEMENT), where="bundle")
    certificate = x509.load_der_x509_certificate(bundle.certificate or b"")
    second = later.replace(microsecond=0)
    stamp = decode_timestamp_response(bundle.time_stamps[0]).tst_info.gen_time
    assert (second, second + timedelta(minutes=10)) == (
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )
    assert (second, int(second.timestamp())) == (stamp, bundle.log_entries[0].integrated_time)


def test_every_certificate_and_every_signature_stands_in_a_log(sigstore: LocalSigstore) -> None:
    signer = sigstore.signer(now=_then)
    bundles = [Bundle.parse(signer.sign(_STATEMENT), where="bundle") for _ in range(2)]
    assert [0, 1] == [bundle.log_entries[0].index for bundle in bundles]
    logged = [json.loads(entry) for entry in LogReader(sigstore.folder / "log").entries()]
    assert [bundle.signature for bundle in bundles] == [
        b64decode(entry["spec"]["signatures"][0]["signature"]) for entry in logged
    ]
    certificates = [x509.load_der_x509_certificate(bundle.certificate or b"") for bundle in bundles]
    stamps = [
        item.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
        for item in certificates
    ]
    # RFC 6962, section 3.4: what the certificate log holds is the certificate without its timestamp.
    assert [1, 1] == [len(list(stamp)) for stamp in stamps]
    assert [item.tbs_precertificate_bytes for item in certificates] == [
        entry[47:-2] for entry in LogReader(sigstore.folder / "ct-log").entries()
    ]


def test_it_is_the_same_at_every_later_use(sigstore: LocalSigstore, tmp_path: Path) -> None:
    assert sigstore == open_local(tmp_path)
    assert sigstore == find_local(tmp_path)


def test_looking_for_one_makes_none(tmp_path: Path) -> None:
    assert find_local(tmp_path / "home") is None
    assert not (tmp_path / "home").exists()


def test_a_home_that_can_not_be_looked_into_is_said_and_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    """A new identity made there, or somewhere else, would not be the one that others were told of."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for home, why in ((tmp_path / ("x" * 300), "File name too long"), (loop, "Too many levels of symbolic links")):
        with pytest.raises(PathError, match=why) as caught:
            find_local(home)
        assert "set DBOM_HOME" in caught.value.hint


def test_nobody_else_may_read_any_of_it(sigstore: LocalSigstore) -> None:
    modes = {path.stat().st_mode & 0o777 for path in sigstore.folder.rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in (sigstore.folder, *sigstore.folder.glob("*log"))}
    sigstore.signer(now=_then).sign(_STATEMENT)
    heads = {(sigstore.folder / name / "checkpoint").stat().st_mode & 0o777 for name in ("log", "ct-log")}
    assert ({0o600}, {0o700}, {0o600}) == (modes, {mode for mode in folders if mode & 0o100}, heads)


def test_first_users_at_once_get_the_same_one_and_leave_nothing_behind(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from attest.local import open_local\n"
        "print(open_local(Path(sys.argv[1])).identity)"
    )
    users = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(4)]
    assert 1 == len({user.communicate()[0] for user in users})
    assert ["local-sigstore"] == [path.name for path in tmp_path.iterdir()]


def test_a_late_first_user_leaves_the_earlier_one_s_in_place(sigstore: LocalSigstore, tmp_path: Path) -> None:
    create(sigstore.folder, subject="late@comer", now=_THEN)
    assert sigstore == open_local(tmp_path)


def test_a_place_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PathError, match="can't be made") as caught:
        open_local(tmp_path / "file")
    assert "DBOM-342" == caught.value.rule.id


def test_something_else_in_its_place_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "local-sigstore").mkdir()
    (tmp_path / "local-sigstore" / "mine").touch()
    with pytest.raises(PathError, match="can't be read"):
        open_local(tmp_path)
    with pytest.raises(PathError, match="can't be made"):
        create(tmp_path / "local-sigstore", subject="a@b", now=_THEN)
    assert ["mine"] == [path.name for path in (tmp_path / "local-sigstore").iterdir()]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("subject", "ü".encode(), "ASCII"),
        ("subject", b"\n", "not the folder"),
        ("trusted_root.json", b"{}", "not a trusted root"),
        ("ca.pem", b"no certificate", "certificate is malformed"),
        ("tsa.key", b"no key", "key is malformed"),
        (
            "log.key",
            Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "not an ECDSA key",
        ),
    ],
)
def test_a_part_that_is_broken_is_named(
    sigstore: LocalSigstore, tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    (sigstore.folder / name).write_bytes(data)
    with pytest.raises(PathError, match=said) as caught:
        open_local(tmp_path).signer(now=_then)
    assert ("DBOM-342", 2) == (caught.value.rule.id, caught.value.exit_code)


@pytest.mark.parametrize("name", ["subject", "trusted_root.json", "ca.pem", "ca.key"])
def test_a_part_that_is_missing_is_named(sigstore: LocalSigstore, tmp_path: Path, name: str) -> None:
    (sigstore.folder / name).unlink()
    with pytest.raises(PathError) as caught:
        open_local(tmp_path).signer(now=_then)
    assert str(sigstore.folder / name) == caught.value.where


def test_a_key_that_others_may_read_is_refused(sigstore: LocalSigstore) -> None:
    (sigstore.folder / "ca.key").chmod(0o640)
    with pytest.raises(PathError, match="other users may read this key"):
        sigstore.signer(now=_then)


@pytest.mark.parametrize("off", [timedelta(days=-1), timedelta(days=3654)])
def test_a_clock_outside_the_authority_s_lifetime_signs_nothing(sigstore: LocalSigstore, off: timedelta) -> None:
    with pytest.raises(SigningError, match="isn't valid now"):
        sigstore.signer(now=lambda: _THEN + off).sign(_STATEMENT)
    assert 0 == LogReader(sigstore.folder / "log").head().size


@pytest.mark.parametrize("name", ["ca", "intermediate", "ct", "log", "tsa"])
def test_a_key_of_another_machine_signs_nothing(sigstore: LocalSigstore, tmp_path: Path, name: str) -> None:
    other = open_local(tmp_path / "other", now=_then)
    (sigstore.folder / f"{name}.key").write_bytes((other.folder / f"{name}.key").read_bytes())
    with pytest.raises(PathError, match=r"belong together|isn't one that the trust root names") as caught:
        sigstore.signer(now=_then)
    assert ("DBOM-342", 2) == (caught.value.rule.id, caught.value.exit_code)


def test_the_last_look_refuses_other_bytes_than_were_to_be_signed(sigstore: LocalSigstore) -> None:
    bundle = sigstore.signer(now=_then).sign(_STATEMENT)
    with pytest.raises(SigningError, match="other bytes"):
        check_bundle(bundle, b"{}", identity=sigstore.identity, trusted_root=sigstore.trusted_root(), now=_THEN)
    with pytest.raises(SigningError, match="doesn't verify"):
        check_bundle(
            bundle,
            _STATEMENT.payload,
            identity=Identity("eve@elsewhere", sigstore.identity.issuer),
            trusted_root=sigstore.trusted_root(),
            now=_THEN,
        )


@pytest.mark.parametrize(
    ("user", "host", "subject"),
    [
        ("ann", "box.example.org", "ann@box"),
        ("DOM\\ann o", "büro", "DOM-ann-o@b-ro"),
        ("…", "", "unknown@unknown"),
    ],
)
def test_the_subject_is_user_and_host_in_plain_characters(user: str, host: str, subject: str) -> None:
    assert subject == machine_subject(user, host)


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert machine_subject(host="box").startswith("uid-")


def test_its_home_is_what_the_environment_says_else_the_user_s_data_folder(tmp_path: Path) -> None:
    assert tmp_path == data_home({"DBOM_HOME": str(tmp_path)})
    assert "dbom" == data_home({}).name
