"""Requirements for tests: really signed statements about a few artifacts, verified, gathered and put to a requirement.

`signer`, `builder` and `other` sign with keys of their own, `made` as a Sigstore does, with trusted time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from evidence import key_signed, public_pem
from made_sigstore import ISSUER, SIGNED_AT, SUBJECT, MadeSigstore, fixed_key, written

from admission.decision import Verdict
from admission.documents import Node
from admission.evidence import Evidence
from admission.policy import LocationRule, Match, Mode, Policy
from admission.references.reference import Role
from admission.requirements.requirement import Case, Names, Notes
from attest.authority import Authority
from attest.identity import IdentityPattern
from attest.location import Location
from attest.statement import Statement, Subject
from attest.trust import TrustRoot
from attest.verifier.verifying import verify_bundle
from dbom.model import COMPUTED, Digest, Kind
from dbom.names import ANNOTATION_RELATION, PREDICATE_BOM, PREDICATE_LOCATION, PREDICATE_PROVENANCE, TREE_MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.decision import Reason
    from admission.evidence import PolicyEvidence
    from admission.requirements.requirement import Requirement
    from attest.revocation.status import Revocations
    from attest.verified import Rejection, VerifiedStatement
    from dbom.canonical import Json, JsonObject
    from dbom.model import Unknown

__all__ = [
    "BASE",
    "DATA",
    "MODEL",
    "NOW",
    "PLACE",
    "RAW",
    "World",
    "authority",
    "bom",
    "briefly",
    "located",
    "made_statement",
    "provenance",
    "read",
    "refused_to_read",
    "signed",
    "stated",
    "statement",
]

NOW = SIGNED_AT + timedelta(days=1)
MODEL, DATA, RAW, BASE = (Digest(Kind.TREE, char * 64) for char in "abcd")
NAMES = {MODEL: "m", DATA: "d", RAW: "raw", BASE: "base"}
PLACE = Location("oci://registry.example.com/models/m", "sha256:" + "1" * 64)
MADE = MadeSigstore()
KEYS = ("signer", "builder", "other")


def authority(name: str) -> Authority:
    """Return one of the authorities: by its key, or, for `made`, by identity under the root of a Sigstore."""
    if name == "made":
        root = TrustRoot.parse(written(MADE.trusted_root()), where="root")
        return Authority(name, (IdentityPattern.exact(SUBJECT, ISSUER),), root)
    return Authority(name, key_pem=public_pem(fixed_key(name)))


def signed(item: Statement, by: str = "signer") -> bytes:
    """Return a bundle by one of those who sign with keys; a name of nobody's gives a stranger's."""
    return key_signed(item.payload, fixed_key(by))


def made_statement(item: Statement, at: datetime = SIGNED_AT, *, minutes: int = 10) -> bytes:
    """Return a bundle as a Sigstore makes it, with a trusted time."""
    certificate = MADE.certificate(start=at - timedelta(minutes=1), minutes=minutes)
    return json.dumps(MADE.bundle(item.payload, certificate=certificate, at=at, stamps=(at,))).encode()


def statement(digest: Digest, kind: str, predicate: JsonObject) -> Statement:
    """Return a statement about an artifact."""
    return Statement.build(Subject.of(NAMES.get(digest, "x"), digest), kind, predicate)


def bom(
    digest: Digest,
    *licences: str,
    by: str = "signer",
    what: str = "dataset",
    name: str = "",
    levels: Sequence[str] = (),
    sensitive: Sequence[str] | None = None,
    properties: Sequence[tuple[str, str]] = (),
    files: Sequence[str] = (),
    parents: Sequence[JsonObject] = (),
    about: Digest | None = None,
) -> bytes:
    """Return a signed BOM of an artifact."""
    return signed(
        stated(
            digest, *licences, what=what, name=name, levels=levels, sensitive=sensitive, properties=properties,
            files=files, parents=parents, about=about,
        ),
        by,
    )  # fmt: skip


def stated(
    digest: Digest,
    *licences: str,
    what: str = "dataset",
    name: str = "",
    levels: Sequence[str] = (),
    sensitive: Sequence[str] | None = None,
    properties: Sequence[tuple[str, str]] = (),
    files: Sequence[str] = (),
    parents: Sequence[JsonObject] = (),
    about: Digest | None = None,
) -> Statement:
    """Return the statement of a BOM."""
    identified = about or digest
    data: list[Json] = [{"type": "dataset", "classification": level} for level in levels] or [{"type": "dataset"}]
    if sensitive is not None:
        data.append({"type": "dataset", "sensitiveData": list(sensitive)})
    component: JsonObject = {
        "type": "machine-learning-model" if what == "model" else "data",
        "name": name or NAMES.get(digest, "x"),
        "hashes": [{"alg": "SHA-256", "content": identified.hex}],
        "licenses": [{"license": {"id": item}} for item in licences],
        "properties": [{"name": key, "value": value} for key, value in properties],
        "components": [{"type": "file", "name": item} for item in files],
    }
    if identified.kind is Kind.TREE:
        component["mime-type"] = TREE_MEDIA_TYPE
    if what != "model" or levels or sensitive is not None:
        component["data"] = data
    if parents:
        component["pedigree"] = {"ancestors": list(parents)}
    document: JsonObject = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": component}}
    return statement(digest, PREDICATE_BOM, document)


def located(digest: Digest, location: Location = PLACE, by: str = "signer") -> bytes:
    """Return the signed word that a place holds an artifact."""
    return signed(statement(digest, PREDICATE_LOCATION, location.predicate(COMPUTED)), by)


def provenance(
    child: Digest,
    *parents: Digest | str,
    by: str = "builder",
    relation: str = "trained-on",
    definition: JsonObject | None = None,
    details: JsonObject | None = None,
) -> bytes:
    """Return signed provenance: what the child was made from, a name standing for a parent without a digest."""
    dependencies: list[Json] = [
        {"name": parent, "annotations": {ANNOTATION_RELATION: relation}}
        if isinstance(parent, str)
        else {
            "name": NAMES.get(parent, "x"),
            "digest": {"sha256": parent.hex},
            "mediaType": TREE_MEDIA_TYPE,
            "annotations": {ANNOTATION_RELATION: relation},
        }
        for parent in parents
    ]
    predicate: JsonObject = {
        "buildDefinition": {
            "buildType": "https://dbom.dev/run/v1",
            "externalParameters": {},
            "resolvedDependencies": dependencies,
            **(definition or {}),
        },
        "runDetails": details or {"builder": {"id": "https://dbom.dev/run/v1/local"}},
    }
    return signed(statement(child, PREDICATE_PROVENANCE, predicate), by)


def read(kind: type[Requirement], value: Json) -> Requirement:
    """Return a requirement as a policy's file gives it; fails where it has faults."""
    faults: list[str] = []
    names = Names(("builder", "made", "other", "signer"))
    found = kind.read(Node(value, f"spec.{kind.KEY}", faults), names)
    assert faults == []
    assert names.unsupported == []
    assert found is not None
    return found


def refused_to_read(kind: type[Requirement], value: Json) -> list[str]:
    """Return what is wrong with what stands in a policy's file, faults and what nothing here can check."""
    faults: list[str] = []
    names = Names(("builder", "made", "other", "signer"))
    kind.read(Node(value, f"spec.{kind.KEY}", faults), names)
    return [*faults, *names.unsupported]


@dataclass(frozen=True, slots=True)
class World:
    """Bundles in a store, verified for a policy of these requirements, of these authorities."""

    bundles: tuple[bytes, ...]
    requirements: tuple[Requirement, ...]
    authorities: tuple[str, ...] = (*KEYS, "made")
    now: datetime = NOW

    def policy(self) -> Policy:
        """Return the policy."""
        return Policy(
            "p",
            Mode.ENFORCE,
            Match(),
            tuple(authority(name) for name in self.authorities),
            (LocationRule("oci://registry.example.com/models/*", ("signer",)),),
            self.requirements,
            "d" * 64,
        )

    def results(self) -> list[VerifiedStatement | Rejection]:
        """Return what the verifier says of each bundle under each authority."""
        return [
            verify_bundle(raw, [item], where=f"store/{number}", now=self.now)
            for number, raw in enumerate(self.bundles)
            for item in self.policy().authorities
        ]

    def evidence(self) -> Evidence:
        """Return the evidence for the policy."""
        return Evidence.of_results([self.policy()], {"p": self.results()})

    def case(self, digest: Digest = MODEL, evidence: PolicyEvidence | None = None) -> Case:
        """Return the case of an artifact."""
        policy = self.policy()
        known = evidence if evidence is not None else self.evidence().of(policy)
        return Case(
            policy, known, digest, PLACE, "spec.volumes[0].image.reference", Role.MODEL, self.now, notes=Notes()
        )

    def judged(self, digest: Digest = MODEL, *, revocations: Revocations | Unknown | None = None) -> list[Reason]:
        """Return every reason of every requirement; `revocations` are what is known of them."""
        evidence = self.evidence().of(self.policy())
        if revocations is not None:
            evidence = replace(evidence, revocations=revocations)
        case = self.case(digest, evidence)
        return [reason for item in self.requirements for reason in item.judge(case)]


def briefly(reasons: Sequence[Reason]) -> list[tuple[str, str]]:
    """Return what reasons come to: the rule's id, and `no` or `can't tell`."""
    return [(item.rule.id, "no" if item.verdict is Verdict.REFUSED else "can't tell") for item in reasons]
