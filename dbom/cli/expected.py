"""The flags that say whom to expect: the same words and settings for `dbom verify` and for commands over stores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.flags import with_flags
from dbom.cli.output import say
from dbom.cli.session import current_settings
from dbom.errors import UsageError
from dbom.rules.attestations import NOBODY_EXPECTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.authority import Authority
    from dbom.settings import Settings

__all__ = ["Expected", "with_expected_flags"]

_PANEL = "Whom to expect"
_FLAGS = {
    "identity": Annotated[
        str | None,
        typer.Option(
            "--identity",
            "--certificate-identity",
            metavar="ID",
            help="The signer to expect; needs --issuer.",
            rich_help_panel=_PANEL,
        ),
    ],
    "identity_regexp": Annotated[
        str | None,
        typer.Option(
            "--identity-regexp",
            metavar="RE2",
            help="Expect a signer that matches this in full.",
            rich_help_panel=_PANEL,
        ),
    ],
    "issuer": Annotated[
        str | None,
        typer.Option(
            "--issuer",
            "--certificate-oidc-issuer",
            metavar="URL",
            help="Who vouches for the signer.",
            rich_help_panel=_PANEL,
        ),
    ],
    "key": Annotated[
        Path | None,
        typer.Option("--key", metavar="PUB", help="Expect the owner of this public key.", rich_help_panel=_PANEL),
    ],
    "trusted_root": Annotated[
        Path | None,
        typer.Option(
            "--trusted-root", metavar="FILE", help="The trusted_root.json to rest on.", rich_help_panel=_PANEL
        ),
    ],
    "trust_config": Annotated[
        Path | None,
        typer.Option(
            "--trust-config", metavar="FILE", help="The client trust config to rest on.", rich_help_panel=_PANEL
        ),
    ],
    "certificate_chain": Annotated[
        Path | None,
        typer.Option(
            "--certificate-chain",
            metavar="PEM",
            help="Your own certificate authority, root last; needs --identity, no issuer.",
            rich_help_panel=_PANEL,
        ),
    ],
    "timestamp_certificate_chain": Annotated[
        Path | None,
        typer.Option(
            "--timestamp-certificate-chain",
            metavar="PEM",
            help="Who vouches for times, beside your own authority or a key.",
            rich_help_panel=_PANEL,
        ),
    ],
    "use_signed_timestamps": Annotated[
        bool,
        typer.Option(
            "--use-signed-timestamps", help="Demand a time of a --key's signature too.", rich_help_panel=_PANEL
        ),
    ],
    "valid_now": Annotated[
        bool,
        typer.Option(
            "--valid-now",
            help="Take a --certificate-chain signature without a time while its certificate is valid.",
            rich_help_panel=_PANEL,
        ),
    ],
    "local": Annotated[
        bool, typer.Option("--local", help="Expect this machine's own local identity.", rich_help_panel=_PANEL)
    ],
}

_SWITCHES = ("local", "use_signed_timestamps", "valid_now")


@dataclass(frozen=True, slots=True)
class Expected:
    """Whom the person at the command line expects to have signed."""

    identity: str | None = None
    identity_regexp: str | None = None
    issuer: str | None = None
    key: Path | None = None
    trusted_root: Path | None = None
    trust_config: Path | None = None
    certificate_chain: Path | None = None
    timestamp_certificate_chain: Path | None = None
    use_signed_timestamps: bool = False
    valid_now: bool = False
    local: bool = False

    @property
    def names_nobody(self) -> bool:
        """Whether none of these flags is given."""
        return self == Expected()

    @property
    def names_somebody(self) -> bool:
        """Whether a flag names a signer other than this machine's own identity."""
        return bool(self.identity or self.identity_regexp or self.issuer or self.key)

    @property
    def names_root(self) -> bool:
        """Whether a flag names who vouches for signers, or what they must show."""
        roots = (self.trusted_root, self.trust_config, self.certificate_chain, self.timestamp_certificate_chain)
        return any(roots) or self.use_signed_timestamps or self.valid_now

    def resting_on(self, trust_config: Path | None) -> Expected:
        """Return the same, with a command's own client trust config where no other root is named for an identity."""
        wanted = (self.identity or self.identity_regexp) and not self.names_root
        return replace(self, trust_config=trust_config) if wanted else self

    def settings(self) -> Settings:
        """Return the settings, with these flags over them."""
        return current_settings(
            identity=self.identity,
            issuer=self.issuer,
            key=_text(self.key),
            trusted_root=_text(self.trusted_root),
            trust_config=_text(self.trust_config),
        )

    def demanded(self) -> tuple[Authority, ...]:
        """Return whose statements count, settings included. Raises as `attest.expecting.expected_authorities` does."""
        from attest.expecting import expected_authorities

        if self.local and not self.names_somebody:
            return expected_authorities(local=True)
        settings = self.settings()
        own = self.certificate_chain is not None
        stamped = own or self.timestamp_certificate_chain is not None
        return expected_authorities(
            identity=None if self.identity_regexp and self.identity is None else settings.identity,
            identity_regexp=self.identity_regexp,
            # A root of one's own, given here, takes the place of what the settings say of another.
            issuer=self.issuer if own else settings.issuer,
            key=_path(settings.key),
            trusted_root=self.trusted_root if stamped else _path(settings.trusted_root),
            trust_config=self.trust_config if stamped else _path(settings.trust_config),
            certificate_chain=self.certificate_chain,
            timestamp_certificate_chain=self.timestamp_certificate_chain,
            use_signed_timestamps=self.use_signed_timestamps,
            valid_now=self.valid_now,
            local=self.local,
        )

    def authorities(self) -> tuple[Authority, ...]:
        """Return whose statements count as `demanded` does, but nobody, which is said, where nobody was asked for."""
        try:
            return self.demanded()
        except UsageError as error:
            settings = self.settings()
            said = (self.names_somebody, self.names_root, self.local, settings.identity, settings.issuer, settings.key)
            if error.rule is not NOBODY_EXPECTED or any(said) or settings.trusted_root or settings.trust_config:
                raise
        say("Nobody is expected to have signed, so nothing is verified; name a signer with --identity and --issuer.")
        return ()


def with_expected_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with these flags in the place of its parameter `expected`, which gets them as one value.

    A flag that the command has itself (`dbom sign --local`) means there what the command says, and isn't one of these.
    """
    return with_flags(command, "expected", _FLAGS, _SWITCHES, Expected)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
