"""What the settings state of an artifact in a BOM that is generated, where nobody said it on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.cli.output import say
from dbom.printable import printable

if TYPE_CHECKING:
    from dbom.settings import Settings

__all__ = ["say_license", "stated_licenses"]


def stated_licenses(settings: Settings) -> tuple[str, ...]:
    """Return the licence of the settings, or nothing."""
    return () if settings.license is None else (settings.license,)


def say_license(settings: Settings) -> None:
    """Say that a BOM states the licence of the settings: it may stand in a file that came with the artifact."""
    if settings.license is not None:
        say(f"license {printable(settings.license)}, as the settings say: {settings.origin('license')}")
