"""Identity tokens that the surroundings offer: a CI job, a cloud, a pod; or a person, in a browser.

sigstore's `detect_credential` asks GitHub, GitLab, GCP and Buildkite (the package `id`). Pods have a token in a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.signers.deadlines import within
from attest.signers.faults import ForeignFaults
from attest.signers.tokens import FileTokens, GivenToken, Token, TokenSource
from dbom.errors import UsageError
from dbom.rules.attestations import IDENTITY_TOKEN, REMOTE_SIGNING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

__all__ = [
    "FILE_VARIABLE",
    "POD_TOKEN_FILE",
    "TOKEN_VARIABLE",
    "AmbientTokens",
    "BrowserTokens",
    "ambient_token",
    "find_tokens",
    "offered_identity",
]

TOKEN_VARIABLE: Final = "SIGSTORE_ID_TOKEN"  # noqa: S105  the name of a variable
"""The environment variable in which Sigstore's clients look for an identity token."""

FILE_VARIABLE: Final = "DBOM_IDENTITY_TOKEN_FILE"
"""The environment variable that names a file with an identity token."""

POD_TOKEN_FILE: Final = Path("/var/run/sigstore/cosign/oidc-token")
"""Where cosign looks for a pod's projected token, and so do we."""

_MARKS: Final = (TOKEN_VARIABLE, FILE_VARIABLE, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GOOGLE_SERVICE_ACCOUNT_NAME")
_SECRETS: Final = ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", TOKEN_VARIABLE)
_PACKAGES: Final = ("sigstore", "id", "urllib3")
_DEADLINE_SECONDS: Final = 60.0
_BROWSER_SECONDS: Final = 300.0
_SPARE_SECONDS: Final = 60


def offered_identity(environment: Mapping[str, str], pod_token: Path = POD_TOKEN_FILE) -> str:
    """Return what of the surroundings offers an identity, in words, or an empty text where nothing does."""
    mark = next((mark for mark in _MARKS if environment.get(mark)), "")
    return mark or (str(pod_token) if pod_token.is_file() else "")


def find_tokens(
    environment: Mapping[str, str],
    *,
    token: str | None = None,
    token_file: Path | None = None,
    pod_token: Path = POD_TOKEN_FILE,
) -> TokenSource:
    """Return where tokens come from: what was given, else a variable, else what the surroundings offer."""
    if token is not None:
        return GivenToken(token, "--identity-token")
    if token_file is not None:
        return FileTokens(token_file)
    if environment.get(FILE_VARIABLE):
        return FileTokens(Path(environment[FILE_VARIABLE]))
    if environment.get(TOKEN_VARIABLE):
        return GivenToken(environment[TOKEN_VARIABLE], TOKEN_VARIABLE)
    return FileTokens(pod_token) if pod_token.is_file() else AmbientTokens(environment)


@dataclass(slots=True)
class AmbientTokens:
    """Tokens of a CI job or a cloud. One is used until shortly before it ends, then another is asked for."""

    environment: Mapping[str, str] = field(repr=False)
    _last: Token | None = field(default=None, repr=False)

    def token(self, now: datetime) -> Token:
        """Return a token that holds now; otherwise as `TokenSource.token`."""
        if self._last is None or (self._last.ends - now).total_seconds() < _SPARE_SECONDS:
            found = ambient_token(self.environment)
            if not found:
                raise UsageError(IDENTITY_TOKEN, "there is no identity token to sign with")
            self._last = Token.parse(found, where="the surroundings' identity token", now=now)
        return self._last


def ambient_token(environment: Mapping[str, str]) -> str | None:
    """Return the identity token that the surroundings offer (CI, cloud), or None where they offer none.

    Raises `SigningError` where they should and don't: a permission that is missing must not go unnoticed.
    """
    from sigstore.oidc import detect_credential  # noqa: PLC0415  heavy

    secrets = tuple(environment[name] for name in _SECRETS if environment.get(name))
    what = "the identity that these surroundings offer could not be had"
    with ForeignFaults(REMOTE_SIGNING, what, _PACKAGES, secrets=secrets):
        return within(_DEADLINE_SECONDS, detect_credential)


@dataclass(slots=True)
class BrowserTokens:
    """Tokens of a person who signs in with a browser, at the OIDC issuer that `issuer_url` gives the address of.

    `is_interactive` says whether there is a person; without one nobody is waited for.
    """

    issuer_url: Callable[[], str] = field(repr=False)
    is_interactive: bool
    deadline: float = _BROWSER_SECONDS
    _last: Token | None = field(default=None, repr=False)

    def token(self, now: datetime) -> Token:
        """Return the token of a sign-in, which is used as long as it holds; otherwise as `TokenSource.token`."""
        if self._last is None or self._last.ends <= now:
            if not self.is_interactive:
                raise UsageError(
                    IDENTITY_TOKEN,
                    "nobody is at a terminal to sign in with a browser",
                    hint="give a token with SIGSTORE_ID_TOKEN or --identity-token-file",
                )
            self._last = Token.parse(self._signed_in(), where="the sign-in's identity token", now=now)
        return self._last

    def _signed_in(self) -> str:
        from sigstore.oidc import Issuer  # noqa: PLC0415  heavy

        with ForeignFaults(REMOTE_SIGNING, "the sign-in did not end with a token", _PACKAGES):
            try:
                return within(self.deadline, lambda: str(Issuer(self.issuer_url()).identity_token()))
            except KeyError as error:  # sigstore's, of an answer in which something is missing
                raise ValueError(f"the issuer's answer has no {error}") from error
