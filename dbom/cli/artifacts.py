"""The paths of artifacts on a command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dbom.errors import UsageError
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["artifact_paths"]


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
