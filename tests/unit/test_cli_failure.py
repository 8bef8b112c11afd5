"""How failures are said: one line and a hint, or JSON; hostile text made harmless; never a yes."""

from __future__ import annotations

import json

import pytest

from dbom.cli.failure import own_words, show_crash, show_error, wants_json
from dbom.errors import CancelledError, DocumentError, EvidenceError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_MISSING
from dbom.rules.documents import JSON_MALFORMED


def test_an_error_is_one_line_its_faults_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    error = DocumentError(JSON_MALFORMED, "2 faults", where="x.json", faults=["one", "two"], hint="mend it")
    assert show_error(error, []) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: x.json: 2 faults\n  - one\n  - two\n  hint: mend it (DBOM-201)\n"


def test_an_error_without_a_hint_gives_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_error(CancelledError(PATH_MISSING, "gone", hint=""), []) == 130
    assert capsys.readouterr().err == "error: gone\n"


def test_hostile_text_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(EvidenceError(PATH_MISSING, "bad \x1b[2J name", faults=["\u202egnp"]), [])
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\\x1b[2J" in err
    assert "\\u202egnp" in err


def test_as_json_it_carries_rule_hint_and_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_error(EvidenceError(PATH_MISSING, "no", where="here"), ["verify", "-f", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "schema": "dbom.dev/error/v1",
        "error": "here: no",
        "rule": "DBOM-101",
        "hint": PATH_MISSING.hint,
        "faults": [],
        "exitCode": 1,
    }


def test_what_nobody_foresaw_is_could_not_tell(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_crash(KeyError("x"), []) == 3
    assert capsys.readouterr().err.startswith("error: KeyError: 'x'\n")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], False),
        (["-f", "json"], True),
        (["--format", "json"], True),
        (["--format=json"], True),
        (["-fjson"], True),
        (["-f"], False),
        (["-f", "text"], False),
        (["run", "--", "x", "-f", "json"], False),
    ],
)
def test_json_is_wanted_where_the_words_say_so(words: list[str], wanted: bool) -> None:  # noqa: FBT001  a test's table
    assert wants_json(words) is wanted


@pytest.mark.parametrize(
    ("words", "wanted"), [(["-qf", "json"], True), (["-qfjson"], True), (["-vf=json"], True), (["--of", "json"], False)]
)
def test_json_is_wanted_behind_other_short_flags_too(words: list[str], wanted: bool) -> None:  # noqa: FBT001  a test's table
    assert wants_json(words) is wanted


def test_what_was_escaped_once_is_not_escaped_again(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(EvidenceError(PATH_MISSING, "gone", where=printable("a\x1bb")), [])
    assert capsys.readouterr().err.startswith("error: a\\x1bb: gone\n")


def test_an_operating_systems_no_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_crash(PermissionError(13, "Permission denied", "/x/y"), []) == 2
    assert capsys.readouterr().err.startswith("error: /x/y: Permission denied\n")


def test_the_words_of_another_command_are_not_ours() -> None:
    assert own_words(["run", "--debug", "--", "x", "--debug", "--", "y"]) == ["run", "--debug"]
    assert own_words(["doctor"]) == ["doctor"]
