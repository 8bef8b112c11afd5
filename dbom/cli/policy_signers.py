"""The flags that say who may sign policies, the same for every command that loads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.flags import with_flags

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

    @property
    def is_anybody(self) -> bool:
        """Whether signers of policies are expected at all."""
        return self != PolicySigners()

    def authorities(self) -> tuple[Authority, ...]:
        """Return the accepted signers. Raises as `attest.expecting.expected_authorities` does."""
        from attest.expecting import expected_authorities

        if not self.is_anybody:
            return ()
        return expected_authorities(
            identity=self.policy_identity,
            issuer=self.policy_issuer,
            trusted_root=self.policy_trusted_root,
            key=self.policy_key,
        )


def with_policy_signer_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with these flags in the place of its parameter `policy_signers`."""
    return with_flags(command, "policy_signers", _FLAGS, (), PolicySigners)
