"""`dbom policy test`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import OutputOption
from dbom.cli.output import json_result, write_result
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.cases import Outcome
    from dbom.canonical import JsonObject

__all__ = ["CaseFormat", "try_cases"]


class CaseFormat(StrEnum):
    """How the outcome of cases can be written."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


def try_cases(
    paths: Annotated[list[Path], typer.Argument(metavar="DIR|FILE...", help="Cases, or folders that hold some.")],
    *,
    policy: Annotated[
        list[Path] | None,
        typer.Option("--policy", metavar="FILE", help="Judge all of them by this policy in place of their own."),
    ] = None,
    format_: Annotated[CaseFormat, typer.Option("-f", "--format", help="How to write the result.")] = CaseFormat.TEXT,
    output: OutputOption = None,
) -> None:
    """Try policies on cases: objects with the verdict that is expected of each.

    A case is a file of kind PolicyCase: an object, policies, folders of evidence, and what is expected
    (docs/formats/policy.md). Exit codes: 0 all as expected; 1 a case came out otherwise; 2 a case that can't be read.

    Example: dbom policy test tests/policies/ --format junit -o report.xml
    """
    from datetime import UTC, datetime

    from admission.cases import read_cases, run_case

    now = datetime.now(UTC)
    outcomes = [run_case(case, policies=policy or (), now=now) for case in read_cases(paths)]
    if format_ is CaseFormat.JSON:
        json_result("policy-test", _document(outcomes), output)
    else:
        write_result(_junit(outcomes) if format_ is CaseFormat.JUNIT else _text(outcomes), output)
    raise typer.Exit(0 if all(item.passed for item in outcomes) else 1)


def _text(outcomes: Sequence[Outcome]) -> str:
    width = max(len(printable(item.case.name)) for item in outcomes)
    lines: list[str] = []
    for item in outcomes:
        word = "as expected" if item.passed else "DIFFERS"
        lines.append(f"{printable(item.case.name):{width}}  {item.case.verdict:13}  {word}")
        lines += [f"  {difference}" for difference in item.differences]
    passed = sum(item.passed for item in outcomes)
    return "\n".join([*lines, f"{len(outcomes)} cases: {passed} as expected, {len(outcomes) - passed} not"])


def _document(outcomes: Sequence[Outcome]) -> JsonObject:
    return {
        "passed": all(item.passed for item in outcomes),
        "cases": [
            {
                "name": printable(item.case.name),
                "file": printable(item.case.where),
                "passed": item.passed,
                "expected": str(item.case.verdict),
                "differences": [*item.differences],
                "decision": None if item.decision is None else item.decision.to_json(),
            }
            for item in outcomes
        ],
    }


def _junit(outcomes: Sequence[Outcome]) -> str:
    from dbom.cli.reports.junit import junit_document
    from dbom.cli.reports.reported import Level, Problem, Reported
    from dbom.rules.admission import CASE_DIFFERS

    items = [
        Reported(
            item.case.name,
            item.case.where,
            "as expected" if item.passed else "differs",
            tuple(Problem(CASE_DIFFERS, Level.ERROR, printable(text)) for text in item.differences),
        )
        for item in outcomes
    ]
    return junit_document("dbom policy test", items)
