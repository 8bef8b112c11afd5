"""`provenance`: who must have built the artifact, out of which source, at which ref, by which kind of build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from admission.facts import ProvenanceFacts
from admission.requirements.described import accepted
from admission.requirements.patterns import TextPatterns
from dbom.model import Unknown
from dbom.names import PREDICATE_PROVENANCE
from dbom.printable import printable
from dbom.rules.admission import PROVENANCE_DENIED, PROVENANCE_UNKNOWN

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["ProvenanceRule"]

_KEYS = ("builders", "buildTypes", "sources", "refs")


@dataclass(frozen=True, slots=True)
class ProvenanceRule:
    """What one accepted provenance statement must say, all of it; what isn't listed may be anything.

    The builder's id is what the statement says: who signs it, `authorities` decide. `demands_clean`: the sources were
    those of the commit, which only `dbom run` says.
    """

    KEY: ClassVar[str] = "provenance"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "authorities": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            **TextPatterns.schema(*_KEYS),
            "clean": {"type": "boolean", "default": False},
        },
    }

    authorities: tuple[str, ...]
    builders: TextPatterns
    build_types: TextPatterns
    sources: TextPatterns
    refs: TextPatterns
    demands_clean: bool = False

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:
        """Read the patterns."""
        if not node.is_there:
            return None
        node.only("authorities", *TextPatterns.keys(*_KEYS), "clean")
        whose = node.get("authorities")
        builders, build_types, sources, refs = (TextPatterns.read(node, key) for key in _KEYS)
        clean = bool(node.get("clean").flag())
        if not (builders or build_types or sources or refs or clean):
            node.fault(f"asks for nothing: expected one of {', '.join(_KEYS)}, clean")
        return cls(names.at(whose) if whose.is_there else names.everybody, builders, build_types, sources, refs, clean)

    def judge(self, case: Case) -> list[Reason]:
        """Return nothing where one statement says all that is asked; else why each doesn't."""
        found = accepted(case, PREDICATE_PROVENANCE, self.authorities)
        facts = dict.fromkeys(item.facts for item in found if isinstance(item.facts, ProvenanceFacts))
        if not facts:
            message = f"no accepted provenance statement about {case.named}"
            return [case.cant_tell(PROVENANCE_UNKNOWN, message, expected=f"one by {', '.join(self.authorities)}")]
        answers = [self._against(case, item) for item in facts]
        return [] if [] in answers else list(dict.fromkeys(reason for answer in answers for reason in answer))

    def _against(self, case: Case, facts: ProvenanceFacts) -> list[Reason]:
        asked = (
            ("builder", facts.builder, self.builders),
            ("build type", facts.build_type, self.build_types),
            ("source", facts.source, self.sources),
            ("ref", facts.ref, self.refs),
        )
        reasons: list[Reason] = []
        for what, said, patterns in asked:
            if patterns and isinstance(said, Unknown):
                message = f"the {what} of {case.named} isn't known: {printable(said.reason)}"
                reasons.append(case.cant_tell(PROVENANCE_UNKNOWN, message, expected=str(patterns)))
            elif patterns and not isinstance(said, Unknown) and not patterns.matches(said):
                message = f"the {what} of {case.named} isn't one that is allowed"
                reasons.append(case.refused(PROVENANCE_DENIED, message, got=printable(said), expected=str(patterns)))
        return reasons + (self._unclean(case, facts) if self.demands_clean else [])

    def _unclean(self, case: Case, facts: ProvenanceFacts) -> list[Reason]:
        if isinstance(facts.dirty, Unknown):
            message = f"whether {case.named} was made of what was committed isn't known"
            return [case.cant_tell(PROVENANCE_UNKNOWN, f"{message}: {facts.dirty.reason}")]
        if facts.dirty:
            message = f"{case.named} was made of sources that differ from their commit"
            return [case.refused(PROVENANCE_DENIED, message, got=printable(str(facts.commit)), expected="no changes")]
        return []

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        asked = (
            ("by", self.builders), ("by a build of type", self.build_types), ("from", self.sources), ("at", self.refs)
        )  # fmt: skip
        words = [f"{word} {patterns}" for word, patterns in asked if patterns]
        words += ["from sources as they were committed"] if self.demands_clean else []
        said = " or ".join(map(printable, self.authorities))
        return [f"The artifact must have been made {', '.join(words)}; said by {said}."]
