"""Certificates of one's own authority: each that verifiers would refuse is refused before anything is signed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from own_authority import OwnAuthority

from attest.authority import Authority
from attest.demands import Demands
from attest.identity import Identity, IdentityPattern
from attest.local import open_local
from attest.signers.keyfiles import write_key_pair
from attest.signers.keys import generate_key
from attest.signers.own_certificates import OwnCertificate
from attest.signers.signing import Choice, open_signer
from attest.statement import Statement, Subject
from attest.trust import TrustRoot
from attest.verified import VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.errors import DocumentError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from pathlib import Path

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_END = b"-----END CERTIFICATE-----\n"
_STATEMENT = Statement.build(Subject.of("data", Digest(Kind.FILE, "ab" * 32)), PREDICATE_BOM, {})


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ed25519"])
def test_a_certificate_s_identity_signs_with_this_machine_s_time(tmp_path: Path, kind: str) -> None:
    key, authority = generate_key(kind), OwnAuthority()
    private, _ = write_key_pair(str(tmp_path / "k"), key, password=None)
    (tmp_path / "chain.pem").write_bytes(authority.chain(key.public_key()))
    choice = Choice(signing_key=private, certificate_chain=tmp_path / "chain.pem", local=True)
    environment = {"DBOM_HOME": str(tmp_path / "home")}
    signer = open_signer(environment, choice, now=lambda: _NOW, ask_password=lambda: None)
    assert isinstance(signer.identity, Identity)
    assert ("ann@example.org", True) == (signer.identity.subject, signer.identity.issuer.startswith("ca:sha256:"))
    assert "by this machine itself" in signer.describe()
    raw = signer.sign(_STATEMENT)
    local = TrustRoot.parse(open_local(tmp_path / "home").trusted_root(), where="local")
    certificate = OwnCertificate.read(authority.chain(key.public_key()), key, where="chain")
    expected = IdentityPattern.exact(signer.identity.subject, signer.identity.issuer)
    demands = Demands(log=True, sct=False, time=True)
    accepted = Authority("ann", (expected,), certificate.root(local), demands=demands)
    assert isinstance(verify_bundle(raw, [accepted], where="bundle", now=_NOW), VerifiedStatement)
    other = OwnCertificate.read(OwnAuthority().chain(key.public_key()), key, where="chain")
    stranger = Authority("ann", (expected,), other.root(local), demands=demands)
    assert not isinstance(verify_bundle(raw, [stranger], where="bundle", now=_NOW), VerifiedStatement)


def test_what_is_no_chain_of_this_key_is_refused() -> None:
    key, authority = generate_key(), OwnAuthority()
    chain = authority.chain(key.public_key())
    certificates = [part + _END for part in chain.split(_END)[:-1]]
    for pem, said in (
        (b"nothing", "not a chain"),
        (certificates[0][:200], "not a chain"),
        (certificates[0], "a chain of 1"),
        (chain * 4, "a chain of 12"),
        (authority.chain(generate_key().public_key()), "isn't the one of the signing key"),
        (b"".join(reversed(certificates)), "isn't the one of the signing key"),
        (authority.chain(key.public_key(), emails=()), "names no identity"),
        (authority.chain(key.public_key(), emails=("a@b.example", "c@d.example")), "exactly one identity"),
    ):
        with pytest.raises(DocumentError, match=said) as caught:
            OwnCertificate.read(pem, key, where="chain.pem")
        assert ("DBOM-363", "chain.pem") == (caught.value.rule.id, caught.value.where)


def test_a_certificate_that_can_not_sign_now_is_refused_when_it_is_opened_and_at_each_signature(tmp_path: Path) -> None:
    key, authority = generate_key(), OwnAuthority()
    private, _ = write_key_pair(str(tmp_path / "k"), key, password=None)
    environment = {"DBOM_HOME": str(tmp_path / "home")}
    choice = Choice(signing_key=private, certificate_chain=tmp_path / "chain.pem", local=True)
    for chain in (
        authority.chain(key.public_key(), days=30),
        authority.chain(key.public_key(), purpose=ExtendedKeyUsageOID.SERVER_AUTH),
        OwnAuthority(key=authority.key, start=datetime(2026, 5, 1, tzinfo=UTC)).chain(key.public_key()),
        authority.chain(key.public_key()).partition(_END)[0] + _END + OwnAuthority().authorities,
    ):
        (tmp_path / "chain.pem").write_bytes(chain)
        with pytest.raises(DocumentError) as caught:
            open_signer(environment, choice, now=lambda: _NOW, ask_password=lambda: None)
        assert "DBOM-363" == caught.value.rule.id
    (tmp_path / "chain.pem").write_bytes(authority.chain(key.public_key(), days=90))
    moments = [_NOW, _NOW, datetime(2026, 6, 1, tzinfo=UTC)]
    signer = open_signer(
        environment, choice, now=lambda: moments.pop(0) if len(moments) > 1 else moments[0], ask_password=lambda: None
    )
    moments[:] = moments[-1:]
    with pytest.raises(DocumentError, match="wasn't valid"):
        signer.sign(_STATEMENT)
