"""What counts for each policy as rows, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from admission.evidence import Binding, Evidence, PolicyEvidence
from admission.packing.findings import finding_row, read_finding
from admission.packing.lineage import graph_row, node_row, read_graph, read_node
from admission.packing.rows import BindingRow, EvidencePiece, NodeRow, PolicyRow, RejectionRow, RevocationsRow
from admission.packing.signed import read_rejection, read_verified, rejection_row, verified_row
from admission.packing.statements import instant, read_instant
from admission.packing.texts import ReadTexts, Texts
from attest.location import Location
from attest.revocation.head import Head, SeenHead
from attest.revocation.statement import Revocation
from attest.revocation.status import Revocations
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from admission.attested import Attested
    from attest.verified import Rejection
    from lineage.graph import Node

__all__ = ["pack_evidence", "unpack_evidence"]

_T = TypeVar("_T")


def pack_evidence(evidence: Evidence, numbers: Mapping[Attested, int]) -> EvidencePiece:
    """Return evidence as rows; `numbers` are those of its statements."""
    # Twice: the first pass gathers all texts, and in the second each has its place among them in order.
    found = Texts.gathering()
    _Packer(found, numbers).piece(evidence)
    return _Packer(found.in_order(), numbers).piece(evidence)


class _Packer:
    """Makes rows; equal rejections and equal nodes are one row each, in the order in which they are met."""

    def __init__(self, texts: Texts, numbers: Mapping[Attested, int]) -> None:
        self._texts, self._numbers = texts, numbers
        self._rejections: dict[RejectionRow, int] = {}
        self._nodes: dict[NodeRow, int] = {}

    def piece(self, evidence: Evidence) -> EvidencePiece:
        policies = tuple(self._policy(name, item) for name, item in sorted(evidence.policies.items()))
        findings = tuple(finding_row(item, self._texts) for item in evidence.findings)
        texts, is_synced = self._texts.listed, evidence.synced_at is not None
        rejections, nodes = tuple(self._rejections), tuple(self._nodes)
        return EvidencePiece(evidence.digest, evidence.read, texts, rejections, nodes, policies, findings, is_synced)

    def _policy(self, name: str, item: PolicyEvidence) -> PolicyRow:
        place = self._texts.place
        return PolicyRow(
            place(name),
            tuple(
                (place(digest), tuple(self._numbers[one] for one in item.statements[digest]))
                for digest in sorted(item.statements, key=str)
            ),
            tuple((place(base), tuple(map(self._binding, item.bindings[base]))) for base in sorted(item.bindings)),
            tuple(
                (place(digest), tuple(map(self._rejection, item.rejected[digest])))
                for digest in sorted(item.rejected, key=str)
            ),
            tuple(
                (place(base), tuple(map(self._rejection, item.rejected_places[base])))
                for base in sorted(item.rejected_places)
            ),
            graph_row(item.graph, self._texts, self._node),
            self._revocations(item.revocations),
            item.synced_at is not None,
            place(instant(item.until)),
            item.is_complete,
        )

    def _binding(self, item: Binding) -> BindingRow:
        base, pin, digest = map(self._texts.place, (item.location.base, item.location.pin, item.digest))
        return BindingRow(base, pin, digest, self._numbers[item.statement])

    def _rejection(self, item: Rejection) -> int:
        return self._rejections.setdefault(rejection_row(item, self._texts), len(self._rejections))

    def _node(self, node: Node) -> int:
        return self._nodes.setdefault(node_row(node, self._texts), len(self._nodes))

    def _revocations(self, item: Revocations | Unknown) -> tuple[RevocationsRow | None, int]:
        texts = self._texts
        if isinstance(item, Unknown):
            return None, texts.place(item.reason)
        row = RevocationsRow(
            tuple(verified_row(found.by, texts) for found in item.listed),
            tuple(verified_row(found.by, texts) for found in item.own),
            tuple(finding_row(found, texts) for found in item.findings),
            tuple(finding_row(found, texts) for found in item.doubts),
            tuple(verified_row(found, texts) for found, _ in item.current),
            tuple(
                (texts.place(name), head.sequence, texts.place(head.content))
                for name, head in sorted(item.remember.items())
            ),
        )
        return row, texts.place("")


def unpack_evidence(
    piece: EvidencePiece, statements: Sequence[Attested], *, synced_at: datetime | None, key: str
) -> Evidence:
    """Return the evidence of a piece and its statements; what `key` is says `Evidence`.

    Raises `ValueError` or a `DbomError` for what can't be.
    """
    return _Unpacker(piece, statements, synced_at).evidence(key)


class _Unpacker:
    """Reads rows; each rejection and each node is read once, whatever policies share it."""

    def __init__(self, piece: EvidencePiece, statements: Sequence[Attested], synced_at: datetime | None) -> None:
        if piece.is_synced is not (synced_at is not None):
            raise ValueError("whether anybody says when the stores were read is told in two ways")
        self._piece, self._statements, self._synced_at = piece, statements, synced_at
        self._texts = ReadTexts(piece.texts)
        self._rejections = [read_rejection(row, self._texts) for row in piece.rejections]
        self._nodes = [read_node(row, self._texts) for row in piece.nodes]

    def evidence(self, key: str) -> Evidence:
        piece = self._piece
        policies = {self._texts.at(row.name): self._policy(row) for row in piece.policies}
        if len(policies) != len(piece.policies):
            raise ValueError("two policies of one name")
        findings = tuple(read_finding(row, self._texts) for row in piece.findings)
        return Evidence(policies, piece.digest, piece.read, findings, self._synced_at, key)

    def _policy(self, row: PolicyRow) -> PolicyEvidence:
        texts, revocations = self._texts, row.revocations
        return PolicyEvidence(
            {texts.digest(digest): self._all(self._statements, numbers) for digest, numbers in row.statements},
            {texts.at(base): tuple(map(self._binding, found)) for base, found in row.bindings},
            {texts.digest(digest): self._all(self._rejections, numbers) for digest, numbers in row.rejected},
            {texts.at(base): self._all(self._rejections, numbers) for base, numbers in row.rejected_places},
            read_graph(row.graph, texts, self._nodes),
            Unknown(texts.at(revocations[1])) if revocations[0] is None else self._revocations(revocations[0]),
            self._synced_at if row.is_synced else None,
            read_instant(texts.at(row.until)),
            row.is_complete,
        )

    def _all(self, items: Sequence[_T], numbers: Sequence[int]) -> tuple[_T, ...]:
        if not all(0 <= number < len(items) for number in numbers):
            raise ValueError(f"a place of {len(items)} that isn't there")
        return tuple([items[number] for number in numbers])

    def _binding(self, row: BindingRow) -> Binding:
        location = Location(self._texts.at(row.base), self._texts.at(row.pin))
        return Binding(location, self._texts.digest(row.digest), self._all(self._statements, [row.statement])[0])

    def _revocations(self, row: RevocationsRow) -> Revocations:
        texts = self._texts
        current = [read_verified(item, texts) for item in row.current]
        return Revocations(
            tuple(Revocation.of(read_verified(item, texts)) for item in row.listed),
            tuple(Revocation.of(read_verified(item, texts)) for item in row.own),
            tuple(read_finding(item, texts) for item in row.findings),
            tuple(read_finding(item, texts) for item in row.doubts),
            tuple((item, Head.of(item)) for item in current),
            {texts.at(name): SeenHead(sequence, texts.at(content)) for name, sequence, content in row.remember},
        )
