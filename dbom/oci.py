"""An artifact in an OCI registry to its fingerprint: the tree that mounting it as a volume would show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dbom.keys import artifact_name, demand_files, list_keys, tree_of
from dbom.model import Entry
from dbom.storage.objects import RemoteItem, RemoteObject
from dbom.storage.oci import Reference, is_reference, open_registry, read_artifact, resolve_reference
from dbom.storage.oci.source import blob_object
from dbom.storage.ranges import STREAMED_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbom.ignores import Ignores
    from dbom.items import Progress
    from dbom.model import Fingerprint
    from dbom.storage.oci import Artifact

__all__ = ["ArtifactFingerprint", "Digests", "fingerprint_artifact", "is_reference", "pinned_artifact"]


class Digests(Protocol):
    """How files that are blobs are read, or their registry's word taken, some of them at once; in order."""

    def __call__(self, items: Iterable[RemoteItem]) -> Iterator[Entry]:
        """Yield an entry for each item."""


@dataclass(frozen=True, slots=True)
class ArtifactFingerprint:
    """A fingerprint, and the artifact's location: its reference by the digest of its manifest."""

    fingerprint: Fingerprint
    location: str


def fingerprint_artifact(
    url: str, ignores: Ignores, *, digests: Digests, computed: bool = False, progress: Progress | None = None
) -> ArtifactFingerprint:
    """Return the fingerprint of the artifact at `oci://HOST/REPOSITORY@sha256:…`, or at a tag, which is resolved once.

    The digest is the one that the mounted volume has on a disk. What lies in archives is read here; files that are
    blobs of their own are given to `digests`, to be read where all is to be `computed`.

    Raises `UsageError` for what isn't a reference and for an index (one platform is to be chosen first, by
    `pinned_artifact`), otherwise what `read_artifact` and `list_keys` raise.
    """
    artifact = read_artifact(Reference.parse(url), progress=progress)
    where = str(artifact.reference)
    blobs = {item.path for item in artifact.files if item.is_blob}
    packed = {item.path: item for item in artifact.files if not item.is_blob}
    streamed = computed and not _knows_ranges(artifact)
    found = (
        blob_object(item.path, item.size, item.sha256, streamed=streamed)
        if item.is_blob
        else RemoteObject(item.path, item.size)
        for item in artifact.files
    )
    listing = list_keys(found, "", where, ignores)
    demand_files(listing, where)
    wanted = (RemoteItem(path, where, item, computed) for path, item in listing.files.items() if path in blobs)
    entries = [*digests(wanted), *(Entry(p, packed[p].size, packed[p].sha256) for p in listing.files if p in packed)]
    name = artifact_name(artifact.reference.name, where)
    return ArtifactFingerprint(tree_of(name, entries, listing, ignores), where)


def pinned_artifact(url: str, *, platform: str = "") -> str:
    """Return the reference by digest to the one artifact that a reference means, on a platform where it is an index.

    Raises `UsageError` as `resolve_reference` does.
    """
    return str(resolve_reference(Reference.parse(url), platform=platform))


def _knows_ranges(artifact: Artifact) -> bool:
    largest = max((item for item in artifact.files if item.is_blob), key=lambda item: item.size, default=None)
    if largest is None or largest.size <= STREAMED_BYTES:
        return True
    registry = open_registry(artifact.reference.host)
    return registry.knows_ranges(artifact.reference.repository, f"sha256:{largest.sha256}")
