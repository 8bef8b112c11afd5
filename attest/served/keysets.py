"""The keys that issuers sign their tokens with: fetched from the issuer itself, kept for a while, fetched anew early.

OpenID Connect Discovery 1.0, sections 3 and 4 (the discovery document, which must name the very issuer), and RFC 7517
(key sets). What is fetched is bounded in size and time, redirects aren't followed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from attest.files import read_file
from attest.served.issuers import is_loopback
from attest.served.refusing import Reason, RequestRefusedError
from attest.signers.transport import Transport
from dbom.canonical import json_object
from dbom.errors import DocumentError, PathError, SigningError
from dbom.printable import printable
from dbom.rules.local import TOKEN_REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attest.served.issuers import Issuer
    from dbom.canonical import JsonObject

__all__ = ["ALGORITHMS", "IssuerKey", "KeySets", "PublicKey", "fetch_document", "keys_of"]

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
"""A key that tokens are signed with."""

MAX_AGE: Final = 300.0
"""How many seconds keys are kept: this long after an issuer drops a key, tokens by it aren't taken any more."""

PAUSE: Final = 5.0
"""How many seconds lie at least between two questions to one issuer, whatever tokens name."""

_EC: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
_RSA: Final = ("RS256", "RS384", "RS512")
_ED: Final = ("EdDSA",)
ALGORITHMS: Final = (*_RSA, *_EC, *_ED)
"""The algorithms of tokens that are taken, all of public keys: never `none`, never one of a shared secret."""

_DEADLINE: Final = 4.0
_MOST_KEYS: Final = 100
_MIN_RSA_BITS: Final = 2048
_MAX_BYTES: Final = 512 * 1024
_MAX_TOKEN: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A public key, the id that tokens name it by, and the one algorithm it is for; texts are empty where unsaid."""

    key: PublicKey = field(repr=False)
    key_id: str = ""
    algorithm: str = ""

    def signs_with(self, algorithm: str) -> bool:
        """Return whether this key may sign tokens of this algorithm: by its kind, its curve and what it says itself."""
        return self.algorithm in ("", algorithm) and algorithm in _algorithms(self.key)

    def payload_of(self, token: str, algorithm: str) -> bytes | None:
        """Return what a token holds that this key signed, or None where it didn't."""
        try:
            payload: bytes = jwt.PyJWS().decode(token, self.key, algorithms=[algorithm])
        except jwt.PyJWTError:
            return None
        return payload


@dataclass(slots=True)
class _Kept:
    keys: tuple[IssuerKey, ...] = ()
    fetched: float | None = None
    asked: float | None = None
    fault: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class KeySets:
    """Keeps each issuer's keys. `fetch` gets a document of an issuer's, `clock` tells seconds that never go back."""

    def __init__(self, clock: Callable[[], float], fetch: Callable[[Issuer, str], bytes] | None = None) -> None:
        self._clock, self._fetch = clock, fetch or fetch_document
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def keys(self, issuer: Issuer, key_id: str) -> tuple[IssuerKey, ...]:
        """Return the keys that a token naming `key_id` may be signed with: that one, or all where it names none.

        An id that isn't known has the keys fetched anew. Raises `RequestRefusedError` where the issuer can't be asked.
        """
        with self._lock:
            kept = self._kept.setdefault(issuer.url, _Kept())
        # Who has a known key needn't wait while somebody else's unknown one makes us ask a slow issuer.
        known = _named(kept.keys, key_id) if self._is_fresh(kept) else ()
        if known:
            return known
        with kept.lock:
            now, fresh = self._clock(), self._is_fresh(kept)
            if (not fresh or not _named(kept.keys, key_id)) and (kept.asked is None or now - kept.asked >= PAUSE):
                self._renew(kept, issuer)
                fresh = self._is_fresh(kept)
            if not fresh:
                raise RequestRefusedError(
                    TOKEN_REFUSED,
                    Reason.ISSUER_UNREACHABLE,
                    f"the issuer's keys aren't to be had: {kept.fault}",
                    status=503,
                )
            return _named(kept.keys, key_id)

    def _is_fresh(self, kept: _Kept) -> bool:
        return kept.fetched is not None and self._clock() - kept.fetched < MAX_AGE

    def _renew(self, kept: _Kept, issuer: Issuer) -> None:
        try:
            kept.keys, kept.fault = self._fetched(issuer), ""
            kept.fetched = self._clock()
        except (SigningError, DocumentError, PathError) as error:
            # Keys that are still fresh stay, as if nobody had asked.
            kept.fault = error.what
        kept.asked = self._clock()

    def _fetched(self, issuer: Issuer) -> tuple[IssuerKey, ...]:
        where = printable(issuer.url)
        address = f"{issuer.url.rstrip('/')}/.well-known/openid-configuration"
        discovery = json_object(self._fetch(issuer, address), where=where, limit=_MAX_BYTES)
        if discovery.get("issuer") != issuer.url:
            raise DocumentError(TOKEN_REFUSED, "its discovery document names another issuer", where=where)
        uri = discovery.get("jwks_uri")
        if not isinstance(uri, str) or not _fetchable(uri):
            raise DocumentError(TOKEN_REFUSED, "its keys have no https address", where=where)
        return keys_of(json_object(self._fetch(issuer, uri), where=where, limit=_MAX_BYTES), where=where)


def fetch_document(issuer: Issuer, url: str) -> bytes:
    """Fetch a document of an issuer's. Raises `SigningError` where it can't be had, `PathError` for a token's file."""
    token = issuer.token_file
    bearer = None
    if token is not None and urlsplit(url).scheme == "https":
        said = read_file(token, limit=_MAX_TOKEN, what="token").decode("ascii", "replace").strip()
        bearer = said.__str__
    return Transport(_DEADLINE, ca_file=issuer.ca_file, bearer=bearer).get(url).body


def keys_of(document: JsonObject, *, where: str) -> tuple[IssuerKey, ...]:
    """Return the keys of a key set that can verify tokens; others, private and secret ones too, are left out.

    Raises `DocumentError` where it is no key set, or holds too many.
    """
    items = document.get("keys")
    if not isinstance(items, list) or len(items) > _MOST_KEYS:
        raise DocumentError(TOKEN_REFUSED, f"not a set of at most {_MOST_KEYS} keys", where=where)
    found = [_key(item) for item in items if isinstance(item, dict)]
    return tuple(key for key in found if key is not None)


def _key(item: JsonObject) -> IssuerKey | None:
    if item.get("use", "sig") != "sig" or "d" in item or "k" in item:
        return None
    try:
        key = jwt.PyJWK(dict(item)).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        return None
    if not isinstance(key, PublicKey):
        return None
    texts = [value if isinstance(value := item.get(name), str) else "" for name in ("kid", "alg")]
    return IssuerKey(key, *texts)


def _algorithms(key: PublicKey) -> tuple[str, ...]:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return tuple(name for name, curve in _EC.items() if curve == key.curve.name)
    return _RSA if isinstance(key, rsa.RSAPublicKey) else _ED


def _named(keys: Sequence[IssuerKey], key_id: str) -> tuple[IssuerKey, ...]:
    return tuple(key for key in keys if not key_id or key.key_id == key_id)


def _fetchable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    except ValueError:
        return False
