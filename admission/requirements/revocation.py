"""`revocation`: whose revocations count, and that all of them are known; an ancestor that is revoked refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from admission.requirements.allowance import ALLOWANCE, read_allowance
from admission.requirements.described import with_ancestors
from attest.revocation.revokers import Revoker, Scope
from dbom.errors import UsageError
from dbom.model import Unknown
from dbom.printable import printable
from dbom.rules.admission import ARTIFACT_REVOKED, REVOCATIONS_UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from attest.authority import Authority
    from dbom.canonical import JsonObject

__all__ = ["RevocationRule"]


@dataclass(frozen=True, slots=True)
class RevocationRule:
    """Whose revocations count: names of the policy's authorities, each with its scope.

    What a revoker revokes is refused, and so is what came from it. Unless `allows_incomplete`, there is no yes while a
    revoker's signed head is missing, has expired or is older than one seen before.
    """

    KEY: ClassVar[str] = "revocation"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "required": ["revokers"],
        "properties": {
            "revokers": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["authority"],
                    "properties": {
                        "authority": {"type": "string", "minLength": 1},
                        "scope": {"type": "array", "items": {"type": "string", "minLength": 1}},
                    },
                },
            },
            "incomplete": ALLOWANCE,
        },
    }

    scopes: tuple[tuple[str, Scope], ...]
    allows_incomplete: bool = False

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:
        """Read the revokers and their scopes."""
        if not node.is_there:
            return None
        node.only("revokers", "incomplete")
        listed = node.get("revokers")
        scopes = [_read(item, names) for item in listed.items()]
        known = [name for name, _ in scopes]
        if not scopes:
            listed.fault("missing: at least one revoker")
        if len(set(known)) != len(known):
            listed.fault("an authority stands twice; give it one scope with all its words")
        incomplete = read_allowance(node.get("incomplete"))
        return cls(tuple(scopes), incomplete)

    def revokers(self, authorities: Iterable[Authority]) -> tuple[Revoker, ...]:
        """Return the revokers, out of the policy's authorities: what the evidence is settled with."""
        by_name = {authority.name: authority for authority in authorities}
        return tuple(Revoker(by_name[name], scope) for name, scope in self.scopes if name in by_name)

    def judge(self, case: Case) -> list[Reason]:
        """Return what is revoked of the artifact and its ancestors, and why that may not be all."""
        known = case.evidence.revocations
        if isinstance(known, Unknown):
            return [case.cant_tell(REVOCATIONS_UNKNOWN, f"what is revoked isn't known: {printable(known.reason)}")]
        reasons = [
            item.refused(ARTIFACT_REVOKED, f"{item.named} is revoked", got=revocation.said)
            for item in with_ancestors(case)
            if (revocation := known.of(item.digest)) is not None
        ]
        for _, head in known.current:
            case.until(head.expires)
        if self.allows_incomplete:
            return reasons
        doubts = [f"{printable(doubt.message)} ({doubt.rule})" for doubt in known.doubts]
        current = [head.expires for _, head in known.current if head.expires <= case.now]
        doubts += ["the head that was read has expired since"] if current else []
        return reasons + [
            case.cant_tell(REVOCATIONS_UNKNOWN, f"whether more is revoked can't be told: {doubt}") for doubt in doubts
        ]

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        who = " and ".join(f"{printable(name)} (may revoke: {scope})" for name, scope in self.scopes)
        lines = [f"Nothing that {who} revoked may be loaded, nor what came from it."]
        if not self.allows_incomplete:
            lines.append("The signed list of all revocations must be there, and hold.")
        return lines


def _read(node: Node, names: Names) -> tuple[str, Scope]:
    node.only("authority", "scope")
    name, scope = node.get("authority"), node.get("scope")
    found = name.required()
    if found and found not in names.authorities:
        name.fault(f"no authority is called '{printable(found)}'")
    if scope.is_there and not scope.texts():
        scope.fault("an empty scope; leave it out for everything")
    try:
        return found, Scope.of_words(scope.texts())
    except UsageError as error:
        scope.fault(f"got {error.got}, expected {error.expected}")
        return found, Scope()
