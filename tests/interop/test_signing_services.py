"""Signing with a real private Sigstore, a PKCS#11 token and a KMS, verified by unmodified cosign and by us."""

from __future__ import annotations

import hashlib
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from own_authority import OwnAuthority

from attest.authority import Authority
from attest.bundle import Bundle
from attest.demands import Demands
from attest.identity import IdentityPattern
from attest.signers.devices import named_key
from attest.signers.keyfiles import write_key_pair
from attest.signers.keys import generate_key, public_pem
from attest.signers.signing import Choice, open_signer
from attest.statement import Statement, Subject
from attest.trust import TrustRoot
from attest.verified import TimeBasis, VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.cli.app import run
from dbom.errors import DocumentError, SigningError, UsageError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from collections.abc import Callable

    from kms import Kms
    from sigstore_stack import PrivateSigstore
    from softhsm import Token

    from attest.signers.signing import Signer

_ROWS = b"a,b\n1,2\n"
_STATEMENT = Statement.build(
    Subject.of("data.csv", Digest(Kind.FILE, hashlib.sha256(_ROWS).hexdigest())), PREDICATE_BOM, {"bomFormat": "C"}
)


def _now() -> datetime:
    return datetime.now(UTC)


def _opened(choice: Choice, environment: dict[str, str] | None = None) -> Signer:
    return open_signer(environment or {}, choice, now=_now, ask_password=lambda: None)


def _cosign(cosign: str, folder: Path, raw: bytes, *words: str) -> subprocess.CompletedProcess[str]:
    """Have cosign verify a bundle where there is no network."""
    (folder / "bundle.json").write_bytes(raw)
    (folder / "blob").write_bytes(_ROWS)
    command = [cosign, "verify-blob-attestation", f"--bundle={folder / 'bundle.json'}", f"--type={PREDICATE_BOM}"]
    return subprocess.run(
        ["unshare", "-rn", *command, *words, str(folder / "blob")],
        check=False,
        capture_output=True,
        text=True,
        env={"HOME": "/nonexistent"},
    )


def _key_words(folder: Path, pem: bytes, *words: str) -> list[str]:
    (folder / "signer.pub").write_bytes(pem)
    return [f"--key={folder / 'signer.pub'}", *words]


def _verified(raw: bytes, authority: Authority) -> VerifiedStatement:
    found = verify_bundle(raw, [authority], where="bundle", now=_now())
    assert isinstance(found, VerifiedStatement), found
    return found


@pytest.mark.peer("cosign")
def test_a_pkcs11_key_s_signature_is_taken_by_cosign_and_by_us(
    hsm: Token, peer: Callable[[str], str], tmp_path: Path
) -> None:
    uri = hsm.uri_without_pin
    signer = _opened(Choice(signing_key=named_key(uri)), {"DBOM_PKCS11_PIN": hsm.pin})
    raw = signer.sign(_STATEMENT)
    _verified(raw, Authority("hsm", key_pem=hsm.public_pem))
    words = _key_words(tmp_path, hsm.public_pem, "--insecure-ignore-tlog")
    result = _cosign(peer("cosign"), tmp_path, raw, *words)
    assert (0, "Verified OK") == (result.returncode, result.stderr.strip().splitlines()[-1])
    other = _key_words(tmp_path, public_pem(generate_key()), "--insecure-ignore-tlog")
    assert 1 == _cosign(peer("cosign"), tmp_path, raw, *other).returncode


@pytest.mark.parametrize("kind", ["", "ECC_NIST_P384"])
def test_a_kms_key_s_signature_is_verified_by_the_public_key_that_the_service_gives(
    kms: Kms, tmp_path: Path, kind: str, peer: Callable[[str], str]
) -> None:
    arn = kms.key(kind) if kind else kms.key()
    raw = _opened(Choice(signing_key=named_key(f"awskms:{arn}"))).sign(_STATEMENT)
    _verified(raw, Authority("kms", key_pem=kms.public_pem(arn)))
    if not kind:  # given --key, cosign 3.1 assumes SHA-256 whatever the curve
        words = _key_words(tmp_path, kms.public_pem(arn), "--insecure-ignore-tlog")
        assert 0 == _cosign(peer("cosign"), tmp_path, raw, *words).returncode


def test_the_command_line_exports_a_device_s_key_signs_with_it_and_says_how_to_verify(
    kms: Kms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = f"awskms:{kms.key()}"
    (tmp_path / "data.csv").write_bytes(_ROWS)
    monkeypatch.chdir(tmp_path)
    assert 0 == run(["sign", "data.csv", "--signing-key", uri])
    shown = capsys.readouterr().out
    assert f"dbom keys export {uri} -o signer.pub" in shown
    assert 0 == run(["keys", "export", uri, "-o", "signer.pub"])
    assert kms.public_pem(uri.removeprefix("awskms:")) == (tmp_path / "signer.pub").read_bytes()
    assert 0 == run(["verify", "data.csv", "--key", "signer.pub"])
    capsys.readouterr()
    assert 2 == run(["--offline", "keys", "export", uri]) or 2 == run(["keys", "export", uri, "--offline"])


def test_a_kms_key_of_another_kind_or_none_is_refused(kms: Kms) -> None:
    with pytest.raises(UsageError, match="not a kind of key") as caught:
        _opened(Choice(signing_key=named_key(f"awskms:{kms.key('RSA_3072')}")))
    assert "DBOM-362" == caught.value.rule.id
    with pytest.raises(SigningError, match="can't be opened") as missing:
        _opened(Choice(signing_key=named_key("awskms:alias/nobody")))
    assert "DBOM-362" == missing.value.rule.id


def test_an_email_token_signs_and_our_verifier_takes_it(private_sigstore: PrivateSigstore, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(private_sigstore.token(email="ann@example.org") + "\n")
    choice = Choice(trust_config=private_sigstore.client_trust_config, identity_token_file=tmp_path / "token")
    signer = _opened(choice)
    raw = signer.sign(_STATEMENT)
    root = TrustRoot.parse(private_sigstore.trusted_root.read_bytes(), where="root")
    expected = IdentityPattern.exact("ann@example.org", private_sigstore.issuer)
    found = _verified(raw, Authority("ann", (expected,), root))
    assert TimeBasis.TRUSTED is found.time.basis
    # The file is read anew: a second token, of somebody else, signs the second statement.
    (tmp_path / "token").write_text(private_sigstore.token(email="bob@example.org"))
    other = IdentityPattern.exact("bob@example.org", private_sigstore.issuer)
    _verified(signer.sign(_STATEMENT), Authority("bob", (other,), root))


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"])
def test_a_key_s_signature_is_logged_and_dated_by_a_private_sigstore(
    private_sigstore: PrivateSigstore, tmp_path: Path, peer: Callable[[str], str], kind: str
) -> None:
    key = generate_key(kind)
    private, _ = write_key_pair(str(tmp_path / "k"), key, password=None)
    signer = _opened(Choice(signing_key=private, trust_config=private_sigstore.client_trust_config))
    raw = signer.sign(_STATEMENT)
    root = TrustRoot.parse(private_sigstore.trusted_root.read_bytes(), where="root")
    demands = Demands(log=True, sct=False, time=True)
    found = _verified(raw, Authority("us", root=root, key_pem=public_pem(key), demands=demands))
    assert (TimeBasis.TRUSTED, True) == (found.time.basis, found.log_index is not None)
    if kind == "ecdsa-p256":
        trusted = [f"--trusted-root={private_sigstore.trusted_root}", "--use-signed-timestamps"]
        words = _key_words(tmp_path, public_pem(key), *trusted)
        result = _cosign(peer("cosign"), tmp_path, raw, *words)
        assert (0, "Verified OK") == (result.returncode, result.stderr.strip().splitlines()[-1])


def test_rekor_2_takes_no_ed25519_key_and_that_is_said_before_anything_is_signed(
    private_sigstore: PrivateSigstore, tmp_path: Path
) -> None:
    private, _ = write_key_pair(str(tmp_path / "k"), generate_key("ed25519"), password=None)
    with pytest.raises(UsageError, match="can't take the key") as caught:
        _opened(Choice(signing_key=private, trust_config=private_sigstore.client_trust_config))
    assert "DBOM-364" == caught.value.rule.id


@pytest.mark.parametrize("service", ["rekor", "tsa"])
def test_a_key_s_record_by_a_service_with_another_key_is_refused(
    private_sigstore: PrivateSigstore, tmp_path: Path, service: str
) -> None:
    private, _ = write_key_pair(str(tmp_path / "k"), generate_key(), password=None)
    (tmp_path / "config.json").write_bytes(private_sigstore.swapped(service))
    signer = _opened(Choice(signing_key=private, trust_config=tmp_path / "config.json"))
    with pytest.raises(SigningError) as caught:
        signer.sign(_STATEMENT)
    assert {"rekor": "DBOM-359", "tsa": "DBOM-360"}[service] == caught.value.rule.id


def test_a_certificate_of_one_s_own_authority_signs_with_a_real_time_stamp(
    private_sigstore: PrivateSigstore, tmp_path: Path, peer: Callable[[str], str]
) -> None:
    key, authority = generate_key(), OwnAuthority()
    private, _ = write_key_pair(str(tmp_path / "k"), key, password=None)
    (tmp_path / "chain.pem").write_bytes(authority.chain(key.public_key()))
    choice = Choice(
        signing_key=private, certificate_chain=tmp_path / "chain.pem", timestamp_url=private_sigstore.urls["tsa"]
    )
    signer = _opened(choice)
    raw = signer.sign(_STATEMENT)
    bundle = Bundle.parse(raw, where="bundle")
    assert ((), 1) == (bundle.log_entries, len(bundle.time_stamps))
    stamper = Path(private_sigstore.keys["tsa-chain.pem"]).read_bytes()
    root = TrustRoot.of_certificates(authority.authorities, stamper, where="root")
    demands = Demands(log=False, sct=False, time=True)
    assert signer.identity is not None
    expected = IdentityPattern.exact("ann@example.org", signer.identity.issuer)  # type: ignore[union-attr]  # a certificate's
    found = _verified(raw, Authority("ann", (expected,), root, demands=demands))
    assert TimeBasis.TRUSTED is found.time.basis
    (tmp_path / "root.json").write_bytes(root.raw)
    ignored = ["--insecure-ignore-sct", "--insecure-ignore-tlog", "--use-signed-timestamps"]
    who = ["--certificate-identity=ann@example.org", "--certificate-oidc-issuer-regexp=.*"]
    result = _cosign(peer("cosign"), tmp_path, raw, f"--trusted-root={tmp_path / 'root.json'}", *ignored, *who)
    assert (0, "Verified OK") == (result.returncode, result.stderr.strip().splitlines()[-1])
    other = ["--certificate-identity=eve@example.org", "--certificate-oidc-issuer-regexp=.*"]
    assert (
        1
        == _cosign(
            peer("cosign"), tmp_path, raw, f"--trusted-root={tmp_path / 'root.json'}", *ignored, *other
        ).returncode
    )


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ed25519"])
def test_a_key_s_signature_in_this_machine_s_log_is_taken_by_cosign(
    tmp_path: Path, peer: Callable[[str], str], kind: str
) -> None:
    from attest.local import open_local

    key = generate_key(kind)
    private, _ = write_key_pair(str(tmp_path / "k"), key, password=None)
    raw = _opened(Choice(signing_key=private, local=True), {"DBOM_HOME": str(tmp_path / "home")}).sign(_STATEMENT)
    (tmp_path / "root.json").write_bytes(open_local(tmp_path / "home").trusted_root())
    root = TrustRoot.parse((tmp_path / "root.json").read_bytes(), where="root")
    demands = Demands(log=True, sct=False, time=True)
    found = _verified(raw, Authority("us", root=root, key_pem=public_pem(key), demands=demands))
    assert TimeBasis.SELF_ASSERTED is found.time.basis
    trusted = [f"--trusted-root={tmp_path / 'root.json'}", "--use-signed-timestamps"]
    result = _cosign(peer("cosign"), tmp_path, raw, *_key_words(tmp_path, public_pem(key), *trusted))
    assert (0, "Verified OK") == (result.returncode, result.stderr.strip().splitlines()[-1])


def test_the_real_private_sigstore_s_configuration_has_no_public_log(
    private_sigstore: PrivateSigstore, tmp_path: Path
) -> None:
    config = json.loads(private_sigstore.client_trust_config.read_text())
    config["signingConfig"]["rekorTlogUrls"][0]["url"] = "https://rekor.sigstore.dev"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="public Sigstore"):
        _opened(Choice(trust_config=tmp_path / "config.json", identity_token=private_sigstore.token()))
    with pytest.raises((UsageError, DocumentError)):
        _opened(
            Choice(
                trust_config=private_sigstore.client_trust_config, public=True, identity_token=private_sigstore.token()
            )
        )
