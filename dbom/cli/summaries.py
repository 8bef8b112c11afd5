"""The flags of `dbom verify` that write a verdict as a verification summary (VSA), and what they do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom import __version__
from dbom.cli.output import demand_outside, say, write_file, write_result
from dbom.cli.signers import choice_of_flags, signer_of
from dbom.errors import UndecidedError, UsageError
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from attest.statement import Statement
    from attest.stores.copying import Target
    from attest.stores.store import Store
    from attest.verification import Verification
    from attest.vsa import Asking

__all__ = ["ResourceUriOption", "SignVsaOption", "Summary", "VsaOption", "VsaSigningKeyOption"]

_PANEL = "Writing the verdict"
VsaOption = Annotated[
    Path | None,
    typer.Option(
        "--vsa",
        metavar="FILE",
        help="Write the verdict here as a SLSA verification summary; - is stdout.",
        rich_help_panel=_PANEL,
    ),
]
SignVsaOption = Annotated[
    bool,
    typer.Option(
        "--sign-vsa",
        help="Sign the summary, as `dbom sign` would, and put it beside the artifact and into --store.",
        rich_help_panel=_PANEL,
    ),
]
VsaSigningKeyOption = Annotated[
    str | None,
    typer.Option("--vsa-signing-key", metavar="KEY", help="The same, with this key.", rich_help_panel=_PANEL),
]
ResourceUriOption = Annotated[
    str | None,
    typer.Option(
        "--resource-uri",
        metavar="URI",
        help="With --vsa: as what the artifact was verified; without it, as its digest.",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True, slots=True)
class Summary:
    """What is wanted of a summary."""

    file: Path | None
    sign: bool
    signing_key: str | None
    resource_uri: str | None

    @property
    def is_wanted(self) -> bool:
        """Whether one is to be made."""
        return self.file is not None or self.is_signed

    @property
    def is_signed(self) -> bool:
        """Whether it is to be signed."""
        return self.sign or self.signing_key is not None

    @property
    def takes_stdout(self) -> bool:
        """Whether it is what stdout is for."""
        return self.file is not None and str(self.file) == "-"

    def demand_one(self, verdicts: int, artifacts: Sequence[Path]) -> None:
        """Raise `UsageError` where it would be about several verdicts or none, or would change what is verified."""
        demand_outside(self.file, map(str, artifacts))
        if self.is_wanted and verdicts != 1:
            raise UsageError(USAGE, "a verification summary is one verdict's", got=f"{verdicts} verdicts", expected="1")
        if self.resource_uri is not None and not self.is_wanted:
            raise UsageError(USAGE, "--resource-uri is about a summary", hint="ask for one with --vsa FILE")

    def write(
        self,
        result: Verification,
        asking: Asking,
        *,
        path: Path | None,
        stores: Sequence[Store],
        now: datetime,
    ) -> None:
        """Write the verdict; where it can't be told, write nothing and say so. Errors are those of signing."""
        from attest.vsa import summary_statement

        try:
            statement = summary_statement(result, asking, resource_uri=self.resource_uri, version=__version__, now=now)
        except UndecidedError as error:
            say(str(error))
            return
        data = self._signed(statement, path, stores) if self.is_signed else statement.payload
        if self.file is None:
            return
        if self.takes_stdout:
            write_result(data)
        else:
            write_file(self.file, data)  # as it is, so that a bundle keeps its digest

    def _signed(self, statement: Statement, path: Path | None, stores: Sequence[Store]) -> bytes:
        from attest.stores.sidecar import Sidecar

        signer = signer_of(
            choice_of_flags(
                signing_key=self.signing_key,
                certificate_chain=None,
                timestamp_url=None,
                trust_config=None,
                identity_token=None,
                identity_token_file=None,
                browser=False,
                local=False,
                public=False,
            )
        )
        bundle = signer.sign(statement)
        sidecar = Sidecar.writable(path) if path is not None else None
        targets: list[Target] = [*stores, *([sidecar] if sidecar is not None else [])]
        for target in targets:
            say(f"vsa -> {printable(target.url)}: {printable(target.add(bundle, statement))}")
        return bundle
