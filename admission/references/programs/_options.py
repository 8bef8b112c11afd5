"""Options that name what a program loads, read from the words that it starts with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.references.reference import ModelReference, Role, Target
from admission.references.words import basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from admission.references.container import Container
    from admission.references.words import Word

__all__ = [
    "Given",
    "behind",
    "flag_names",
    "given_options",
    "given_or_variable",
    "hidden",
    "is_option",
    "is_set",
    "last_of",
    "told_nothing",
    "untold",
]

_NO_VALUE: Final = Unknown("it has no value")
_OFF: Final = ("", "0", "false", "no", "off", "n")


@dataclass(frozen=True, slots=True)
class Given:
    """An option that was given: its flag, its first value, as that is written and where; and all its values' words.

    `words` is empty where the value stands in the flag's own word (`--flag=value`) or there is none.
    """

    flag: str
    value: str | Unknown
    text: str
    path: str
    words: tuple[Word, ...] = ()


def flag_names(names: str, *, before: str = "--") -> frozenset[str]:
    """Return the names in a text, which are separated by spaces, each with what stands before it."""
    return frozenset(before + name for name in names.split())


def is_option(word: Word) -> bool:
    """Return whether a word starts as options do; one that can't be told does where its written beginning says so."""
    text = word.text if isinstance(word.value, Unknown) else word.value
    return len(text) > 1 and text.startswith("-")


def given_options(
    words: Sequence[Word], meant: Callable[[str], str], *, joined: bool = True, greedy: bool = False
) -> list[Given]:
    """Return the options among the words that `meant` knows: it returns the flag that a written one is, or nothing.

    `joined` reads `--flag=value`; `greedy` takes the next word for the value even where it looks like an option. No
    word is skipped, so that an option is found that stands where another's value is expected.
    """
    found: list[Given] = []
    for number, word in enumerate(words):
        if not is_option(word):
            continue
        text = word.text if isinstance(word.value, Unknown) else word.value
        name, equals, rest = text.partition("=") if joined else (text, "", "")
        flag = meant(name)
        if not flag:
            continue
        if equals:
            found.append(Given(flag, word.value if isinstance(word.value, Unknown) else rest, word.text, word.path))
            continue
        following = words[number + 1 : number + 2] if greedy else _until_option(words[number + 1 :])
        first = following[0] if following else None
        value = first.value if first else _NO_VALUE
        place = first or word
        found.append(Given(flag, value, place.text, place.path, tuple(following)))
    return found


def _until_option(words: Sequence[Word]) -> Sequence[Word]:
    end = next((number for number, word in enumerate(words) if is_option(word)), len(words))
    return words[:end]


def last_of(given: Iterable[Given], flag: str) -> list[Given]:
    """Return the last of the options with a flag, in a list that is empty where there is none."""
    return [item for item in given if item.flag == flag][-1:]


def given_or_variable(container: Container, given: Iterable[Given], flag: str, variable: str) -> list[Given]:
    """Return the options with a flag; or, where there is none, what its variable says, if that is set."""
    found = [item for item in given if item.flag == flag]
    held = container.environment.variables.get(variable)
    if found or held is None or held.value == "":
        return found
    return [Given(flag, held.value, variable, held.path)]


def is_set(value: str | Unknown | None) -> bool:
    """Return whether a variable of yes or no says yes; one that can't be told does."""
    return value is not None and (isinstance(value, Unknown) or value.lower() not in _OFF)


def behind(words: Sequence[Word], *names: str) -> Sequence[Word] | None:
    """Return the words behind the first run of words that are these names, each the last segment of a path, or None."""
    given = [basename(word) for word in words]
    first, wanted = names[0], list(names)
    number = -1
    while first in given[number + 1 :]:
        number = given.index(first, number + 1)
        if given[number : number + len(names)] == wanted:
            return words[number + len(names) :]
    return None


def hidden(container: Container, *names: str) -> list[ModelReference]:
    """Return the scripts that can't be followed, and the words that are whole commands, which speak of a program."""
    held = [(script.text, script.path) for script in container.scripts]
    held += [(word.text, word.path) for word in container.words if len(word.text.split()) > 1]
    spoken = [(text, path) for text, path in held if any(name in text for name in names)]
    return [container.opaque(Role.MODEL, text, path, "a script can't be followed") for text, path in spoken]


def told_nothing(container: Container, because: str) -> ModelReference:
    """Return the reference that a server is which is told no model: the image, or what envFrom brings, decides."""
    path = container.node.get("envFrom" if not container.environment.is_whole else "image").path
    return ModelReference(Role.MODEL, container.image, path, Target.opaque(because))


def untold(container: Container, words: Sequence[Word], valued: Collection[str]) -> list[ModelReference]:
    """Return the words that can't be told and may be any option: those that are no value of a `valued` flag."""
    found: list[ModelReference] = []
    for number, word in enumerate(words):
        name = word.text.partition("=")[0]
        if not isinstance(word.value, Unknown) or (name.startswith("-") and "$(" not in name):
            continue
        before = words[number - 1].value if number else ""
        if before not in valued:
            found.append(container.opaque(Role.MODEL, word.text, word.path, word.value.reason))
    return found
