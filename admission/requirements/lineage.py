"""`lineage`: how deep the chain of ancestors may and must be, and whose word each hop of it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from admission.requirements.ancestry import ancestry
from admission.requirements.described import with_ancestors
from admission.requirements.patterns import TextPatterns
from dbom.printable import printable
from dbom.rules.admission import ANCESTOR_UNIDENTIFIED, EDGE_BY_OTHERS, EDGE_UNVERIFIED, LINEAGE_DEPTH, NO_INPUTS
from lineage.build import CONTENT_PREDICATES
from lineage.graph import EdgeStatus, Inputs, Named

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject
    from lineage.graph import Edge

__all__ = ["LineageRule"]

_DEEPEST: Final = 1000


@dataclass(frozen=True, slots=True)
class LineageRule:
    """What the chain of ancestors must be. Depth is the number of hops to the farthest ancestor, by the shortest way.

    `builders`: every hop must rest on the word of one of these authorities. `all_verified`: beside the verified hops
    there may be no claim about the origin of anything in the chain. `gaps` are the names of parents that may be
    without a digest. A chain that nobody could walk to its end is no yes.
    """

    KEY: ClassVar[str] = "lineage"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "minDepth": {"type": "integer", "minimum": 1, "maximum": 1000},
            "maxDepth": {"type": "integer", "minimum": 0, "maximum": 1000},
            "builders": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            "verified": {"type": "boolean", "default": False},
            **TextPatterns.schema("gaps"),
        },
    }

    builders: tuple[str, ...] = ()
    min_depth: int | None = None
    max_depth: int | None = None
    all_verified: bool = False
    gaps: TextPatterns | None = None

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:
        """Read what the chain must be."""
        if not node.is_there:
            return None
        node.only("minDepth", "maxDepth", "builders", "verified", *TextPatterns.keys("gaps"))
        if not any(True for _ in node.members()):
            node.fault("asks for nothing")
        least, most = _depth(node.get("minDepth"), 1), _depth(node.get("maxDepth"), 0)
        if least is not None and most is not None and least > most:
            node.fault(f"minDepth {least} is more than maxDepth {most}: nothing could ever pass")
        whose = node.get("builders")
        has_gaps = any(node.get(key).is_there for key in TextPatterns.keys("gaps"))
        gaps = TextPatterns.read(node, "gaps") if has_gaps else None
        builders = names.at(whose) if whose.is_there else ()
        return cls(builders, least, most, bool(node.get("verified").flag()), gaps)

    def judge(self, case: Case) -> list[Reason]:
        """Return what is wrong with the chain, at the artifact or at the ancestor whose hop it is."""
        reasons = [*ancestry(case).unfinished, *self._depths(case)]
        for item in with_ancestors(case):
            reasons += [*self._missing(item), *self._others(item)]
            reasons += self._claims(item) if self.all_verified else []
        return reasons

    def _depths(self, case: Case) -> list[Reason]:
        node, trails = case.evidence.graph.node(case.digest), ancestry(case).trails
        depth = max((len(way) for _, way in trails), default=0)
        reasons = []
        if self.min_depth is not None and depth < self.min_depth:
            message = f"the lineage of {case.named} is known for {depth} hops only"
            if node is None or node.inputs is not Inputs.DECLARED:
                message = f"no accepted statement says what {case.named} was made from"
                return [case.cant_tell(NO_INPUTS, message, expected=f"a depth of {self.min_depth} or more")]
            reasons = [case.cant_tell(LINEAGE_DEPTH, message, expected=f"{self.min_depth} or more")]
        if self.max_depth is not None and depth > self.max_depth:
            message = f"the lineage of {case.named} is deeper than allowed"
            reasons.append(case.refused(LINEAGE_DEPTH, message, got=str(depth), expected=f"{self.max_depth} at most"))
        return reasons

    def _missing(self, case: Case) -> list[Reason]:
        """Return each parent without a digest that isn't an allowed gap."""
        names = [edge.parent.name for edge in self._edges(case, EdgeStatus.MISSING) if isinstance(edge.parent, Named)]
        return [
            case.cant_tell(
                ANCESTOR_UNIDENTIFIED,
                f"{case.named} comes from {printable(name)}, without a digest",
                expected=f"a digest, or a name like {self.gaps}" if self.gaps else "a digest",
            )
            for name in dict.fromkeys(names)
            if self.gaps is None or not self.gaps.matches(name)
        ]

    def _others(self, case: Case) -> list[Reason]:
        """Return each hop that no named builder vouches for."""
        if not self.builders:
            return []
        theirs = {item.bundle_sha256 for item in case.evidence.about(case.digest) if item.authority in self.builders}
        edges = [edge for status in (EdgeStatus.VERIFIED, EdgeStatus.MISSING) for edge in self._edges(case, status)]
        vouched = {edge.parent for edge in edges if edge.attestation in theirs}
        return [
            case.refused(
                EDGE_BY_OTHERS,
                f"that {case.named} comes from {parent} is said by nobody whose word on it counts",
                got=" and ".join(sorted({edge.by for edge in edges if edge.parent == parent})),
                expected=f"one by {', '.join(map(printable, self.builders))}",
            )
            for parent in dict.fromkeys(edge.parent for edge in edges)
            if parent not in vouched
        ]

    def _claims(self, case: Case) -> list[Reason]:
        """Return whatever else is claimed of where the case's artifact came from."""
        verified = {edge.parent for edge in self._edges(case, EdgeStatus.VERIFIED)}
        others = [edge for edge in case.evidence.graph.parents(case.digest) if edge.parent not in verified]
        claims = [
            f"{edge.parent} ({edge.status} by {edge.by})"
            for edge in others
            if edge.status not in (EdgeStatus.VERIFIED, EdgeStatus.MISSING)
        ]
        claims += [
            f"a bundle that doesn't count ({item.kind}: {printable(item.reason)})"
            for item in case.evidence.rejected.get(case.digest, ())
            if item.statement is not None and item.statement.predicate_type in CONTENT_PREDICATES
        ]
        return [
            case.cant_tell(EDGE_UNVERIFIED, f"of the origin of {case.named} something is only claimed", got=claim)
            for claim in dict.fromkeys(claims)
        ]

    def _edges(self, case: Case, status: EdgeStatus) -> list[Edge]:
        return [edge for edge in case.evidence.graph.parents(case.digest) if edge.status is status]

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        lines = []
        if self.min_depth is not None:
            lines.append(f"At least {self.min_depth} hops of what the artifact came from must be known.")
        if self.max_depth is not None:
            lines.append(f"The farthest ancestor may be {self.max_depth} hops away at most.")
        if self.builders:
            lines.append(f"Every hop must be said by {' or '.join(map(printable, self.builders))}.")
        if self.all_verified:
            lines.append("Nothing about origins may only be claimed.")
        if self.gaps:
            lines.append(f"A parent called {self.gaps} may be without a digest.")
        return lines


def _depth(node: Node, least: int) -> int | None:
    value = node.value
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _DEEPEST:
        node.fault(f"not a depth: expected a whole number from {least} to {_DEEPEST}")
        return None
    return value
