"""JUnit XML, as test reporters read it: a case for each thing that was looked at, a failure where it has a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from dbom.cli.reports.reported import Level
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.cli.reports.reported import Reported

__all__ = ["junit_document"]

_LONGEST = 4000


def junit_document(suite: str, items: Sequence[Reported]) -> str:
    """Return a report of one suite. What can't be told fails, too: nothing else would stop a pipeline."""
    failures = sum(_fails(item) for item in items)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites><testsuite name={quoteattr(suite)} tests="{len(items)}" failures="{failures}" errors="0">',
    ]
    lines += [_case(item) for item in items]
    return "\n".join([*lines, "</testsuite></testsuites>"])


def _fails(item: Reported) -> bool:
    return any(problem.level is not Level.NOTE for problem in item.problems)


def _case(item: Reported) -> str:
    name, place = quoteattr(printable(item.name)), quoteattr(printable(item.file))
    if not _fails(item):
        return f"<testcase name={name} classname={place}/>"
    shown = [f"{problem.rule.id} {problem.message}" for problem in item.problems]
    text = escape(printable("; ".join(shown), limit=_LONGEST))
    return (
        f"<testcase name={name} classname={place}>"
        f"<failure type={quoteattr(item.problems[0].rule.id)} message={quoteattr(item.outcome)}>{text}</failure>"
        "</testcase>"
    )
