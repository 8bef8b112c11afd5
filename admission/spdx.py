"""Licence expressions, judged: whether what they allow can be used under lists of allowed and denied licences.

The grammar is that of the SPDX specification, annex D, with operators in any case: OR binds less than AND, AND less
than WITH. An expression is acceptable where some choice among its ORs leaves only acceptable licences.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from dbom.model import Unknown
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["accepts", "is_expression"]

_TOKEN: Final = re.compile(r"\s*(?:(?P<mark>[()])|(?P<word>[A-Za-z0-9][A-Za-z0-9.+:-]*))")
_OPERATORS: Final = ("AND", "OR", "WITH")
_SAYS_NOTHING: Final = ("NOASSERTION", "NONE", "OTHER", "UNKNOWN")
_OF_ONES_OWN: Final = ("LICENSEREF-", "DOCUMENTREF-")
_GNU: Final = re.compile(r"(?P<name>(?:A?GPL|LGPL|GFDL)-[0-9]+\.[0-9]+)(?P<later>\+)?")
_MOST_TOKENS: Final = 500


def is_expression(text: str) -> bool:
    """Return whether a text is one licence (perhaps WITH an exception), fit for a list."""
    tokens = _tokens(text)
    if tokens is None or not tokens or tokens[0].upper() in _OPERATORS:
        return False
    return len(tokens) == 1 or (len(tokens) == 3 and tokens[1].upper() == "WITH")  # noqa: PLR2004  licence, WITH, exception


def accepts(expression: str, *, allow: Collection[str], deny: Collection[str]) -> bool | Unknown:
    """Return whether a licence expression is acceptable, or why that can't be told.

    Where `allow` is empty, every licence of SPDX's list (or a LicenseRef) that isn't denied is; of any other word
    (`GPLv3`) that can't be told. A licence WITH an exception is denied where the licence is, and allowed where it or
    the whole is: exceptions only give.
    """
    tokens = _tokens(expression)
    if not tokens or len(tokens) > _MOST_TOKENS:
        return Unknown(f"'{printable(expression)}' is not an SPDX expression")
    judge = _Judge({_named(item) for item in allow}, {_named(item) for item in deny}, [t.upper() for t in tokens])
    try:
        return judge.judged()
    except (ValueError, RecursionError):
        return Unknown(f"'{printable(expression)}' is not an SPDX expression")


def _tokens(text: str) -> list[str] | None:
    found: list[str] = []
    place, text = 0, text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return None
        found.append(match["mark"] or match["word"])
        place = match.end()
    return found


class _Judge:
    """A recursive-descent reader that judges as it reads; an unknown licence counts where it matters."""

    def __init__(self, allow: set[str], deny: set[str], tokens: list[str]) -> None:
        self._allow, self._deny, self._tokens = allow, deny, tokens

    def judged(self) -> bool | Unknown:
        answer = self._either()
        if self._tokens:
            raise ValueError(self._tokens[0])
        return answer

    def _either(self) -> bool | Unknown:
        answers = [self._both()]
        while self._took("OR"):
            answers.append(self._both())
        return _first_of(answers, winner=True)

    def _both(self) -> bool | Unknown:
        answers = [self._licence()]
        while self._took("AND"):
            answers.append(self._licence())
        return _first_of(answers, winner=False)

    def _licence(self) -> bool | Unknown:
        if self._took("("):
            answer = self._either()
            if not self._took(")"):
                raise ValueError("(")
            return answer
        name = _named(self._word())
        whole = f"{name} WITH {self._word()}" if self._took("WITH") else name
        if {name, whole, name.removesuffix("+")} & self._deny:
            return False
        if name in _SAYS_NOTHING:
            return Unknown(f"{name} says nothing")
        if self._allow:
            return bool({name, whole} & self._allow)
        return True if _is_listed(name) else Unknown(f"'{name}' is not a licence of SPDX's list")

    def _took(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            self._tokens.pop(0)
            return True
        return False

    def _word(self) -> str:
        if not self._tokens or self._tokens[0] in (*_OPERATORS, "(", ")"):
            raise ValueError("a licence")
        return self._tokens.pop(0)


def _named(text: str) -> str:
    """Return a licence in capitals; the GNU licences by the names that they have now (`GPL-3.0+` is -or-later)."""
    licence, space, exception = text.upper().partition(" ")
    match = _GNU.fullmatch(licence)
    if match is not None:
        licence = match["name"] + ("-OR-LATER" if match["later"] else "-ONLY")
    return licence + space + exception


@lru_cache(maxsize=1024)
def _is_listed(name: str) -> bool:
    from dbom.bom.licenses import License  # noqa: PLC0415  only lists without `allow` ask for SPDX's

    return name.startswith(_OF_ONES_OWN) or bool(License.of(name).id or License.of(name.removesuffix("+")).id)


def _first_of(answers: list[bool | Unknown], *, winner: bool) -> bool | Unknown:
    """Return `winner` where one answer is that, else an unknown where there is one, else the other."""
    if winner in [answer for answer in answers if isinstance(answer, bool)]:
        return winner
    return next((answer for answer in answers if isinstance(answer, Unknown)), not winner)
