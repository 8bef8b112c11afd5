"""Where a webhook's policies and evidence come from while it runs: mounted files, or a snapshot that was handed over.

A kubelet swaps mounted files by one link; a person writes over them. What has changed is told by times, sizes and
inodes, and read again whole.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from admission.policy_files import policies_at, policy_files
from admission.policy_sources import PolicySource
from admission.signed_policy import SIGNATURE_SUFFIX
from admission.snapshot import MANIFEST_NAME, read_snapshot
from admission.syncing import NO_SNAPSHOT, sync_evidence
from dbom.errors import DbomError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from admission.evidence import Evidence
    from admission.policy import Policy
    from admission.snapshot import Snapshot
    from admission.syncing import Snapshot as Synced
    from attest.authority import Authority
    from attest.stores.store import Store

__all__ = ["Loaded", "MountedFiles", "MountedSnapshot", "Source", "Stamp"]

Stamp: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""What files were like: name, time of change, size and inode of each; another stamp means that something changed."""

_MOST_FOLDERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """Policies and evidence of one moment, and which handed-over snapshot they are, if they are one."""

    policies: tuple[Policy, ...]
    evidence: Evidence
    digest: str | None = None
    sequence: int | None = None
    made_at: datetime | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What tells apart any two that could give two answers, but for when the stores were read."""
        policies = tuple((item.namespace, item.name, item.digest, item.mode) for item in self.policies)
        return policies, self.evidence.digest, self.digest


class Source(Protocol):
    """Something that policies and evidence are read from, again and again."""

    kind: str
    again_after: float
    """After so many seconds it is read again though nothing seems to have changed."""

    def stamp(self) -> Stamp:
        """Return what it is like now, quickly."""

    def load(self, now: datetime) -> Loaded:
        """Read it. Raises `DbomError` for what can't be used; what was read before stays untouched."""


@dataclass(slots=True)
class MountedFiles:
    """Policy files, and stores that are verified here. Stores are read again now and then: evidence ages.

    With `signers`, each policy file must be signed by one of them.
    """

    paths: Sequence[Path]
    stores: Sequence[Store]
    signers: Sequence[Authority] = ()
    folders: Sequence[Path] = ()
    again_after: float = 60.0
    kind: str = "files"
    _before: Synced = field(default=NO_SNAPSHOT, repr=False)
    _named: tuple[Path, ...] = field(default=(), repr=False)
    _inside: dict[str, int] = field(default_factory=dict, repr=False)

    def stamp(self) -> Stamp:
        """Return what policy files, the files that they name, and local stores' folders are like."""
        files: list[Path] = []
        with suppress(DbomError):
            files = policy_files(self.paths)
        signatures = [path.with_name(path.name + SIGNATURE_SUFFIX) for path in files] if self.signers else []
        return (*_stamps([*files, *signatures, *self._named]), *self._folders())

    def load(self, now: datetime) -> Loaded:
        """Read policies and stores; what was verified before isn't verified again."""
        files = policy_files(self.paths)
        # Of a policy that can't be read, what it named before is watched on.
        self._named = tuple(_named_by(files)) or self._named
        policies = policies_at(self.paths, signers=self.signers, now=now)
        found = sync_evidence(self.stores, policies, now, before=self._before)
        self._before = found
        return Loaded(policies, found.evidence)

    def _folders(self) -> Stamp:
        """Return the times of all folders of local stores: a bundle more or less changes that of its folder."""
        times = {name: _time_of(name) for name in self._inside}
        if not times or times != self._inside:
            names = [name for folder in self.folders for name, _, _ in os.walk(folder)][:_MOST_FOLDERS]
            times = {name: _time_of(name) for name in names}
            self._inside = times
        return tuple((name, time, 0, 0) for name, time in sorted(times.items()))


@dataclass(slots=True)
class MountedSnapshot:
    """A folder into which a controller's snapshot is mounted, or written."""

    folder: Path
    again_after: float = 3600.0
    kind: str = "snapshot"
    _before: Snapshot | None = field(default=None, repr=False)

    def stamp(self) -> Stamp:
        """Return what the manifest is like."""
        return _stamps([self.folder / "..data", self.folder / MANIFEST_NAME])

    def load(self, now: datetime) -> Loaded:  # noqa: ARG002  a snapshot says itself when it was made
        """Read the snapshot, whole or not at all."""
        found = self._before = read_snapshot(self.folder, before=self._before)
        return Loaded(found.policies, found.evidence, found.digest, found.sequence, found.made_at)


def _named_by(files: Iterable[Path]) -> list[Path]:
    """Return the files that policy files name, as far as they can be read."""
    found: list[Path] = []
    for path in files:
        with suppress(DbomError):
            found.extend(path.parent / name for name, _ in PolicySource.of_file(path).files)
    return found


def _stamps(paths: Iterable[Path]) -> Stamp:
    found: list[tuple[str, int, int, int]] = []
    for path in paths:
        try:
            stat = path.stat()
            found.append((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
        except OSError:
            found.append((str(path), -1, -1, -1))
    return tuple(found)


def _time_of(name: str) -> int:
    try:
        return os.stat(name).st_mtime_ns  # noqa: PTH116  thousands of them, each second
    except OSError:
        return -1
