"""The bundles of the stores that a command was given, read and verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.cli.session import current_session, current_settings
from dbom.errors import UsageError
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.authority import Authority
    from dbom.cli.expected import Expected
    from lineage.reading import ReadBundle

__all__ = ["StoreEvidence", "read_evidence"]


@dataclass(frozen=True, slots=True)
class StoreEvidence:
    """The bundles of some stores, under whom they were verified, and when."""

    stores: tuple[str, ...]
    bundles: tuple[ReadBundle, ...]
    authorities: tuple[Authority, ...]
    at: datetime


def read_evidence(stores: Sequence[str] | None, expected: Expected) -> StoreEvidence:
    """Read the stores (from flags or settings) and verify every bundle. Raises `UsageError` where none is named."""
    from attest.stores.store import open_store
    from lineage.reading import read_stores

    urls = current_settings(store=tuple(stores or ())).store
    if not urls:
        raise UsageError(
            USAGE,
            "no store named",
            hint="name the folder or URL that holds the bundles with --store, such as --store .",
        )
    authorities = expected.authorities()
    opened = [open_store(_named(url), offline=current_session().offline) for url in urls]
    at = datetime.now(UTC)
    bundles = read_stores(opened, authorities, now=at)
    return StoreEvidence(tuple(store.url for store in opened), bundles, authorities, at)


def _named(url: str) -> str:
    """Return a local path in full: a report about `.` would say nothing to whom it is sent."""
    return url if "://" in url else str(Path(url).resolve())
