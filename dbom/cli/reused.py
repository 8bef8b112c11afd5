"""The flags by which a command takes over what an earlier, verified statement vouches for, and what it says of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.output import say
from dbom.cli.session import current_session, current_settings
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.cli.expected import Expected
    from dbom.model import Fingerprint
    from dbom.reuse import Reuse, States

__all__ = ["BundleToReuseOption", "Earlier", "ReuseOption", "demand_reuse"]

ReuseOption = Annotated[
    Path | None,
    typer.Option(
        "--reuse",
        metavar="FILE",
        help="Don't read what is as it was when FILE was saved, if a verified statement is about FILE's digest.",
    ),
]
BundleToReuseOption = Annotated[
    list[Path] | None, typer.Option("--bundle", metavar="FILE", help="A bundle that --reuse may rest on.")
]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a reading takes over, whose word that is, and what it notes for the next one."""

    source: str
    reuse: Reuse
    signer: str

    @classmethod
    def of(
        cls, file: Path | None, source: str, expected: Expected, bundles: Sequence[Path], stores: Sequence[str]
    ) -> Earlier:
        """Check what `file` rests on, or begin to note states where there is none. Raises as `reuse_of` does."""
        from dbom.reuse import Reuse

        if file is None:
            return cls(source, Reuse.begin(_now()), "")
        from attest.files import read_file
        from attest.reusing import reuse_of
        from attest.stores.store import MAX_BUNDLE_BYTES, StoredBundle, open_store

        given = [
            StoredBundle.of(read_file(path, limit=MAX_BUNDLE_BYTES, what="bundle"), where=str(path)) for path in bundles
        ]
        urls = current_settings(store=tuple(stores)).store
        opened = [open_store(url, offline=current_session().offline) for url in urls]
        reuse, statement = reuse_of(file, source, expected.demanded(), now=_now(), bundles=given, stores=opened)
        return cls(source, reuse, printable(str(statement.signer)))

    def states(self) -> States:
        """Return the states that the files were read in."""
        from dbom.fingerprinting import source_name
        from dbom.reuse import States

        return States(source_name(self.source), self.reuse.noted)

    def tell(self, found: Fingerprint) -> None:
        """Say how much wasn't read, and by whose word."""
        if self.signer:
            say(
                f"{printable(self.source)}: {self.reuse.taken} of {len(found.entries)} files ({self.reuse.size} of"
                f" {found.size} bytes) were taken over from a statement signed by {self.signer}, and not read"
            )


def demand_reuse(
    file: Path | None, *, bundles: Sequence[Path] | None, expected: Expected, stores: Sequence[str] | None = None
) -> None:
    """Raise `UsageError` where it is said what `--reuse` may rest on, and there is none."""
    if file is None and (bundles or stores or not expected.names_nobody):
        raise UsageError(USAGE, "whom to expect and where to look for evidence is said for --reuse")


def _now() -> datetime:
    return datetime.now(UTC)
