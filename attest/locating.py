"""Whether a location holds an artifact, by reading it: what makes a location `computed` and not just `declared`.

And which pin a place has now, for those who name it without one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attest.location import Location
from attest.stores.holding import digests_held
from dbom.errors import DbomError, MismatchError, UsageError
from dbom.fingerprinting import fingerprint
from dbom.model import COMPUTED, Basis, Kind, Known
from dbom.oci import is_reference, pinned_artifact
from dbom.printable import printable
from dbom.rules.attestations import LOCATION_UNPINNED
from dbom.rules.stores import LOCATION_ELSEWHERE
from dbom.storage.objects import open_sources, place_of, source_of

if TYPE_CHECKING:
    from dbom.items import Progress
    from dbom.model import Fingerprint

__all__ = ["LocationReader", "pinned_location"]

_PINNED = ("oci://", "hf://", "s3://", "gs://")


def pinned_location(text: str, *, offline: bool = False) -> Location:
    """Read a pinned location. Raises `UsageError` for one without a pin, telling the pin that the place has now.

    That pin is told and never taken: only who signs knows whether what is there now is what is meant. Where it can't be
    looked up, or is `offline`, the error says what a pin looks like.
    """
    try:
        return Location.parse(text)
    except UsageError as error:
        now = None if offline or not text.startswith(_PINNED) else _present(text)
        if now is None:
            raise
        raise UsageError(
            LOCATION_UNPINNED,
            "not a pinned location",
            got=printable(text),
            expected=printable(str(now)),
            hint="that is what it has now; give it so if that is what you mean, with --computed to have it read",
        ) from error


def _present(text: str) -> Location | None:
    try:
        if is_reference(text):
            return Location.parse(pinned_artifact(text))
        with open_sources():
            place = place_of(text)
            if place.root.startswith("hf://"):
                return None if place.key else Location.parse(place.root)
            source = source_of(place.root)
            found = source.find(place.key)
            return None if found is None else Location.parse(source.location(found))
    except DbomError:
        return None


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
