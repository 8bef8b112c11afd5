"""The options that say who signs, and the signer that they mean: the same for `sign` and `run`."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.session import current_session, current_settings

if TYPE_CHECKING:
    from attest.signing import Choice, Signer

__all__ = [
    "PASSWORD_VARIABLE",
    "IdentityTokenOption",
    "LocalOption",
    "PublicOption",
    "SigningKeyOption",
    "TrustConfigOption",
    "ask_password",
    "choice_of_flags",
    "current_time",
    "signer_of",
    "signer_of_flags",
]

PASSWORD_VARIABLE = "DBOM_KEY_PASSWORD"  # noqa: S105  the name of a variable
"""The environment variable that a key's password is read from."""

SigningKeyOption = Annotated[
    Path | None,
    typer.Option("--signing-key", metavar="KEY", help="Sign with this private key (PEM), and nothing else."),
]
TrustConfigOption = Annotated[
    Path | None,
    typer.Option("--trust-config", metavar="FILE", help="Sign keyless, with the Sigstore of this ClientTrustConfig."),
]
IdentityTokenOption = Annotated[
    str | None,
    typer.Option(
        "--identity-token",
        metavar="TOKEN",
        help="Sign keyless as this OIDC token says; better in SIGSTORE_ID_TOKEN, since others can see command lines.",
        show_default=False,
    ),
]
PublicOption = Annotated[
    bool,
    typer.Option("--public", help="Sign keyless, with the public Sigstore: its log shows what you sign to everybody."),
]
LocalOption = Annotated[
    bool, typer.Option("--local", help="Sign as this machine's local identity, only as good as this machine.")
]


def signer_of_flags(
    *,
    signing_key: Path | None,
    trust_config: Path | None,
    identity_token: str | None,
    local: bool,
    public: bool = False,
) -> Signer:
    """Return the signer that these flags, the settings and the environment mean; errors as in `open_signer`."""
    return signer_of(
        choice_of_flags(
            signing_key=signing_key,
            trust_config=trust_config,
            identity_token=identity_token,
            local=local,
            public=public,
        )
    )


def choice_of_flags(
    *,
    signing_key: Path | None,
    trust_config: Path | None,
    identity_token: str | None,
    local: bool,
    public: bool = False,
) -> Choice:
    """Return what flags say about who signs; where they say nothing, what the settings say.

    A flag replaces the settings as a whole, so that --local is never at odds with a configured key; a token given
    alone is for the configured Sigstore. Among settings the key goes first.
    """
    from attest.signing import Choice

    settings = current_settings()
    config = Path(settings.trust_config) if settings.trust_config else None
    if signing_key is not None or trust_config is not None or local or public:
        return Choice(
            signing_key=signing_key,
            trust_config=trust_config,
            identity_token=identity_token,
            local=local,
            public=public,
        )
    if identity_token is not None:
        return Choice(trust_config=config, identity_token=identity_token)
    if settings.signing_key:
        return Choice(signing_key=Path(settings.signing_key))
    return Choice(trust_config=config)


def signer_of(choice: Choice) -> Signer:
    """Return the signer that was chosen, ready to sign; its errors are those of `open_signer`."""
    from attest.signing import open_signer

    return open_signer(
        os.environ, choice, now=current_time, ask_password=ask_password, offline=current_session().offline
    )


def current_time() -> datetime:
    """Return the time of this machine's clock. Signatures are never dated by SOURCE_DATE_EPOCH."""
    return datetime.now(UTC)


def ask_password(*, again: bool = False) -> str | None:
    """Return a key's password: from the environment, or from the person at the terminal; None where there is neither.

    With `again`, the person is asked twice and None is also the answer where the two differ.
    """
    given = os.environ.get(PASSWORD_VARIABLE)
    if given:
        return given
    if not sys.stdin.isatty():
        return None
    first = getpass("Password of the key: ")
    return None if again and getpass("Once more: ") != first else first or None
