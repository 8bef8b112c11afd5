"""The words that a container starts with, as far as its object tells them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from admission.references.environment import MOST_TOGETHER, TOO_LONG
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.documents import Node
    from admission.references.environment import Environment

__all__ = ["Script", "Word", "basename", "read_hooks", "read_words", "unwrapped"]

_HOOKS = (
    ("lifecycle", "postStart"),
    ("lifecycle", "preStop"),
    ("livenessProbe",),
    ("readinessProbe",),
    ("startupProbe",),
)

_INTERPRETER = re.compile(r"(?:ba|da|a|z|k)?sh|busybox|python[0-9.]*|perl|env")
_SCRIPT_FLAG = re.compile(r"-[a-zA-Z]*c")
_SHORT_FLAG = re.compile(r"-[a-zA-Z]+")
_SIMPLE_SCRIPT = re.compile(r"""[\w\s@%+=:,./'"{}\[\]-]*""", re.ASCII)
_SHELL = re.compile(r"(?:ba|da|a|z|k)?sh")


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its value or why that can't be told, as it is written, where, and whether it is of `command`."""

    value: str | Unknown
    text: str
    path: str
    is_command: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A script that is handed to an interpreter as a word (`sh -c "…"`) and can't be followed."""

    text: str
    path: str


def read_words(container: Node, environment: Environment) -> tuple[Word, ...]:
    """Return the words of `command` and `args`, with variables put in."""
    words: list[Word] = []
    size = 0
    for key in ("command", "args"):
        for item in container.get(key).items():
            text = item.text() or ""
            value = environment.expand(text) if size <= MOST_TOGETHER else TOO_LONG
            size += 0 if isinstance(value, Unknown) else len(value)
            words.append(Word(value, text, item.path, key == "command"))
    return tuple(words)


def read_hooks(container: Node) -> list[tuple[Word, ...]]:
    """Return the words of each program that the kubelet starts in the container besides: hooks and probes."""
    found: list[tuple[Word, ...]] = []
    for path in _HOOKS:
        items = container.at(*path, "exec", "command").items()
        texts = [(item.text() or "", item.path) for item in items]
        # Kubernetes puts no variables into these.
        found.append(tuple(Word(text, text, place, is_command=True) for text, place in texts))
    return [words for words in found if words]


def basename(word: Word) -> str:
    """Return the last segment of a word, empty where its value can't be told."""
    return "" if isinstance(word.value, Unknown) else word.value.rsplit("/", 1)[-1]


def unwrapped(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], tuple[Script, ...]]:
    """Return the words with each simple shell script taken apart into its own, and the scripts that are not simple.

    A script is simple where it is one command without anything that a shell would interpret but quotes. Words behind a
    simple script are none of its command's, so that they end there where it is the container's command.
    """
    kept: list[Word] = []
    scripts: list[Script] = []
    for number, word in enumerate(words):
        if not _is_script(words, number):
            kept.append(word)
            continue
        inner = _taken_apart(word) if _SHELL.fullmatch(_interpreter(words, number)) else None
        if inner is None:
            scripts.append(Script(word.text, word.path))
            continue
        kept.extend(inner)
        if _leads(words, number):
            break
        if words[number + 1 :]:
            scripts.append(Script(word.text, word.path))
    return tuple(kept), tuple(scripts)


def _leads(words: tuple[Word, ...], number: int) -> bool:
    """Return whether a script's shell is the command itself, and has nothing but flags before the script."""
    flags = [isinstance(word.value, str) and _SHORT_FLAG.fullmatch(word.value) for word in words[1:number]]
    return words[0].is_command and _SHELL.fullmatch(basename(words[0])) is not None and all(flags)


def _is_script(words: tuple[Word, ...], number: int) -> bool:
    if number < 2 or isinstance(words[number - 1].value, Unknown):  # noqa: PLR2004  an interpreter and its flag come before
        return False
    # A shell takes more flags behind -c (`sh -c -e "…"`), and none of them is the script.
    if words[number].text.startswith(("-", "+")):
        return False
    return _SCRIPT_FLAG.fullmatch(str(words[number - 1].value)) is not None and bool(_interpreter(words, number))


def _interpreter(words: tuple[Word, ...], number: int) -> str:
    """Return the interpreter whose flags stand before `number`, empty where there is none."""
    for word in reversed(words[: number - 1]):
        name = basename(word)
        if _INTERPRETER.fullmatch(name):
            return name
        if not name.startswith("-"):
            return ""
    return ""


def _taken_apart(word: Word) -> list[Word] | None:
    if isinstance(word.value, Unknown) or _SIMPLE_SCRIPT.fullmatch(word.value) is None:
        return None
    if "\n" in word.value.strip():
        return None
    try:
        parts = shlex.split(word.value)
    except ValueError:
        return None
    if any(_is_brace_expansion(part) for part in parts):
        return None
    while parts and (parts[0] == "exec" or "=" in parts[0]):
        if "=" in parts[0]:
            return None
        parts = parts[1:]
    return [Word(part, word.text, word.path, is_command=True) for part in parts]


def _is_brace_expansion(part: str) -> bool:
    # Quotes are gone by now, so a JSON value looks like a brace expansion: only JSON objects may keep their braces.
    return any(char in part for char in "{}[]") and not (part.startswith("{") and '"' in part)
