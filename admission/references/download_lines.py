"""The command lines of tools that download, taken apart, and the references that their words are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from admission.references.reference import ModelReference, Role, Target
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from admission.references.words import Word

__all__ = ["DownloadLine", "named", "shown", "taken_apart"]


@dataclass(frozen=True, slots=True)
class DownloadLine:
    """The words of a tool behind its name: those that are no flags, and its flags with their values."""

    positionals: tuple[Word, ...]
    flags: tuple[tuple[str, Word | None], ...]

    def values(self, *names: str) -> list[str | Unknown]:
        """Return the values of the flags of these names."""
        return [word.value for name, word in self.flags if name in names and word is not None]

    def has(self, *names: str) -> bool:
        """Return whether a flag of one of these names is given."""
        return any(name in names for name, _ in self.flags)

    def text(self, number: int) -> str:
        """Return a word that is no flag, by its number; empty where it is not there or can not be told."""
        value = self.positionals[number].value if number < len(self.positionals) else ""
        return value if isinstance(value, str) else ""


def taken_apart(words: Sequence[Word], valued: Iterable[str], *, short: str = "") -> DownloadLine:
    """Return a command line taken apart; `valued` are the flags that take a word, `short` those of one letter."""
    valued = frozenset(valued)
    positionals: list[Word] = []
    flags: list[tuple[str, Word | None]] = []
    number, is_over = 0, False
    while number < len(words):
        word = words[number]
        text = word.spelling
        number += 1
        if is_over or not text.startswith("-") or text == "-":
            positionals.append(word)
        elif text == "--":
            is_over = True
        else:
            name, equals, value = text.lstrip("-").partition("=")
            if equals:
                flags.append((name, replace(word, value=word.value if isinstance(word.value, Unknown) else value)))
            elif name in valued or (not text.startswith("--") and name[-1:] and name[-1] in short):
                flags.append((name, words[number] if number < len(words) else None))
                number += 1
            else:
                flags.append((name, None))
    return DownloadLine(tuple(positionals), tuple(flags))


def shown(word: Word) -> str:
    """Return a word as it may be shown."""
    # A query may hold a key to a bucket.
    return word.text if isinstance(word.value, Unknown) else word.value.partition("?")[0]


def named(role: Role, word: Word, target: Target) -> ModelReference:
    """Return the reference that a word is; opaque where the word can not be told."""
    if isinstance(word.value, Unknown):
        target = Target.opaque(word.value.reason)
    return ModelReference(role, shown(word), word.path, target)
