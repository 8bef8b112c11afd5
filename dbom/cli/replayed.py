"""What a replay is made with: the policies and the evidence that flags name, read as of any moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dbom.cli.session import current_session, current_settings
from dbom.errors import UsageError
from dbom.model import Unknown
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from datetime import datetime

    from admission.evidence import Evidence
    from admission.policy import Policy
    from attest.stores.store import Store

__all__ = ["GivenLibrary"]

_MOST_READINGS = 100


@dataclass(slots=True)
class GivenLibrary:
    """Policies with stores, of which evidence is verified anew for each moment, or a snapshot, which is of one."""

    given: tuple[Policy, ...]
    stores: tuple[Store, ...] = ()
    snapshot: Evidence | None = None
    _read: dict[datetime | None, Evidence] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, policy: list[Path] | None, store: list[str] | None, snapshot: Path | None) -> Self:
        """Return what the flags name, settings included. Raises as reading them does."""
        from admission.policy_files import policies_at
        from admission.snapshot import read_snapshot
        from attest.stores.store import open_store

        if snapshot is not None:
            if policy or store:
                raise UsageError(USAGE, "a snapshot has policies and evidence of its own", got="--policy or --store")
            found = read_snapshot(snapshot)
            return cls(found.policies, (), found.evidence)

        settings = current_settings(store=tuple(store or ()))
        files = policy or ([Path(settings.policy)] if settings.policy else [])
        stores = tuple(open_store(url, offline=current_session().offline) for url in settings.store)
        return cls(policies_at(files) if files else (), stores)

    def policies(self) -> tuple[Policy, ...]:
        """Return the policies that were given."""
        return self.given

    def evidence(self, read_at: datetime | None) -> Evidence | Unknown:
        """Return the evidence as it counts at a moment, or why it can't be had."""
        from admission.evidence import Evidence
        from admission.syncing import load_evidence

        if self.snapshot is not None:
            return self.snapshot
        if not self.stores:
            return Evidence()
        if read_at is None:
            return Unknown("the records don't say when the evidence was read")
        if read_at not in self._read:
            if len(self._read) >= _MOST_READINGS:
                return Unknown(f"evidence was read more than {_MOST_READINGS} times; narrow --since and --until")
            self._read[read_at] = load_evidence(self.stores, self.given, read_at)
        return self._read[read_at]
