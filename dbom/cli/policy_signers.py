"""The flags and settings that say who may sign policies, the same for every command that loads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.flags import with_flags
from dbom.cli.session import current_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.authority import Authority

__all__ = ["PolicySigners", "with_policy_signer_flags"]

_PANEL = "Who may sign policies"
_FLAGS = {
    "policy_identity": Annotated[
        str | None,
        typer.Option(
            "--policy-identity",
            metavar="ID",
            help="Load only policies that this identity signed; needs --policy-issuer.",
            rich_help_panel=_PANEL,
        ),
    ],
    "policy_issuer": Annotated[
        str | None,
        typer.Option("--policy-issuer", metavar="URL", help="Who vouches for that identity.", rich_help_panel=_PANEL),
    ],
    "policy_trusted_root": Annotated[
        Path | None,
        typer.Option(
            "--policy-trusted-root",
            metavar="FILE",
            help="The trust root behind the issuer; this machine's own is at hand.",
            rich_help_panel=_PANEL,
        ),
    ],
    "policy_key": Annotated[
        Path | None,
        typer.Option(
            "--policy-key",
            metavar="PUB",
            help="Load only policies that the owner of this public key signed.",
            rich_help_panel=_PANEL,
        ),
    ],
}


@dataclass(frozen=True, slots=True)
class PolicySigners:
    """Who may sign policies; nobody where policies needn't be signed."""

    policy_identity: str | None = None
    policy_issuer: str | None = None
    policy_trusted_root: Path | None = None
    policy_key: Path | None = None

    def settled(self) -> PolicySigners:
        """Return who may sign policies by these flags, or by settings where no flag says it."""
        settings = current_settings(
            policy_identity=self.policy_identity,
            policy_issuer=self.policy_issuer,
            policy_trusted_root=None if self.policy_trusted_root is None else str(self.policy_trusted_root),
            policy_key=None if self.policy_key is None else str(self.policy_key),
        )
        root, key = settings.policy_trusted_root, settings.policy_key
        return PolicySigners(
            settings.policy_identity, settings.policy_issuer, Path(root) if root else None, Path(key) if key else None
        )

    @property
    def is_anybody(self) -> bool:
        """Whether signers of policies are expected at all, by flags or by settings."""
        return self.settled() != PolicySigners()

    def authorities(self) -> tuple[Authority, ...]:
        """Return the accepted signers. Raises as `attest.expecting.expected_authorities` does."""
        from attest.expecting import expected_authorities

        signers = self.settled()
        if signers == PolicySigners():
            return ()
        return expected_authorities(
            identity=signers.policy_identity,
            issuer=signers.policy_issuer,
            trusted_root=signers.policy_trusted_root,
            key=signers.policy_key,
        )


def with_policy_signer_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with these flags in the place of its parameter `policy_signers`."""
    return with_flags(command, "policy_signers", _FLAGS, (), PolicySigners)
