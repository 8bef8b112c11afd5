"""Fulcio's API, version 2, as clients use it: a certificate for a token and a key (sigstore/fulcio, fulcio.proto)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import Encoding

from attest.served.possession import possessed_key
from attest.served.refusing import Reason, RequestRefusedError
from attest.served.token_checking import check_token
from dbom.canonical import canonical_json, json_object
from dbom.errors import DocumentError
from dbom.rules.local import POSSESSION_REFUSED, TOKEN_REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from cryptography import x509

    from attest.identity import Identity
    from attest.local.issuing import CertificateAuthority
    from attest.served.issuers import Issuer
    from attest.served.keysets import IssuerKey
    from dbom.canonical import JsonObject

__all__ = ["Certifier"]

_MAX_REQUEST: Final = 64 * 1024
_BEARER: Final = "bearer "


@dataclass(frozen=True, slots=True)
class Certifier:
    """Issues certificates for checked tokens of configured issuers. `keys` gives an issuer's keys for a key id."""

    authority: CertificateAuthority
    issuers: Mapping[str, Issuer]
    keys: Callable[[Issuer, str], Sequence[IssuerKey]] = field(repr=False)
    # Writers of one process needn't wait for each other's files.
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def certify(self, body: bytes, authorization: str, now: datetime) -> tuple[bytes, Identity]:
        """Return the answer to `POST /api/v2/signingCert`, the certificates in PEM from leaf to root, and for whom.

        `authorization` is that header. Raises `RequestRefusedError`; `SigningError` and `PathError` where the
        certificate log can't be written.
        """
        try:
            request = json_object(body, where="the request", limit=_MAX_REQUEST)
        except DocumentError as error:
            raise RequestRefusedError(POSSESSION_REFUSED, Reason.MALFORMED, error.what) from error
        token = check_token(_token(request, authorization), self.issuers, self.keys, now)
        key = possessed_key(request, token.subject.possessed)
        moment = now.replace(microsecond=0)
        with self._lock:
            leaf = self.authority.issue(token.subject.name, token.issuer.url, key=key, now=moment)
        chain: JsonObject = {"certificates": [_pem(item) for item in (leaf, *self.authority.chain)]}
        return canonical_json({"signedCertificateEmbeddedSct": {"chain": chain}}), token.subject.identity

    def trust_bundle(self) -> bytes:
        """Return the answer to `GET /api/v2/trustBundle`."""
        return canonical_json({"chains": [{"certificates": [_pem(item) for item in self.authority.chain]}]})

    def configuration(self) -> bytes:
        """Return the answer to `GET /api/v2/configuration`: the issuers, and what is signed to show possession."""
        claims = {"email": "email"}
        return canonical_json(
            {
                "issuers": [
                    {
                        "issuerUrl": issuer.url,
                        "audience": issuer.audience,
                        "challengeClaim": claims.get(issuer.kind, "sub"),
                        "spiffeTrustDomain": "",
                        "issuerType": str(issuer.kind),
                        "subjectDomain": issuer.domain,
                    }
                    for issuer in self.issuers.values()
                ]
            }
        )


def _token(request: JsonObject, authorization: str) -> str:
    """Return the token: that of the header, or the one in the request. The header counts where there are both."""
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    credentials = request.get("credentials")
    token = credentials.get("oidcIdentityToken") if isinstance(credentials, dict) else None
    if not isinstance(token, str) or not token:
        raise RequestRefusedError(TOKEN_REFUSED, Reason.TOKEN_MISSING, "there is no identity token", status=401)
    return token


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")
