"""What a requirement of a policy is to the gate: how it is read, what its schema is, and how it judges a case.

A requirement is one module of `admission.requirements` with one frozen class that meets the protocol `Requirement`.
`admission.requirements.known` names each, in the order of judging.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from admission.decision import Reason, Verdict
from admission.documents import meant
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from admission.documents import Node
    from admission.evidence import PolicyEvidence
    from admission.policy import Policy
    from admission.references.reference import Role
    from admission.requirements.ancestry import Ancestry
    from attest.location import Location
    from dbom.canonical import JsonObject
    from dbom.model import Digest
    from dbom.rules import Rule

__all__ = ["Case", "Names", "Notes", "Requirement"]


@dataclass(frozen=True, slots=True)
class Names:
    """What the rest of a policy declares, for requirements that refer to it.

    `unsupported` takes what can't be checked here (`refuse`): such a policy doesn't load.
    """

    authorities: Collection[str]
    unsupported: list[str] = field(default_factory=list, compare=False)

    @property
    def everybody(self) -> tuple[str, ...]:
        """All authorities of the policy, sorted."""
        return tuple(sorted(self.authorities))

    def at(self, node: Node) -> tuple[str, ...]:
        """Read a list of authorities that must name at least one; a name that isn't declared is a fault."""
        found = node.texts()
        if not found:
            node.fault("missing: at least one authority")
        for item in node.items():
            name = item.value
            if isinstance(name, str) and name not in self.authorities:
                item.fault(f"no authority is called '{printable(name)}'{meant(name, self.authorities)}")
        return tuple(found)

    def refuse(self, node: Node, why: str) -> None:
        """Note that what stands at `node` asks for facts that nothing here produces or checks."""
        self.unsupported.append(f"{node.path}: {why}")


@dataclass(slots=True)
class Notes:
    """What judging leaves behind: the earliest time bound that was looked at, and what was walked once.

    `ancestries` are by the policy's namespace and name, the reference's path and the artifact: each policy has evidence
    of its own.
    """

    earliest: datetime | None = None
    ancestries: dict[tuple[str, str, str, Digest], Ancestry] = field(default_factory=dict)

    def until(self, moment: datetime) -> None:
        """Note that the verdict holds until `moment` at most, so that a cache keeps it no longer."""
        if self.earliest is None or moment < self.earliest:
            self.earliest = moment


@dataclass(frozen=True, slots=True)
class Case:
    """What a requirement is asked about: an artifact that a reference loads, or an ancestor of it.

    `location` is the pinned place of the reference at JSON path `path`, with its `role`, or None where the artifact is
    proven at load time; `digest` is the artifact that is judged. `whose` is empty for the artifact itself, else names
    the ancestor (`the ancestor flowers `, to be put before a digest), and `lineage` is the way to it as a user reads
    it: `model m <- dataset d (trained on)`.
    """

    policy: Policy
    evidence: PolicyEvidence
    digest: Digest
    location: Location | None
    path: str
    role: Role
    now: datetime
    whose: str = ""
    lineage: str = ""
    notes: Notes = field(default_factory=Notes, compare=False)

    @property
    def named(self) -> str:
        """The artifact in words: `the ancestor flowers tree:sha256:…`, or only the digest."""
        return f"{self.whose}{self.digest}"

    def of_ancestor(self, digest: Digest, whose: str, lineage: str) -> Self:
        """Return the same case about an ancestor."""
        return replace(self, digest=digest, whose=whose, lineage=lineage)

    def until(self, moment: datetime) -> None:
        """Note that the verdict holds until `moment` at most, so that a cache keeps it no longer."""
        self.notes.until(moment)

    def placed(self, reason: Reason) -> Reason:
        """Return a reason that was found elsewhere as one about this case."""
        return replace(reason, path=self.path, policy=self.policy.name, lineage=self.lineage)

    def refused(self, rule: Rule, message: str, *, got: str = "", expected: str = "") -> Reason:
        """Return a reason that refuses the case. Strings from artifacts must be printable already."""
        return Reason(rule, Verdict.REFUSED, message, self.path, self.policy.name, got, expected, self.lineage)

    def cant_tell(self, rule: Rule, message: str, *, got: str = "", expected: str = "") -> Reason:
        """Return a reason why it can't be told. Strings from artifacts must be printable already."""
        return Reason(rule, Verdict.CANT_TELL, message, self.path, self.policy.name, got, expected, self.lineage)


class Requirement(Protocol):
    """What a policy asks of a model, read from one key of its `spec`. Frozen and compared by value.

    `KEY` is that key. `SCHEMA` is its structural OpenAPI v3 schema: the one source of the CRD and the JSON Schema.
    """

    KEY: ClassVar[str]
    SCHEMA: ClassVar[JsonObject]

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:
        """Read what stands under `KEY`; every fault is noted at its node.

        Called for each policy, with a node that isn't there where the key is missing. None: nothing is asked.
        """
        ...

    def judge(self, case: Case) -> list[Reason]:
        """Return every reason against the case's artifact, and against its ancestors where they are looked at."""
        ...

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        ...
