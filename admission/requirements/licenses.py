"""`licenses`: which licences the artifact, and everything that it came from, may be under."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final, Self

from admission.facts import BomFacts
from admission.requirements.allowance import ALLOWANCE, read_allowance
from admission.requirements.ancestors import AncestorRule
from admission.requirements.ancestry import ancestry
from admission.requirements.attestations import AttestationsRule
from admission.spdx import accepts, is_expression
from dbom.model import Unknown
from dbom.names import PREDICATE_BOM
from dbom.printable import printable
from dbom.rules.admission import LICENSE_DENIED, LICENSE_UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Collection

    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["LicenseRule", "LicenseScope"]

_LIST: Final[JsonObject] = {"type": "array", "items": {"type": "string", "minLength": 1}}


class LicenseScope(StrEnum):
    """Whose licences are looked at: the artifact's alone, or those of everything it came from too."""

    ARTIFACT = "artifact"
    ANCESTORS = "ancestors"


@dataclass(frozen=True, slots=True)
class LicenseRule:
    """Which licences are allowed (any, where none is listed), which are denied, and whether an unknown one may pass."""

    KEY: ClassVar[str] = "licenses"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "allow": _LIST,
            "deny": _LIST,
            "unknown": ALLOWANCE,
            "scope": {"type": "string", "enum": ["artifact", "ancestors"], "default": "ancestors"},
        },
    }

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    allows_unknown: bool = False
    scope: LicenseScope = LicenseScope.ANCESTORS

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:  # noqa: ARG003  the protocol's
        """Read the licences that are allowed and denied."""
        if not node.is_there:
            return None
        node.only("allow", "deny", "unknown", "scope")
        allow, deny = (tuple(node.get(key).texts()) for key in ("allow", "deny"))
        if not allow and not deny:
            node.fault("neither allow nor deny lists a licence")
        for key in ("allow", "deny"):
            for item in node.get(key).items():
                if isinstance(item.value, str) and not is_expression(item.value):
                    item.fault(f"'{printable(item.value)}' is not one SPDX licence")
        unknown = read_allowance(node.get("unknown"))
        scope = LicenseScope(node.get("scope").choice([str(item) for item in LicenseScope], LicenseScope.ANCESTORS))
        return cls(allow, deny, allows_unknown=unknown, scope=scope)

    def judge(self, case: Case) -> list[Reason]:
        """Return what speaks against the licences of the artifact, and of its ancestors where they count."""
        named = case.policy.find(AttestationsRule)
        everybody = {authority.name for authority in case.policy.authorities}
        reasons = self._judged(case, (named and named.authorities_for(PREDICATE_BOM)) or everybody)
        if self.scope is LicenseScope.ARTIFACT:
            return reasons
        rule, found = case.policy.find(AncestorRule), ancestry(case)
        names = everybody if rule is None else set(rule.authorities)
        reasons += found.unfinished
        reasons += () if self.allows_unknown else found.unidentified
        return reasons + [reason for ancestor in found.cases for reason in self._judged(ancestor, names)]

    def _judged(self, case: Case, names: Collection[str]) -> list[Reason]:
        """Return what speaks against one artifact: each licence in each accepted BOM must be allowed."""
        boms = [item for item in case.evidence.about(case.digest, PREDICATE_BOM) if item.authority in names]
        described = [item.facts for item in boms if isinstance(item.facts, BomFacts)]
        described = [item for item in described if isinstance(item.artifact, Unknown) or item.artifact == case.digest]
        licences = list(dict.fromkeys(licence for item in described for licence in item.licenses_or_none()))
        answers = [(licence, accepts(licence, allow=self.allow, deny=self.deny)) for licence in licences]
        message = f"{case.named} is under a licence that isn't allowed"
        reasons = [
            case.refused(LICENSE_DENIED, message, got=printable(licence), expected=self._expected(licence))
            for licence, answer in answers
            if answer is False
        ]
        unknown = [answer.reason for _, answer in answers if isinstance(answer, Unknown)]
        unknown += [item.licenses.reason for item in described if isinstance(item.licenses, Unknown)]
        if not described:
            unknown.append("no accepted BOM describes it")
        elif not licences and not unknown:
            unknown.append("its BOM names none")
        if unknown and not self.allows_unknown:
            message = f"the licence of {case.named} isn't known: {printable(unknown[0])}"
            reasons.append(case.cant_tell(LICENSE_UNKNOWN, message))
        return reasons

    def _expected(self, licence: str) -> str:
        if self.allow:
            return f"one of {', '.join(self.allow)}"
        return f"none of {', '.join(self.deny)}" if licence else ""

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        whose = "the artifact" if self.scope is LicenseScope.ARTIFACT else "the artifact and of all its ancestors"
        asked = [
            f"must be among {', '.join(self.allow)}" if self.allow else "",
            f"must not be {' or '.join(self.deny)}" if self.deny else "",
        ]
        may = "may pass" if self.allows_unknown else "is no yes"
        return [f"The licences of {whose} {' and '.join(filter(None, asked))}; an unknown one {may}."]
