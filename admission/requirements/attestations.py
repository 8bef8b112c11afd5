"""`attestations`: the statements that must be there about the artifact, each by one of the authorities named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from admission.requirements.standing import named_predicate, stated
from dbom.names import PREDICATE_BREAK_GLASS, PREDICATE_LOCATION, PREDICATE_REVOCATION, PREDICATE_VSA
from dbom.rules.admission import ATTESTATION_MISSING

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject
    from dbom.rules import Rule

__all__ = ["ATTESTATIONS_SCHEMA", "AttestationsRule", "RequiredAttestation", "read_attestations"]

_UNSUPPORTED: Final = {
    PREDICATE_LOCATION: "say who may bind places in spec.locations",
    PREDICATE_VSA: "nothing here reads it yet",
    PREDICATE_REVOCATION: "nothing here reads it yet",
    PREDICATE_BREAK_GLASS: "nothing here reads it yet",
}

ATTESTATIONS_SCHEMA: Final[JsonObject] = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["predicateType", "authorities"],
        "properties": {
            "predicateType": {"type": "string", "minLength": 1},
            "authorities": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
        },
    },
}
"""The schema of a list of statements that must be there."""


@dataclass(frozen=True, slots=True)
class RequiredAttestation:
    """A statement that must be there: its predicate type, and the names of the authorities any of whom may make it."""

    predicate_type: str
    authorities: tuple[str, ...]

    def missing(self, case: Case, rule: Rule) -> Reason | None:
        """Return why the case's artifact hasn't this statement, or None where it has."""
        what = f"{named_predicate(self.predicate_type)} about {case.named}"
        return stated(case, (self.predicate_type,), self.authorities, rule, what)

    def __str__(self) -> str:
        return f"a {named_predicate(self.predicate_type)} by {' or '.join(self.authorities)}"


@dataclass(frozen=True, slots=True)
class AttestationsRule:
    """Each of these statements must be there about the artifact itself."""

    KEY: ClassVar[str] = "attestations"
    SCHEMA: ClassVar[JsonObject] = ATTESTATIONS_SCHEMA

    required: tuple[RequiredAttestation, ...]

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:
        """Read the list; a policy without one has a fault."""
        found = read_attestations(node, names)
        if not found:
            node.fault("missing: a policy demands at least one attestation of content")
        return cls(found)

    def judge(self, case: Case) -> list[Reason]:
        """Return a reason for each statement that isn't there."""
        found = [item.missing(case, ATTESTATION_MISSING) for item in self.required]
        return [reason for reason in found if reason is not None]

    def authorities_for(self, predicate_type: str) -> frozenset[str]:
        """Return the names of all who may make statements of this type."""
        return frozenset(
            name for item in self.required if item.predicate_type == predicate_type for name in item.authorities
        )

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        return [f"There must be {item} about the artifact." for item in self.required]


def read_attestations(node: Node, names: Names) -> tuple[RequiredAttestation, ...]:
    """Read a list of statements that must be there; none where it isn't there."""
    found: list[RequiredAttestation] = []
    for item in node.items():
        item.only("predicateType", "authorities")
        kind = item.get("predicateType").required()
        if kind in _UNSUPPORTED:
            names.refuse(item.get("predicateType"), f"{kind}: {_UNSUPPORTED[kind]}")
        found.append(RequiredAttestation(kind, names.at(item.get("authorities"))))
    return tuple(found)
