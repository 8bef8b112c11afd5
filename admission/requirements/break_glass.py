"""`breakGlass`: whose signed word lets in what this policy refuses, and for how long at most."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from dbom.printable import printable

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["BreakGlassRule"]

_DURATION: Final = re.compile(r"([1-9][0-9]{0,3})([hm])")
_SECONDS: Final = {"h": 3600, "m": 60}
_DEFAULT: Final = "24h"


@dataclass(frozen=True, slots=True)
class BreakGlassRule:
    """Whose break-glass statements are taken, and how long one may hold, in seconds."""

    KEY: ClassVar[str] = "breakGlass"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "required": ["authorities"],
        "properties": {
            "authorities": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            "longest": {"type": "string", "pattern": "^[1-9][0-9]{0,3}[hm]$", "default": _DEFAULT},
        },
    }

    authorities: tuple[str, ...]
    longest: int = 24 * 3600

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:
        """Read whose word is taken; nobody's where the key is missing."""
        if not node.is_there:
            return None
        node.only("authorities", "longest")
        text = node.get("longest").text() or _DEFAULT
        match = _DURATION.fullmatch(text)
        if match is None:
            node.get("longest").fault(f"got '{printable(text)}', expected hours or minutes: 4h, 30m")
        seconds = 0 if match is None else int(match[1]) * _SECONDS[match[2]]
        return cls(names.at(node.get("authorities")), seconds)

    def judge(self, case: Case) -> list[Reason]:  # noqa: ARG002  asked by the gate, of a whole decision
        """Return nothing: it asks nothing of an artifact."""
        return []

    def explain(self) -> list[str]:
        """Return what is accepted, in plain sentences."""
        who = " or ".join(self.authorities)
        return [f"A break-glass statement by {who} lets in what is refused, for at most {self.longest // 60} minutes."]
