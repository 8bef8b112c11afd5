"""What a replay is made with: the policies and the evidence that flags name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dbom.cli.session import current_session, current_settings
from dbom.errors import UsageError
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from admission.journal.replaying import Library

__all__ = ["given_library"]


def given_library(policy: list[Path] | None, store: list[str] | None, snapshot: Path | None) -> Library:
    """Return what the flags name, settings included. Raises as reading them does."""
    from admission.journal.library import SnapshotLibrary, StoresLibrary
    from admission.policy_files import policies_at
    from admission.snapshot import read_snapshot
    from attest.stores.store import open_store

    if snapshot is not None:
        if policy or store:
            raise UsageError(USAGE, "a snapshot has policies and evidence of its own", got="--policy or --store")
        found = read_snapshot(snapshot)
        return SnapshotLibrary(found.policies, found.evidence)

    settings = current_settings(store=tuple(store or ()))
    files = policy or ([Path(settings.policy)] if settings.policy else [])
    stores = tuple(open_store(url, offline=current_session().offline) for url in settings.store)
    return StoresLibrary(policies_at(files) if files else (), stores)
