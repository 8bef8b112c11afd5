"""How a command says that it failed: one clear line and a hint, or JSON where JSON was asked for."""

from __future__ import annotations

import itertools
import json
import sys
from typing import TYPE_CHECKING

from dbom.errors import DbomError, UsageError
from dbom.names import schema_name
from dbom.printable import printable
from dbom.rules.everyday import INTERNAL, USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["show_crash", "show_error", "wants_json"]

_MESSAGE_LIMIT = 2000


def show_error(error: DbomError, arguments: Sequence[str]) -> int:
    """Write `error` to stderr, or as JSON to stdout where the command line asks for JSON; return its exit code."""
    message = printable(str(error), limit=_MESSAGE_LIMIT)
    if wants_json(arguments):
        document = {
            "schema": schema_name("error"),
            "error": message,
            "rule": error.rule.id,
            "hint": error.hint,
            "faults": [printable(fault, limit=_MESSAGE_LIMIT) for fault in error.faults],
            "exitCode": error.exit_code,
        }
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return error.exit_code
    sys.stderr.write(f"error: {message}\n")
    for fault in error.faults:
        sys.stderr.write(f"  - {printable(fault, limit=_MESSAGE_LIMIT)}\n")
    if error.hint:
        sys.stderr.write(f"  hint: {error.hint} ({error.rule.id})\n")
    return error.exit_code


def show_crash(error: Exception, arguments: Sequence[str]) -> int:
    """Report an exception that nobody foresaw (usage errors of the parser among them), never as a yes."""
    formatted = getattr(error, "format_message", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return UsageError.exit_code
    if callable(formatted):
        context = getattr(error, "ctx", None)
        path = getattr(context, "command_path", "dbom")
        return show_error(UsageError(USAGE, str(formatted()), hint=f"see {path} --help"), arguments)
    return show_error(_InternalError(INTERNAL, f"{type(error).__name__}: {error}"), arguments)


class _InternalError(DbomError):
    """A mistake of ours: nothing was decided."""

    exit_code = 3


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether the words of a command line, up to `--`, ask for JSON."""
    words = list(arguments)
    if "--" in words:
        words = words[: words.index("--")]
    pairs = itertools.pairwise([*words, ""])
    return any(
        (word in ("-f", "--format") and following == "json") or word in ("-fjson", "-f=json", "--format=json")
        for word, following in pairs
    )
