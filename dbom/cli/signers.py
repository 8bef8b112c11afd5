"""The options that say who signs, and the signer that they mean: the same for every command that signs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.flags import with_flags
from dbom.cli.session import current_session, current_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from attest.signers.signing import Choice, Signer

__all__ = [
    "PASSWORD_VARIABLE",
    "BrowserOption",
    "CertificateChainOption",
    "IdentityTokenFileOption",
    "IdentityTokenOption",
    "LocalOption",
    "PublicOption",
    "SignerFlags",
    "SigningKeyOption",
    "TimestampUrlOption",
    "TrustConfigOption",
    "ask_password",
    "ask_pin",
    "choice_of_flags",
    "current_time",
    "signer_of",
    "with_signer_flags",
]

PASSWORD_VARIABLE = "DBOM_KEY_PASSWORD"  # noqa: S105  the name of a variable
"""The environment variable that a key's password is read from."""

_PANEL = "Who signs"

SigningKeyOption = Annotated[
    str | None,
    typer.Option(
        "--signing-key",
        metavar="KEY",
        help="Sign with this private key: a PEM file, or the URI of a key in a device or service (awskms:, gcpkms:,"
        " azurekms:, hv:, hsm:, pkcs11:). --trust-config or --local beside it has the signature logged and dated.",
        rich_help_panel=_PANEL,
    ),
]
CertificateChainOption = Annotated[
    Path | None,
    typer.Option(
        "--certificate-chain",
        metavar="FILE",
        help="With --signing-key: sign by the certificate that your own authority gave the key (PEM, signer first).",
        rich_help_panel=_PANEL,
    ),
]
TimestampUrlOption = Annotated[
    str | None,
    typer.Option(
        "--timestamp-url",
        metavar="URL",
        help="With --signing-key: have the signature dated here (RFC 3161).",
        rich_help_panel=_PANEL,
    ),
]
TrustConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--trust-config",
        metavar="FILE",
        help="Sign keyless, with the Sigstore of this ClientTrustConfig.",
        rich_help_panel=_PANEL,
    ),
]
IdentityTokenOption = Annotated[
    str | None,
    typer.Option(
        "--identity-token",
        metavar="TOKEN",
        help="Sign keyless as this OIDC token says; better in SIGSTORE_ID_TOKEN, since others can see command lines.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
IdentityTokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--identity-token-file",
        metavar="FILE",
        help="Sign keyless as the OIDC token in this file says (a pod's projected token, a JWT-SVID); read anew for"
        " each signature.",
        rich_help_panel=_PANEL,
    ),
]
BrowserOption = Annotated[
    bool,
    typer.Option(
        "--browser",
        help="Sign keyless as whom you sign in as, in a web browser, at the issuer.",
        rich_help_panel=_PANEL,
    ),
]
PublicOption = Annotated[
    bool,
    typer.Option(
        "--public",
        help="Sign keyless, with the public Sigstore: its log shows what you sign to everybody.",
        rich_help_panel=_PANEL,
    ),
]
LocalOption = Annotated[
    bool,
    typer.Option(
        "--local", help="Sign as this machine's local identity, only as good as this machine.", rich_help_panel=_PANEL
    ),
]


@dataclass(frozen=True, slots=True)
class SignerFlags:
    """What the person at the command line says of who signs."""

    signing_key: str | None = None
    certificate_chain: Path | None = None
    timestamp_url: str | None = None
    trust_config: Path | None = None
    identity_token: str | None = field(default=None, repr=False)
    identity_token_file: Path | None = None
    browser: bool = False
    public: bool = False
    local: bool = False

    def choice(self) -> Choice:
        """Return what the flags say; where they say nothing, what the settings say. As in `choice_of_flags`."""
        return choice_of_flags(
            signing_key=self.signing_key,
            certificate_chain=self.certificate_chain,
            timestamp_url=self.timestamp_url,
            trust_config=self.trust_config,
            identity_token=self.identity_token,
            identity_token_file=self.identity_token_file,
            browser=self.browser,
            public=self.public,
            local=self.local,
        )

    def signer(self) -> Signer:
        """Return the signer that is meant, ready to sign; errors as in `open_signer`."""
        return signer_of(self.choice())

    def late_signer(self) -> Signer:
        """Return the signer that is meant, for a server: opened when it is first needed, and anew after it failed.

        A person at the terminal is asked at once, since nobody is there later. Raises `UsageError` for flags that don't
        go together.
        """
        from attest.signers.late import LateSigner
        from attest.signers.signing import choose_signer

        choice = self.choice()
        choose_signer(os.environ, choice)
        return LateSigner(lambda: signer_of(choice), signer_of(choice) if sys.stdin.isatty() else None)


_FLAGS: Mapping[str, object] = {
    "signing_key": SigningKeyOption,
    "certificate_chain": CertificateChainOption,
    "timestamp_url": TimestampUrlOption,
    "trust_config": TrustConfigOption,
    "identity_token": IdentityTokenOption,
    "identity_token_file": IdentityTokenFileOption,
    "browser": BrowserOption,
    "public": PublicOption,
    "local": LocalOption,
}


def with_signer_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with these flags in the place of its parameter `signer_flags`, which gets them as one value."""
    return with_flags(command, "signer_flags", _FLAGS, ("browser", "public", "local"), SignerFlags)


def choice_of_flags(
    *,
    signing_key: str | None,
    trust_config: Path | None,
    identity_token: str | None,
    local: bool,
    public: bool = False,
    certificate_chain: Path | None = None,
    timestamp_url: str | None = None,
    identity_token_file: Path | None = None,
    browser: bool = False,
) -> Choice:
    """Return what flags say about who signs; where they say nothing, what the settings say.

    A flag replaces the settings as a whole, so that --local is never at odds with a configured key, and a key given
    alone is never logged where the settings would; a token given alone is for the configured Sigstore. Among settings
    the key goes first. What goes with a key (--timestamp-url, --certificate-chain) is for the configured one too.
    """
    from attest.signers.devices import named_key
    from attest.signers.signing import Choice

    settings = current_settings()
    config = Path(settings.trust_config) if settings.trust_config else None
    said = Choice(
        signing_key=None if signing_key is None else named_key(signing_key),
        certificate_chain=certificate_chain,
        timestamp_url=timestamp_url,
        trust_config=trust_config,
        identity_token=identity_token,
        identity_token_file=identity_token_file,
        browser=browser,
        public=public,
        local=local,
    )
    if signing_key is not None or trust_config is not None or local or public:
        return said
    if identity_token is not None or identity_token_file is not None or browser or not settings.signing_key:
        return replace(said, trust_config=config)
    return replace(said, signing_key=named_key(settings.signing_key))


def signer_of(choice: Choice) -> Signer:
    """Return the signer that was chosen, ready to sign; its errors are those of `open_signer`."""
    from attest.signers.signing import open_signer

    return open_signer(
        os.environ,
        choice,
        now=current_time,
        ask_password=ask_password,
        ask_pin=ask_pin,
        offline=current_session().offline,
        interactive=sys.stdin.isatty() and sys.stderr.isatty(),
    )


def current_time() -> datetime:
    """Return the time of this machine's clock. Signatures are never dated by SOURCE_DATE_EPOCH."""
    return datetime.now(UTC)


def ask_pin() -> str | None:
    """Return a device's PIN: from the environment, or from the person at the terminal; None where there is neither."""
    from attest.signers.signing import PIN_VARIABLE

    given = os.environ.get(PIN_VARIABLE)
    if given or not sys.stdin.isatty():
        return given
    return getpass("PIN of the device: ") or None


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
