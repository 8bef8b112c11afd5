"""Why a request is refused: a stable word for programs, a rule, a sentence, and an HTTP status."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from dbom.canonical import canonical_json
from dbom.errors import RefusedError

if TYPE_CHECKING:
    from dbom.rules import Rule

__all__ = ["Reason", "RequestRefusedError", "refusal_body"]


class Reason(StrEnum):
    """The reasons, as logs and answers name them."""

    MALFORMED = "malformed"
    TOKEN_MISSING = "token-missing"  # noqa: S105  no secret
    TOKEN_MALFORMED = "token-malformed"  # noqa: S105  no secret
    TOKEN_ALGORITHM = "token-algorithm"  # noqa: S105  no secret
    TOKEN_EXPIRED = "token-expired"  # noqa: S105  no secret
    TOKEN_NOT_YET_VALID = "token-not-yet-valid"  # noqa: S105  no secret
    TOKEN_SIGNATURE = "token-signature"  # noqa: S105  no secret
    TOKEN_KEY_UNKNOWN = "token-key-unknown"  # noqa: S105  no secret
    AUDIENCE = "audience"
    ISSUER_UNKNOWN = "issuer-unknown"
    ISSUER_UNREACHABLE = "issuer-unreachable"
    EMAIL_UNVERIFIED = "email-unverified"
    SUBJECT = "subject"
    KEY_UNUSABLE = "key-unusable"
    POSSESSION = "possession"
    ENTRY_KIND = "entry-kind"
    ENTRY_SIGNATURE = "entry-signature"
    ENTRY_CERTIFICATE = "entry-certificate"
    ENTRY_EXISTS = "entry-exists"
    ENTRY_MISSING = "entry-missing"
    TIME_STAMP = "time-stamp"


# google.rpc.Code, which Fulcio's answers hold beside the message.
_CODES: Final = {400: 3, 401: 16, 404: 5, 409: 6, 503: 14}


class RequestRefusedError(RefusedError):
    """A request that a service refuses; `status` is the HTTP status, `headers` go with the answer."""

    def __init__(
        self,
        rule: Rule,
        reason: Reason,
        what: str,
        *,
        status: int = 400,
        got: str | None = None,
        expected: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(rule, what, got=got, expected=expected)
        self.reason, self.status, self.headers = reason, status, headers


def refusal_body(error: RequestRefusedError) -> bytes:
    """Return the JSON that says so, in the form of Fulcio's and Rekor's errors, with `reason` and `rule` beside it."""
    sides = (("got", error.got), ("expected", error.expected))
    said = "".join(f"; {name}: {value}" for name, value in sides if value is not None)
    return canonical_json(
        {
            "code": _CODES.get(error.status, 2),
            "message": f"{error.what}{said}",
            "reason": error.reason,
            "rule": error.rule.id,
            "details": [],
        }
    )
