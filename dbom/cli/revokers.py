"""The flags that say whose revocations count, and where they are published: the same words wherever they are asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.flags import with_flags
from dbom.cli.output import say
from dbom.cli.session import current_session
from dbom.errors import DbomError, UsageError
from dbom.printable import printable
from dbom.rules.attestations import NOBODY_EXPECTED
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from attest.authority import Authority
    from attest.revocation.head import SeenHead
    from attest.revocation.revokers import Revoker
    from attest.revocation.verdict import RevocationCheck

__all__ = ["Revoking", "remember_heads", "seen_heads", "with_revoker_flags"]

_PANEL = "Whose revocations count"
_FLAGS = {
    "revoker": Annotated[
        list[Path] | None,
        typer.Option(
            "--revoker", metavar="PUB", help="The owner of this public key may revoke.", rich_help_panel=_PANEL
        ),
    ],
    "revoker_identity": Annotated[
        str | None,
        typer.Option(
            "--revoker-identity",
            metavar="ID",
            help="This signer may revoke; needs --revoker-issuer.",
            rich_help_panel=_PANEL,
        ),
    ],
    "revoker_issuer": Annotated[
        str | None,
        typer.Option("--revoker-issuer", metavar="URL", help="Who vouches for that signer.", rich_help_panel=_PANEL),
    ],
    "revoker_trusted_root": Annotated[
        Path | None,
        typer.Option(
            "--revoker-trusted-root",
            metavar="FILE",
            help="The trusted_root.json that --revoker-identity rests on.",
            rich_help_panel=_PANEL,
        ),
    ],
    "revoker_scope": Annotated[
        list[str] | None,
        typer.Option(
            "--revoker-scope",
            metavar="WORD",
            help="All that they may revoke: artifacts, keys, identities, issuer:URL; without it, everything.",
            rich_help_panel=_PANEL,
        ),
    ],
    "revocations": Annotated[
        list[str] | None,
        typer.Option(
            "--revocations",
            metavar="URL",
            help="The store that they publish to; a missing, expired or older head is then a 'can't tell'.",
            rich_help_panel=_PANEL,
        ),
    ],
    "require_revocations": Annotated[
        bool,
        typer.Option(
            "--require-revocations",
            help="The same for heads in --store: without a current one, it can't be told.",
            rich_help_panel=_PANEL,
        ),
    ],
}


@dataclass(frozen=True, slots=True)
class Revoking:
    """Whose revocations count for the person at the command line, and where they are."""

    revoker: list[Path] | None = None
    revoker_identity: str | None = None
    revoker_issuer: str | None = None
    revoker_trusted_root: Path | None = None
    revoker_scope: list[str] | None = None
    revocations: list[str] | None = None
    require_revocations: bool = False

    def authorities(self) -> list[Authority]:
        """Return who may revoke. Raises `UsageError` where the flags don't go together."""
        from attest.expecting import expected_authorities

        found: list[Authority] = []
        for path in self.revoker or ():
            found += (replace(item, name=printable(str(path))) for item in expected_authorities(key=path))
        if self.revoker_identity or self.revoker_issuer:
            named = expected_authorities(
                identity=self.revoker_identity, issuer=self.revoker_issuer, trusted_root=self.revoker_trusted_root
            )
            if any(item.root is None for item in named):
                raise UsageError(
                    USAGE, "nothing vouches for the revoker's identity", hint="give --revoker-trusted-root too"
                )
            found += (replace(item, name="the revoker") for item in named)
        elif self.revoker_trusted_root is not None:
            raise UsageError(USAGE, "--revoker-trusted-root goes with --revoker-identity and --revoker-issuer")
        return found

    def revokers(self) -> tuple[Revoker, ...]:
        """Return the revokers with their scope. Raises `UsageError` where revocations are asked for of nobody."""
        from attest.revocation.revokers import Revoker, Scope

        scope = Scope.of_words(self.revoker_scope or ())
        found = tuple(Revoker(authority, scope) for authority in self.authorities())
        if not found and (self.revocations or self.require_revocations or self.revoker_scope):
            raise UsageError(
                NOBODY_EXPECTED,
                "nobody is named whose revocations count",
                hint="name one with --revoker or --revoker-identity",
            )
        return found

    def check(self, stores: Iterable[str], *, now: datetime) -> RevocationCheck:
        """Read what is revoked from the stores of revocations and from `stores`, and remember the newest heads.

        Raises `StoreError` where a store can't be read, `PathError` or `DocumentError` where the memory can't.
        """
        from attest.revocation.reading import read_revocations
        from attest.revocation.status import settle_revocations
        from attest.revocation.verdict import NOT_ASKED, RevocationCheck
        from attest.stores.store import open_store

        revokers = self.revokers()
        if not revokers:
            return NOT_ASKED
        urls = dict.fromkeys([*(self.revocations or ()), *stores])
        opened = [open_store(url, offline=current_session().offline) for url in urls]
        found, seen = read_revocations(opened, revokers, now=now), seen_heads()
        remember_heads(settle_revocations(found, revokers, now=now, seen=seen).remember)
        return RevocationCheck(revokers, found, seen, required=bool(self.revocations) or self.require_revocations)


def seen_heads() -> dict[str, SeenHead]:
    """Return the newest head that this user has seen of each publisher."""
    from attest.local.home import data_home
    from attest.revocation.memory import RevocationMemory

    return RevocationMemory.of_home(data_home()).seen()


def remember_heads(heads: Mapping[str, SeenHead]) -> None:
    """Remember the newest heads; where that isn't possible, say so: an older one could then be shown next time."""
    from attest.local.home import data_home
    from attest.revocation.memory import RevocationMemory

    try:
        RevocationMemory.of_home(data_home()).remember(heads)
    except DbomError as error:
        say(f"warning: the newest head of revocations isn't remembered: {printable(str(error))} ({error.rule.id})")


def with_revoker_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with these flags in the place of its parameter `revoking`, which gets them as one value."""
    return with_flags(command, "revoking", _FLAGS, ("require_revocations",), Revoking)
