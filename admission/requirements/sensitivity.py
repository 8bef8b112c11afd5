"""`sensitivity`: how the data of the artifact, and of everything that it came from, may be classified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from admission.requirements.allowance import ALLOWANCE, read_allowance
from admission.requirements.ancestry import ancestry
from admission.requirements.described import boms_about, with_ancestors
from dbom.model import Unknown
from dbom.printable import printable
from dbom.rules.admission import SENSITIVITY_DENIED, SENSITIVITY_UNKNOWN
from lineage.graph import EdgeStatus

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.facts import BomFacts
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["SensitivityRule"]

_LEVELS: Final[JsonObject] = {"type": "array", "items": {"type": "string", "minLength": 1}}


@dataclass(frozen=True, slots=True)
class SensitivityRule:
    """Which levels are allowed (any, where none is listed) and denied, in any case of letters.

    `denies_sensitive`: no kind of sensitive data may be named, and each BOM must say so. Levels spread along verified
    edges: a model has those of the data that it came from, and needn't state one of its own where such data is known.
    """

    KEY: ClassVar[str] = "sensitivity"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "allow": _LEVELS,
            "deny": _LEVELS,
            "sensitiveData": {"type": "string", "enum": ["allow", "deny"], "default": "allow"},
            "unknown": ALLOWANCE,
            "scope": {"type": "string", "enum": ["artifact", "ancestors"], "default": "ancestors"},
        },
    }

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    denies_sensitive: bool = False
    allows_unknown: bool = False
    with_ancestors: bool = True

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:  # noqa: ARG003  the protocol's
        """Read the levels."""
        if not node.is_there:
            return None
        node.only("allow", "deny", "sensitiveData", "unknown", "scope")
        allow, deny = (tuple(item.casefold().strip() for item in node.get(key).texts()) for key in ("allow", "deny"))
        denies = node.get("sensitiveData").choice(("allow", "deny"), "allow") == "deny"
        if not allow and not deny and not denies:
            node.fault("neither allow nor deny lists a level, and sensitive data is allowed")
        unknown = read_allowance(node.get("unknown"))
        scope = node.get("scope").choice(("artifact", "ancestors"), "ancestors")
        return cls(allow, deny, denies, unknown, scope == "ancestors")

    def judge(self, case: Case) -> list[Reason]:
        """Return what speaks against the levels of the artifact, and of its ancestors where they count."""
        if not self.with_ancestors:
            return self._judged(case)
        found = ancestry(case)
        reasons = [] if self.allows_unknown else [*found.unfinished, *found.unidentified]
        return reasons + [reason for item in with_ancestors(case) for reason in self._judged(item)]

    def _judged(self, case: Case) -> list[Reason]:
        boms = boms_about(case)
        levels = dict.fromkeys(_stated(boms))
        reasons = [
            case.refused(
                SENSITIVITY_DENIED,
                f"{case.named} is classified in a way that isn't allowed",
                got=printable(level),
                expected=f"one of {', '.join(map(printable, self.allow))}" if self.allow else "another level",
            )
            for level in levels
            if not self._allows(level)
        ]
        kinds = [kind for item in boms if not isinstance(item.sensitive, Unknown) for kind in item.sensitive]
        if self.denies_sensitive and kinds:
            message = f"{case.named} holds sensitive data"
            got = ", ".join(map(printable, dict.fromkeys(kinds)))
            reasons.append(case.refused(SENSITIVITY_DENIED, message, got=got, expected="none"))
        unknown = "" if self.allows_unknown else self._unknown(case, boms, has_level=bool(levels))
        if unknown:
            message = f"the sensitivity of {case.named} isn't known: {printable(unknown)}"
            reasons.append(case.cant_tell(SENSITIVITY_UNKNOWN, message))
        return reasons

    def _allows(self, level: str) -> bool:
        word = level.casefold().strip()
        return word not in self.deny and (not self.allow or word in self.allow)

    def _unknown(self, case: Case, boms: list[BomFacts], *, has_level: bool) -> str:
        """Return what isn't known of the artifact and must be; empty where nothing is missing."""
        if not boms:
            return "no accepted BOM describes it"
        if self._takes_after_others(case, boms):
            return ""
        if (self.allow or self.deny) and not has_level:
            return next(item.classifications.reason for item in boms if isinstance(item.classifications, Unknown))
        sensitive = [item.sensitive for item in boms]
        if self.denies_sensitive and all(isinstance(item, Unknown) for item in sensitive):
            return next(item.reason for item in sensitive if isinstance(item, Unknown))
        return ""

    def _takes_after_others(self, case: Case, boms: list[BomFacts]) -> bool:
        """Return whether it is a model of which accepted statements say what it came from: that is then looked at."""
        edges = case.evidence.graph.parents(case.digest)
        is_model = bool(boms) and all(item.what == "model" for item in boms)
        return self.with_ancestors and is_model and any(edge.status is EdgeStatus.VERIFIED for edge in edges)

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        whose = "the artifact and all its ancestors" if self.with_ancestors else "the artifact"
        asked = [
            f"be classified as {' or '.join(self.allow)}" if self.allow else "",
            f"not be classified as {' or '.join(self.deny)}" if self.deny else "",
            "hold no sensitive data" if self.denies_sensitive else "",
        ]
        may = "may pass" if self.allows_unknown else "is no yes"
        return [f"The data of {whose} must {' and '.join(filter(None, asked))}; what nobody classified {may}."]


def _stated(boms: list[BomFacts]) -> list[str]:
    return [level for item in boms if not isinstance(item.classifications, Unknown) for level in item.classifications]
