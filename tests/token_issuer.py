"""An OIDC issuer in memory: its two documents, by address, and tokens signed by its keys, good ones and others."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from dbom.errors import SigningError
from dbom.rules.attestations import REMOTE_SIGNING

if TYPE_CHECKING:
    from datetime import datetime

    from attest.served.issuers import Issuer

__all__ = ["Key", "TokenIssuer", "encoded", "jwk", "new_key"]

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_ALGORITHMS: dict[type, jwt.algorithms.Algorithm] = {
    rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256),
    ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256),
    ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm(),
}


def new_key(algorithm: str) -> Key:
    """Return a new key for tokens of this algorithm."""
    curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
    if algorithm in curves:
        return ec.generate_private_key(curves[algorithm])
    return ed25519.Ed25519PrivateKey.generate() if algorithm == "EdDSA" else rsa.generate_private_key(65537, 2048)


def jwk(key: Key, **said: str) -> dict[str, Any]:
    """Return the public half as a key of a key set."""
    kind = next(kind for kind in _ALGORITHMS if isinstance(key, kind))
    written = _ALGORITHMS[kind].to_jwk(key.public_key(), as_dict=True)
    assert isinstance(written, dict)
    written.pop("key_ops", None)
    return {**written, **said}


def encoded(header: object, claims: object, signature: bytes = b"") -> str:
    """Return a token made by hand."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@dataclass
class TokenIssuer:
    """An issuer with one key; `documents` may be changed, and `asked` tells which were fetched."""

    now: datetime
    url: str = "https://issuer.example"
    algorithm: str = "RS256"
    documents: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = new_key(self.algorithm)
        self.publish(jwk(self.key, kid="one"))

    def publish(self, *keys: dict[str, Any], **said: str) -> None:
        """Publish these keys, in a discovery document that may say something else than it should."""
        discovery = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **said}
        self.documents = {
            f"{self.url}/.well-known/openid-configuration": json.dumps(discovery).encode(),
            f"{self.url}/keys": json.dumps({"keys": keys}).encode(),
        }

    def fetch(self, issuer: Issuer, url: str) -> bytes:
        """Return a document, as whoever fetches it over HTTP would get it."""
        self.asked.append(url)
        if issuer.url != self.url or url not in self.documents:
            raise SigningError(REMOTE_SIGNING, "the service refused: HTTP 404")
        return self.documents[url]

    def claims(self, **said: object) -> dict[str, object]:
        """Return the claims of a good token about a person, but for what is said otherwise; None leaves one out."""
        seconds = int(self.now.timestamp())
        good = {
            "iss": self.url,
            "aud": "sigstore",
            "sub": "a-person",
            "email": "someone@example.com",
            "email_verified": True,
            "iat": seconds,
            "nbf": seconds,
            "exp": seconds + 300,
            **said,
        }
        return {name: value for name, value in good.items() if value is not None}

    def token(self, *, by: Key | None = None, header: dict[str, object] | None = None, **said: object) -> str:
        """Return a token with these claims, signed by this issuer's key or another."""
        return jwt.encode(
            self.claims(**said), by or self.key, algorithm=self.algorithm, headers={"kid": "one", **(header or {})}
        )
