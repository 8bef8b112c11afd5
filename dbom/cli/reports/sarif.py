"""SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), as code hosts show it beside the lines."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from dbom import __version__
from dbom.canonical import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.canonical import Json, JsonObject
    from dbom.cli.reports.reported import Problem, Reported
    from dbom.rules import Rule

__all__ = ["sarif_document"]

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif_document(items: Sequence[Reported]) -> str:
    """Return a SARIF log of one run; each result has a fingerprint that outlives edits elsewhere in its file."""
    rules = sorted({problem.rule for item in items for problem in item.problems}, key=lambda rule: rule.id)
    places = {rule.id: number for number, rule in enumerate(rules)}
    results: list[Json] = [
        _result(item, problem, places[problem.rule.id]) for item in items for problem in item.problems
    ]
    described: list[Json] = [_rule(rule) for rule in rules]
    driver: JsonObject = {"name": "dbom", "version": __version__, "rules": described}
    runs: list[Json] = [{"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results}]
    document: JsonObject = {"$schema": _SCHEMA, "version": "2.1.0", "runs": runs}
    return canonical_json(document).decode()


def _rule(rule: Rule) -> JsonObject:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.explanation},
        "help": {"text": rule.hint},
    }


def _result(item: Reported, problem: Problem, place: int) -> JsonObject:
    where: JsonObject = {
        "artifactLocation": {"uri": quote(item.file, safe="/")},
        "region": {"startLine": item.line},
    }
    logical: list[Json] = [{"fullyQualifiedName": f"{item.name}: {problem.path}" if problem.path else item.name}]
    locations: list[Json] = [{"physicalLocation": where, "logicalLocations": logical}]
    same = hashlib.sha256(f"{item.file}\n{item.name}\n{problem.rule.id}\n{problem.path}".encode()).hexdigest()
    return {
        "ruleId": problem.rule.id,
        "ruleIndex": place,
        "level": str(problem.level),
        "message": {"text": f"{item.name}: {problem.message}"},
        "locations": locations,
        "partialFingerprints": {"dbom/v1": same},
    }
