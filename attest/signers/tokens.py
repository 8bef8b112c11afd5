"""OIDC identity tokens: where they come from, and whether they can be sent to an authority.

A token is a secret: it stands in no message, no log line and no `repr`. It is read here without being verified, which
is the authority's business; what can't succeed, or would be sent to the wrong place, is said before it is sent.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol, Self

from attest.files import read_file
from dbom.canonical import json_object
from dbom.errors import DocumentError, UsageError
from dbom.printable import printable
from dbom.rules.attestations import IDENTITY_TOKEN, TOKEN_AUDIENCE, TOKEN_EXPIRED

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import JsonObject

__all__ = ["AUDIENCE", "FileTokens", "GivenToken", "Token", "TokenSource"]

AUDIENCE: Final = "sigstore"
"""The audience that tokens for a Sigstore are made for."""

_MAX_TOKEN_BYTES: Final = 64 * 1024
_LEEWAY_SECONDS: Final = 5
_MAX_SECONDS: Final = 253402300799  # the last second of the year 9999, which is as far as datetime goes


class TokenSource(Protocol):
    """Something that gives identity tokens."""

    def token(self, now: datetime) -> Token:
        """Return a token that holds now. Raises `UsageError` for an unusable one, `SigningError` where none is had."""


@dataclass(frozen=True, slots=True)
class Token:
    """An identity token (a signed JWT in compact form), and what it claims, which nobody has verified here."""

    raw: str = field(repr=False)
    subject: str
    issuer: str
    claims: JsonObject = field(repr=False)

    @classmethod
    def parse(cls, text: str, *, where: str, now: datetime) -> Self:
        """Read a token; white space around it, as the newline that files end with, is no part of it.

        Raises `UsageError` where it isn't a token, has ended or not begun, or is for another audience.
        """
        raw = text.strip()
        claims = _claims(raw, where)
        subject, issuer = claims.get("sub"), claims.get("iss")
        if not isinstance(subject, str) or not isinstance(issuer, str) or not subject or not issuer:
            raise UsageError(IDENTITY_TOKEN, "the identity token names no subject or no issuer", where=where)
        _check_audience(claims, where)
        _check_time(claims, where, now)
        return cls(raw, subject, issuer, claims)

    @property
    def vouched_issuer(self) -> str:
        """The issuer that a certificate names for it: the one behind a federating issuer, where it says so."""
        federated = self.claims.get("federated_claims")
        behind = federated.get("connector_id") if isinstance(federated, dict) else None
        return behind if isinstance(behind, str) and behind else self.issuer

    @property
    def ends(self) -> datetime:
        """When it ends."""
        return _moment(self.claims.get("exp")) or datetime.min.replace(tzinfo=UTC)

    def __str__(self) -> str:
        return f"{printable(self.subject)} (issuer {printable(self.issuer)})"


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token that was given, once; `where` says how."""

    text: str = field(repr=False)
    where: str

    def token(self, now: datetime) -> Token:
        """Return it, as long as it holds."""
        return Token.parse(self.text, where=self.where, now=now)


@dataclass(frozen=True, slots=True)
class FileTokens:
    """A file that holds a token and is renewed by somebody else: a projected token of Kubernetes, a JWT-SVID.

    It is read anew each time.
    """

    path: Path

    def token(self, now: datetime) -> Token:
        """Return what the file holds now. Raises `PathError` where it can't be read; else as `TokenSource.token`."""
        data = read_file(self.path, limit=_MAX_TOKEN_BYTES, what="identity token")
        return Token.parse(data.decode("ascii", "replace"), where=printable(str(self.path)), now=now)


def _claims(raw: str, where: str) -> JsonObject:
    parts = raw.split(".")
    try:
        if len(parts) != 3 or not all(parts):  # noqa: PLR2004  header, claims and signature (RFC 7515, section 7.1)
            raise ValueError  # noqa: TRY301  one answer for all that isn't a token
        data = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True)
        return json_object(data, where=where, limit=_MAX_TOKEN_BYTES)
    except (ValueError, binascii.Error, DocumentError):
        raise UsageError(IDENTITY_TOKEN, "not an identity token (a JWT of three parts)", where=where) from None


def _check_audience(claims: JsonObject, where: str) -> None:
    given = claims.get("aud")
    audiences = given if isinstance(given, list) else [given]
    if AUDIENCE not in audiences:
        said = ", ".join(str(item) for item in audiences if item is not None) or "none"
        raise UsageError(
            TOKEN_AUDIENCE,
            "the identity token is for another audience",
            where=where,
            got=printable(said),
            expected=AUDIENCE,
        )


def _check_time(claims: JsonObject, where: str, now: datetime) -> None:
    end, start = _moment(claims.get("exp")), _moment(claims.get("nbf"))
    if end is None:
        raise UsageError(TOKEN_EXPIRED, "the identity token doesn't say when it ends", where=where)
    if end <= now:
        raise UsageError(
            TOKEN_EXPIRED, f"the identity token ended at {_shown(end)}", where=where, got=f"now {_shown(now)}"
        )
    if start is not None and (start - now).total_seconds() > _LEEWAY_SECONDS:
        raise UsageError(
            TOKEN_EXPIRED, f"the identity token begins at {_shown(start)}", where=where, got=f"now {_shown(now)}"
        )


def _moment(value: object) -> datetime | None:
    """Return a NumericDate (RFC 7519, section 2) as a time, or None where it isn't one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MAX_SECONDS:
        return None
    return datetime.fromtimestamp(value, UTC)


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
