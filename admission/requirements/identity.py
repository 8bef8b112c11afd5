"""`identity`: whether an artifact is told by its bytes alone, or by its content too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["IdentityRule"]


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """Only the digest of the bytes tells what an artifact is: what the gate always demands."""

    KEY: ClassVar[str] = "identity"
    SCHEMA: ClassVar[JsonObject] = {"type": "string", "enum": ["bytes", "content"]}

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:
        """Read `bytes`; `content` is refused, since nothing here makes the digests that it would rest on."""
        if not node.is_there:
            return None
        if node.choice(("bytes", "content"), "bytes") == "content":
            names.refuse(node, "nothing here makes content digests (of tensors or tables) yet; ask for bytes")
        return cls()

    def judge(self, case: Case) -> list[Reason]:  # noqa: ARG002  the digest of the case is one of bytes already
        """Return nothing: a place that isn't bound to a digest of bytes never comes here."""
        return []

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        return ["An artifact is told by the digest of its bytes."]
