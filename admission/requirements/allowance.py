"""A key of a policy that lets something pass which is otherwise no yes: `deny` unless it says `allow`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from admission.documents import Node
    from dbom.canonical import JsonObject

__all__ = ["ALLOWANCE", "read_allowance"]

ALLOWANCE: Final[JsonObject] = {"type": "string", "enum": ["deny", "allow"], "default": "deny"}
"""Its schema."""


def read_allowance(node: Node) -> bool:
    """Return whether it says `allow`; what is neither word is a fault."""
    return node.choice(("deny", "allow"), "deny") == "allow"
