"""What commands say of the table that a folder may be: its pin, and the option that names a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.output import say
from dbom.cli.session import current_session
from dbom.errors import UsageError
from dbom.pins import Pins, may_be_table
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbom.canonical import JsonObject
    from dbom.items import Progress
    from dbom.model import Fingerprint

__all__ = ["SnapshotOption", "demand_alone", "pins_document", "pins_of", "read_snapshot", "tell_pins"]

SnapshotOption = Annotated[
    str | None,
    typer.Option(
        "--snapshot",
        metavar="ID",
        help="Only the files of this snapshot of an Iceberg table, or version of a Delta table; or current.",
    ),
]


def demand_alone(paths: Sequence[str], others: Mapping[str, object]) -> None:
    """Raise `UsageError` where `--snapshot` stands beside several paths, or beside a flag of whole trees."""
    if len(paths) > 1:
        raise UsageError(USAGE, "--snapshot takes one PATH", got=f"{len(paths)} paths")
    given = [flag for flag, value in others.items() if value]
    if given:
        raise UsageError(USAGE, f"--snapshot reads just the files of a snapshot, without {given[0]}")


def read_snapshot(
    path: str, snapshot: str, *, computed: bool, jobs: int, progress: Progress | None
) -> tuple[Fingerprint, Pins]:
    """Return the fingerprint of the files of one snapshot, and its pin."""
    from dbom.snapshots import fingerprint_snapshot

    found = fingerprint_snapshot(
        path, snapshot, computed=computed, jobs=jobs, progress=progress, offline=current_session().offline
    )
    return found.fingerprint, Pins((found.pin,))


def pins_of(path: str, fingerprint: Fingerprint) -> Pins | None:
    """Return the pins of the table at `path`, None where its tree has nothing of a table."""
    if not may_be_table(fingerprint):
        return None
    from dbom.snapshots import find_pins

    return find_pins(path, fingerprint, offline=current_session().offline)


def tell_pins(path: str, pins: Pins | None) -> None:
    """Say them on stderr."""
    if pins is not None:
        for pin in pins.pins:
            say(f"{printable(path)}: {pin}")
        for finding in pins.findings:
            say(f"{finding.severity}: {printable(path)}: {finding.message} ({finding.rule})")


def pins_document(pins: Pins | None) -> JsonObject:
    """Return what the JSON result has of them: nothing where there is none."""
    if pins is None or not (pins.pins or pins.findings):
        return {}
    return {
        "pins": [
            {"format": str(pin.layout), "snapshot": str(pin.snapshot), "manifests": f"sha256:{pin.manifests}"}
            for pin in pins.pins
        ]
    }
