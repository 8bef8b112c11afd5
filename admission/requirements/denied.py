"""`denied`: artifacts that may not be loaded, nor be among the ancestors of what is, however far away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from admission.requirements.allowance import ALLOWANCE, read_allowance
from admission.requirements.ancestry import ancestry
from admission.requirements.described import boms_about, with_ancestors
from admission.requirements.patterns import NO_PATTERNS, TextPatterns
from dbom.model import Digest
from dbom.printable import printable
from dbom.rules.admission import ARTIFACT_DENIED
from lineage.graph import EdgeStatus, Named

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["DeniedRule"]


@dataclass(frozen=True, slots=True)
class DeniedRule:
    """What is denied: by digest, which is sure, or by a pattern of names, which whoever renames it gets around.

    A parent that is only a name is held against the names; while digests are denied it is no yes, as it may be any.
    """

    KEY: ClassVar[str] = "denied"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "digests": {
                "type": "array",
                "items": {"type": "string", "pattern": "^(tree:)?sha256:[0-9a-f]{64}$"},
            },
            **TextPatterns.schema("names"),
            "unknown": ALLOWANCE,
        },
    }

    digests: frozenset[Digest] = frozenset()
    names: TextPatterns = NO_PATTERNS
    allows_unknown: bool = False

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:  # noqa: ARG003  the protocol's
        """Read digests and patterns."""
        if not node.is_there:
            return None
        node.only("digests", *TextPatterns.keys("names"), "unknown")
        digests: set[Digest] = set()
        for item in node.get("digests").items():
            try:
                digests.add(Digest.parse(item.required()))
            except ValueError:
                item.fault("not a digest: expected sha256:<64 hex> or tree:sha256:<64 hex>")
        patterns = TextPatterns.read(node, "names")
        if not digests and not patterns:
            node.fault("neither digests nor names lists anything")
        unknown = read_allowance(node.get("unknown"))
        return cls(frozenset(digests), patterns, unknown)

    def judge(self, case: Case) -> list[Reason]:
        """Return each denied artifact that there is, with the way to it."""
        found = ancestry(case)
        reasons = [reason for item in with_ancestors(case) for reason in (*self._judged(item), *self._by_name(item))]
        if self.allows_unknown:
            return reasons
        return [*reasons, *found.unfinished, *(found.unidentified if self.digests else ())]

    def _judged(self, case: Case) -> list[Reason]:
        node = case.evidence.graph.node(case.digest)
        if case.digest in self.digests:
            return [case.refused(ARTIFACT_DENIED, f"{case.named} is denied")]
        names = dict.fromkeys((*(node.names if node is not None else ()), *(item.name for item in boms_about(case))))
        return [
            case.refused(ARTIFACT_DENIED, f"{case.named} is denied by its name", got=printable(name))
            for name in names
            if self.names.matches(name)
        ][:1]

    def _by_name(self, case: Case) -> list[Reason]:
        """Return each parent of which only a name is known, and a denied one."""
        edges = case.evidence.graph.parents(case.digest)
        named = [e.parent.name for e in edges if e.status is EdgeStatus.MISSING and isinstance(e.parent, Named)]
        return [
            case.refused(ARTIFACT_DENIED, f"{case.named} comes from what is denied by its name", got=name)
            for name in dict.fromkeys(named)
            if self.names.matches(name)
        ]

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        denied = [f"{len(self.digests)} digests"] if self.digests else []
        denied += [f"whatever is called {self.names}"] if self.names else []
        return [f"Neither the artifact nor any ancestor may be one of {' and '.join(denied)}."]
