"""The paths of artifacts on a command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbom.model import Digest

__all__ = ["artifact_paths", "stated_digest"]


def artifact_paths(texts: Iterable[str]) -> list[Path]:
    """Return the paths of artifacts. Raises `UsageError` for an empty one.

    An empty path is the current folder to the system, and nobody who types it means that: a variable wasn't set.
    """
    paths = []
    for text in texts:
        if not text:
            raise UsageError(
                USAGE, "an empty path", expected="ARTIFACT", hint="say . for the current folder; is a variable not set?"
            )
        paths.append(Path(text))
    return paths


def stated_digest(text: str) -> Digest:
    """Return a digest as it is written in flags. Raises `UsageError` for anything else."""
    from dbom.model import Digest

    try:
        return Digest.parse(text)
    except ValueError as error:
        raise UsageError(
            USAGE, "not a digest", got=printable(text), expected="sha256:<64 lower-case hex> or tree:sha256:<…>"
        ) from error
