"""The bundles that refer to an artifact in an OCI registry, as cosign 3 keeps them (docs/formats/oci.md)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from attest.bundle import Bundle
from attest.stores.store import MAX_BUNDLE_BYTES, StoredBundle, UnreadBundle, read_only_bundles
from dbom.errors import DbomError, DocumentError
from dbom.names import BUNDLE_V03, BUNDLE_V03_ALT
from dbom.rules.stores import MANIFEST_MALFORMED
from dbom.storage.oci import Reference, Referrers, open_registry
from dbom.storage.oci.manifests import (
    EMPTY_CONFIG,
    EMPTY_MEDIA_TYPE,
    MANIFEST_MEDIA_TYPE,
    Descriptor,
    descriptor_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.statement import Statement
    from dbom.storage.oci import Registry

__all__ = ["RegistryStore", "open_registry_store", "referrer_manifest"]

_BUNDLE_PREFIX: Final = "application/vnd.dev.sigstore.bundle"
_UNTOLD: Final = frozenset({"", EMPTY_MEDIA_TYPE})
"""Artifact types that say nothing: some registries list the config's media type in the artifact type's place."""

_OLD: Final = re.compile(r"application/vnd\.dev\.sigstore\.bundle\+json;version=(?P<version>0\.[12])")
_CONTENT: Final = "dev.sigstore.bundle.content"
_PREDICATE: Final = "dev.sigstore.bundle.predicateType"


@dataclass(frozen=True, slots=True)
class RegistryStore:
    """The referrers of one artifact. `given` is the reference as it was written.

    The registry is asked for the artifact once, when that is first needed. Everything raises `PathError` where the
    registry hasn't it, `StoreError` where the registry can't be reached.
    """

    registry: Registry
    given: Reference
    _found: list[Descriptor] = field(default_factory=list, repr=False)

    @property
    def subject(self) -> Descriptor:
        """The descriptor of the artifact's manifest: of a tag, what it meant when it was first asked for."""
        if not self._found:
            found = self.registry.document(self.given).descriptor
            self._found.append(Descriptor(found.media_type, found.digest, found.size))
        return self._found[0]

    @property
    def reference(self) -> Reference:
        """The artifact by its digest."""
        return self.given.pinned(self.subject.digest)

    @property
    def url(self) -> str:
        """The artifact by its digest, and the tag that it was found by, if any."""
        tag = f":{self.given.tag}" if self.given.tag else ""
        return f"oci://{self.given.host}/{self.given.repository}{tag}@{self.subject.digest}"

    def bundles(self) -> Iterator[StoredBundle]:
        """Yield every bundle, ordered by the digest of its manifest."""
        return read_only_bundles(self.entries())

    def entries(self) -> Iterator[StoredBundle | UnreadBundle]:
        """Yield every bundle, ordered by the digest of its manifest, and what can't be read.

        Referrers that are no bundles (other people's SBOMs, signatures of older kinds) are none of ours.
        """
        for item in Referrers(self.registry, self.reference).listed():
            if item.artifact_type in _UNTOLD or item.artifact_type.startswith(_BUNDLE_PREFIX):
                yield from self._of_referrer(item)

    def add(self, raw: bytes, statement: Statement) -> str:
        """Push a bundle as a referrer of the artifact and return the digest of its manifest."""
        data = referrer_manifest(raw, statement.predicate_type, self.subject)
        repository = self.given.repository
        self.registry.put_blob(repository, EMPTY_CONFIG)
        self.registry.put_blob(repository, raw)
        own = descriptor_of(MANIFEST_MEDIA_TYPE, data, annotations=_annotations(statement.predicate_type))
        listed = Descriptor(own.media_type, own.digest, own.size, own.annotations, _artifact_type(raw))
        Referrers(self.registry, self.reference).push(data, listed)
        return own.digest

    def _of_referrer(self, item: Descriptor) -> Iterator[StoredBundle | UnreadBundle]:
        place = self.given.pinned(item.digest)
        where = str(place)
        try:
            manifest = self.registry.manifest(place)
            if manifest.subject != self.subject.digest:
                raise DocumentError(
                    MANIFEST_MALFORMED,
                    "is listed as evidence about another artifact than it says",
                    where=where,
                    got=manifest.subject or "none",
                    expected=self.subject.digest,
                )
            layers = [layer for layer in manifest.layers if layer.media_type.startswith(_BUNDLE_PREFIX)]
        except DbomError as error:
            yield UnreadBundle(error, where)
            return
        for layer in layers:
            yield self._of_layer(layer, where)

    def _of_layer(self, layer: Descriptor, where: str) -> StoredBundle | UnreadBundle:
        try:
            raw = self.registry.blob(self.given.repository, layer.digest, limit=MAX_BUNDLE_BYTES)
        except DbomError as error:
            return UnreadBundle(error, where)
        return StoredBundle(raw, where, layer.hex)


def open_registry_store(url: str, *, at_once: bool = True) -> RegistryStore:
    """Open the store that the referrers of an artifact are: `oci://HOST/REPOSITORY@sha256:…`, or a tag.

    A tag is resolved once, and the store's `url` says to what: here, or, without `at_once`, when the store is first
    used. Raises `UsageError` for what isn't a reference; `at_once`, also what the store itself raises.
    """
    reference = Reference.parse(url)
    store = RegistryStore(open_registry(reference.host), reference)
    if at_once:
        _ = store.subject
    return store


def referrer_manifest(raw: bytes, predicate_type: str, subject: Descriptor) -> bytes:
    """Return the manifest of a bundle that refers to `subject`: the same bytes for the same bundle, always.

    It is cosign 3's, without its time of creation.
    """
    layer = descriptor_of(_artifact_type(raw), raw)
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "artifactType": layer.media_type,
            "config": descriptor_of(EMPTY_MEDIA_TYPE, EMPTY_CONFIG).document(),
            "layers": [layer.document()],
            "subject": {"mediaType": subject.media_type, "digest": subject.digest, "size": subject.size},
            "annotations": _annotations(predicate_type),
        },
        separators=(",", ":"),
    ).encode()


def _annotations(predicate_type: str) -> dict[str, str]:
    return {_CONTENT: "dsse-envelope", _PREDICATE: predicate_type}


def _artifact_type(raw: bytes) -> str:
    """Return the bundle's media type in the one form that an artifact type can have (RFC 6838 knows no parameters)."""
    media_type = Bundle.parse(raw, where="the bundle").media_type
    if media_type in (BUNDLE_V03, BUNDLE_V03_ALT):
        return BUNDLE_V03
    match = _OLD.fullmatch(media_type)
    return f"{_BUNDLE_PREFIX}.v{match['version']}+json" if match is not None else BUNDLE_V03
