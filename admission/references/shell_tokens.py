"""The tokens of a shell script, in one pass.

The grammar is POSIX.1-2024, Shell Command Language: 2.2 quoting, 2.3 token recognition, and where an expansion (2.6)
begins and ends. What it comes to is told by `admission.references.shell_expansion`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Piece", "Token", "Unfollowed", "read_tokens"]

_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_BRACED: Final = re.compile(r"\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<colon>:?)-(?P<default>[\w./:@-]*))?\}")
_OPERATORS: Final = ("&&", "||", ";;", "|&", "&>>", "&>", ">>", ">&", "<<<", "<<", "<&", "<>", ">|", "<(", ">(")
_SINGLE: Final = ";&|<>()\n"
_PLAIN: Final = re.compile(r"[^\s'\"\\$`;&|<>()#]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a word: its text, or a variable's name; None can't be told. What is quoted is left as it is."""

    text: str | None
    is_variable: bool = False
    quoted: bool = False


class Unfollowed(Exception):  # noqa: N818  it is no fault of anybody's: it says that a script can't be followed, and why
    """A script has something that isn't followed; its reader catches it."""


@dataclass(frozen=True, slots=True)
class Token:
    """An operator, or a word in pieces, as it is written in `text`."""

    operator: str = ""
    pieces: tuple[Piece, ...] = ()
    text: str = ""


def read_tokens(script: str) -> tuple[list[Token], list[str]]:
    """Return the tokens of a script, and the scripts that stand in its `$(…)` and backquotes.

    Raises `Unfollowed` where a quotation or a command in it has no end.
    """
    lexer = _Lexer(script)
    return lexer.tokens(), lexer.inner


class _Lexer:
    """Tokens of a script, in one pass; scripts in `$(…)` and backquotes are gathered in `inner`."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self.inner = text, 0, list[str]()

    def tokens(self) -> list[Token]:
        found: list[Token] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif char in " \t\r":
                self._at += 1
            elif self._text.startswith("\\\n", self._at):
                self._at += 2
            elif char in _SINGLE:
                found.append(Token(self._operator()))
            else:
                found.append(self._word())
        return found

    def _operator(self) -> str:
        operator = next((item for item in _OPERATORS if self._text.startswith(item, self._at)), self._text[self._at])
        self._at += len(operator)
        return operator

    def _word(self) -> Token:
        start, pieces = self._at, list[Piece]()
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in " \t\r" or char in _SINGLE:
                break
            if char == "'":
                pieces.append(Piece(self._until("'"), quoted=True))
            elif char == '"':
                self._at += 1
                pieces += self._double_quoted()
            elif char == "\\":
                escaped = self._text[self._at + 1 : self._at + 2]
                pieces += [] if escaped == "\n" else [Piece(escaped, quoted=True)]
                self._at += 2
            elif char in "$`":
                pieces.append(self._expansion(quoted=False))
            else:
                match = _PLAIN.match(self._text, self._at)
                plain = match[0] if match else char
                pieces.append(Piece(plain))
                self._at += len(plain)
        return Token("", tuple(pieces), self._text[start : self._at])

    def _double_quoted(self) -> list[Piece]:
        pieces = [Piece("", quoted=True)]
        start = self._at
        while self._at < len(self._text):
            char = self._text[self._at]
            if char not in '"\\$`':
                self._at += 1
                continue
            pieces.append(Piece(self._text[start : self._at], quoted=True))
            if char == '"':
                self._at += 1
                return pieces
            if char == "\\":
                escaped = self._text[self._at + 1 : self._at + 2]
                kept = "" if escaped == "\n" else escaped if escaped in '"\\$`' else "\\" + escaped
                pieces.append(Piece(kept, quoted=True))
                self._at += 2
            else:
                pieces.append(self._expansion(quoted=True))
            start = self._at
        raise Unfollowed("a quotation in it has no end")

    def _expansion(self, *, quoted: bool) -> Piece:
        if self._text[self._at] == "`":
            self.inner.append(self._until("`"))
            return Piece(None, quoted=quoted)
        self._at += 1
        # $'…' knows escapes that nothing else does.
        mark = self._text[self._at : self._at + 1]
        if mark == "(" or (not quoted and mark in ("'", '"')):
            self._substituted() if mark == "(" else self._until(mark)
            return Piece(None, quoted=quoted)
        if match := _BRACED.match(self._text, self._at):
            self._at = match.end()
            # (A default is taken where the variable isn't known to be set: which it is can't be told then.)
            is_plain = match["default"] is None
            return Piece(match["name"] if is_plain else None, is_variable=is_plain, quoted=quoted)
        if self._text.startswith("{", self._at):
            self._until("}")
            return Piece(None, quoted=quoted)
        match = _PARAMETER.match(self._text, self._at)
        if match is None:
            return Piece("$", quoted=True)
        self._at = match.end()
        return Piece(match[0], is_variable=True, quoted=quoted)

    def _until(self, mark: str) -> str:
        end = self._text.find(mark, self._at + 1)
        if end < 0:
            raise Unfollowed("a quotation in it has no end")
        found = self._text[self._at + 1 : end]
        self._at = end + 1
        return found

    def _substituted(self) -> None:
        start, depth = self._at + 1, 0
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "'":
                self._until("'")
                continue
            depth += (char == "(") - (char == ")")
            self._at += 2 if char == "\\" else 1
            if depth == 0:
                inner = self._text[start : self._at - 1]
                # $((…)) is arithmetic.
                self.inner += [] if inner.startswith("(") else [inner]
                return
        raise Unfollowed("a command in it has no end")
