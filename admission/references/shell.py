"""What a shell script starts, as far as it can be read without running it.

The grammar is POSIX.1-2024, Shell Command Language (2.2 quoting, 2.3 tokens, 2.5 variables, 2.6 expansions, 2.9
commands), as far as people write it into manifests. What isn't followed makes the whole script one that can't be told:
here-documents, functions, `case`, `eval`, sourced files, aliases, process substitution. Nothing is ever run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from admission.references.environment import MOST_TOGETHER, TOO_LONG
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Command", "ShellWord", "changes_nothing", "read_script"]

_MOST_COMMANDS: Final = 500
_MOST_WORDS: Final = 4000
_DEEPEST: Final = 6
_LONGEST: Final = 128 * 1024
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_BRACED: Final = re.compile(r"\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<colon>:?)-(?P<default>[\w./:@-]*))?\}")
_ASSIGNMENT: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)
_OPERATORS: Final = ("&&", "||", ";;", "|&", "&>>", "&>", ">>", ">&", "<<<", "<<", "<&", "<>", ">|", "<(", ">(")
_SINGLE: Final = ";&|<>()\n"
_PLAIN: Final = re.compile(r"[^\s'\"\\$`;&|<>()#]+")
_FILE_WRITES: Final = (">", ">>", ">|", "&>", "&>>", "<>")
_PIPES: Final = ("|", "|&")
_FINDS: Final = re.compile(r"-[Eiswx]*[qco][Eiswx]*|--(?:quiet|count|only-matching)")
_NOWHERE: Final = ("/dev/null", "/dev/stdout", "/dev/stderr", "/proc/1/fd/1", "/proc/1/fd/2")

_OPENS: Final = ("if", "while", "until", "for", "{")
_CLOSES: Final = ("fi", "done", "}")
_BETWEEN: Final = ("then", "do", "else", "elif", "!", "time")
_WILD: Final = ("case", "function", "select", "coproc", "eval", "source", ".", "alias", "trap", "enable", "hash", "IFS")
_DECLARES: Final = ("export", "readonly", "declare", "typeset", "local")
_READS_INTO: Final = ("read", "unset", "printf", "let", "getopts", "mapfile", "readarray")
_CHANGE_NOTHING: Final = frozenset(
    """
    [ [[ test true false : echo printf sleep set export readonly declare typeset local unset read cd ls cat exit wait
    date hostname id whoami nvidia-smi rocm-smi ulimit umask uname pwd head tail grep egrep cut tr wc nslookup
    pg_isready type which return break continue kill pkill pgrep pidof stat df free nproc basename dirname realpath seq
    expr shift nc redis-cli mysqladmin grpc_health_probe grpc-health-probe
    """.split()  # noqa: SIM905  a list of sixty words is read more easily so
)
# A request that keeps nothing: what probes do.
_ASKS: Final = {
    "curl": re.compile(r"-[fsSkLvgmI46]+|--(?:fail|silent|show-error|insecure|location|head|max-time|connect-timeout)"),
    "wget": re.compile(r"-q|--quiet|--spider|-qO-|-O-|-T|-t|--tries=[0-9]+|--timeout=[0-9]+|--no-check-certificate"),
}


@dataclass(frozen=True, slots=True)
class ShellWord:
    """A word of a command: its value or why that can't be told, and how it is written."""

    value: str | Unknown
    text: str


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

    @property
    def name(self) -> str:
        """The file name of its program, empty where it can't be told."""
        first = self.words[0].value if self.words else ""
        return first.rsplit("/", 1)[-1] if isinstance(first, str) else ""


def changes_nothing(words: Sequence[str | Unknown]) -> bool:
    """Return whether a program that is started with these words leaves all files as they are, as far as is known."""
    name = words[0].rsplit("/", 1)[-1] if words and isinstance(words[0], str) else ""
    if name in _CHANGE_NOTHING:
        return True
    plain = _ASKS.get(name)
    texts = [word for word in words[1:] if isinstance(word, str)]
    flags = [word for word in texts if word.startswith("-")]
    keeps = name == "wget" and not any(flag in ("--spider", "-qO-", "-O-") for flag in flags)
    return plain is not None and len(texts) == len(words) - 1 and all(map(plain.fullmatch, flags)) and not keeps


class _Wild(Exception):  # noqa: N818  never leaves this module: it says that a script can't be followed
    pass


@dataclass(frozen=True, slots=True)
class _Token:
    """An operator, or a word in pieces: (text, is a variable's name, is quoted); a text of None can't be told."""

    operator: str = ""
    pieces: tuple[tuple[str | None, bool, bool], ...] = ()
    text: str = ""


def read_script(text: str, variables: Mapping[str, str | Unknown], *, depth: int = 0) -> tuple[Command, ...] | Unknown:
    """Return the commands of a script in their order, or why it can't be followed; `variables` are its first ones."""
    try:
        reader = _Reader(variables)
        return _in_their_order(_read(text, reader, depth), loops=reader.loops)
    except _Wild as error:
        return Unknown(f"a script can't be followed: {error}")


def _read(text: str, reader: _Reader, depth: int) -> list[Command]:
    if depth > _DEEPEST or len(text) > _LONGEST:
        raise _Wild("it is too long, or scripts stand in scripts too deep")
    lexer = _Lexer(text)
    tokens = lexer.tokens()
    if len(tokens) > _MOST_WORDS:
        raise _Wild("it has too many words")
    commands = reader.read(tokens)
    for number, inner in enumerate(lexer.inner):
        if number + len(commands) > _MOST_COMMANDS:
            break
        commands = [*_read(inner, _Reader(reader.start), depth + 1), *commands]
    if len(commands) > _MOST_COMMANDS or len(lexer.inner) > _MOST_COMMANDS:
        raise _Wild("it has too many commands")
    return commands


def _in_their_order(commands: list[Command], *, loops: bool) -> tuple[Command, ...]:
    is_later = loops and any(command.may_write for command in commands)
    found: list[Command] = []
    for command in commands:
        fields = (command.words, command.variables, command.folder, command.saves, command.may_write)
        found.append(Command(*fields, is_later=is_later))
        is_later = is_later or command.may_write
    return tuple(found)


class _Lexer:
    """Tokens of a script, in one pass; scripts in `$(…)` and backquotes are gathered in `inner`."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self.inner = text, 0, list[str]()

    def tokens(self) -> list[_Token]:
        found: list[_Token] = []
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
                found.append(_Token(self._operator()))
            else:
                found.append(self._word())
        return found

    def _operator(self) -> str:
        operator = next((item for item in _OPERATORS if self._text.startswith(item, self._at)), self._text[self._at])
        self._at += len(operator)
        return operator

    def _word(self) -> _Token:
        start, pieces = self._at, list[tuple[str | None, bool, bool]]()
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in " \t\r" or char in _SINGLE:
                break
            if char == "'":
                pieces.append((self._until("'"), False, True))
            elif char == '"':
                self._at += 1
                pieces += self._double_quoted()
            elif char == "\\":
                escaped = self._text[self._at + 1 : self._at + 2]
                pieces += [] if escaped == "\n" else [(escaped, False, True)]
                self._at += 2
            elif char in "$`":
                pieces.append(self._expansion(quoted=False))
            else:
                match = _PLAIN.match(self._text, self._at)
                plain = match[0] if match else char
                pieces.append((plain, False, False))
                self._at += len(plain)
        return _Token("", tuple(pieces), self._text[start : self._at])

    def _double_quoted(self) -> list[tuple[str | None, bool, bool]]:
        pieces: list[tuple[str | None, bool, bool]] = [("", False, True)]
        start = self._at
        while self._at < len(self._text):
            char = self._text[self._at]
            if char not in '"\\$`':
                self._at += 1
                continue
            pieces.append((self._text[start : self._at], False, True))
            if char == '"':
                self._at += 1
                return pieces
            if char == "\\":
                escaped = self._text[self._at + 1 : self._at + 2]
                kept = "" if escaped == "\n" else escaped if escaped in '"\\$`' else "\\" + escaped
                pieces.append((kept, False, True))
                self._at += 2
            else:
                pieces.append(self._expansion(quoted=True))
            start = self._at
        raise _Wild("a quotation in it has no end")

    def _expansion(self, *, quoted: bool) -> tuple[str | None, bool, bool]:
        if self._text[self._at] == "`":
            self.inner.append(self._until("`"))
            return None, False, quoted
        self._at += 1
        # $'…' knows escapes that nothing else does.
        mark = self._text[self._at : self._at + 1]
        if mark == "(" or (not quoted and mark in ("'", '"')):
            self._substituted() if mark == "(" else self._until(mark)
            return None, False, quoted
        if match := _BRACED.match(self._text, self._at):
            self._at = match.end()
            # (A default is taken where the variable isn't known to be set: which it is can't be told then.)
            return (match["name"], True, quoted) if match["default"] is None else (None, False, quoted)
        if self._text.startswith("{", self._at):
            self._until("}")
            return None, False, quoted
        match = _PARAMETER.match(self._text, self._at)
        if match is None:
            return "$", False, True
        self._at = match.end()
        return match[0], True, quoted

    def _until(self, mark: str) -> str:
        end = self._text.find(mark, self._at + 1)
        if end < 0:
            raise _Wild("a quotation in it has no end")
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
        raise _Wild("a command in it has no end")


@dataclass
class _Reader:
    """From tokens to commands, with the variables that the script sets on its way."""

    start: Mapping[str, str | Unknown]
    loops: bool = False
    _set: dict[str, str | Unknown] = field(default_factory=dict)
    _folder: str | Unknown | None = None
    _depth: int = 0
    _in_chain: set[str] = field(default_factory=set)
    _size: int = 0

    def read(self, tokens: list[_Token]) -> list[Command]:
        found: list[Command] = []
        current: list[_Token] = []
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
            elif token.operator in (*_FILE_WRITES, "<", ">&", "<&", "<<<"):
                saves |= self._redirects(token, current, tokens[number : number + 1])
                number += 1
            else:
                self._breaks(token.operator, current)
                is_kept = token.operator in _PIPES and not _only_looks(tokens[number:])
                found += self._command(current, before, saves=saves or is_kept, on=token.operator)
                before, current, saves = token.operator, [], False
        return [*found, *self._command(current, before, saves=saves, on="")]

    def _is_keyword(self, token: _Token, following: list[_Token]) -> bool:
        text = token.text
        if text in _WILD:
            raise _Wild(f"it has {text}")
        self._depth += (text in _OPENS) - (text in _CLOSES)
        self.loops |= text in ("while", "until", "for")
        if text == "for" and following:
            self._put(following[0].text, Unknown(f"${following[0].text} is one of several"))
        return text in _OPENS or text in _CLOSES or text in _BETWEEN

    def _redirects(self, token: _Token, current: list[_Token], following: list[_Token]) -> bool:
        if current and current[-1].text.isdigit():
            current.pop()
        target = following[0].text if following else ""
        return token.operator in _FILE_WRITES and target not in _NOWHERE

    def _breaks(self, operator: str, current: list[_Token]) -> None:
        if operator in ("<<", "<(", ">(", ";;"):
            raise _Wild(f"it has {operator}")
        if operator == "(" and current:
            raise _Wild("it has a function")
        self._depth += (operator == "(") - (operator == ")")
        # What runs at the same time may change files at any time, like what comes round again.
        self.loops |= operator in ("&", "|", "|&")

    def _command(self, tokens: list[_Token], before: str, *, saves: bool, on: str) -> list[Command]:
        if before != "&&":
            for name in self._in_chain:
                self._set[name] = Unknown(f"${name} is set only where another command succeeds")
            self._in_chain.clear()
        own: dict[str, str | Unknown] = {}
        words: list[ShellWord] = []
        for token in tokens:
            match = _ASSIGNMENT.match(token.text) if not words else None
            if match is not None and token.pieces and _NAME.match(token.pieces[0][0] or ""):
                own[match["name"]] = self._value(_without_name(token, match["name"]))
            else:
                words += self._words(token)
        words = _without_prefixes(words)
        if not words:
            for name, value in own.items():
                self._assign(name, value, before)
            return []
        self._built_in(words, before)
        variables = {**self._set, **own}
        plain = Command(tuple(words), variables, self._folder, saves=saves)
        return [Command(plain.words, variables, self._folder, plain.saves, _may_write(plain, saves=saves, on=on))]

    def _built_in(self, words: list[ShellWord], before: str) -> None:
        name = words[0].value if isinstance(words[0].value, str) else ""
        if name in _WILD:
            raise _Wild(f"it has {name}")
        texts = [word for word in words[1:] if not (isinstance(word.value, str) and word.value.startswith("-"))]
        if name == "shift" or (name == "set" and any(word.value in ("--", "-") for word in words)):
            raise _Wild("it sets its own arguments")
        if name in _DECLARES:
            for word in texts:
                match = _ASSIGNMENT.fullmatch(word.value) if isinstance(word.value, str) else None
                if match is not None:
                    self._assign(match["name"], match["value"], before)
                elif isinstance(word.value, Unknown):
                    self._assign(word.text.partition("=")[0], word.value, before)
        elif name in _READS_INTO:
            for word in texts:
                self._put(word.text, Unknown(f"${word.text} is read by the script"))
        elif name in ("cd", "pushd", "popd"):
            self._folder = (
                texts[0].value if texts and name == "cd" and not self._depth else Unknown("it goes elsewhere")
            )

    def _assign(self, name: str, value: str | Unknown, before: str) -> None:
        if name == "IFS":
            raise _Wild("it has IFS")
        if self._depth or before in ("||", "|", "|&", "&"):
            value = Unknown(f"${name} is set only sometimes")
        elif before == "&&":
            self._in_chain.add(name)
        self._put(name, value)

    def _put(self, name: str, value: str | Unknown) -> None:
        self._set[name] = value

    def _words(self, token: _Token) -> list[ShellWord]:
        """Return the words that a token comes to: a variable without quotes is split at blanks, and may be none."""
        variables = [name for name, is_variable, _ in token.pieces if is_variable]
        arguments = self.start.get("#")
        if variables in (["@"], ["*"]) and not any(text for text, known, _ in token.pieces if not known):
            if not isinstance(arguments, str):
                return [ShellWord(Unknown("its arguments can't be told"), token.text)]
            return [ShellWord(self.start[str(place)], token.text) for place in range(1, int(arguments) + 1)]
        if len(token.pieces) == 1 and token.pieces[0][1] and not token.pieces[0][2]:
            value = self._variable(token.pieces[0][0] or "")
            if isinstance(value, str) and not _is_glob(value):
                return [ShellWord(part, token.text) for part in value.split()]
        return [ShellWord(self._value(token), token.text)]

    def _value(self, token: _Token) -> str | Unknown:
        found: list[str] = []
        for text, is_variable, quoted in token.pieces:
            value = self._variable(text or "") if is_variable else text
            if value is None:
                return Unknown("a part of it comes from a command")
            if isinstance(value, Unknown):
                return value
            if not quoted and (reason := _unquoted(value, token.text, is_variable=is_variable)):
                return Unknown(reason)
            found.append(value)
            self._size += len(value)
            if self._size > MOST_TOGETHER or sum(map(len, found)) > _LONGEST:
                return TOO_LONG
        return "".join(found)

    def _variable(self, name: str) -> str | Unknown:
        value = self._set.get(name, self.start.get(name))
        return Unknown(f"${name} is not defined in the container") if value is None else value


def _unquoted(value: str, text: str, *, is_variable: bool) -> str:
    """Return what a shell would make of a piece without quotes, empty where it leaves it as it is."""
    if is_variable and (value.split() != [value] if value else False):
        return "a variable in it has blanks, at which the shell splits it"
    if _is_glob(value) and "://" not in text and text not in ("[", "[["):
        return "the shell puts names of files into it"
    if _is_several(value):
        return "the shell makes several words of it"
    return "the shell puts a home folder into it" if text.startswith("~") else ""


def _is_glob(value: str) -> bool:
    start = value.find("[")
    return "*" in value or "?" in value or (start >= 0 and value.find("]", start) >= 0)


def _is_several(value: str) -> bool:
    start, end = value.find("{"), value.rfind("}")
    return 0 <= start < end and ("," in value[start:end] or ".." in value[start:end])


def _without_name(token: _Token, name: str) -> _Token:
    first = (token.pieces[0][0] or "").removeprefix(f"{name}=")
    return _Token("", ((first, False, token.pieces[0][2]), *token.pieces[1:]), token.text)


def _without_prefixes(words: list[ShellWord]) -> list[ShellWord]:
    while words and words[0].value in ("exec", "command", "nohup", "builtin"):
        words = words[1:]
    return words


def _only_looks(tokens: Sequence[_Token]) -> bool:
    """Return whether the command that takes a pipe only looks for something in it, and its findings go nowhere."""
    end = next((number for number, token in enumerate(tokens) if token.operator), len(tokens))
    after = tokens[end].operator if end < len(tokens) else ""
    name, *words = [token.text for token in tokens[:end]] or [""]
    looks = name == "wc" or (name in ("grep", "egrep") and any(map(_FINDS.fullmatch, words)))
    return looks and after in ("", ";", "\n", "&&", "||")


def _may_write(command: Command, *, saves: bool, on: str) -> bool:
    return (saves and on not in _PIPES) or not changes_nothing([word.value for word in command.words])
