"""An artifact in a registry to the tree that mounting it as a volume would show (docs/formats/oci.md)."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dbom.errors import MismatchError, NameRefusedError, PathError, UsageError
from dbom.pathname import path_fault
from dbom.printable import printable
from dbom.rules.artifacts import NAME_REFUSED
from dbom.rules.stores import LAYER_REFUSED, PLATFORM_NEEDED, REGISTRY_REFERENCE
from dbom.storage.oci.blobs import BlobFile
from dbom.storage.oci.layers import Member, PackedFile, layer_members
from dbom.storage.oci.manifests import EMPTY_MEDIA_TYPE, Descriptor, Index, Manifest
from dbom.storage.oci.registry import open_registry
from dbom.storage.oci.rootfs import Rootfs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from dbom.items import Progress
    from dbom.storage.oci.reference import Reference
    from dbom.storage.oci.registry import Registry

__all__ = ["Artifact", "ArtifactFile", "parse_platform", "read_artifact", "resolve_reference"]

_IMAGE_CONFIGS: Final = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
_IMAGE_LAYER: Final = re.compile(
    r"application/vnd\.(?:oci\.image\.layer\.v1\.tar(?:\+gzip|\+zstd)?|docker\.image\.rootfs\.diff\.tar(?:\.gzip)?)"
)
_MODEL_LAYER: Final = re.compile(
    r"application/vnd\.(?:cncf|cnai)\.model\.[a-z.]+\.v1\.(?P<how>raw|tar(?:\+gzip|\+zstd)?)"
)
_MODEL_PATHS: Final = ("org.cncf.model.filepath", "org.cnai.model.filepath")
_TITLE: Final = "org.opencontainers.image.title"
_UNPACK: Final = "io.deis.oras.content.unpack"
_UNPACKED_DIGEST: Final = "io.deis.oras.content.digest"


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """One file: a whole blob, which the registry names by its sha256, or one that was read from a layer."""

    path: str
    size: int
    sha256: str
    is_blob: bool


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a reference stands for: the reference by the digest of its manifest, and the files."""

    reference: Reference
    files: tuple[ArtifactFile, ...]


def resolve_reference(reference: Reference, *, platform: str = "") -> Reference:
    """Return the reference by digest to the one artifact that is meant: of a tag, and of an index's platform.

    Raises `UsageError` for an index without a platform, or with one that it hasn't or has twice.
    """
    found = open_registry(reference.host).document(reference)
    pinned = reference.pinned(found.descriptor.digest)
    if isinstance(found, Manifest):
        if platform:
            raise UsageError(PLATFORM_NEEDED, "is one artifact, not an index of platforms", where=str(pinned))
        return pinned
    fitting = [item for item in found.manifests if platform and _fits(item.platform, platform)]
    if len(fitting) != 1:
        raise UsageError(
            PLATFORM_NEEDED,
            "is an index, and one platform is to be chosen" if not platform else "hasn't just one such platform",
            where=str(pinned),
            got=printable(platform) or None,
            expected=_platforms(found),
        )
    return reference.pinned(fitting[0].digest)


def read_artifact(reference: Reference, *, progress: Progress | None = None) -> Artifact:
    """Read the artifact of a reference, which isn't an index: its manifest, and all layers that are archives.

    Files that are blobs of their own aren't read: their digest is in the manifest. Raises `PathError` for layers that
    have no single reading, `NameRefusedError` for names that no tree can hold, `MismatchError` for other bytes than
    those of a digest, and whatever `Registry.manifest` raises.
    """
    pinned = resolve_reference(reference)
    registry = open_registry(pinned.host)
    manifest = registry.manifest(pinned)
    reading = _Reading(registry, pinned, progress)
    tree = reading.image(manifest) if manifest.config.media_type in _IMAGE_CONFIGS else reading.artifact(manifest)
    return Artifact(pinned, tuple(_file(path, leaf) for path, leaf in tree.files()))


@dataclass(frozen=True, slots=True)
class _Reading:
    registry: Registry
    reference: Reference
    progress: Progress | None

    def image(self, manifest: Manifest) -> Rootfs:
        """Read the layers of a container image, laid over one another."""
        tree = Rootfs(str(self.reference))
        for layer in manifest.layers:
            if _IMAGE_LAYER.fullmatch(layer.media_type) is None:
                raise self._refused(f"is of a kind that isn't read: {printable(layer.media_type)}", layer)
            tree.apply(self._members(layer))
        return tree

    def artifact(self, manifest: Manifest) -> Rootfs:
        """Read the files that the layers of any other artifact are, or hold."""
        tree = Rootfs(str(self.reference))
        for layer in manifest.layers:
            model = _MODEL_LAYER.fullmatch(layer.media_type)
            title = layer.annotations.get(_TITLE, "")
            if model is not None:
                self._add_model_layer(tree, layer, model["how"])
            elif title and layer.annotations.get(_UNPACK) == "true":
                tree.add_members(self._below(title, self._members(layer), layer))
            elif title:
                tree.add_file(self._named(title), layer)
            elif layer.media_type != EMPTY_MEDIA_TYPE:
                raise self._refused("has no name and is of no kind that is unpacked", layer)
        return tree

    def _add_model_layer(self, tree: Rootfs, layer: Descriptor, how: str) -> None:
        if how != "raw":
            tree.add_members(self._members(layer))
            return
        paths = [layer.annotations[key] for key in (*_MODEL_PATHS, _TITLE) if layer.annotations.get(key)]
        if not paths:
            raise self._refused("says no path for its file", layer)
        tree.add_file(self._named(paths[0]), layer)

    def _members(self, layer: Descriptor) -> Iterator[Member]:
        where = f"{self.reference}: layer {layer.digest}"
        if self.progress is not None:
            self.progress.expect(layer.size)
        with closing(BlobFile(self.registry, self.reference.repository, layer, where, progress=self.progress)) as file:
            unpacked = layer.annotations.get(_UNPACKED_DIGEST, "")
            try:
                yield from layer_members(_as_file(file), layer.size, where, unpacked=unpacked)
            except PathError as error:
                self._demand_own_bytes(file, error)
                raise
            file.finish()

    def _demand_own_bytes(self, file: BlobFile, error: PathError) -> None:
        """Say that the bytes are others, where that is why they can't be read."""
        if error.rule is LAYER_REFUSED:
            try:
                file.finish()
            except MismatchError as mismatch:
                raise mismatch from error

    def _below(self, title: str, members: Iterator[Member], layer: Descriptor) -> Iterator[Member]:
        """Yield the members of a folder that ORAS packed: each is at or below the folder's name."""
        folder = "" if title == "." else self._named(title.rstrip("/"))
        for member in members:
            for path in (member.path, member.hard) if member.hard else (member.path,):
                if folder and path != folder and not path.startswith(f"{folder}/"):
                    raise self._refused(f"holds {printable(path)}, which isn't below {printable(folder)}", layer)
            yield member

    def _named(self, path: str) -> str:
        path = path.removeprefix("./")
        fault = path_fault(path)
        if fault is not None:
            raise NameRefusedError(NAME_REFUSED, f"the name {fault}", where=f"{self.reference}: {printable(path)}")
        return path

    def _refused(self, what: str, layer: Descriptor) -> PathError:
        return PathError(LAYER_REFUSED, what, where=f"{self.reference}: layer {layer.digest}")


def _as_file(file: BlobFile) -> IO[bytes]:
    return file  # type: ignore[return-value]  # a RawIOBase is a file of bytes, whatever typeshed says


def _file(path: str, leaf: PackedFile | Descriptor) -> ArtifactFile:
    if isinstance(leaf, PackedFile):
        return ArtifactFile(path, leaf.size, leaf.sha256, is_blob=False)
    return ArtifactFile(path, leaf.size, leaf.hex, is_blob=True)


def _fits(offered: str, wanted: str) -> bool:
    """Return whether a platform is the one that is wanted; without a variant, any variant is."""
    return offered == wanted or (wanted.count("/") == 1 and offered.startswith(f"{wanted}/"))


def _platforms(index: Index) -> str:
    named = sorted({item.platform for item in index.manifests if item.platform})
    return f"one of {', '.join(printable(name) for name in named)}" if named else "the digest of one of its manifests"


def parse_platform(text: str) -> str:
    """Return a platform as it is written, `os/architecture` or `os/architecture/variant`. Raises `UsageError`."""
    if re.fullmatch(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?", text) is None:
        raise UsageError(REGISTRY_REFERENCE, "not a platform", got=printable(text), expected="such as linux/amd64")
    return text
