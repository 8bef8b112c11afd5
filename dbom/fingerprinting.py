"""The one door to a fingerprint, wherever the data lives and whoever reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from dbom.items import Progress
    from dbom.model import Fingerprint

__all__ = ["fingerprint"]


def fingerprint(
    source: str | os.PathLike[str],
    *,
    ignores: Sequence[str] | None = None,
    follow_links: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Fingerprint:
    """Return what the artifact at `source` is: its digest, and the files that the digest is made of.

    `ignores` are patterns to leave out of a tree (None: the default ones), `jobs` the threads to read with (0: one for
    each core).
    """
    return fingerprint_path(source, ignores=ignores, follow_links=follow_links, jobs=jobs, progress=progress)
