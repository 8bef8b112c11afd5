"""Whether a certificate is the one that a token's owner asked for: for their key, naming them and their issuer.

How an authority makes a subject of a token's claims is its configuration (sigstore/fulcio, `docs/oidc.md`): an e-mail
address, the subject, or a URL made of a CI job's claims. So a subject will do where it is one of the well-known ones,
or holds whole a claim that says who somebody is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.certificates import identity_of, load_certificate
from attest.dsse import pre_authentication_encoding
from attest.verifier.key_verifying import signature_holds
from dbom.errors import EvidenceError, SigningError
from dbom.printable import printable
from dbom.rules.attestations import CERTIFICATE_FOREIGN

if TYPE_CHECKING:
    from attest.bundle import Bundle
    from attest.identity import Identity
    from attest.signers.tokens import Token

__all__ = ["check_certified"]

_WHERE: Final = "the new bundle"

# The claims of which authorities make subjects: of GitHub, GitLab, Buildkite, CircleCI and Codefresh, in that order.
_JOB_CLAIMS: Final = (
    "job_workflow_ref",
    "ci_config_ref_uri",
    "pipeline_slug",
    "oidc.circleci.com/vcs-ref",
    "pipeline_id",
)


def check_certified(bundle: Bundle, token: Token) -> Identity:
    """Check the certificate of a new bundle, and return the identity in it. Raises `SigningError`."""
    certificate = load_certificate(bundle.certificate or b"", where=_WHERE)
    signed = pre_authentication_encoding(bundle.payload_type, bundle.payload)
    if not signature_holds(certificate.public_key(), bundle.signature, signed):
        raise SigningError(CERTIFICATE_FOREIGN, "the authority certified another key than the one that signed")
    try:
        identity = identity_of(certificate, where=_WHERE)
    except EvidenceError as error:
        raise SigningError(CERTIFICATE_FOREIGN, error.what, where=_WHERE, got=error.got) from error
    if identity.issuer != token.vouched_issuer or not _is_subject(identity.subject, token):
        raise SigningError(
            CERTIFICATE_FOREIGN,
            "the authority certified another identity than the token's",
            got=str(identity),
            expected=f"{printable(_email(token) or token.subject)} (issuer {printable(token.vouched_issuer)})",
        )
    return identity


def _is_subject(subject: str, token: Token) -> bool:
    if subject in (token.subject, _email(token), _service_account(token)):
        return True
    # A user name is written NAME!DOMAIN, the domain being the issuer's.
    if subject.startswith(f"{token.subject}!"):
        return True
    return any(isinstance(claim := token.claims.get(name), str) and claim and claim in subject for name in _JOB_CLAIMS)


def _email(token: Token) -> str | None:
    """Return the address that the token claims, where its issuer says that it has verified it."""
    email = token.claims.get("email")
    return email if isinstance(email, str) and token.claims.get("email_verified") is True else None


def _service_account(token: Token) -> str | None:
    """Return the subject of a Kubernetes service account, as Fulcio writes it."""
    said = token.claims.get("kubernetes.io")
    if not isinstance(said, dict):
        return None
    namespace, account = said.get("namespace"), said.get("serviceaccount")
    name = account.get("name") if isinstance(account, dict) else None
    return f"https://kubernetes.io/namespaces/{namespace}/serviceaccounts/{name}"
