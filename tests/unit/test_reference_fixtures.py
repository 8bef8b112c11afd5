"""Every reference that a person finds in a manifest by reading it is found, and nothing else is.

A folder a program under tests/references; in it, for each case, an object (`CASE.yaml`) and what a person found in it
(`CASE.json`), which was written before the code that is to find it.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from admission.references import find_references
from dbom.formats.yaml_reader import load_yaml_documents

if TYPE_CHECKING:
    from admission.references import ModelReference
    from dbom.canonical import Json, JsonObject

HOME = Path(__file__).parents[1] / "references"
CASES = sorted(HOME.glob("*/*.yaml"))
LEAST = {"all": 200, "ordinary": 50}


def named(case: Path) -> str:
    return f"{case.parent.name}/{case.stem}"


def brief(reference: ModelReference) -> JsonObject:
    found: JsonObject = {"role": str(reference.role), "path": reference.path, "pinning": str(reference.pinning)}
    location = reference.target.location
    place = str(location) if location is not None else reference.target.base
    return {**found, "place": place} if place else found


def ordered(items: list[JsonObject]) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in items)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_what_a_person_finds_is_found_and_nothing_else(case: Path) -> None:
    (document,) = load_yaml_documents(case.read_bytes(), where=case.name)
    assert isinstance(document, dict)
    expected = json.loads(case.with_suffix(".json").read_text(encoding="utf-8"))
    group, kind = str(document["apiVersion"]).rpartition("/")[0], str(document["kind"])
    found = find_references(document, group=group, kind=kind, where=case.name)
    assert ordered(expected["references"]) == ordered([brief(item) for item in found]), expected["why"]


def test_there_are_fixtures_enough_and_each_has_its_label() -> None:
    counts = Counter(case.parent.name for case in CASES)
    unlabelled = [named(case) for case in CASES if not case.with_suffix(".json").is_file()]
    stray = [named(path) for path in HOME.glob("*/*.json") if not path.with_suffix(".yaml").is_file()]
    assert (unlabelled, stray) == ([], [])
    assert sum(counts.values()) - counts["ordinary"] >= LEAST["all"]
    assert counts["ordinary"] >= LEAST["ordinary"]


def test_ordinary_workloads_are_labelled_with_nothing() -> None:
    labels: list[Json] = [json.loads(path.read_text(encoding="utf-8")) for path in HOME.glob("ordinary/*.json")]
    assert all(isinstance(label, dict) and label["references"] == [] for label in labels)
