"""Values as YAML text in block style, and expressions of a template language at the places of values.

Every text is written as JSON writes it, which YAML 1.2 and 1.1 read alike; so nothing in a value can end its line.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbom.canonical import Json

__all__ = ["Expression", "flow_text", "yaml_text"]

_WORDS = frozenset({"true", "false", "null", "y", "n", "yes", "no", "on", "off"})


class Expression(str):
    """A text of a template language that gives a value in YAML's flow style: it is written as it is, not as a text."""

    __slots__ = ()


def yaml_text(value: Json) -> str:
    """Return a value as a YAML document in block style, its members in their order."""
    return "\n".join(_lines(value)) + "\n"


def flow_text(value: Json) -> str:
    """Return a value in one line: JSON, but for the expressions in it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{flow_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(flow_text, value)) + "]"
    return str(value) if isinstance(value, Expression) else json.dumps(value)


def _lines(value: Json) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, item in value.items() for line in _member(f"{_scalar(key)}:", item)]
    if isinstance(value, list) and value:
        return [line for item in value for line in _item(item)]
    return [_scalar(value)]


def _member(head: str, value: Json) -> list[str]:
    if isinstance(value, (dict, list)) and value:
        return [head, *(f"  {line}" for line in _lines(value))]
    return [f"{head} {_scalar(value)}"]


def _item(value: Json) -> list[str]:
    first, *rest = _lines(value)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _scalar(value: Json) -> str:
    if isinstance(value, Expression) or (isinstance(value, str) and value.isalpha() and value.isascii()):
        return str(value) if isinstance(value, Expression) or value.lower() not in _WORDS else json.dumps(value)
    return json.dumps(value)
