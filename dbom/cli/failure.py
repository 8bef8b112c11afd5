"""How a command says that it failed: one clear line and a hint, or JSON where JSON was asked for."""

from __future__ import annotations

import errno
import itertools
import re
import sys
from typing import TYPE_CHECKING

from dbom.cli.output import STDOUT, give_up_stdout, json_result
from dbom.cli.session import current_folder
from dbom.errors import DbomError, PathError, UsageError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_MISSING, PATH_UNREADABLE
from dbom.rules.everyday import INTERNAL, OUTPUT_UNWRITABLE, USAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbom.canonical import JsonObject

__all__ = ["is_result", "own_words", "show_crash", "show_error", "wants_json", "worst_code"]

_MESSAGE_LIMIT = 2000

# Over several results a no outweighs an unusable input, and that a "can't tell" (DESIGN, command line).
_WORST_FIRST = (1, 2, 3, 0)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EBADF)

# -f among the flags that may stand in one word with it, and the same with its value.
_SHORT = re.compile(r"-[qv]*f")
_SHORT_WITH_JSON = re.compile(r"-[qv]*f=?json")


def show_error(error: DbomError, arguments: Sequence[str]) -> int:
    """Write `error` to stderr, or as JSON to stdout where the command line asks for JSON; return its exit code."""
    if error.where == STDOUT or not wants_json(arguments) or not _shown_as_json(error):
        _show_as_text(error)
    return error.exit_code


def _shown_as_json(error: DbomError) -> bool:
    """Write `error` to stdout, and return whether that was possible."""
    document: JsonObject = {
        "error": _shown(str(error)),
        "rule": error.rule.id,
        "hint": error.hint,
        "faults": [_shown(fault) for fault in error.faults],
        "exitCode": error.exit_code,
    }
    try:
        json_result("error", document)
    except (BrokenPipeError, PathError):
        return False
    return True


def _show_as_text(error: DbomError) -> None:
    sys.stderr.write(f"error: {_shown(str(error))}\n")
    for fault in error.faults:
        sys.stderr.write(f"  - {_shown(fault)}\n")
    if error.hint:
        sys.stderr.write(f"  hint: {error.hint} ({error.rule.id})\n")


def _shown(message: str) -> str:
    """Escape a message. Its backslashes stay single: those of the strings in it that were escaped are doubled."""
    return printable(message, limit=_MESSAGE_LIMIT).replace("\\\\", "\\")


def worst_code(codes: Iterable[int]) -> int:
    """Return the exit code of several results that have these: 1 before 2 before 3 before 0."""
    return min(codes, key=_WORST_FIRST.index, default=0)


def is_result(error: DbomError) -> bool:
    """Return whether, among several artifacts, an error is the result of one and no reason to stop."""
    return error.exit_code in _WORST_FIRST


def show_crash(error: Exception, arguments: Sequence[str]) -> int:
    """Report an exception that nobody foresaw (usage errors of the parser among them), never as a yes."""
    formatted = getattr(error, "format_message", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return UsageError.exit_code
    if callable(formatted):
        context = getattr(error, "ctx", None)
        path = getattr(context, "command_path", "dbom")
        return show_error(UsageError(USAGE, str(formatted()), hint=f"see {path} --help"), arguments)
    if isinstance(error, OSError) and error.errno in _FULL:
        give_up_stdout()
        return show_error(PathError(OUTPUT_UNWRITABLE, f"can't be written: {error.strerror}"), ())
    if isinstance(error, FileNotFoundError) and error.filename is None and current_folder() is None:
        return show_error(
            PathError(PATH_MISSING, "the current folder has been removed", hint="go to a folder that is there"),
            arguments,
        )
    if isinstance(error, OSError) and error.filename is not None:
        return show_error(
            PathError(PATH_UNREADABLE, error.strerror or str(error), where=str(error.filename)), arguments
        )
    return show_error(_InternalError(INTERNAL, f"{type(error).__name__}: {error}"), arguments)


class _InternalError(DbomError):
    """A mistake of ours: nothing was decided."""

    exit_code = 3


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether the words of a command line ask for JSON."""
    pairs = itertools.pairwise([*own_words(arguments), ""])
    return any(
        word == "--format=json"
        or _SHORT_WITH_JSON.fullmatch(word) is not None
        or (following == "json" and (word == "--format" or _SHORT.fullmatch(word) is not None))
        for word, following in pairs
    )


def own_words(arguments: Sequence[str]) -> Sequence[str]:
    """Return the words of a command line up to `--`: what stands behind it is another command's."""
    words = list(arguments)
    return words[: words.index("--")] if "--" in words else words
