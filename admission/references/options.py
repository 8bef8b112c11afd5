"""Options on the command lines of programs: `--name value`, `--name=value`, `-n value`, and beginnings of names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.references.reference import Role
from admission.references.words import Word
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from admission.references.container import Container
    from admission.references.reference import ModelReference

__all__ = ["Option", "flag_names", "given_or_variable", "is_option", "last_of", "loosely", "read_options", "untold"]

_NO_VALUE: Final = Unknown("it has no value")


@dataclass(frozen=True, slots=True)
class Option:
    """An option that was given: its name, its first value, as that is written and where.

    `words` are its values' words: none where the value stands in the flag's own word (`--name=value`), or there is
    none. `flag` is the flag's word, None where a variable gives the option.
    """

    name: str
    value: str | Unknown
    text: str
    path: str
    words: tuple[Word, ...] = ()
    flag: Word | None = None

    @property
    def values(self) -> tuple[Word, ...]:
        """Its values, each where it stands: at least one, which can't be told where it was given none."""
        return self.words or (Word(self.value, self.text, self.path),)

    @property
    def flag_path(self) -> str:
        """Where the flag itself stands, whose value may be another word; or the variable that gives it."""
        return self.path if self.flag is None else self.flag.path


def flag_names(names: str, *, before: str = "--") -> frozenset[str]:
    """Return the names in a text, which are separated by spaces, each with what stands before it."""
    return frozenset(before + name for name in names.split())


def is_option(word: Word) -> bool:
    """Return whether a word starts as options do; one that can't be told does where its written beginning says so."""
    return len(word.spelling) > 1 and word.spelling.startswith("-")


def loosely(names: Collection[str], *, beginnings: bool = False) -> Callable[[str], Sequence[str]]:
    """Return what `read_options` asks for the names that a written flag stands for, where several spellings do.

    `_` is read as `-`, and one dash as two, since what looks like an option of a program is looked at rather than not.
    With `beginnings`, the beginning of a name stands for every name that begins so (`argparse`, `getopt_long`).
    """

    def means(written: str) -> Sequence[str]:
        stem = written.lstrip("-").replace("_", "-")
        if stem in names:
            return (stem,)
        return sorted(name for name in names if name.startswith(stem)) if beginnings and len(stem) > 1 else ()

    return means


def read_options(
    words: Sequence[Word],
    means: Callable[[str], Sequence[str]],
    *,
    joined: bool = True,
    greedy: bool = False,
    letters: Mapping[str, str] | None = None,
    switches: Collection[str] = (),
) -> list[Option]:
    """Return the options that the words give, in their order; `means` says which names a written flag stands for.

    `joined` reads `--name=value`. An option takes the words up to the next option; with `greedy` one word, even where
    that looks like an option; `switches` take none. `letters` are those of short options and the names that they stand
    for, with the value in the same word or in the next. No word is skipped, so that an option is found that stands
    where another's value is expected.
    """
    found: list[Option] = []
    for number, word in enumerate(words):
        text = word.spelling
        if not text.startswith("-") or len(text) == 1:
            continue
        flag, equals, rest = text.partition("=") if joined else (text, "", "")
        given = [(name, rest if equals else None) for name in means(flag)]
        letter = (letters or {}).get(text[1:2]) if not given and not text.startswith("--") else None
        if letter is not None:
            given = [(letter, text[2:].removeprefix("=") or None)]
        for name, value in given:
            following: Sequence[Word] = ()
            if value is None and name not in switches:
                following = words[number + 1 : number + 2] if greedy else _until_option(words[number + 1 :])
            found.append(_option(name, word, value, tuple(following)))
    return found


def _option(name: str, word: Word, value: str | None, following: tuple[Word, ...]) -> Option:
    if value is not None:
        told = word.value if isinstance(word.value, Unknown) else value
        return Option(name, told, word.text, word.path, flag=word)
    if not following:
        return Option(name, _NO_VALUE, word.text, word.path, flag=word)
    first = following[0]
    return Option(name, first.value, first.text, first.path, following, word)


def _until_option(words: Sequence[Word]) -> Sequence[Word]:
    end = next((number for number, word in enumerate(words) if is_option(word)), len(words))
    return words[:end]


def last_of(options: Iterable[Option], name: str) -> list[Option]:
    """Return the last of the options of a name, in a list that is empty where there is none."""
    return [option for option in options if option.name == name][-1:]


def given_or_variable(container: Container, options: Iterable[Option], name: str, variable: str) -> list[Option]:
    """Return the options of a name; or, where there is none, what its variable says, if that is set."""
    found = [option for option in options if option.name == name]
    held = container.environment.variables.get(variable)
    if found or held is None or held.value == "":
        return found
    return [Option(name, held.value, variable, held.path)]


def untold(
    container: Container, words: Sequence[Word], found: Iterable[ModelReference], *, valued: Collection[str] = ()
) -> list[ModelReference]:
    """Return the words that can't be told and may be any option: those that are no value of a `valued` flag.

    Words that `found` names already are left out.
    """
    known = {reference.path for reference in found}
    untold_words: list[Word] = []
    for number, word in enumerate(words):
        name = word.text.partition("=")[0]
        # `--port=$(PORT)` is about the port whatever PORT is; `$(ARGS)` could be anything.
        if not isinstance(word.value, Unknown) or (name.startswith("-") and "$(" not in name):
            continue
        if word.path not in known and (words[number - 1].value if number else "") not in valued:
            untold_words.append(word)
    return [container.reference(Role.MODEL, word.value, word.path, written=word.text) for word in untold_words]
