"""References to artifacts in registries on a command line: tags and platforms, resolved once and said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.output import say
from dbom.cli.session import current_session
from dbom.errors import UsageError
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PlatformOption", "resolved", "resolved_all"]

PlatformOption = Annotated[
    str | None,
    typer.Option("--platform", metavar="OS/ARCH", help="Which artifact of an index in a registry is meant."),
]


def resolved(place: str, platform: str | None) -> str:
    """Return a reference by digest, of a tag and of an index's platform, and say what it meant; others as they are.

    Raises `UsageError` for an index without a platform, or with one that it hasn't.
    """
    if not place.startswith("oci://"):
        return place
    from dbom.members import demand_online
    from dbom.oci import pinned_artifact
    from dbom.storage.oci import Reference, parse_platform

    if platform is None and Reference.parse(place).digest:
        return place
    demand_online(place, offline=current_session().offline)
    found = pinned_artifact(place, platform="" if platform is None else parse_platform(platform))
    say(f"{place} is {found}")
    return found


def resolved_all(places: Sequence[str], platform: str | None) -> list[str]:
    """Return each place as `resolved` does. Raises `UsageError` for a platform where no registry is spoken of."""
    if platform is not None and not any(place.startswith("oci://") for place in places):
        raise UsageError(USAGE, "--platform is about an artifact in a registry")
    return [resolved(place, platform) for place in places]
