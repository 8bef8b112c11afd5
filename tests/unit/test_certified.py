"""Whose certificate it is: the subjects that authorities make of tokens, and no others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from attest.bundle import Bundle
from attest.dsse import pre_authentication_encoding
from attest.signers.assembling import dsse_envelope, own_certificate_bundle
from attest.signers.certified import check_certified
from attest.signers.tokens import Token
from dbom.errors import SigningError
from dbom.names import DSSE_PAYLOAD_TYPE

if TYPE_CHECKING:
    from cryptography.x509 import GeneralName

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_ISSUER = "https://i.example"
_KEY = ec.generate_private_key(ec.SECP256R1())


def _token(**claims: object) -> Token:
    given = {"aud": "sigstore", "iss": _ISSUER, "sub": "subject", "exp": _NOW.timestamp() + 60, **claims}
    return Token.parse(jwt.encode(given, "k" * 32, algorithm="HS256"), where="here", now=_NOW)


def _bundle(*names: GeneralName, issuer: str = _ISSUER, key: ec.EllipticCurvePrivateKey = _KEY) -> Bundle:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(_KEY.public_key())
        .serial_number(1)
        .not_valid_before(_NOW)
        .not_valid_after(_NOW)
        .add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1"), issuer.encode()), critical=False
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    certificate = builder.sign(_KEY, hashes.SHA256()).public_bytes(Encoding.DER)
    signature = key.sign(pre_authentication_encoding(DSSE_PAYLOAD_TYPE, b"{}"), ec.ECDSA(hashes.SHA256()))
    raw = own_certificate_bundle(
        dsse_envelope(b"{}", signature), certificate=certificate, log_entries=(), time_stamps=()
    )
    return Bundle.parse(raw, where="bundle")


_ACCOUNT = {"namespace": "ci", "serviceaccount": {"name": "signer"}}


@pytest.mark.parametrize(
    ("subject", "claims"),
    [
        ("mailto:ann@example.org", {"email": "ann@example.org", "email_verified": True}),
        ("subject", {}),
        ("spiffe://d.example/ns/x", {"sub": "spiffe://d.example/ns/x"}),
        ("subject!i.example", {}),
        ("https://kubernetes.io/namespaces/ci/serviceaccounts/signer", {"kubernetes.io": _ACCOUNT}),
        ("https://github.com/o/r/.github/w.yml@refs/heads/m", {"job_workflow_ref": "o/r/.github/w.yml@refs/heads/m"}),
        ("https://gitlab.com/o/r//ci.yml@refs/heads/m", {"ci_config_ref_uri": "gitlab.com/o/r//ci.yml@refs/heads/m"}),
    ],
)
def test_what_an_authority_makes_of_the_token_is_taken(subject: str, claims: dict[str, Any]) -> None:
    kind, _, address = subject.partition(":")
    name = x509.RFC822Name(address) if kind == "mailto" else x509.UniformResourceIdentifier(subject)
    found = check_certified(_bundle(name), _token(**claims))
    assert (subject.removeprefix("mailto:"), _ISSUER) == (found.subject, found.issuer)


@pytest.mark.parametrize(
    ("bundle", "claims"),
    [
        (_bundle(x509.RFC822Name("eve@example.org")), {"email": "ann@example.org", "email_verified": True}),
        (_bundle(x509.RFC822Name("ann@example.org")), {"email": "ann@example.org"}),  # nobody verified it
        (_bundle(x509.UniformResourceIdentifier("subjects")), {}),
        (_bundle(x509.UniformResourceIdentifier("https://x/")), {"job_workflow_ref": ""}),
        (
            _bundle(x509.UniformResourceIdentifier("https://kubernetes.io/namespaces/a/serviceaccounts/b")),
            {"kubernetes.io": _ACCOUNT},
        ),
        (_bundle(x509.UniformResourceIdentifier("subject"), issuer="https://elsewhere.example"), {}),
        (
            _bundle(x509.UniformResourceIdentifier("subject")),
            {"federated_claims": {"connector_id": "https://b.example"}},
        ),
        (_bundle(), {}),
        (_bundle(x509.UniformResourceIdentifier("subject"), key=ec.generate_private_key(ec.SECP256R1())), {}),
    ],
)
def test_a_certificate_for_somebody_else_or_another_key_is_refused(bundle: Bundle, claims: dict[str, Any]) -> None:
    with pytest.raises(SigningError) as caught:
        check_certified(bundle, _token(**claims))
    assert "DBOM-358" == caught.value.rule.id
