"""Patterns of texts in policies: with `*` and `**` as for places, or RE2 expressions; always in full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from admission.policy import matches_glob
from attest.identity import Pattern
from dbom.errors import DocumentError
from dbom.printable import printable

if TYPE_CHECKING:
    from admission.documents import Node
    from dbom.canonical import JsonObject

__all__ = ["NO_PATTERNS", "TextPatterns"]

_EXPRESSIONS = "RegExp"


@dataclass(frozen=True, slots=True)
class TextPatterns:
    """Texts of which one must match: `globs` (`*` is anything but a slash, `**` anything), or RE2 `expressions`."""

    globs: tuple[str, ...] = ()
    expressions: tuple[Pattern, ...] = ()

    @classmethod
    def read(cls, node: Node, key: str) -> Self:
        """Read the lists under `key` and `<key>RegExp`; an expression that isn't RE2 is a fault at its place."""
        found: list[Pattern] = []
        for item in node.get(key + _EXPRESSIONS).items():
            try:
                found.append(Pattern(item.required(), is_expression=True))
            except DocumentError as error:
                item.fault(printable(error.what))
        return cls(tuple(node.get(key).texts()), tuple(found))

    @staticmethod
    def schema(*keys: str) -> JsonObject:
        """Return the schema of the lists under these keys."""
        texts: JsonObject = {"type": "array", "items": {"type": "string", "minLength": 1}}
        return {name: texts for key in keys for name in (key, key + _EXPRESSIONS)}

    @staticmethod
    def keys(*keys: str) -> tuple[str, ...]:
        """Return the keys that `read` looks at for each of these."""
        return tuple(name for key in keys for name in (key, key + _EXPRESSIONS))

    def matches(self, text: str) -> bool:
        """Return whether one of them is what the whole text is."""
        return any(matches_glob(glob, text) for glob in self.globs) or any(
            item.matches(text) for item in self.expressions
        )

    def __bool__(self) -> bool:
        return bool(self.globs or self.expressions)

    def __str__(self) -> str:
        return " or ".join([*map(printable, self.globs), *map(str, self.expressions)])


NO_PATTERNS: Final = TextPatterns()
"""Nothing matches."""
