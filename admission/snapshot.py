"""Snapshots: policies and evidence that was verified already, as pieces that a cluster hands to its webhooks.

Specified in docs/formats/snapshot.md. Whoever writes one is believed: the reader verifies no signature again, so only
the controller may write where a webhook reads. A reader takes a whole snapshot or none.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from admission.packing.evidence import pack_evidence, unpack_evidence
from admission.packing.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, Manifest, PartKind
from admission.packing.pieces import MAX_PIECES, PIECE_BYTES, PIECE_SUFFIX, Part, Piece, cut, join
from admission.packing.rows import EvidencePiece, PoliciesPiece, SourceRow, StatementsPiece
from admission.packing.statements import StatementTable, StatementUnpacker
from admission.policy_reading import OWN_NAMESPACE
from admission.policy_sources import PolicySource, sourced_policies
from admission.requirements.rules import PolicyRules
from attest.files import read_file
from dbom.errors import DbomError, DocumentError, PathError
from dbom.names import PREDICATE_BOM, PREDICATE_PROVENANCE
from dbom.printable import printable
from dbom.rules.artifacts import PATH_MISSING, PATH_UNREADABLE
from dbom.rules.cluster import SNAPSHOT_INCOMPLETE, SNAPSHOT_MALFORMED, SNAPSHOT_OLDER, SNAPSHOT_TOO_LARGE
from dbom.storage import open_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from admission.attested import Attested
    from admission.evidence import Evidence
    from admission.policy import Policy

__all__ = [
    "MANIFEST_NAME",
    "Manifest",
    "PackedSnapshot",
    "Piece",
    "Snapshot",
    "next_sequence",
    "pack_snapshot",
    "read_manifest",
    "read_snapshot",
    "unpack_snapshot",
    "write_snapshot",
]

_T = TypeVar("_T")
_READ_ONCE: Final = frozenset({PREDICATE_BOM, PREDICATE_PROVENANCE})
"""What nothing but a policy's own rules asks for again: all other facts of theirs are read already."""

_BUNDLES_A_PART: Final = 2048


@dataclass(frozen=True, slots=True)
class PackedSnapshot:
    """A snapshot that is ready to be handed over; which one it is, by sequence and time, is said by its manifest."""

    pieces: tuple[Piece, ...]
    parts: tuple[tuple[PartKind, Part], ...]
    own_namespace: str
    synced_at: datetime | None

    def manifest(self, *, sequence: int, made_at: datetime) -> Manifest:
        """Return the manifest with which it becomes the snapshot of this sequence."""
        return Manifest(sequence, made_at, self.synced_at, self.own_namespace, self.parts)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Policies, and the evidence that counts for them, as they were handed over. Made by `read_snapshot`.

    `sources` are the policies as they were written. `digest` is the sha256 in hex of what they are, the same whenever
    they were handed over.
    """

    policies: tuple[Policy, ...]
    evidence: Evidence
    manifest: Manifest = field(repr=False)
    sources: tuple[PolicySource, ...] = field(default=(), repr=False)

    @property
    def digest(self) -> str:
        """The sha256 in hex of what policies and evidence are."""
        return self.manifest.digest

    @property
    def sequence(self) -> int:
        """Its number: a later snapshot has a higher one."""
        return self.manifest.sequence

    @property
    def made_at(self) -> datetime:
        """When it was written, by the writer's clock."""
        return self.manifest.made_at


def pack_snapshot(
    sources: Sequence[PolicySource], evidence: Evidence, *, own_namespace: str = OWN_NAMESPACE
) -> PackedSnapshot:
    """Return policies and evidence as pieces: the same for the same input.

    Predicates that nothing asks for again are left out. Raises `DocumentError` for policies with faults, and for more
    than a snapshot holds.
    """
    policies = sourced_policies(sources, own_namespace=own_namespace)
    attested = [one for item in evidence.policies.values() for found in item.statements.values() for one in found]
    table = StatementTable(attested, frozenset() if _reads_predicates(policies) else _READ_ONCE)
    documents = [
        (PartKind.POLICIES, msgspec.json.encode(_policies_piece(sources))),
        *((PartKind.STATEMENTS, msgspec.json.encode(piece)) for piece in _statement_pieces(table)),
        (PartKind.EVIDENCE, msgspec.json.encode(pack_evidence(evidence, table.numbers))),
    ]
    pieces: dict[str, Piece] = {}
    parts: list[tuple[PartKind, Part]] = []
    for kind, document in documents:
        part, cut_pieces = cut(document)
        parts.append((kind, part))
        pieces |= {piece.sha256: piece for piece in cut_pieces}
    if len(pieces) > MAX_PIECES:
        raise DocumentError(
            SNAPSHOT_TOO_LARGE,
            "policies and evidence come to more pieces than a snapshot holds",
            got=f"{len(pieces)} pieces of up to {PIECE_BYTES} bytes",
            expected=f"at most {MAX_PIECES}",
        )
    return PackedSnapshot(tuple(pieces.values()), tuple(parts), own_namespace, evidence.synced_at)


def write_snapshot(folder: str, packed: PackedSnapshot, *, sequence: int, made_at: datetime) -> Manifest:
    """Write a snapshot to a folder (a path or an fsspec URL): its pieces, and last of all its manifest.

    Raises `StoreError` where the folder can't be written.
    """
    place, manifest = open_folder(folder), packed.manifest(sequence=sequence, made_at=made_at)
    for piece in packed.pieces:
        place.replace(piece.name, piece.data)
    place.replace(MANIFEST_NAME, manifest.document())
    return manifest


def next_sequence(before: int, now: datetime) -> int:
    """Return the sequence that follows `before` (0 where none is known).

    It is the time in seconds where that is more, so that it grows even where what was there before is lost.
    """
    return max(before + 1, int(now.timestamp()))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the snapshot in a folder, no more: it tells whether there is another one than before.

    Raises `DocumentError` where none is there, or it isn't made as specified.
    """
    return Manifest.parse(_read(folder, MANIFEST_NAME, MAX_MANIFEST_BYTES), where=printable(str(folder)))


def read_snapshot(folder: Path, *, before: Snapshot | None = None) -> Snapshot:
    """Read the snapshot in a folder, whole or not at all.

    What is the same as in `before` isn't read again. Raises `DocumentError` where it isn't made as specified, a piece
    is missing or holds other bytes, more is declared than is read, or it is older than `before`.
    """
    # A kubelet swaps one link, which leads to a folder of one moment: what it led to is read, whatever comes meanwhile.
    place = folder / "..data"
    place = place.resolve() if place.is_dir() else folder
    manifest = read_manifest(place)
    return unpack_snapshot(
        manifest, lambda sha256: _read(place, sha256 + PIECE_SUFFIX, PIECE_BYTES), where=str(folder), before=before
    )


def unpack_snapshot(
    manifest: Manifest, read: Callable[[str], bytes], *, where: str, before: Snapshot | None = None
) -> Snapshot:
    """Return the snapshot of a manifest; `read` gives the bytes of a piece by its sha256.

    Otherwise as `read_snapshot`.
    """
    where = printable(where)
    if before is not None:
        _demand_newer(manifest, before.manifest, where)
        if manifest.digest == before.digest:
            return Snapshot(before.policies, _synced(before.evidence, manifest), manifest, before.sources)
    parts = [(kind, join(part, read, where=where)) for kind, part in manifest.parts if kind is PartKind.POLICIES]
    sources = tuple(map(_source, _decoded(parts[0][1], PoliciesPiece, where).sources))
    policies = sourced_policies(sources, own_namespace=manifest.own_namespace)
    try:
        return Snapshot(policies, _evidence(manifest, read, where), manifest, sources)
    except (ValueError, OverflowError) as error:
        said = f"a value that can't be: {printable(str(error))}"
        raise DocumentError(SNAPSHOT_MALFORMED, said, where=where) from error
    except DbomError as error:
        if isinstance(error, DocumentError):
            raise
        raise DocumentError(SNAPSHOT_MALFORMED, f"a value that can't be: {error.what}", where=where) from error


def _evidence(manifest: Manifest, read: Callable[[str], bytes], where: str) -> Evidence:
    statements: list[Attested] = []
    unpacker = StatementUnpacker()
    evidence: Evidence | None = None
    # One part at a time: the rows of one are let go before the next one's are read.
    for kind, part in manifest.parts:
        if kind is PartKind.STATEMENTS:
            piece = _decoded(join(part, read, where=where), StatementsPiece, where)
            statements.extend(unpacker.statements(piece.statements))
        elif kind is PartKind.EVIDENCE:
            found = _decoded(join(part, read, where=where), EvidencePiece, where)
            evidence = unpack_evidence(found, statements, synced_at=manifest.synced_at, key=_key(manifest))
    if evidence is None:
        raise DocumentError(SNAPSHOT_MALFORMED, "no evidence in it", where=where)
    return evidence


def _demand_newer(manifest: Manifest, before: Manifest, where: str) -> None:
    is_other = manifest.sequence == before.sequence and manifest.document() != before.document()
    if manifest.sequence < before.sequence or is_other:
        raise DocumentError(
            SNAPSHOT_OLDER,
            "another snapshot of the same sequence is in use" if is_other else "a newer snapshot is in use already",
            where=where,
            got=f"sequence {manifest.sequence}",
            expected=f"more than {before.sequence}",
        )


def _synced(evidence: Evidence, manifest: Manifest) -> Evidence:
    """Return evidence that is the same as when the stores were last read."""
    at = manifest.synced_at
    policies = {name: replace(item, synced_at=at) for name, item in evidence.policies.items()}
    return replace(evidence, policies=policies, synced_at=at, key=_key(manifest))


def _key(manifest: Manifest) -> str:
    return hashlib.sha256(f"{manifest.digest}\n{manifest.synced_at}\n".encode()).hexdigest()


def _reads_predicates(policies: Sequence[Policy]) -> bool:
    rules = (policy.find(PolicyRules) for policy in policies)
    return any(item is not None and item.with_predicates for item in rules)


def _policies_piece(sources: Sequence[PolicySource]) -> PoliciesPiece:
    return PoliciesPiece(tuple(SourceRow(item.data, item.where, item.files, item.is_object) for item in sources))


def _source(row: SourceRow) -> PolicySource:
    return PolicySource(row.data, row.where, row.files, row.is_object)


def _statement_pieces(table: StatementTable) -> list[StatementsPiece]:
    """Return the statements in as many parts as their number asks for, each with the bundles of one prefix.

    A statement more or less then leaves all other parts as they are.
    """
    bits = max(0, (len(table.rows) - 1) // _BUNDLES_A_PART).bit_length()
    groups = defaultdict(list)
    for row in table.rows:
        groups[int(row.bundle[:8], 16) >> (32 - bits)].append(row)
    return [StatementsPiece(tuple(groups[prefix])) for prefix in sorted(groups)]


def _decoded(document: bytes, kind: type[_T], where: str) -> _T:
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        said = f"a part that isn't made as specified: {printable(str(error))}"
        raise DocumentError(SNAPSHOT_MALFORMED, said, where=where) from error


def _read(folder: Path, name: str, limit: int) -> bytes:
    try:
        return read_file(folder / name, limit=limit, what="part of a snapshot")
    except PathError as error:
        what = "isn't there" if error.rule is PATH_MISSING else error.what
        rule = SNAPSHOT_INCOMPLETE if error.rule in (PATH_MISSING, PATH_UNREADABLE) else SNAPSHOT_MALFORMED
        raise DocumentError(rule, f"{name} {what}", where=printable(str(folder))) from error
