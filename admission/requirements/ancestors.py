"""`ancestors`: what everything that the model came from must show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from admission.requirements.allowance import ALLOWANCE, read_allowance
from admission.requirements.ancestry import ancestry
from admission.requirements.attestations import ATTESTATIONS_SCHEMA, RequiredAttestation, read_attestations
from admission.requirements.standing import stated
from dbom.printable import printable
from dbom.rules.admission import ANCESTOR_UNSIGNED, NO_INPUTS
from lineage.build import CONTENT_PREDICATES
from lineage.graph import Inputs

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["AncestorRule"]


@dataclass(frozen=True, slots=True)
class AncestorRule:
    """What everything that the model came from must show.

    `authorities` may attest ancestors; `attestations` must each be there for every ancestor (at least one statement of
    its content, where none is listed); `builders` are those whose word on inputs counts.
    """

    KEY: ClassVar[str] = "ancestors"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "required": ["signed"],
        "properties": {
            "signed": {"type": "boolean"},
            "authorities": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            "builders": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            "attestations": {key: value for key, value in ATTESTATIONS_SCHEMA.items() if key != "minItems"},
            "noInputs": ALLOWANCE,
        },
    }

    authorities: tuple[str, ...]
    builders: tuple[str, ...]
    attestations: tuple[RequiredAttestation, ...] = ()
    allows_no_inputs: bool = False

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:
        """Read what ancestors must show; `signed: false` asks for nothing, and then nothing else may stand there."""
        if not node.is_there:
            return None
        node.only("signed", "authorities", "builders", "attestations", "noInputs")
        signed = node.get("signed").flag()
        if signed is None:
            node.get("signed").fault("missing: true or false")
        if signed is False:
            others = [key for key, _ in node.members() if key != "signed"]
            if others:
                node.fault(f"asks for nothing (signed: false), and yet sets {', '.join(map(printable, others))}")
            return None
        return cls(
            names.at(node.get("authorities")) if node.get("authorities").is_there else names.everybody,
            names.at(node.get("builders")) if node.get("builders").is_there else names.everybody,
            read_attestations(node.get("attestations"), names),
            allows_no_inputs=read_allowance(node.get("noInputs")),
        )

    def judge(self, case: Case) -> list[Reason]:
        """Return why an ancestor doesn't show what it must, or why nothing is known of ancestors."""
        reasons: list[Reason] = []
        node = case.evidence.graph.node(case.digest)
        if not self.allows_no_inputs and (node is None or node.inputs is not Inputs.DECLARED):
            message = f"no accepted statement says what {case.digest} was made from"
            reasons.append(case.cant_tell(NO_INPUTS, message, expected=f"one by {', '.join(self.builders)}"))
        found = ancestry(case)
        reasons += [*found.unfinished, *found.unidentified]
        return reasons + [reason for ancestor in found.cases for reason in self._signed(ancestor)]

    def _signed(self, case: Case) -> list[Reason]:
        if self.attestations:
            found = [item.missing(case, ANCESTOR_UNSIGNED) for item in self.attestations]
        else:
            what = f"statement about {case.named}"
            found = [stated(case, CONTENT_PREDICATES, self.authorities, ANCESTOR_UNSIGNED, what)]
        return [reason for reason in found if reason is not None]

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        shown = " and ".join(map(str, self.attestations))
        shown = shown or f"a statement of its content by {' or '.join(self.authorities)}"
        lines = [f"Every ancestor must have {shown}; what came from what is said by {' or '.join(self.builders)}."]
        if not self.allows_no_inputs:
            lines.append("Somebody of them must have said what the model was made from.")
        return lines
