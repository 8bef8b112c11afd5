"""From a snapshot to the ConfigMaps that webhooks mount, so that whatever ends at whatever point, a whole one is there.

1. Each piece that isn't there yet goes into a slot that neither the last manifest nor a recent one needs.
2. Then, and only then, the manifest is written, over the one that was read: a conflict means that somebody else leads.
3. Slots that no manifest needs are emptied after a grace, since kubelets show objects a minute later, each on its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from admission.controller.client import collection
from admission.controller.naming import MANAGED, SNAPSHOT, SNAPSHOT_SLOTS, slot_name
from admission.packing.pieces import PIECE_SUFFIX
from admission.snapshot import MANIFEST_NAME, Manifest, Snapshot, next_sequence, unpack_snapshot
from dbom.errors import DbomError, DocumentError, UndecidedError
from dbom.rules.cluster import CLUSTER_REFUSED, SNAPSHOT_INCOMPLETE, SNAPSHOT_TOO_LARGE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from admission.controller.client import Api
    from admission.snapshot import PackedSnapshot, Piece
    from dbom.canonical import JsonObject

__all__ = ["GRACE", "Publisher"]

GRACE: Final = 600.0
"""For how many seconds a piece stays that no manifest needs."""


@dataclass(slots=True)
class _Slot:
    """A ConfigMap of one piece at most: the object as it was last read or written, None where there is none yet."""

    number: int
    document: JsonObject | None = None
    sha256: str = ""
    unneeded_since: float | None = None


@dataclass(slots=True)
class Publisher:
    """Writes snapshots into ConfigMaps of a namespace, while `demand` doesn't raise: it says whether we lead.

    `monotonic` is our own clock in seconds.
    """

    api: Api
    namespace: str
    demand: Callable[[], None]
    monotonic: Callable[[], float]
    grace: float = GRACE
    manifest: Manifest | None = None
    _document: JsonObject | None = None
    _slots: list[_Slot] = field(default_factory=list)
    _is_read: bool = False

    def read(self) -> Snapshot | None:
        """Read what is there, before anything is written; return the snapshot, None where there is no whole one.

        Raises `UndecidedError` where the API server is away.
        """
        now = self.monotonic()
        self._document = self._get(SNAPSHOT)
        self._slots = [self._read_slot(number, now) for number in range(SNAPSHOT_SLOTS)]
        self.manifest, self._is_read = None, True
        try:
            return self._snapshot()
        finally:
            # Versions are all that is asked of them again.
            for slot in self._slots:
                slot.document = None if slot.document is None else _versioned(slot.document)
            self._document = None if self._document is None else _versioned(self._document)

    def _snapshot(self) -> Snapshot | None:
        data = _text(self._document, MANIFEST_NAME)
        if not data:
            return None
        try:
            self.manifest = Manifest.parse(data.encode(), where=SNAPSHOT)
            held = {slot.sha256: slot for slot in self._slots if slot.sha256}
            return unpack_snapshot(self.manifest, lambda sha256: _bytes_of(held.get(sha256), sha256), where=SNAPSHOT)
        except DbomError:
            # A webhook takes it as little as we do. It is written anew, with a higher sequence where that can be read.
            return None

    def forget(self) -> None:
        """Know no longer what is there: it is read again before anything is written."""
        self._is_read = False

    def publish(self, packed: PackedSnapshot, *, now: datetime) -> Manifest:
        """Hand over a snapshot. Raises `UndecidedError` where it can't be, and then what is there stays whole."""
        if not self._is_read:
            self.read()
        before = 0 if self.manifest is None else self.manifest.sequence
        manifest = packed.manifest(sequence=next_sequence(before, now), made_at=now)
        try:
            self._write_pieces(packed)
            self._document = self._put(
                SNAPSHOT, self._document, {"data": {MANIFEST_NAME: manifest.document().decode()}}
            )
        except DbomError:
            self.forget()
            raise
        self.manifest = manifest
        return manifest

    def collect(self) -> int:
        """Empty slots that no manifest needs any more, and return how many. Raises as `publish`."""
        emptied, now = 0, self.monotonic()
        for slot in self._slots if self._is_read else ():
            if not slot.sha256 or self._is_needed(slot.sha256):
                slot.unneeded_since = None
            elif slot.unneeded_since is None:
                slot.unneeded_since = now
            elif now - slot.unneeded_since >= self.grace:
                self._fill(slot, None)
                emptied += 1
        return emptied

    def _write_pieces(self, packed: PackedSnapshot) -> None:
        held = {slot.sha256 for slot in self._slots if slot.sha256}
        missing = [piece for piece in packed.pieces if piece.sha256 not in held]
        wanted = {piece.sha256 for piece in packed.pieces}
        # Slots that were never used first, then those that are unneeded for the longest time; kubelets that lag may
        # still need the pieces of the others.
        free = [slot for slot in self._slots if not slot.sha256]
        old = [slot for slot in self._slots if slot.sha256 and slot.sha256 not in wanted]
        old = [slot for slot in old if not self._is_needed(slot.sha256)]
        usable = [*free, *sorted(old, key=lambda slot: slot.unneeded_since or self.monotonic())]
        if len(missing) > len(usable):
            raise DocumentError(
                SNAPSHOT_TOO_LARGE,
                "too few ConfigMaps are free",
                got=f"{len(missing)} pieces",
                expected=str(len(usable)),
            )
        for piece, slot in zip(missing, usable, strict=False):
            self._fill(slot, piece)

    def _is_needed(self, sha256: str) -> bool:
        return self.manifest is not None and any(sha256 == needed for needed, _ in self.manifest.pieces)

    def _fill(self, slot: _Slot, piece: Piece | None) -> None:
        content: JsonObject = {} if piece is None else {"binaryData": {piece.name: _base64(piece.data)}}
        slot.document = self._put(slot_name(slot.number), slot.document, content)
        slot.sha256 = "" if piece is None else piece.sha256
        slot.unneeded_since = None

    def _put(self, name: str, before: JsonObject | None, content: JsonObject) -> JsonObject:
        """Write a ConfigMap over the one that was read, and return what is kept of it."""
        self.demand()
        metadata: JsonObject = {"name": name, "namespace": self.namespace, "labels": {**MANAGED}}
        if before is not None and isinstance(before.get("metadata"), dict):
            metadata["resourceVersion"] = _version(before)
        document: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **content}
        if before is None:
            answer = self.api.create(collection("v1", "configmaps", self.namespace), document)
        else:
            answer = self.api.update(collection("v1", "configmaps", self.namespace, name), document)
        if answer.is_conflict:
            raise UndecidedError(CLUSTER_REFUSED, f"{name} was changed by somebody else", where=self.namespace)
        return _versioned(answer.demanded())

    def _get(self, name: str) -> JsonObject | None:
        answer = self.api.get(collection("v1", "configmaps", self.namespace, name))
        return None if answer.is_missing else answer.demanded()

    def _read_slot(self, number: int, now: float) -> _Slot:
        document = self._get(slot_name(number))
        data = None if document is None else document.get("binaryData")
        if document is None or not isinstance(data, dict) or not data:
            return _Slot(number, document)
        name, text = next(iter(data.items()))
        raw = _decoded(text)
        sha256 = hashlib.sha256(raw).hexdigest()
        is_piece = len(data) == 1 and name == sha256 + PIECE_SUFFIX
        # What is no piece of ours is overwritten like one that nobody needs.
        return _Slot(number, document, sha256 if is_piece else "", now if is_piece else None)


def _version(document: JsonObject) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("resourceVersion", "")) if isinstance(metadata, dict) else ""


def _versioned(document: JsonObject) -> JsonObject:
    return {"metadata": {"resourceVersion": _version(document)}}


def _text(document: JsonObject | None, key: str) -> str:
    data = None if document is None else document.get("data")
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, str) else ""


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return b""


def _bytes_of(slot: _Slot | None, sha256: str) -> bytes:
    data = None if slot is None or slot.document is None else slot.document.get("binaryData")
    found = data.get(sha256 + PIECE_SUFFIX) if isinstance(data, dict) else None
    if found is None:
        raise DocumentError(SNAPSHOT_INCOMPLETE, f"{sha256}{PIECE_SUFFIX} isn't there", where=SNAPSHOT)
    return _decoded(found)
