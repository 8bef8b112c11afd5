"""What refers to an artifact in a registry: by the referrers API, or by the tag that stands in for it.

OCI distribution specification 1.1, "Listing Referrers", "Referrers Tag Schema" and "Pushing Manifests with Subject".
"""

from __future__ import annotations

import json
import os
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dbom.errors import DocumentError, PathError, StoreError
from dbom.rules.artifacts import PATH_MISSING, STORE_UNREACHABLE
from dbom.rules.stores import MANIFEST_MALFORMED, REFERRERS_BUSY
from dbom.storage.oci.manifests import (
    INDEX_MEDIA_TYPE,
    MANIFEST_MEDIA_TYPE,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Index,
    parse_document,
)
from dbom.storage.retries import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dbom.storage.oci.reference import Reference
    from dbom.storage.oci.registry import Registry
    from dbom.storage.oci.transport import Answer

__all__ = ["Referrers", "Settling"]

_MOST_PAGES: Final = 100
_MOST: Final = 10_000
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Settling:
    """How the stand-in tag is written where others may write too.

    The tag has no create-only and no compare-and-swap request, so a writer can overwrite another's entry without
    either of them noticing. Each writer therefore looks again after a pause that is longer than the moment between
    another's reading and writing, and writes again where its entry is gone: `attempts` times at most.
    """

    attempts: int = 12
    pause: float = 0.25
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = field(default_factory=lambda: random.Random(os.getpid() ^ time.time_ns()).random)  # noqa: S311  it only keeps writers apart


@dataclass(frozen=True, slots=True)
class Referrers:
    """The manifests that name an artifact as their subject. `subject` is its reference by digest."""

    registry: Registry
    subject: Reference
    settling: Settling = field(default_factory=Settling)

    def listed(self) -> tuple[Descriptor, ...]:
        """Return the referrers, ordered by digest: from the API, or from the tag where the registry has no API."""
        found = self._of_api()
        if found is None:
            index = self._of_tag()
            found = [] if index is None else list(index.manifests)
        return tuple(sorted({item.digest: item for item in found}.values(), key=lambda item: item.digest))

    def push(self, manifest: bytes, descriptor: Descriptor) -> None:
        """Store a manifest whose subject is the artifact, so that it is listed.

        Raises `StoreError` where the entry in the stand-in tag was lost to other writers again and again.
        """
        headers = self.registry.put_manifest(self.subject.repository, descriptor.digest, manifest, MANIFEST_MEDIA_TYPE)
        # A registry that knows the API says so in this header; some know it and don't say so.
        said = {name.lower(): value for name, value in headers.items()}.get("oci-subject")
        if said != self.subject.digest and self._of_api() is None:
            self._add_to_tag(descriptor)

    def _of_api(self) -> list[Descriptor] | None:
        """Return what the referrers API lists, or None where the registry has none."""
        found: list[Descriptor] = []
        following = [""]

        def read(answer: Answer) -> None:
            found.extend(_listed(answer, self._where))
            following[0] = self.registry.next_url(answer, self._where)

        def first() -> bool:
            found.clear()
            path = f"referrers/{self.subject.digest}"
            headers = {"Accept": INDEX_MEDIA_TYPE}
            with self.registry.asking("GET", self.subject.repository, path, self._where, headers=headers) as answer:
                media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
                if answer.status in (404, 405, 501) or (answer.status == _OK and media_type != INDEX_MEDIA_TYPE):
                    return False
                if answer.status == 400:  # noqa: PLR2004  what a registry from before the API makes of the path
                    return False
                self.registry.demand_ok(answer, self._where)
                read(answer)
                return True

        if not retrying(first, self._where):
            return None
        for _ in range(_MOST_PAGES):
            if not following[0]:
                return found
            self.registry.page(self.subject.repository, following[0], self._where, read)
            if len(found) > _MOST:
                break
        raise StoreError(STORE_UNREACHABLE, f"more than {_MOST} referrers, or pages without end", where=self._where)

    def _of_tag(self) -> Index | None:
        try:
            found = self.registry.document(self._tag)
        except PathError as error:
            if error.rule is PATH_MISSING:
                return None
            raise
        if not isinstance(found, Index):
            raise DocumentError(MANIFEST_MALFORMED, "is no index of referrers", where=str(self._tag))
        return found

    def _add_to_tag(self, descriptor: Descriptor) -> None:
        for attempt in range(self.settling.attempts):
            index = self._of_tag()
            if index is None or descriptor.digest not in _digests(index):
                data = self._index_bytes([*(index.manifests if index is not None else ()), descriptor])
                # Look once more right before writing: what came meanwhile isn't to be overwritten.
                again = self._of_tag()
                if _digest(again) != _digest(index):
                    self._pause(attempt)
                    continue
                self.registry.put_manifest(self.subject.repository, self._tag.tag, data, INDEX_MEDIA_TYPE)
            self._pause(attempt)
            settled = self._of_tag()
            if settled is not None and descriptor.digest in _digests(settled):
                return
        raise StoreError(
            REFERRERS_BUSY,
            f"the entry was overwritten by others {self.settling.attempts} times",
            where=str(self._tag),
        )

    def _index_bytes(self, items: Sequence[Descriptor]) -> bytes:
        """Return the index of these. Raises `StoreError` where nobody would read it any more."""
        document = {"schemaVersion": 2, "mediaType": INDEX_MEDIA_TYPE, "manifests": [item.document() for item in items]}
        data = json.dumps(document, separators=(",", ":")).encode()
        if len(items) > _MOST or len(data) > MAX_MANIFEST_BYTES:
            raise StoreError(
                STORE_UNREACHABLE,
                "the index has no room for one more entry",
                where=str(self._tag),
                got=f"{len(items)} entries, {len(data)} bytes",
                expected=f"at most {_MOST} entries, {MAX_MANIFEST_BYTES} bytes",
            )
        return data

    def _pause(self, attempt: int) -> None:
        self.settling.sleep(self.settling.pause * (1 + min(attempt, 4) * self.settling.jitter()))

    @property
    def _tag(self) -> Reference:
        return type(self.subject)(self.subject.host, self.subject.repository, self.subject.digest.replace(":", "-"))

    @property
    def _where(self) -> str:
        return str(self.subject)


def _listed(answer: Answer, where: str) -> Sequence[Descriptor]:
    data = answer.read_all(MAX_MANIFEST_BYTES)
    found = parse_document(data, where=where, media_type=INDEX_MEDIA_TYPE)
    if not isinstance(found, Index):
        raise DocumentError(MANIFEST_MALFORMED, "is no index of referrers", where=where)
    return found.manifests


def _digests(index: Index) -> frozenset[str]:
    return frozenset(item.digest for item in index.manifests)


def _digest(index: Index | None) -> str:
    return "" if index is None else index.descriptor.digest
