"""`residency`: in which places the data that the artifact came from may lie, by signed statements of location."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from admission.policy import LONGEST_PLACE
from admission.requirements.allowance import ALLOWANCE, read_allowance
from admission.requirements.ancestry import ancestry
from admission.requirements.described import accepted, boms_about, with_ancestors
from admission.requirements.patterns import TextPatterns
from attest.location import Location
from dbom.errors import DbomError
from dbom.names import PREDICATE_LOCATION
from dbom.printable import printable
from dbom.rules.admission import RESIDENCY_DENIED, RESIDENCY_UNKNOWN

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["ResidencyRule"]


@dataclass(frozen=True, slots=True)
class ResidencyRule:
    """Patterns of places (without their pins) that are allowed (any, where none is listed) and denied.

    Looked at is everything the artifact came from, and the artifact, that isn't a model by an accepted BOM's word;
    models too with `of_models`. `authorities` may say where data lies.
    """

    KEY: ClassVar[str] = "residency"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            **TextPatterns.schema("allow", "deny"),
            "authorities": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            "models": {"type": "boolean", "default": False},
            "unknown": ALLOWANCE,
        },
    }

    allow: TextPatterns
    deny: TextPatterns
    authorities: tuple[str, ...]
    of_models: bool = False
    allows_unknown: bool = False

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:
        """Read the patterns. Countries are refused: no statement here says in which one a place is."""
        if not node.is_there:
            return None
        node.only(*TextPatterns.keys("allow", "deny"), "authorities", "models", "unknown", "countries")
        if node.get("countries").is_there:
            names.refuse(node.get("countries"), "nothing here says in which country a place is; list the places")
        allow, deny = TextPatterns.read(node, "allow"), TextPatterns.read(node, "deny")
        if not allow and not deny:
            node.fault("neither allow nor deny lists a place")
        whose = node.get("authorities")
        return cls(
            allow,
            deny,
            names.at(whose) if whose.is_there else names.everybody,
            bool(node.get("models").flag()),
            read_allowance(node.get("unknown")),
        )

    def judge(self, case: Case) -> list[Reason]:
        """Return each place that isn't allowed, and whatever nobody says the place of."""
        found = ancestry(case)
        reasons = [] if self.allows_unknown else [*found.unfinished, *found.unidentified]
        return reasons + [reason for item in with_ancestors(case) for reason in self._judged(item)]

    def _judged(self, case: Case) -> list[Reason]:
        boms = boms_about(case)
        if not self.of_models and boms and all(item.what == "model" for item in boms):
            return []
        places = self._places(case)
        if not places and not self.allows_unknown:
            message = f"nobody accepted says where {case.named} lies"
            return [case.cant_tell(RESIDENCY_UNKNOWN, message, expected=f"one by {', '.join(self.authorities)}")]
        return [
            case.refused(
                RESIDENCY_DENIED,
                f"{case.named} lies where it may not",
                got=printable(place),
                expected=f"in {self.allow}" if self.allow else f"not in {self.deny}",
            )
            for place in places
            if self._denies(place)
        ]

    def _denies(self, place: str) -> bool:
        # No pattern is held against a place of that length: it is one that may be denied.
        is_denied = len(place) > LONGEST_PLACE or self.deny.matches(place)
        return is_denied or (bool(self.allow) and not self.allow.matches(place))

    def _places(self, case: Case) -> list[str]:
        found: set[str] = set()
        for item in accepted(case, PREDICATE_LOCATION, self.authorities):
            try:
                location, _ = Location.of_predicate(item.predicate())
            except DbomError:
                continue  # what can't be read names no place
            found.add(location.base)
        return sorted(found)

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        whose = "Everything that the artifact came from" if self.of_models else "All data that the artifact came from"
        asked = [f"lie in {self.allow}" if self.allow else "", f"not lie in {self.deny}" if self.deny else ""]
        may = "may pass" if self.allows_unknown else "is no yes"
        said = " or ".join(map(printable, self.authorities))
        return [f"{whose} must {' and '.join(filter(None, asked))}, said by {said}; an unknown place {may}."]
