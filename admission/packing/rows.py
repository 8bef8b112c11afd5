"""The rows that the pieces of a snapshot are made of: each an array, in the order of its fields.

A row is read strictly: a field too few or of another type is refused. A `Fact` is a value and nothing, or nothing and
why it isn't known. In `StatementRow` and what it holds texts stand as they are; everywhere else a text is its place in
`EvidencePiece.texts`.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

__all__ = [
    "AttestedRow",
    "BindingRow",
    "BomRow",
    "EdgeRow",
    "EvidencePiece",
    "FilesRow",
    "FindingRow",
    "GraphRow",
    "NodeRow",
    "PoliciesPiece",
    "PolicyRow",
    "ProvenanceRow",
    "RejectionRow",
    "RevocationsRow",
    "SaidRow",
    "SourceRow",
    "StatementRow",
    "StatementsPiece",
    "SubjectRow",
    "TimeRow",
    "VerifiedRow",
]

Words: TypeAlias = tuple[str, ...]
TextFact: TypeAlias = tuple[str | None, str]
WordsFact: TypeAlias = tuple[Words | None, str]
Texts: TypeAlias = tuple[int, ...]


class _Row(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """An array of a fixed length."""


class FilesRow(_Row, frozen=True):
    """`admission.facts.FileKinds`."""

    formats: tuple[tuple[str, int], ...]
    code: WordsFact


class BomRow(_Row, frozen=True, tag="bom"):
    """`admission.facts.BomFacts`."""

    artifact: TextFact
    name: str
    what: str
    licenses: WordsFact
    classifications: WordsFact
    sensitive: WordsFact
    files: tuple[FilesRow | None, str]


class ProvenanceRow(_Row, frozen=True, tag="provenance"):
    """`admission.facts.ProvenanceFacts`."""

    builder: TextFact
    build_type: TextFact
    source: TextFact
    ref: TextFact
    commit: TextFact
    dirty: tuple[bool | None, str]
    started: TextFact
    finished: TextFact
    invocation: TextFact


class TimeRow(_Row, frozen=True):
    """`attest.verified.SignedTime`."""

    basis: str
    at: str | None
    by: str


class AttestedRow(_Row, frozen=True):
    """`admission.attested.Attested`, without what is the same for all authorities that accept a bundle."""

    authority: str
    signer: str
    root: str
    time: TimeRow
    where: str
    holds_until: str | None


class StatementRow(_Row, frozen=True):
    """A bundle that counts, and for whom. `predicate` is its JSON text, None where nothing asks for it."""

    bundle: str
    predicate_type: str
    subjects: Words
    facts: BomRow | ProvenanceRow | None
    predicate: str | None
    attested: tuple[AttestedRow, ...]


class StatementsPiece(_Row, frozen=True, tag="statements"):
    """A piece of statements, ordered by bundle."""

    statements: tuple[StatementRow, ...]


class FindingRow(_Row, frozen=True):
    """`dbom.model.Finding`."""

    rule: int
    severity: int
    message: int
    where: int


class SubjectRow(_Row, frozen=True):
    """`attest.statement.Subject`; `annotations` are JSON."""

    name: int
    digest: int | None
    media_type: int
    annotations: int


class SaidRow(_Row, frozen=True):
    """`attest.statement.Statement`; `predicate` is JSON, `payload` the signed bytes where they are looked at again."""

    subjects: tuple[SubjectRow, ...]
    predicate_type: int
    predicate: int
    payload: bytes


class RejectionRow(_Row, frozen=True):
    """`attest.verified.Rejection`; the signer is an identity and its issuer, a key, or nobody."""

    kind: int
    rule: int
    reason: int
    bundle: int
    where: int
    statement: SaidRow | None
    signer: Texts
    got: int | None
    expected: int | None


class VerifiedRow(_Row, frozen=True):
    """`attest.verified.VerifiedStatement`: of revocations and their heads alone."""

    statement: SaidRow
    signer: Texts
    authority: int
    root: int
    time: tuple[int, int | None, int]
    log_index: int | None
    bundle: int
    where: int
    shown: tuple[bool, bool, bool]
    holds_until: int | None


class RevocationsRow(_Row, frozen=True):
    """`attest.revocation.status.Revocations`; what a revocation or a head says is read of its statement again."""

    listed: tuple[VerifiedRow, ...]
    own: tuple[VerifiedRow, ...]
    findings: tuple[FindingRow, ...]
    doubts: tuple[FindingRow, ...]
    current: tuple[VerifiedRow, ...]
    remember: tuple[tuple[int, int, int], ...]


class NodeRow(_Row, frozen=True):
    """`lineage.graph.Node`."""

    key: int
    names: Texts
    claimed_names: Texts
    what: int
    locations: Texts
    inputs: int
    signers: Texts
    attestations: Texts
    claims: Texts
    revoked: int


class EdgeRow(_Row, frozen=True):
    """`lineage.graph.Edge`; child and parent are keys of nodes."""

    child: int
    parent: int
    relation: int
    status: int
    by: int
    attestation: int
    where: int


class GraphRow(_Row, frozen=True):
    """`lineage.graph.LineageGraph`; nodes are places in `EvidencePiece.nodes`."""

    nodes: tuple[int, ...]
    edges: tuple[EdgeRow, ...]
    findings: tuple[FindingRow, ...]
    complete: bool


class BindingRow(_Row, frozen=True):
    """`admission.evidence.Binding`."""

    base: int
    pin: int
    digest: int
    statement: int


class PolicyRow(_Row, frozen=True):
    """`admission.evidence.PolicyEvidence` of the policy `name`.

    Statements are numbered through all pieces of statements, authority by authority; rejections are places in
    `EvidencePiece.rejections`. `revocations` are known, or nothing and why.
    """

    name: int
    statements: tuple[tuple[int, tuple[int, ...]], ...]
    bindings: tuple[tuple[int, tuple[BindingRow, ...]], ...]
    rejected: tuple[tuple[int, tuple[int, ...]], ...]
    rejected_places: tuple[tuple[int, tuple[int, ...]], ...]
    graph: GraphRow
    revocations: tuple[RevocationsRow | None, int]
    is_synced: bool
    until: int
    is_complete: bool


class EvidencePiece(_Row, frozen=True, tag="evidence"):
    """What counts for each policy. `texts` are sorted, each there once."""

    digest: str
    read: int
    texts: Words
    rejections: tuple[RejectionRow, ...]
    nodes: tuple[NodeRow, ...]
    policies: tuple[PolicyRow, ...]
    findings: tuple[FindingRow, ...]
    is_synced: bool


class SourceRow(_Row, frozen=True):
    """`admission.policy_sources.PolicySource`; bytes are in base64."""

    data: bytes
    where: str
    files: tuple[tuple[str, bytes], ...]
    is_object: bool


class PoliciesPiece(_Row, frozen=True, tag="policies"):
    """The policies, as they were written."""

    sources: tuple[SourceRow, ...]
