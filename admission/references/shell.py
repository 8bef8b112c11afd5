"""What a shell script starts, as far as it can be read without running it.

The grammar is POSIX.1-2024, Shell Command Language (2.9 commands, and 2.14 the built-in ones), as far as people write
it into manifests. What isn't followed makes the whole script one that can't be told: here-documents, functions, `case`,
`eval`, sourced files, aliases, process substitution. Nothing is ever run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from admission.references.shell_effects import changes_nothing, only_looks, writes_a_file
from admission.references.shell_expansion import ShellWord, Variables
from admission.references.shell_tokens import Piece, Token, Unfollowed, read_tokens
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Command", "read_script"]

_MOST_COMMANDS: Final = 500
_MOST_WORDS: Final = 4000
_DEEPEST: Final = 6
_LONGEST: Final = 128 * 1024
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)
_REDIRECTIONS: Final = (">", ">>", ">|", "&>", "&>>", "<>", "<", ">&", "<&", "<<<")
_PIPES: Final = ("|", "|&")

_OPENS: Final = ("if", "while", "until", "for", "{")
_CLOSES: Final = ("fi", "done", "}")
_BETWEEN: Final = ("then", "do", "else", "elif", "!", "time")
_WILD: Final = ("case", "function", "select", "coproc", "eval", "source", ".", "alias", "trap", "enable", "hash", "IFS")
_DECLARES: Final = ("export", "readonly", "declare", "typeset", "local")
_READS_INTO: Final = ("read", "unset", "printf", "let", "getopts", "mapfile", "readarray")
_GOES: Final = ("cd", "pushd", "popd")
_BEFORE: Final = ("exec", "command", "nohup", "builtin")


@dataclass(frozen=True, slots=True)
class Command:
    """A command that a script starts.

    `variables` are those that the script has set for it, `folder` where it starts if the script went elsewhere.
    `saves` says that what it prints goes to a file or to another command; `may_write` that it may change files;
    `is_later` that a command which may have changed files could run before it.
    """

    words: tuple[ShellWord, ...]
    variables: Mapping[str, str | Unknown]
    folder: str | Unknown | None = None
    saves: bool = False
    may_write: bool = False
    is_later: bool = False


def read_script(text: str, variables: Mapping[str, str | Unknown], *, depth: int = 0) -> tuple[Command, ...] | Unknown:
    """Return the commands of a script in their order, or why it can't be followed; `variables` are its first ones."""
    try:
        reader = _Reader(Variables(variables))
        return _in_their_order(_read(text, reader, depth), loops=reader.loops)
    except Unfollowed as error:
        return Unknown(f"a script can't be followed: {error}")


def _read(text: str, reader: _Reader, depth: int) -> list[Command]:
    if depth > _DEEPEST or len(text) > _LONGEST:
        raise Unfollowed("it is too long, or scripts stand in scripts too deep")
    tokens, scripts = read_tokens(text)
    if len(tokens) > _MOST_WORDS:
        raise Unfollowed("it has too many words")
    commands = reader.read(tokens)
    for number, inner in enumerate(scripts):
        if number + len(commands) > _MOST_COMMANDS:
            break
        commands = [*_read(inner, _Reader(Variables(reader.variables.start)), depth + 1), *commands]
    if len(commands) > _MOST_COMMANDS or len(scripts) > _MOST_COMMANDS:
        raise Unfollowed("it has too many commands")
    return commands


def _in_their_order(commands: list[Command], *, loops: bool) -> tuple[Command, ...]:
    is_later = loops and any(command.may_write for command in commands)
    found: list[Command] = []
    for command in commands:
        found.append(replace(command, is_later=is_later))
        is_later = is_later or command.may_write
    return tuple(found)


@dataclass
class _Reader:
    """From tokens to commands, with the variables that the script sets on its way."""

    variables: Variables
    loops: bool = False
    _folder: str | Unknown | None = None
    _depth: int = 0
    _in_chain: set[str] = field(default_factory=set)

    def read(self, tokens: list[Token]) -> list[Command]:
        found: list[Command] = []
        current: list[Token] = []
        before = ""
        saves = False
        number = 0
        while number < len(tokens):
            token = tokens[number]
            number += 1
            if not token.operator:
                if not current and self._is_keyword(token, tokens[number : number + 1]):
                    continue
                current.append(token)
            elif token.operator in _REDIRECTIONS:
                saves |= _redirects(token, current, tokens[number : number + 1])
                number += 1
            else:
                self._breaks(token.operator, current)
                is_kept = token.operator in _PIPES and not only_looks(tokens[number:])
                found += self._command(current, before, saves=saves or is_kept, on=token.operator)
                before, current, saves = token.operator, [], False
        return [*found, *self._command(current, before, saves=saves, on="")]

    def _is_keyword(self, token: Token, following: list[Token]) -> bool:
        text = token.text
        if text in _WILD:
            raise Unfollowed(f"it has {text}")
        self._depth += (text in _OPENS) - (text in _CLOSES)
        self.loops |= text in ("while", "until", "for")
        if text == "for" and following:
            self._put(following[0].text, Unknown(f"${following[0].text} is one of several"))
        return text in _OPENS or text in _CLOSES or text in _BETWEEN

    def _breaks(self, operator: str, current: list[Token]) -> None:
        if operator in ("<<", "<(", ">(", ";;"):
            raise Unfollowed(f"it has {operator}")
        if operator == "(" and current:
            raise Unfollowed("it has a function")
        self._depth += (operator == "(") - (operator == ")")
        # What runs at the same time may change files at any time, like what comes round again.
        self.loops |= operator in ("&", "|", "|&")

    def _command(self, tokens: list[Token], before: str, *, saves: bool, on: str) -> list[Command]:
        if before != "&&":
            for name in self._in_chain:
                self._put(name, Unknown(f"${name} is set only where another command succeeds"))
            self._in_chain.clear()
        own, words = self._taken_apart(tokens)
        if not words:
            for name, value in own.items():
                self._assign(name, value, before)
            return []
        self._built_in(words, before)
        may_write = (saves and on not in _PIPES) or not changes_nothing([word.value for word in words])
        return [Command(tuple(words), {**self.variables.changed, **own}, self._folder, saves, may_write)]

    def _taken_apart(self, tokens: list[Token]) -> tuple[dict[str, str | Unknown], list[ShellWord]]:
        """Return the variables that are set before a command, and its words."""
        own: dict[str, str | Unknown] = {}
        words: list[ShellWord] = []
        for token in tokens:
            match = _ASSIGNMENT.match(token.text) if not words else None
            if match is not None and token.pieces and _NAME.match(token.pieces[0].text or ""):
                own[match["name"]] = self.variables.value(_without_name(token, match["name"]))
            else:
                words += self.variables.words(token)
        while words and words[0].value in _BEFORE:
            words = words[1:]
        return own, words

    def _built_in(self, words: list[ShellWord], before: str) -> None:
        name = words[0].value if isinstance(words[0].value, str) else ""
        if name in _WILD:
            raise Unfollowed(f"it has {name}")
        if name == "shift" or (name == "set" and any(word.value in ("--", "-") for word in words)):
            raise Unfollowed("it sets its own arguments")
        operands = [word for word in words[1:] if not (isinstance(word.value, str) and word.value.startswith("-"))]
        if name in _DECLARES:
            self._declared(operands, before)
        elif name in _READS_INTO:
            for word in operands:
                self._put(word.text, Unknown(f"${word.text} is read by the script"))
        elif name in _GOES:
            is_told = bool(operands) and name == "cd" and not self._depth
            self._folder = operands[0].value if is_told else Unknown("it goes elsewhere")

    def _declared(self, operands: Sequence[ShellWord], before: str) -> None:
        for word in operands:
            match = _ASSIGNMENT.fullmatch(word.value) if isinstance(word.value, str) else None
            if match is not None:
                self._assign(match["name"], match["value"], before)
            elif isinstance(word.value, Unknown):
                self._assign(word.text.partition("=")[0], word.value, before)

    def _assign(self, name: str, value: str | Unknown, before: str) -> None:
        if name == "IFS":
            raise Unfollowed("it has IFS")
        if self._depth or before in ("||", "|", "|&", "&"):
            value = Unknown(f"${name} is set only sometimes")
        elif before == "&&":
            self._in_chain.add(name)
        self._put(name, value)

    def _put(self, name: str, value: str | Unknown) -> None:
        self.variables.changed[name] = value


def _redirects(token: Token, current: list[Token], following: list[Token]) -> bool:
    """Return whether a redirection keeps what is printed; the number of its descriptor is no word of the command."""
    if current and current[-1].text.isdigit():
        current.pop()
    return writes_a_file(token.operator, following[0].text if following else "")


def _without_name(token: Token, name: str) -> Token:
    first = token.pieces[0]
    rest = Piece((first.text or "").removeprefix(f"{name}="), quoted=first.quoted)
    return Token("", (rest, *token.pieces[1:]), token.text)
