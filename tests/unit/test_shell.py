"""A shell script is followed as far as it is plain; the rest can't be told, and says why."""

from __future__ import annotations

import pytest

from admission.references.shell import read_script
from dbom.model import Unknown

START: dict[str, str | Unknown] = {"A": "one", "BLANKS": "two three", "SECRET": Unknown("a secret")}


def words(script: str) -> list[list[str | None]]:
    """Return the words of each command, None for one that can't be told."""
    commands = read_script(script, START)
    assert not isinstance(commands, Unknown), commands.reason
    return [[word.value if isinstance(word.value, str) else None for word in command.words] for command in commands]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        ("# only a comment", []),
        ("a b", [["a", "b"]]),
        ("a 'b c' \"d e\" f\\ g", [["a", "b c", "d e", "f g"]]),
        ("a \\\n b", [["a", "b"]]),
        ("a 'b'\"c\"d", [["a", "bcd"]]),
        ('a "x\\"y\\\\z\\n\\\nw"', [["a", 'x"y\\z\\nw']]),
        ("a; b & c && d || e | f\ng", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"], ["g"]]),
        ("a b#c #d", [["a", "b#c"]]),
        ('a $A ${A} "$A" x$A', [["a", "one", "one", "one", "xone"]]),
        ("a $BLANKS", [["a", "two", "three"]]),
        ('a "$BLANKS"', [["a", "two three"]]),
        ("a x$BLANKS", [["a", None]]),
        ("a $SECRET $NOWHERE", [["a", None, None]]),
        ("a ${A:-x} ${A%x} $((1+2)) $(b) `c` $'d' $", [["c"], ["b"], ["a", None, None, None, None, None, None, "$"]]),
        ("a *.txt [ab] {b,c} ~/x {} [", [["a", None, None, None, None, "{}", "["]]),
        ("a '*.txt' https://x/y?z=1", [["a", "*.txt", "https://x/y?z=1"]]),
        ("X=1 Y=$A; a $X $Y", [["a", "1", "one"]]),
        ("X=1 a $X", [["a", None]]),
        ("export X=1 Y; a $X", [["export", "X=1", "Y"], ["a", "1"]]),
        ("export X=$SECRET; a $X", [["export", None], ["a", None]]),
        ("b && X=1; a $X", [["b"], ["a", None]]),
        ("b && X=1 && a $X", [["b"], ["a", "1"]]),
        ("b | X=1; a $X", [["b"], ["a", None]]),
        ("exec command nohup a", [["a"]]),
        ("if b; then c; elif d; then e; else f; fi", [["b"], ["c"], ["d"], ["e"], ["f"]]),
        ("a 2>&1 >/dev/null </x b", [["a", "b"]]),
        ("a <<< b", [["a"]]),
        ("a\r\nb", [["a"], ["b"]]),
        ("a '' \"\"", [["a", "", ""]]),
    ],
)
def test_words_as_a_shell_makes_them(script: str, expected: list[list[str | None]]) -> None:
    assert words(script) == expected


@pytest.mark.parametrize(
    "script",
    [
        "a 'b",
        'a "b',
        "a `b",
        "a $(b",
        "a ${b",
        "a <<E\nE",
        "a <(b)",
        "f() { a; }",
        "function f { a; }",
        "case x in x) a;; esac",
        "eval a",
        ". /x",
        "source /x",
        "alias a=b",
        "trap a EXIT",
        "IFS=x",
        "shift; a",
        "set -- a",
        "a $(case x)",
    ],
)
def test_scripts_that_are_not_followed(script: str) -> None:
    assert isinstance(read_script(script, START), Unknown)


def test_arguments_of_a_script() -> None:
    start = {"#": "2", "0": "sh", "1": "x", "2": "y z"}
    for script in ('a "$@"', "a $@"):
        commands = read_script(script, start)
        assert not isinstance(commands, Unknown)
        assert [word.value for word in commands[0].words] == ["a", "x", "y z"]
    assert words('a "$@"') == [["a", None]]


def test_what_may_have_changed_files_before() -> None:
    def later(script: str) -> list[bool]:
        commands = read_script(script, START)
        assert not isinstance(commands, Unknown)
        return [command.is_later for command in commands]

    assert later("echo a; b; c") == [False, False, True]
    assert later("echo a > /x; c") == [False, True]
    assert later("b & echo c") == [True, True]
    assert later("while true; do b; done") == [True, True]


def test_where_a_script_goes() -> None:
    def folders(script: str) -> list[object]:
        commands = read_script(script, START)
        assert not isinstance(commands, Unknown)
        return ["?" if isinstance(command.folder, Unknown) else command.folder for command in commands]

    assert folders("a; cd /x; b") == [None, "/x", "/x"]
    assert folders("cd $NOWHERE; b") == ["?", "?"]
    assert folders("cd; b") == ["?", "?"]
    assert folders("if a; then cd /x; fi; b") == [None, "?", "?"]
