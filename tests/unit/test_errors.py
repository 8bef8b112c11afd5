"""The error tree: each family ends a command with its exit code, and a message says what, where, got, expected."""

from __future__ import annotations

import pickle

import pytest

from dbom import errors
from dbom.errors import CancelledError, DbomError, InputError, RefusedError, UndecidedError
from dbom.rules import Rule

RULE = Rule("DBOM-000", "title", "explanation", "do this")
ERRORS = [value for name in errors.__all__ if isinstance(value := getattr(errors, name), type)]


@pytest.mark.parametrize(
    ("family", "code"), [(RefusedError, 1), (InputError, 2), (UndecidedError, 3), (CancelledError, 130)]
)
def test_each_family_has_its_exit_code(family: type[DbomError], code: int) -> None:
    members = [error for error in ERRORS if issubclass(error, family)]
    assert {code} == {error.exit_code for error in members}


@pytest.mark.parametrize("error", ERRORS)
def test_no_error_is_a_yes_and_each_stands_in_the_drawing(error: type[DbomError]) -> None:
    assert error.exit_code in (1, 2, 3, 130)
    assert errors.__doc__ is not None
    assert error.__name__ in errors.__doc__


def test_a_message_says_where_what_got_and_expected() -> None:
    error = DbomError(RULE, "differs", where="x.bin", got="1", expected="2")
    assert "x.bin: differs: got 1, expected 2" == str(error)
    assert "differs" == str(DbomError(RULE, "differs"))
    assert "differs: expected 2" == str(DbomError(RULE, "differs", expected="2"))


def test_the_hint_is_the_rules_unless_there_is_a_better_one() -> None:
    assert "do this" == DbomError(RULE, "x").hint
    assert "do that" == DbomError(RULE, "x", hint="do that").hint
    assert ("a", "b") == DbomError(RULE, "x", faults=["a", "b"]).faults


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_comes_back_whole_from_another_process(error: type[DbomError]) -> None:
    sent = error(RULE, "differs", where="x.bin", got="1", expected="2", hint="do that", faults=["a"])
    back = pickle.loads(pickle.dumps(sent))  # noqa: S301  our own bytes
    assert type(sent) is type(back)
    assert (str(sent), sent.rule, sent.hint, sent.faults) == (str(back), back.rule, back.hint, back.faults)
