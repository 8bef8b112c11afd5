"""Values as YAML text in block style, and expressions of a template language at the places of values.

Every text is written as JSON writes it, which YAML 1.2 and 1.1 read alike; so nothing in a value can end its line. But
for characters above U+FFFF: some readers of YAML take JSON's two escapes of those for two characters.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dbom.canonical import Json

__all__ = ["Expression", "flow_text", "yaml_text"]

_ASTRAL: Final = re.compile("([\U00010000-\U0010ffff])")
_WORDS: Final = frozenset({"true", "false", "null", "y", "n", "yes", "no", "on", "off"})


class Expression(str):
    """A text of a template language that gives a value in YAML's flow style: it is written as it is, not as a text."""

    __slots__ = ()


def yaml_text(value: Json) -> str:
    """Return a value as a YAML document in block style, its members in their order."""
    return "\n".join(_lines(value)) + "\n"


def flow_text(value: Json) -> str:
    """Return a value in one line: JSON, but for the expressions in it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_plain(key)}:{flow_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(flow_text, value)) + "]"
    return str(value) if isinstance(value, Expression) else _plain(value)


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
    if isinstance(value, Expression):
        return str(value)
    if isinstance(value, str) and value.isalpha() and value.isascii() and value.lower() not in _WORDS:
        return value
    return _plain(value)


def _plain(value: Json) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    parts = _ASTRAL.split(value)
    escaped = (f"\\U{ord(part):08X}" if odd % 2 else json.dumps(part)[1:-1] for odd, part in enumerate(parts))
    return '"' + "".join(escaped) + '"'
