"""Checking an identity token: who may speak, for whom, to whom, and when. Nothing is believed before its signature.

RFC 7519 and RFC 8725 (best practice), OpenID Connect Core 1.0, section 3.1.3.7. The steps are numbered. The signature
itself is PyJWT's.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from attest.served.keysets import ALGORITHMS
from attest.served.refusing import Reason, RequestRefusedError
from attest.served.subjects import Subject, subject_of
from dbom.canonical import json_object
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.local import TOKEN_REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from attest.served.issuers import Issuer
    from attest.served.keysets import IssuerKey
    from dbom.canonical import Json, JsonObject

__all__ = ["CheckedToken", "check_token"]

_MAX_BYTES: Final = 16 * 1024
_SKEW: Final = timedelta(seconds=60)
_MAX_SECONDS: Final = 253402300799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class CheckedToken:
    """A token that was checked: its issuer, and whom it is about. Only `check_token` makes one."""

    issuer: Issuer
    subject: Subject
    claims: JsonObject = field(repr=False)


def check_token(
    raw: str,
    issuers: Mapping[str, Issuer],
    keys: Callable[[Issuer, str], Sequence[IssuerKey]],
    now: datetime,
) -> CheckedToken:
    """Check a token (a signed JWT in compact form). `keys` gives an issuer's keys for a key id.

    Raises `RequestRefusedError`, which says what doesn't hold and never holds the token.
    """
    header, claims = _parts(raw)
    # 1. An algorithm of public keys, and nothing in the header that has to be understood (RFC 7515, section 4.1.11).
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _refused(
            Reason.TOKEN_ALGORITHM, "this algorithm isn't taken", got=_shown(algorithm), expected=", ".join(ALGORITHMS)
        )
    if "crit" in header:
        raise _refused(Reason.TOKEN_ALGORITHM, "the token's header demands extensions that aren't known here")
    # 2. An issuer that is configured, by its exact text.
    named = claims.get("iss")
    issuer = issuers.get(named) if isinstance(named, str) else None
    if issuer is None:
        raise _refused(Reason.ISSUER_UNKNOWN, "this issuer isn't configured", got=_shown(named))
    # 3. A signature by a key that this issuer publishes.
    claims = _signed_claims(raw, algorithm, keys(issuer, _key_id(header)))
    # 4. For this audience, and 5. for now.
    _check_audience(claims.get("aud"), issuer)
    _check_time(claims, now)
    # 6. About somebody whom this issuer may speak of.
    return CheckedToken(issuer, subject_of(issuer, claims), claims)


def _parts(raw: str) -> tuple[JsonObject, JsonObject]:
    """Return header and claims, which nobody has verified."""
    parts = raw.split(".")
    if len(raw) > _MAX_BYTES or len(parts) != 3:  # noqa: PLR2004  header, claims and signature (RFC 7515, section 7.1)
        raise _refused(Reason.TOKEN_MALFORMED, "not a signed token of three parts and at most 16 KiB")
    try:
        header, claims = (_object(part) for part in parts[:2])
    except (ValueError, binascii.Error, DocumentError):
        raise _refused(Reason.TOKEN_MALFORMED, "the token's parts aren't JSON objects") from None
    return header, claims


def _object(part: str) -> JsonObject:
    data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    return json_object(data, where="the token", limit=_MAX_BYTES)


def _key_id(header: JsonObject) -> str:
    key_id = header.get("kid", "")
    if not isinstance(key_id, str):
        raise _refused(Reason.TOKEN_MALFORMED, "the token's key id isn't a text")
    return key_id


def _signed_claims(raw: str, algorithm: str, keys: Sequence[IssuerKey]) -> JsonObject:
    fitting = [key for key in keys if key.signs_with(algorithm)]
    if not fitting:
        raise _refused(Reason.TOKEN_KEY_UNKNOWN, "the issuer publishes no such key for this algorithm")
    payload = next((found for key in fitting if (found := key.payload_of(raw, algorithm)) is not None), None)
    if payload is None:
        raise _refused(Reason.TOKEN_SIGNATURE, "the token isn't signed by its issuer")
    try:
        return json_object(payload, where="the token", limit=_MAX_BYTES)
    except DocumentError:
        raise _refused(Reason.TOKEN_MALFORMED, "the token's claims aren't a JSON object") from None


def _check_audience(said: Json, issuer: Issuer) -> None:
    audiences = said if isinstance(said, list) else [said]
    if issuer.audience not in audiences:
        raise _refused(
            Reason.AUDIENCE, "the token is for another audience", got=_shown(said), expected=printable(issuer.audience)
        )


def _check_time(claims: JsonObject, now: datetime) -> None:
    end = _moment(claims.get("exp"))
    if end is None or end <= now:
        what = "the token doesn't say when it ends" if end is None else f"the token ended at {end.isoformat()}"
        raise _refused(Reason.TOKEN_EXPIRED, what, got=f"now {now.isoformat()}")
    for name in ("nbf", "iat"):
        if name not in claims:
            continue
        start = _moment(claims[name])
        if start is None or start - now > _SKEW:
            what = f"the token's {name} is in the future, or is no time"
            raise _refused(Reason.TOKEN_NOT_YET_VALID, what, got=_shown(claims[name]))


def _moment(value: Json) -> datetime | None:
    """Return a NumericDate (RFC 7519, section 2) as a time, or None where it isn't one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MAX_SECONDS:
        return None
    return datetime.fromtimestamp(value, UTC)


def _shown(value: Json) -> str:
    return printable(str(value)[:200])


def _refused(reason: Reason, what: str, *, got: str | None = None, expected: str | None = None) -> RequestRefusedError:
    return RequestRefusedError(TOKEN_REFUSED, reason, what, status=401, got=got, expected=expected)
