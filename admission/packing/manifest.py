"""The manifest of a snapshot: which pieces it is made of, and which snapshot it is."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

import msgspec

from admission.packing.pieces import MAX_PART_BYTES, MAX_PIECES, PIECE_BYTES, Part
from dbom.canonical import canonical_json
from dbom.errors import DocumentError
from dbom.names import schema_name
from dbom.printable import printable
from dbom.rules.cluster import SNAPSHOT_MALFORMED, SNAPSHOT_TOO_LARGE

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["MANIFEST_NAME", "MAX_MANIFEST_BYTES", "Manifest", "PartKind"]

MANIFEST_NAME: Final = "snapshot.json"
MAX_MANIFEST_BYTES: Final = 256 * 1024
SNAPSHOT_SCHEMA: Final = schema_name("snapshot")
_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z")
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_MAX_SEQUENCE: Final = 2**53 - 1


class PartKind(StrEnum):
    """What a part holds."""

    POLICIES = "policies"
    STATEMENTS = "statements"
    EVIDENCE = "evidence"


class _PieceNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    size: int


class _PartNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: PartKind
    sha256: str
    size: int
    pieces: tuple[_PieceNode, ...]


class _ManifestNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    schema: str
    sequence: int
    digest: str
    made_at: str
    synced_at: str | None
    own_namespace: str
    parts: tuple[_PartNode, ...]


class _Version(msgspec.Struct, frozen=True):
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot is made of. `sequence` only grows; `synced_at` is when the stores were read."""

    sequence: int
    made_at: datetime
    synced_at: datetime | None
    own_namespace: str
    parts: tuple[tuple[PartKind, Part], ...]

    @property
    def digest(self) -> str:
        """The sha256 in hex of what policies and evidence are, however compressed and whenever read."""
        parts: list[Json] = [[str(kind), part.sha256] for kind, part in self.parts]
        return hashlib.sha256(canonical_json([SNAPSHOT_SCHEMA, self.own_namespace, parts])).hexdigest()

    @property
    def pieces(self) -> tuple[tuple[str, int], ...]:
        """All pieces by sha256 and size, each once."""
        return tuple(dict.fromkeys(piece for _, part in self.parts for piece in part.pieces))

    def document(self) -> bytes:
        """Return the manifest's canonical JSON."""
        parts: list[JsonObject] = [
            {
                "kind": str(kind),
                "sha256": part.sha256,
                "size": part.size,
                "pieces": [{"sha256": sha256, "size": size} for sha256, size in part.pieces],
            }
            for kind, part in self.parts
        ]
        return canonical_json(
            {
                "schema": SNAPSHOT_SCHEMA,
                "sequence": self.sequence,
                "digest": self.digest,
                "madeAt": _instant(self.made_at),
                "syncedAt": None if self.synced_at is None else _instant(self.synced_at),
                "ownNamespace": self.own_namespace,
                "parts": [*parts],
            }
        )

    @classmethod
    def parse(cls, data: bytes, *, where: str) -> Self:
        """Read a manifest. Raises `DocumentError` for one that isn't made as specified, or is over its bounds."""
        try:
            version = msgspec.json.decode(data, type=_Version).schema
            if version != SNAPSHOT_SCHEMA:
                raise DocumentError(
                    SNAPSHOT_MALFORMED,
                    "a snapshot of a version that isn't known",
                    where=where,
                    got=printable(version),
                    expected=SNAPSHOT_SCHEMA,
                )
            node = msgspec.json.decode(data, type=_ManifestNode)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            said = f"not the manifest of a snapshot: {printable(str(error))}"
            raise DocumentError(SNAPSHOT_MALFORMED, said, where=where) from error
        _demand_sound(node, where)
        parts = tuple(
            (part.kind, Part(part.sha256, part.size, tuple((item.sha256, item.size) for item in part.pieces)))
            for part in node.parts
        )
        synced_at = None if node.synced_at is None else _read(node.synced_at, where)
        found = cls(node.sequence, _read(node.made_at, where), synced_at, node.own_namespace, parts)
        if found.digest != node.digest:
            raise DocumentError(
                SNAPSHOT_MALFORMED, "the digest isn't that of the parts", where=where, got=printable(node.digest)
            )
        return found


def _demand_sound(node: _ManifestNode, where: str) -> None:
    kinds = [part.kind for part in node.parts]
    wanted = [PartKind.POLICIES, *(kind for kind in kinds if kind is PartKind.STATEMENTS), PartKind.EVIDENCE]
    pieces = [piece for part in node.parts for piece in part.pieces]
    digests = [part.sha256 for part in node.parts] + [piece.sha256 for piece in pieces]
    sizes = {piece.sha256: piece.size for piece in pieces}
    faults = [
        (not 1 <= node.sequence <= _MAX_SEQUENCE, "the sequence is no whole number from 1"),
        (kinds != wanted, "the parts are not policies, statements and evidence, in this order"),
        (any(_HEX64.fullmatch(text) is None for text in digests), "a digest that is no sha256 in hex"),
        (any(sizes[piece.sha256] != piece.size for piece in pieces), "one piece with two sizes"),
        (any(not part.pieces for part in node.parts), "a part without pieces"),
        (any(piece.size < 1 for piece in pieces), "a piece without a size"),
        (_NAMESPACE.fullmatch(node.own_namespace) is None, "a namespace that is none"),
    ]
    fault = next((why for is_fault, why in faults if is_fault), "")
    if fault:
        raise DocumentError(SNAPSHOT_MALFORMED, fault, where=where)
    size = sum(part.size for part in node.parts)
    is_large = any(piece.size > PIECE_BYTES for piece in pieces) or any(part.size < 0 for part in node.parts)
    if is_large or len(pieces) > MAX_PIECES or size > MAX_PART_BYTES:
        raise DocumentError(
            SNAPSHOT_TOO_LARGE,
            "more is declared than is read",
            where=where,
            got=f"{len(pieces)} pieces that come to {size} bytes",
            expected=f"at most {MAX_PIECES} pieces of {PIECE_BYTES} bytes, that come to {MAX_PART_BYTES}",
        )


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read(text: str, where: str) -> datetime:
    try:
        if _INSTANT.fullmatch(text) is None:
            raise ValueError(text)  # noqa: TRY301  one way out for every fault
        return datetime.fromisoformat(text)
    except ValueError as error:
        got = printable(text)
        raise DocumentError(SNAPSHOT_MALFORMED, "no moment in UTC", where=where, got=got) from error
