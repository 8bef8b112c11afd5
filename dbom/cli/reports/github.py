"""GitHub's workflow commands, which show a finding beside the lines of a pull request.

`::error file=…,line=…,title=…::message`, escaped as actions/toolkit `packages/core/src/command.ts` escapes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dbom.cli.reports.reported import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.cli.reports.reported import Problem, Reported

__all__ = ["github_annotations"]

_COMMANDS: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def github_annotations(items: Sequence[Reported]) -> str:
    """Return a line for each problem, and one notice that counts what was looked at."""
    lines = [_line(item, problem) for item in items for problem in item.problems]
    passed = sum(not item.problems for item in items)
    return "\n".join([*lines, f"::notice title=dbom::{len(items)} reviewed, {passed} without a finding"])


def _line(item: Reported, problem: Problem) -> str:
    title = f"{problem.rule.id} {item.outcome}"
    place = f"file={_property(item.file)},line={item.line},title={_property(title)}"
    return f"::{_COMMANDS[problem.level]} {place}::{_data(f'{item.name}: {problem.message}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
