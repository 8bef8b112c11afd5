"""Who signed, and whom we expect: identities, keys and the patterns that match them.

Patterns are RE2 (linear time, no surprises in a webhook) and match in full or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from dbom.errors import DocumentError, UsageError
from dbom.printable import printable
from dbom.rules.attestations import IDENTITY_MALFORMED

if TYPE_CHECKING:
    import re2

__all__ = ["Identity", "IdentityPattern", "KeyIdentity", "Pattern"]


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """A signer vouched for by an OIDC issuer, as a Fulcio-style certificate states it."""

    subject: str
    issuer: str

    def __str__(self) -> str:
        return f"{printable(self.subject)} (issuer {printable(self.issuer)})"


@dataclass(frozen=True, slots=True, order=True)
class KeyIdentity:
    """A signer known by nothing but a key: the sha256 in hex of its DER SubjectPublicKeyInfo."""

    spki_sha256: str

    def __str__(self) -> str:
        return f"key sha256:{self.spki_sha256}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text to be equal to, or an RE2 expression to match in full."""

    text: str
    is_expression: bool = False

    def __post_init__(self) -> None:
        if self.is_expression:
            _fullmatch(self.text, "")

    def matches(self, value: str) -> bool:
        """Return whether `value` is the text, or matches the whole expression."""
        return _fullmatch(self.text, value) if self.is_expression else value == self.text

    @property
    def size(self) -> int:
        """How many instructions RE2 makes of the expression; none of a text."""
        return int(_compiled(self.text).programsize) if self.is_expression else 0

    def __str__(self) -> str:
        return f"/{printable(self.text)}/" if self.is_expression else printable(self.text)


@dataclass(frozen=True, slots=True)
class IdentityPattern:
    """An expected identity: subject and issuer, each exact or by expression. Both must match."""

    subject: Pattern
    issuer: Pattern

    @classmethod
    def exact(cls, subject: str, issuer: str) -> Self:
        """Return the pattern that matches just this identity. Raises `UsageError` where either is empty."""
        if not subject or not issuer:
            raise UsageError(IDENTITY_MALFORMED, "an expected identity needs a subject and an issuer")
        return cls(Pattern(subject), Pattern(issuer))

    def matches(self, identity: Identity) -> bool:
        """Return whether both the subject and the issuer match."""
        return self.subject.matches(identity.subject) and self.issuer.matches(identity.issuer)

    def __str__(self) -> str:
        return f"{self.subject} (issuer {self.issuer})"


def _fullmatch(expression: str, value: str) -> bool:
    return _compiled(expression).fullmatch(value) is not None


def _compiled(expression: str) -> re2._Regexp:
    import re2  # noqa: PLC0415  only expressions pay for it

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        raise DocumentError(
            IDENTITY_MALFORMED, f"not an RE2 expression: {printable(str(error))}", where=printable(expression)
        ) from error
