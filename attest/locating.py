"""Whether a location holds an artifact, by reading it: what makes a location `computed` and not just `declared`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attest.holding import digests_held
from dbom.errors import MismatchError
from dbom.fingerprinting import fingerprint
from dbom.model import COMPUTED, Basis, Kind, Known
from dbom.oci import is_reference
from dbom.printable import printable
from dbom.rules.stores import LOCATION_ELSEWHERE

if TYPE_CHECKING:
    from attest.location import Location
    from dbom.items import Progress
    from dbom.model import Fingerprint

__all__ = ["LocationReader"]


class LocationReader:
    """Reads locations in full and says how it is known that an artifact is there."""

    def __init__(self, *, jobs: int = 0, offline: bool = False, progress: Progress | None = None) -> None:
        self._jobs = jobs
        self._offline = offline
        self._progress = progress

    def __call__(self, location: Location, artifact: Fingerprint) -> Known:
        """Return `computed` where the location holds the artifact, read under the same ignore list.

        An artifact in a registry that is one single file holds that file, too. Raises `MismatchError` where it holds
        something else; otherwise as `dbom.fingerprinting.fingerprint`.
        """
        ignores = artifact.ignores if artifact.kind is Kind.TREE else None
        found = fingerprint(
            str(location),
            ignores=ignores,
            jobs=self._jobs,
            computed=True,
            offline=self._offline,
            progress=self._progress,
        )
        if artifact.digest not in digests_held(found, is_artifact=is_reference(str(location))):
            raise MismatchError(
                LOCATION_ELSEWHERE,
                "holds other bytes than the artifact",
                where=printable(str(location)),
                got=str(found.digest),
                expected=str(artifact.digest),
            )
        known = replace(found.known, by="")
        return COMPUTED if known.basis is Basis.COMPUTED else known
