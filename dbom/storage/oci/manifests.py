"""The documents of a registry: manifests and indexes, read strictly, and descriptors of what they name."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from dbom.canonical import json_object
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.stores import MANIFEST_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbom.canonical import Json, JsonObject

__all__ = [
    "ACCEPTED",
    "EMPTY_CONFIG",
    "EMPTY_MEDIA_TYPE",
    "INDEX_MEDIA_TYPE",
    "MANIFEST_MEDIA_TYPE",
    "MAX_MANIFEST_BYTES",
    "Descriptor",
    "Document",
    "Index",
    "Manifest",
    "descriptor_of",
    "parse_document",
]

MANIFEST_MEDIA_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX_MEDIA_TYPE: Final = "application/vnd.oci.image.index.v1+json"
EMPTY_MEDIA_TYPE: Final = "application/vnd.oci.empty.v1+json"
EMPTY_CONFIG: Final = b"{}"
"""The content of the empty descriptor (OCI image specification 1.1, "Guidance for an empty descriptor")."""

MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
"""The longest manifest that is read, in bytes: what the distribution specification tells registries to take."""

_MANIFESTS: Final = (MANIFEST_MEDIA_TYPE, "application/vnd.docker.distribution.manifest.v2+json")
_INDEXES: Final = (INDEX_MEDIA_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json")
ACCEPTED: Final = ", ".join((*_MANIFESTS, *_INDEXES))
"""What is asked for in `Accept`."""

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_DESCRIPTORS: Final = 20_000
_LARGEST: Final = 2**53


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a document says of a thing that it names: its media type, sha256 (`sha256:<hex>`) and size in bytes.

    `platform` is `os/architecture` with `/variant` where there is one, or empty.
    """

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""
    platform: str = ""

    @property
    def hex(self) -> str:
        """The 64 hex digits of the digest."""
        return self.digest.removeprefix("sha256:")

    def document(self) -> JsonObject:
        """Return the descriptor as it stands in a manifest."""
        found: JsonObject = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.artifact_type:
            found["artifactType"] = self.artifact_type
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        return found


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image manifest: one artifact. `raw` are its bytes, `descriptor` what names it."""

    raw: bytes = field(repr=False)
    descriptor: Descriptor
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An index: several manifests, such as one for each platform, or the referrers of one artifact."""

    raw: bytes = field(repr=False)
    descriptor: Descriptor
    manifests: tuple[Descriptor, ...]


Document: TypeAlias = Manifest | Index
"""What lies in a registry under a tag or a digest of a manifest."""


def descriptor_of(media_type: str, data: bytes, *, annotations: Mapping[str, str] | None = None) -> Descriptor:
    """Return the descriptor of these bytes."""
    return Descriptor(media_type, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data), annotations or {})


def parse_document(data: bytes, *, where: str, media_type: str = "") -> Document:
    """Read a manifest or an index; `media_type` is what the registry calls it, where it says.

    Raises `DocumentError` where it is malformed, of a kind that isn't read, or where what it says of itself isn't what
    the registry says: one reader would take it for a manifest, the next for an index.
    """
    document = json_object(data, where=where, limit=MAX_MANIFEST_BYTES)
    stated = _text(document, "mediaType", where)
    said = media_type.partition(";")[0].strip()
    kind = stated or said
    if said in (*_MANIFESTS, *_INDEXES) and stated and stated != said:
        raise _malformed(f"calls itself {printable(stated)}", where, expected=said)
    if document.get("schemaVersion") != 2:  # noqa: PLR2004  the number that the specification fixes
        raise _malformed("schemaVersion is not 2", where)
    if "layers" in document and "manifests" in document:
        raise _malformed("is a manifest and an index at once", where)
    if kind in _MANIFESTS:
        return _manifest(document, data, kind, where)
    if kind in _INDEXES:
        own = Descriptor(kind, descriptor_of(kind, data).digest, len(data))
        return Index(data, own, _descriptors(document, "manifests", where))
    raise _malformed("is neither an image manifest nor an index", where, got=printable(kind) or "no media type")


def _manifest(document: JsonObject, data: bytes, kind: str, where: str) -> Manifest:
    config = _descriptor(document.get("config"), f"{where}: config")
    subject = document.get("subject")
    artifact_type = _text(document, "artifactType", where)
    own = Descriptor(
        kind,
        descriptor_of(kind, data).digest,
        len(data),
        _annotations(document.get("annotations"), where),
        artifact_type or config.media_type,
    )
    return Manifest(
        data,
        own,
        config,
        _descriptors(document, "layers", where),
        "" if subject is None else _descriptor(subject, f"{where}: subject").digest,
    )


def _descriptors(document: JsonObject, key: str, where: str) -> tuple[Descriptor, ...]:
    found = document.get(key)
    if not isinstance(found, list) or len(found) > _MOST_DESCRIPTORS:
        raise _malformed(f"{key} is not a list of at most {_MOST_DESCRIPTORS} descriptors", where)
    return tuple(_descriptor(item, f"{where}: {key}") for item in found)


def _descriptor(item: Json, where: str) -> Descriptor:
    if not isinstance(item, dict):
        raise _malformed("a descriptor is not an object", where)
    media_type, digest, size = item.get("mediaType"), item.get("digest"), item.get("size")
    if not isinstance(media_type, str) or not media_type:
        raise _malformed("a descriptor has no mediaType", where)
    if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
        raise _malformed("a descriptor has no sha256", where, got=printable(str(digest)))
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < _LARGEST:
        raise _malformed("a descriptor has no size", where, got=printable(str(size)))
    return Descriptor(
        media_type,
        digest,
        size,
        _annotations(item.get("annotations"), where),
        _text(item, "artifactType", where),
        _platform(item.get("platform"), where),
    )


def _annotations(found: Json, where: str) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _malformed("annotations are not an object", where)
    read = {name: value for name, value in found.items() if isinstance(value, str)}
    if len(read) != len(found):
        raise _malformed("an annotation is not a string", where)
    return read


def _platform(found: Json, where: str) -> str:
    if found is None:
        return ""
    if not isinstance(found, dict):
        raise _malformed("a platform is not an object", where)
    parts = [_text(found, name, where) for name in ("os", "architecture", "variant")]
    return "/".join(part for part in parts if part)


def _text(document: JsonObject, key: str, where: str) -> str:
    value = document.get(key, "")
    if not isinstance(value, str):
        raise _malformed(f"{key} is not a string", where)
    return value


def _malformed(what: str, where: str, *, got: str | None = None, expected: str | None = None) -> DocumentError:
    return DocumentError(MANIFEST_MALFORMED, what, where=where, got=got, expected=expected)
