"""The flags by which inference servers are told what to load.

vLLM's are followed closely: it reads `_` as `-`, takes any unambiguous beginning of a flag, and the last of two wins.
Flags of other servers that mean the same (`--model-path`, `--model-id`, …) are read alike; whichever program it is, a
word that names a model is a reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.references.reference import Role
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.words import Word

__all__ = ["CONFIG", "JSON_FLAGS", "LIST_FLAGS", "NAMING_FLAGS", "ROLES", "Given", "read_flags", "strays"]

ROLES: Final = {
    "model": Role.MODEL,
    "model-id": Role.MODEL,
    "model-path": Role.MODEL,
    "model-dir": Role.MODEL,
    "hf-config-path": Role.MODEL,
    "tokenizer": Role.TOKENIZER,
    "tokenizer-path": Role.TOKENIZER,
    "speculative-model": Role.DRAFT_MODEL,
    "speculative-draft-model-path": Role.DRAFT_MODEL,
    "speculative-config": Role.DRAFT_MODEL,
    "lora-modules": Role.ADAPTER,
    "lora-paths": Role.ADAPTER,
    "prompt-adapters": Role.ADAPTER,
    "default-mm-loras": Role.ADAPTER,
    "qlora-adapter-name-or-path": Role.ADAPTER,
}
"""Flags that name something to load, and what it is."""

JSON_FLAGS: Final = ("speculative-config", "default-mm-loras")
LIST_FLAGS: Final = ("lora-modules", "lora-paths", "prompt-adapters")
CONFIG: Final = "config"
REVISIONS: Final = ("revision", "model-revision", "tokenizer-revision")
NAMING_FLAGS: Final = tuple(ROLES)

_ALL: Final = (*ROLES, *REVISIONS, CONFIG)
_SHORTEST_BEGINNING: Final = 3


@dataclass(frozen=True, slots=True)
class Given:
    """A flag that was given: its name, the rest of a dotted name (`--speculative-config.model`), its value."""

    flag: str
    dotted: str
    word: Word
    values: tuple[Word, ...]
    value: str | Unknown


def read_flags(words: Sequence[Word], *, abbreviated: bool) -> list[Given]:
    """Return the flags of the tables above that the words give; `abbreviated` takes beginnings of flags for them."""
    found: list[Given] = []
    for number, word in enumerate(words):
        if isinstance(word.value, Unknown) or not word.value.startswith("--"):
            continue
        name, equals, value = word.value[2:].partition("=")
        stem, dot, dotted = name.replace("_", "-").partition(".")
        following = tuple(_following(words, number))
        for flag in _meant(stem, abbreviated=abbreviated):
            if equals:
                found.append(Given(flag, dotted if dot else "", word, (), value))
            else:
                first = following[0].value if following else Unknown("it has no value")
                found.append(Given(flag, dotted if dot else "", word, following, first))
    return found


def strays(words: Sequence[Word]) -> list[Word]:
    """Return the words that are neither flags nor values of one: each flag is taken to have at most one value."""
    found: list[Word] = []
    takes_value = takes_list = False
    for word in words:
        value = "" if isinstance(word.value, Unknown) else word.value
        if value.startswith("-"):
            name, equals, _ = value.lstrip("-").partition("=")
            takes_list = not equals and name.replace("_", "-") in LIST_FLAGS
            takes_value = not equals
        elif takes_value or takes_list:
            takes_value = False
        else:
            found.append(word)
    return found


def _following(words: Sequence[Word], number: int) -> list[Word]:
    values: list[Word] = []
    for word in words[number + 1 :]:
        if not isinstance(word.value, Unknown) and word.value.startswith("--"):
            break
        values.append(word)
    return values


def _meant(stem: str, *, abbreviated: bool) -> list[str]:
    if stem in _ALL:
        return [stem]
    if not abbreviated or len(stem) < _SHORTEST_BEGINNING:
        return []
    return [flag for flag in _ALL if flag.startswith(stem)]
