"""Who a token is about, as its certificate will name them, in Fulcio's forms (docs/oidc.md, pkg/identity). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cryptography import x509

from attest.identity import Identity
from attest.served.issuers import IssuerKind
from attest.served.refusing import Reason, RequestRefusedError
from dbom.printable import printable
from dbom.rules.local import TOKEN_REFUSED

if TYPE_CHECKING:
    from attest.served.issuers import Issuer
    from dbom.canonical import Json, JsonObject

__all__ = ["Subject", "subject_of"]

_MAX_SUBJECT: Final = 1024
_MAX_EMAIL: Final = 254  # RFC 5321, section 4.5.3.1.3
_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
# Names of namespaces are labels (RFC 1123), those of service accounts DNS names.
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAMESPACE: Final = re.compile(_LABEL)
_ACCOUNT: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[!#-;=?-Z_a-z~%\[\]]+")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate names. `possessed` is the text whose signature shows that the requester holds the key."""

    identity: Identity
    name: x509.GeneralName = field(repr=False)
    possessed: str


def subject_of(issuer: Issuer, claims: JsonObject) -> Subject:
    """Return whom verified claims of this issuer are about.

    Raises `RequestRefusedError` where they don't say so in the form that the issuer's type has, or speak of somebody
    whom the issuer may not speak of.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or len(subject) > _MAX_SUBJECT:
        raise _refused("the token names no subject", subject)
    if issuer.kind is IssuerKind.EMAIL:
        return _email(issuer, claims)
    if issuer.kind is IssuerKind.KUBERNETES:
        return _service_account(issuer, claims, subject)
    return _uri(issuer, subject)


def _email(issuer: Issuer, claims: JsonObject) -> Subject:
    email = claims.get("email")
    if not isinstance(email, str) or len(email) > _MAX_EMAIL or not _EMAIL.fullmatch(email):
        raise _refused("the token names no e-mail address", email)
    if claims.get("email_verified") is not True:
        raise RequestRefusedError(
            TOKEN_REFUSED, Reason.EMAIL_UNVERIFIED, "the issuer hasn't verified the e-mail address", status=401
        )
    return Subject(Identity(email, issuer.url), x509.RFC822Name(email), email)


def _service_account(issuer: Issuer, claims: JsonObject, subject: str) -> Subject:
    said = claims.get("kubernetes.io")
    said = said if isinstance(said, dict) else {}
    account = said.get("serviceaccount")
    namespace, name = said.get("namespace"), account.get("name") if isinstance(account, dict) else None
    if (
        not isinstance(namespace, str)
        or not isinstance(name, str)
        or not _NAMESPACE.fullmatch(namespace)
        or not _ACCOUNT.fullmatch(name)
        or subject != f"system:serviceaccount:{namespace}:{name}"
    ):
        raise _refused("the token isn't of a Kubernetes service account", subject)
    uri = f"https://kubernetes.io/namespaces/{namespace}/serviceaccounts/{name}"
    return Subject(Identity(uri, issuer.url), x509.UniformResourceIdentifier(uri), subject)


def _uri(issuer: Issuer, subject: str) -> Subject:
    try:
        found, allowed = urlsplit(subject), urlsplit(issuer.domain)
        same = (found.scheme, found.netloc) == (allowed.scheme, allowed.netloc)
    except ValueError:
        same = False
    if not same or not _URI.fullmatch(subject):
        raise _refused(f"the token's subject is no URI of {printable(issuer.domain)}", subject)
    return Subject(Identity(subject, issuer.url), x509.UniformResourceIdentifier(subject), subject)


def _refused(what: str, got: Json) -> RequestRefusedError:
    return RequestRefusedError(TOKEN_REFUSED, Reason.SUBJECT, what, status=401, got=printable(str(got)[:200]))
