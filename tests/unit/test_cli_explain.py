"""`dbom explain`."""

from __future__ import annotations

import json

import pytest

from dbom.cli.app import run
from dbom.rules import all_rules


@pytest.mark.parametrize("word", ["DBOM-905", "dbom-905", "905"])
def test_a_rule_is_told_with_what_to_do(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", word]) == 0
    out = capsys.readouterr().out
    assert out.startswith("DBOM-905: a project's file says whom to trust\n")
    assert "What to do: move it to the user's settings" in out


def test_without_an_id_every_rule_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{rule.id}  {rule.title}" for rule in all_rules()]


def test_as_json_each_rule_has_all_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "-f", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [rule["id"] for rule in document["rules"]] == [rule.id for rule in all_rules()]
    assert set(document["rules"][0]) == {"id", "title", "explanation", "hint"}


def test_an_unknown_id_names_near_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "DBOM-9O5"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: there is no such rule: got DBOM-9O5\n  hint: did you mean ")
    assert "DBOM-905" in err


def test_an_id_near_nothing_gets_the_general_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "xyzzy"]) == 2
    assert "without an id lists every rule" in capsys.readouterr().err
