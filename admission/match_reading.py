"""The part of a policy that says which references it judges: namespaces, models, roles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.policy import LocationRule, Match
from admission.references.reference import Role
from dbom.printable import printable

if TYPE_CHECKING:
    from admission.documents import Node
    from admission.requirements.requirement import Names
    from dbom.canonical import JsonObject

__all__ = ["LOCATIONS_SCHEMA", "MATCH_SCHEMA", "is_place_pattern", "read_locations", "read_match"]

_NAMESPACE: Final = "^[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?$"
_PLACE: Final = r"^(\*\*|(oci|hf|s3|gs|az)://(\*\*|(\*|(\*[.])?[A-Za-z0-9_][A-Za-z0-9_.:-]*)/[^\s@?#]+))$"
_PLACE_WORDS: Final = (
    "expected oci:// (hf, s3, gs, az), a host, a slash, the rest; in the host * stands for all of it or for its first"
    " labels (*.example.com), and there is no pin"
)

MATCH_SCHEMA: Final[JsonObject] = {
    "type": "object",
    "description": "Which references are judged. What is left out matches everything.",
    "properties": {
        "namespaces": {
            "type": "array",
            "minItems": 1,
            "maxItems": 256,
            "items": {"type": "string", "minLength": 1, "maxLength": 63, "pattern": _NAMESPACE},
        },
        "models": {
            "type": "array",
            "minItems": 1,
            "maxItems": 256,
            "items": {"type": "string", "minLength": 1, "maxLength": 512, "pattern": _PLACE},
        },
        "roles": {
            "type": "array",
            "minItems": 1,
            "maxItems": 16,
            "items": {"type": "string", "enum": [str(role) for role in Role]},
        },
    },
}

LOCATIONS_SCHEMA: Final[JsonObject] = {
    "type": "array",
    "description": "Who may say what lies in which places, and whether a pin that nobody enforces is enough there.",
    "items": {
        "type": "object",
        "required": ["pattern", "authorities"],
        "properties": {
            "pattern": {"type": "string", "minLength": 1, "maxLength": 512, "pattern": _PLACE},
            "authorities": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            "pinning": {"type": "string", "enum": ["enforced", "claimed"], "default": "enforced"},
        },
    },
}


def read_match(match: Node) -> Match:
    """Read which references a policy judges; a list that is there and empty would match none, and is a fault."""
    match.only("namespaces", "models", "roles")
    namespaces = _listed(match.get("namespaces"), "an empty list would match no namespace; leave it out to match all")
    for item in match.get("namespaces").items():
        if isinstance(item.value, str) and item.value and not _fits(_NAMESPACE, item.value):
            match.get("namespaces").fault(f"'{printable(item.value)}' is not a namespace or a pattern of one")
    models = _listed(match.get("models"), "an empty list would match no model; leave it out to match by locations")
    for item in match.get("models").items():
        _check_place(item)
    roles = _listed(match.get("roles"), "an empty list would match no role; leave it out to match all")
    for item in match.get("roles").items():
        item.choice([str(role) for role in Role], "")
    known = tuple(Role(role) for role in roles or () if role in list(Role))
    return Match(namespaces or ("*",), models, known)


def read_locations(node: Node, names: Names) -> tuple[LocationRule, ...]:
    """Read who may bind which places."""
    found: list[LocationRule] = []
    for item in node.items():
        item.only("pattern", "authorities", "pinning")
        pattern = item.get("pattern").required()
        _check_place(item.get("pattern"))
        pinning = item.get("pinning").choice(("enforced", "claimed"), "enforced")
        binders = names.at(item.get("authorities"))
        found.append(LocationRule(pattern, binders, allows_claimed=pinning == "claimed"))
    return tuple(found)


def _listed(node: Node, because: str) -> tuple[str, ...] | None:
    if not node.is_there:
        return None
    found = node.texts()
    if not found:
        node.fault(because)
    return tuple(found)


def is_place_pattern(text: str) -> bool:
    """Return whether a text is a pattern of places, such as `oci://registry.example.com/models/*`."""
    return _fits(_PLACE, text)


def _check_place(node: Node) -> None:
    if isinstance(node.value, str) and node.value and not is_place_pattern(node.value):
        node.fault(f"got '{printable(node.value)}', {_PLACE_WORDS}")


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern[1:-1], text) is not None
