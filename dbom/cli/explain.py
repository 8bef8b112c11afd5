"""`dbom explain`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, write_result
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules import Rule, all_rules, rule_by_id
from dbom.rules.everyday import RULE_UNKNOWN

if TYPE_CHECKING:
    from dbom.canonical import Json

__all__ = ["explain"]

_RuleArgument = Annotated[str, typer.Argument(metavar="[RULE]", help="A rule's id; without it, all are listed.")]


def explain(rule: _RuleArgument = "", format_: FormatOption = TextOrJson.TEXT, output: OutputOption = None) -> None:
    """Explain a rule such as DBOM-101.

    Every error and finding names the rule it broke. An id never changes its meaning, so it can stand in a pipeline's
    exceptions or a ticket. Without an id, every rule is listed.

    Example: dbom explain DBOM-101
    """
    rules = (_named(rule),) if rule else all_rules()
    if format_ is TextOrJson.JSON:
        json_result("explain", {"rules": [_document(item) for item in rules]}, output)
    elif rule:
        write_result(_told(rules[0]), output)
    else:
        write_result("\n".join(f"{item.id}  {item.title}" for item in rules), output)


def _named(text: str) -> Rule:
    wanted = text.upper()
    wanted = f"DBOM-{wanted}" if wanted.isdecimal() else wanted
    found = rule_by_id(wanted)
    if found is None:
        near = get_close_matches(wanted, [item.id for item in all_rules()], n=3)
        raise UsageError(
            RULE_UNKNOWN,
            "there is no such rule",
            got=printable(text),
            hint=f"did you mean {' or '.join(near)}?" if near else None,
        )
    return found


def _document(rule: Rule) -> Json:
    return {"id": rule.id, "title": rule.title, "explanation": rule.explanation, "hint": rule.hint}


def _told(rule: Rule) -> str:
    from textwrap import fill

    return f"{rule.id}: {rule.title}\n\n{fill(rule.explanation, 100)}\n\nWhat to do: {rule.hint}"
