"""Options on the command lines of programs: `--name value`, `--name=value`, `-n value`, and beginnings of names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from admission.references.reference import ModelReference, Role, Target
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["Option", "read_options", "untold"]


@dataclass(frozen=True, slots=True)
class Option:
    """An option that was given: its name, the word of the flag, and its values, each at its own path."""

    name: str
    word: Word
    values: tuple[Word, ...]

    @property
    def value(self) -> Word:
        """Its first value; an unknown one, at the flag, where it has none."""
        return self.values[0] if self.values else replace(self.word, value=Unknown("it has no value"))


def read_options(
    words: Sequence[Word],
    names: Collection[str],
    *,
    short: Mapping[str, str] | None = None,
    many: Collection[str] = (),
    switches: Collection[str] = (),
    beginnings: bool = False,
) -> list[Option]:
    """Return the options of these names that the words give, in their order.

    `_` is read as `-`, and one dash as two, since what looks like an option of a program is looked at rather than not.
    `short` are letters and the names they stand for; `many` take every word up to the next option, `switches` none.
    With `beginnings`, the beginning of a name stands for every name that begins so (`argparse`, `getopt_long`).
    """
    found: list[Option] = []
    for number, word in enumerate(words):
        text = word.text if isinstance(word.value, Unknown) else word.value
        if not text.startswith("-"):
            continue
        stem, equals, value = text.lstrip("-").partition("=")
        for name in _meant(stem.replace("_", "-"), names, beginnings=beginnings):
            given = (_part(word, value),) if equals else _following(words[number + 1 :], name, many, switches)
            found.append(Option(name, word, given))
        letter = (short or {}).get(text[1:2]) if not text.startswith("--") else None
        if letter is not None and stem.replace("_", "-") not in names:
            rest = text[2:].removeprefix("=")
            given = (_part(word, rest),) if rest else _following(words[number + 1 :], letter, many, switches)
            found.append(Option(letter, word, given))
    return found


def untold(container: Container, found: Sequence[ModelReference]) -> list[ModelReference]:
    """Return the words whose value can't be told, which could be any option, and which `found` doesn't name."""
    known = {reference.path for reference in found}
    return [
        ModelReference(Role.MODEL, word.text, word.path, Target.opaque(word.value.reason))
        for word in container.words
        # `--port=$(PORT)` is about the port whatever PORT is; `$(ARGS)` could be anything.
        if isinstance(word.value, Unknown) and word.path not in known and "$(" in word.text.partition("=")[0]
    ]


def _part(word: Word, value: str) -> Word:
    return word if isinstance(word.value, Unknown) else replace(word, value=value)


def _meant(stem: str, names: Collection[str], *, beginnings: bool) -> list[str]:
    if stem in names:
        return [stem]
    return sorted(name for name in names if name.startswith(stem)) if beginnings and len(stem) > 1 else []


def _following(words: Sequence[Word], name: str, many: Collection[str], switches: Collection[str]) -> tuple[Word, ...]:
    if name in switches:
        return ()
    if name not in many:
        return tuple(words[:1])
    values: list[Word] = []
    for word in words:
        if isinstance(word.value, str) and word.value.startswith("-"):
            break
        values.append(word)
    return tuple(values)
