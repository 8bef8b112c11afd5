"""What the words of a shell script come to: variables, and what the shell makes of words without quotes.

The grammar is POSIX.1-2024, Shell Command Language: 2.5 parameters and variables, 2.6 word expansions. Nothing is ever
run, and no file is looked for: a word that needs either can't be told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from admission.references.environment import MOST_TOGETHER, TOO_LONG
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from admission.references.shell_tokens import Token

__all__ = ["ShellWord", "Variables"]

_LONGEST: Final = 128 * 1024


@dataclass(frozen=True, slots=True)
class ShellWord:
    """A word of a command: its value or why that can't be told, and how it is written."""

    value: str | Unknown
    text: str


@dataclass
class Variables:
    """The variables of a script on its way: those that it starts with, and those that it has set since."""

    start: Mapping[str, str | Unknown]
    changed: dict[str, str | Unknown] = field(default_factory=dict)
    _size: int = 0

    def words(self, token: Token) -> list[ShellWord]:
        """Return the words that a token comes to: a variable without quotes is split at blanks, and may be none."""
        variables = [piece.text for piece in token.pieces if piece.is_variable]
        arguments = self.start.get("#")
        if variables in (["@"], ["*"]) and not any(piece.text for piece in token.pieces if not piece.is_variable):
            if not isinstance(arguments, str):
                return [ShellWord(Unknown("its arguments can't be told"), token.text)]
            return [ShellWord(self.start[str(place)], token.text) for place in range(1, int(arguments) + 1)]
        if len(token.pieces) == 1 and variables and not token.pieces[0].quoted:
            value = self._variable(variables[0] or "")
            if isinstance(value, str) and not _is_glob(value):
                return [ShellWord(part, token.text) for part in value.split()]
        return [ShellWord(self.value(token), token.text)]

    def value(self, token: Token) -> str | Unknown:
        """Return what a token comes to as one word, or why that can't be told."""
        found: list[str] = []
        for piece in token.pieces:
            value = self._variable(piece.text or "") if piece.is_variable else piece.text
            if value is None:
                return Unknown("a part of it comes from a command")
            if isinstance(value, Unknown):
                return value
            if not piece.quoted and (reason := _unquoted(value, token.text, is_variable=piece.is_variable)):
                return Unknown(reason)
            found.append(value)
            self._size += len(value)
            if self._size > MOST_TOGETHER or sum(map(len, found)) > _LONGEST:
                return TOO_LONG
        return "".join(found)

    def _variable(self, name: str) -> str | Unknown:
        value = self.changed.get(name, self.start.get(name))
        return Unknown(f"${name} is not defined in the container") if value is None else value


def _unquoted(value: str, text: str, *, is_variable: bool) -> str:
    """Return what a shell would make of a piece without quotes, empty where it leaves it as it is."""
    if is_variable and (value.split() != [value] if value else False):
        return "a variable in it has blanks, at which the shell splits it"
    if _is_glob(value) and "://" not in text and text not in ("[", "[["):
        return "the shell puts names of files into it"
    if _is_several(value):
        return "the shell makes several words of it"
    return "the shell puts a home folder into it" if text.startswith("~") else ""


def _is_glob(value: str) -> bool:
    start = value.find("[")
    return "*" in value or "?" in value or (start >= 0 and value.find("]", start) >= 0)


def _is_several(value: str) -> bool:
    start, end = value.find("{"), value.rfind("}")
    return 0 <= start < end and ("," in value[start:end] or ".." in value[start:end])
