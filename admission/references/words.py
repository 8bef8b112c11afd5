"""The words that a container starts with, as far as its object tells them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from admission.references.environment import MOST_TOGETHER, TOO_LONG
from admission.references.shell import read_script
from admission.references.shell_effects import LOAD_NOTHING, changes_nothing
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from admission.documents import Node
    from admission.references.environment import Environment
    from admission.references.shell import Command

__all__ = ["Script", "Started", "Word", "basename", "read_hooks", "read_words", "unwrapped"]

_HOOKS = (
    ("lifecycle", "postStart"),
    ("lifecycle", "preStop"),
    ("livenessProbe",),
    ("readinessProbe",),
    ("startupProbe",),
)

_INTERPRETERS: Final = {
    re.compile(r"python[0-9.]*"): re.compile(r"-[a-zA-Z]*c"),
    re.compile(r"perl[0-9.]*|ruby|node"): re.compile(r"-[a-zA-Z]*[eE]|--eval"),
}
_SHELL: Final = re.compile(r"(?:ba|da|a|z|k)?sh")
_SHELL_FLAG: Final = re.compile(r"[-+][a-zA-Z]+")
_LONG_WITH_VALUE: Final = ("--rcfile", "--init-file")
_DEEPEST: Final = 6


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its value or why that can't be told, as it is written, where, and whether it is of `command`."""

    value: str | Unknown
    text: str
    path: str
    is_command: bool = False

    @property
    def spelling(self) -> str:
        """Its value; where that can't be told, as it is written (`--port=$(PORT)` is about the port all the same)."""
        return self.text if isinstance(self.value, Unknown) else self.value


@dataclass(frozen=True, slots=True)
class Script:
    """A script that is handed to an interpreter as a word (`sh -c "…"`) and can't be followed."""

    text: str
    path: str
    interpreter: str = "sh"


@dataclass(frozen=True, slots=True)
class Started:
    """A program that is started: its words, what a script has changed for it, and the scripts that can't be followed.

    `variables` are those that a script has set, `folder` where it went (None where it stayed), `saves` that what the
    program prints is kept; `may_write` that it, or another command of its script, may change files; `is_later` that
    something which may have changed files could run before it.
    """

    words: tuple[Word, ...] = ()
    scripts: tuple[Script, ...] = ()
    variables: Mapping[str, str | Unknown] = field(default_factory=dict)
    folder: str | Unknown | None = None
    path: str = ""
    saves: bool = False
    may_write: bool = False
    is_later: bool = False

    @property
    def name(self) -> str:
        """The file name of its program, empty where it can't be told."""
        return basename(self.words[0]) if self.words else ""


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
        if not container.get(path[0]).is_there:
            continue
        items = container.at(*path, "exec", "command").items()
        texts = [(item.text() or "", item.path) for item in items]
        # Kubernetes puts no variables into these.
        found.append(tuple(Word(text, text, place, is_command=True) for text, place in texts))
    return [words for words in found if words]


def basename(word: Word) -> str:
    """Return the last segment of a word, empty where its value can't be told."""
    # (Every program asks this of every word: most have no slash.)
    value = word.value
    if not isinstance(value, str):
        return ""
    return value[value.rfind("/") + 1 :] if "/" in value else value


def unwrapped(words: tuple[Word, ...], environment: Environment, *, is_expanded: bool = True) -> tuple[Started, ...]:
    """Return the programs that words start: one, or those of the shell script among them, the main one first.

    A script that can't be followed stays in `scripts`. Words behind a script are its arguments (`$0`, `$1`, …) where
    its shell is the command itself. `is_expanded` says that Kubernetes has put variables into the words.
    """
    return _followed(words, environment, is_expanded=is_expanded, depth=0)


def _followed(
    words: tuple[Word, ...], environment: Environment, *, is_expanded: bool, depth: int
) -> tuple[Started, ...]:
    number = _script_number(words)
    if number is None:
        scripts = _other_scripts(words)
        may_write = bool(words) and (bool(scripts) or not changes_nothing([word.value for word in words]))
        return (Started(words, scripts, may_write=may_write),)
    word, shell = words[number], _shell_number(words) or 0
    leads = shell == 0 and words[0].is_command
    behind = words[number + 1 :]
    kept = () if leads else tuple(item for item in words[:number] if item.value != "--")
    unfollowed = Started((*kept, *(() if leads else behind)), (Script(word.text, word.path),), may_write=True)
    text = _script_text(word, environment, is_expanded=is_expanded)
    if text is None or depth > _DEEPEST:
        return (unfollowed,)
    variables = {name: variable.value for name, variable in environment.variables.items()}
    arguments: dict[str, str | Unknown] = {str(place): item.value for place, item in enumerate(behind)} if leads else {}
    arguments |= {"#": str(max(0, len(behind) - 1))} if leads else {}
    commands = read_script(text, {**variables, **arguments})
    if isinstance(commands, Unknown):
        return (unfollowed,)
    everything = [each for command in commands for each in _of_command(command, word, environment, depth=depth)]
    may_write = any(each.may_write for each in everything)
    found = [each for each in everything if each.name not in LOAD_NOTHING or each.scripts]
    scripts = (Script(word.text, word.path),) if behind and not leads else ()
    if not found:
        # A shell that only waits, say.
        return (Started(kept, scripts, path=word.path, may_write=may_write),)
    # The one that runs in the end is what the container is; a shell is left only when its last command ends.
    *besides, main = found
    return (replace(main, words=(*kept, *main.words), scripts=(*main.scripts, *scripts), may_write=may_write), *besides)


def _of_command(command: Command, word: Word, environment: Environment, *, depth: int) -> tuple[Started, ...]:
    words = tuple(Word(item.value, item.text, word.path, is_command=True) for item in command.words)
    inner = environment.changed(command.variables, word.path)
    main, *besides = _followed(words, inner, is_expanded=False, depth=depth + 1)
    return tuple(
        replace(
            started,
            variables={**command.variables, **started.variables},
            folder=command.folder if started.folder is None else started.folder,
            path=word.path,
            saves=command.saves or started.saves,
            may_write=command.may_write,
            is_later=command.is_later or started.is_later,
        )
        for started in (*besides, main)
    )


def _script_text(word: Word, environment: Environment, *, is_expanded: bool) -> str | None:
    """Return a script as its shell gets it: `$(date)` is the shell's own, `$(NAME)` of the object is put in."""
    if is_expanded:
        text = environment.expand(word.text, leaves_others=environment.is_whole)
        return None if isinstance(text, Unknown) else text
    return None if isinstance(word.value, Unknown) else word.value


def _shell_number(words: tuple[Word, ...]) -> int | None:
    return next((number for number, word in enumerate(words) if _SHELL.fullmatch(basename(word))), None)


def _script_number(words: tuple[Word, ...]) -> int | None:
    """Return which word is the script of `sh -c`, None where there is none: flags of a shell stand in any order."""
    shell = _shell_number(words)
    if shell is None:
        return None
    number, is_command = shell + 1, False
    while number < len(words):
        text = words[number].spelling
        if text in _LONG_WITH_VALUE:
            number += 2
        elif _SHELL_FLAG.fullmatch(text):
            is_command |= text.startswith("-") and "c" in text
            # `-o pipefail` and `-euo pipefail`: the o takes a word.
            number += 2 if "o" in text or "O" in text else 1
        elif text.startswith("--") and text != "--":
            number += 1
        else:
            number += text == "--"
            return number if is_command and number < len(words) else None
    return None


def _other_scripts(words: tuple[Word, ...]) -> tuple[Script, ...]:
    """Return the scripts that other interpreters are handed as a word (`python -c "…"`)."""
    found: list[Script] = []
    for number, word in enumerate(words):
        flag = next((flag for name, flag in _INTERPRETERS.items() if name.fullmatch(basename(word))), None)
        if flag is None:
            continue
        for place in range(number + 1, len(words) - 1):
            if flag.fullmatch(words[place].spelling):
                script = words[place + 1]
                found.append(Script(script.spelling, script.path, basename(word)))
                break
            if not words[place].spelling.startswith("-"):
                break
    return tuple(found)
