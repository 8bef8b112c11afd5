"""Made-up statements for lineage tests: what the verifier would hand over, without keys or clocks."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attest.identity import Identity
from attest.statement import Statement, Subject
from attest.verified import Rejection, RejectionKind, SignedTime, TimeBasis, VerifiedStatement
from dbom.model import Digest, Kind, Relation
from dbom.names import PREDICATE_BOM, PREDICATE_PROVENANCE, TREE_MEDIA_TYPE

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

ALICE = Identity("alice@example.org", "https://accounts.example.org")
MALLORY = Identity("mallory@example.net", "https://accounts.example.net")
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def digest_of(name: str, kind: Kind = Kind.FILE) -> Digest:
    """Return a digest that stands for the bytes called `name`."""
    return Digest(kind, hashlib.sha256(name.encode()).hexdigest())


def dependency(name: str, *, relation: str | None = None, kind: Kind = Kind.FILE, digest: bool = True) -> JsonObject:
    """Return a resource descriptor of provenance."""
    item: JsonObject = {"name": name}
    if digest:
        item["digest"] = {"sha256": digest_of(name, kind).hex}
    if kind is Kind.TREE:
        item["mediaType"] = TREE_MEDIA_TYPE
    if relation is not None:
        item["annotations"] = {"dbom:relation": relation}
    return item


def provenance(name: str, *parents: JsonObject, kind: Kind = Kind.FILE) -> Statement:
    """Return SLSA provenance about `name` with these resolved dependencies."""
    predicate: JsonObject = {"buildDefinition": {"resolvedDependencies": [*parents]}}
    return Statement.build(Subject.of(name, digest_of(name, kind)), PREDICATE_PROVENANCE, predicate)


def bom(name: str, *, about: Digest | None = None, base: str = "", base_digest: bool = True) -> Statement:
    """Return a BOM statement about the model `name`, derived from `base` where that is named."""
    digest = digest_of(name)
    component: JsonObject = {
        "type": "machine-learning-model",
        "bom-ref": "it",
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": (about or digest).hex}],
    }
    if base:
        ancestor: JsonObject = {"type": "machine-learning-model", "name": base}
        if base_digest:
            ancestor["hashes"] = [{"alg": "SHA-256", "content": digest_of(base).hex}]
        component["pedigree"] = {"ancestors": [ancestor]}
    document: JsonObject = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component},
    }
    return Statement.build(Subject.of(name, digest), PREDICATE_BOM, document)


def verified(statement: Statement, *, signer: Identity = ALICE) -> VerifiedStatement:
    """Return the statement as if the verifier had handed it over."""
    sha256 = hashlib.sha256(statement.payload + signer.subject.encode()).hexdigest()
    time = SignedTime(TimeBasis.TRUSTED, AT, "a time stamp authority")
    return VerifiedStatement(
        statement, signer, "alice", "ab" * 32, time, 7, sha256, f"store/{sha256[:8]}.sigstore.json"
    )


def rejected(statement: Statement | None, kind: RejectionKind = RejectionKind.UNTRUSTED) -> Rejection:
    """Return the statement as if the verifier had turned it down."""
    sha256 = hashlib.sha256(kind.encode() + (b"" if statement is None else statement.payload)).hexdigest()
    return Rejection(kind, "DBOM-306", f"because it is {kind}", sha256, f"store/{sha256[:8]}", statement, MALLORY)


RELATIONS = tuple(str(relation) for relation in Relation)
