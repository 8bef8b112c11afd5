"""The registry of rules: ids that are unique, in their area's range, explained, and complete."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import dbom
from dbom.rules import Rule, all_rules, rule_by_id

HOME = Path(dbom.__file__).resolve().parent.parent
AREAS = {"artifacts": 1, "documents": 2, "attestations": 3, "lineage": 4, "admission": 5, "everyday": 9}


def _sources() -> list[Path]:
    return [file for package in ("dbom", "attest", "lineage", "admission") for file in (HOME / package).rglob("*.py")]


def test_ids_are_unique_and_ordered() -> None:
    ids = [rule.id for rule in all_rules()]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(("area", "hundred"), AREAS.items())
def test_an_areas_rules_stand_in_its_hundred(area: str, hundred: int) -> None:
    rules = [value for value in vars(import_module(f"dbom.rules.{area}")).values() if isinstance(value, Rule)]
    assert rules
    assert [rule.id for rule in rules if not re.fullmatch(rf"DBOM-{hundred}[0-9]{{2}}", rule.id)] == []


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: str(rule.id))
def test_every_rule_says_what_is_wrong_and_what_to_do(rule: Rule) -> None:
    assert rule.title
    assert rule.hint
    assert rule.explanation.endswith(".")
    assert rule.explanation.count(" ") >= 7
    assert "\n" not in rule.title + rule.hint + rule.explanation


def test_every_rule_is_made_in_the_registry() -> None:
    """A rule made elsewhere would be raised and never explained."""
    elsewhere = [
        file
        for file in _sources()
        if file.parent.name != "rules" and re.search(r"(?<![\w.\"'])Rule\(", file.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []


def test_every_id_in_the_source_is_registered() -> None:
    known = {rule.id for rule in all_rules()}
    written = {
        found
        for file in _sources()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for found in re.findall(r"DBOM-[0-9]{3}\b", node.value)
    }
    assert written - known == set()


def test_every_registered_rule_is_used_somewhere() -> None:
    """A rule that nothing raises explains what can't happen."""
    names = {
        name: value.id
        for area in AREAS
        for name, value in vars(import_module(f"dbom.rules.{area}")).items()
        if isinstance(value, Rule)
    }
    text = "\n".join(file.read_text(encoding="utf-8") for file in _sources() if file.parent.name != "rules")
    unused = {rule_id for name, rule_id in names.items() if not re.search(rf"\b{name}\b", text) and rule_id not in text}
    assert unused == set()


def test_a_rule_is_found_by_its_id_in_any_case() -> None:
    found = rule_by_id("dbom-101")
    assert found is not None
    assert found.id == "DBOM-101"
    assert rule_by_id("DBOM-000") is None
