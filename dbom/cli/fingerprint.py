"""`dbom fingerprint`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.failure import show_error
from dbom.cli.options import (
    FormatOption,
    IgnoreOption,
    JobsOption,
    NoDefaultIgnoresOption,
    OutputOption,
    TextOrJson,
)
from dbom.cli.output import demand_outside, json_result, say, write_result
from dbom.cli.progress import progress_bar
from dbom.cli.session import current_session, current_settings
from dbom.errors import DbomError, UsageError
from dbom.ignores import chosen_ignores
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.canonical import JsonObject
    from dbom.model import Fingerprint

__all__ = ["fingerprint"]

_IGNORED_SHOWN = 10

# Over several results a no outweighs an unusable input, and that a "can't tell" (DESIGN, command line).
_WORST_FIRST = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of one path: its fingerprint, or the error."""

    path: str
    outcome: Fingerprint | DbomError


def fingerprint(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files or folders to read.")],
    *,
    manifest: Annotated[
        Path | None,
        typer.Option("--manifest", metavar="FILE", help="Write the manifest that `sha256sum -c` checks, of one PATH."),
    ] = None,
    how: Annotated[bool, typer.Option("--how", help="Print the shell line that gives the same digest.")] = False,
    ignore: IgnoreOption = None,
    no_default_ignores: NoDefaultIgnoresOption = False,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Read links that lead out of a tree, and say so.")
    ] = False,
    jobs: JobsOption = 0,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Digest files and trees so that anybody can reproduce it.

    A file is its sha256; a folder is the sha256 of the lines that `sha256sum` writes of its files, sorted by path.
    Names, links and changes under the read that would make a digest ambiguous are refused.

    Example: dbom fingerprint data/ model.safetensors --how
    """
    if manifest is not None and len(paths) > 1:
        raise UsageError(USAGE, "--manifest takes one PATH", got=f"{len(paths)} paths")
    for written in (manifest, output):
        demand_outside(written, paths)
    settings = current_settings(ignore=tuple(ignore or ()), jobs=jobs or None)
    ignores = chosen_ignores(settings.ignore, defaults=not no_default_ignores)
    results = [_result(path, ignores, follow_links, settings.jobs, several=len(paths) > 1) for path in paths]
    if manifest is not None and not isinstance(results[0].outcome, DbomError):
        write_result(results[0].outcome.manifest(), manifest)
    if format_ is TextOrJson.JSON:
        _show_json(results, how, output)
    else:
        _show_text(results, how, output)
    codes = [result.outcome.exit_code for result in results if isinstance(result.outcome, DbomError)]
    if codes:
        raise typer.Exit(min(codes, key=_WORST_FIRST.index))


def _result(path: str, ignores: Sequence[str], follow_links: bool, jobs: int, *, several: bool) -> _Result:
    from dbom.tree import fingerprint_path

    try:
        with progress_bar(f"reading {Path(path).name or path}") as progress:
            return _Result(
                path, fingerprint_path(path, ignores=ignores, follow_links=follow_links, jobs=jobs, progress=progress)
            )
    except DbomError as error:
        if not several or error.exit_code not in _WORST_FIRST:
            raise
        return _Result(path, error)


def _show_text(results: Sequence[_Result], how: bool, output: Path | None) -> None:
    lines: list[str] = []
    for result in results:
        if isinstance(result.outcome, DbomError):
            show_error(result.outcome, ())
            continue
        lines.append(_how(result.path, result.outcome) if how else f"{result.outcome.digest}  {printable(result.path)}")
        _talk(result.path, result.outcome)
    if lines:
        write_result("\n".join(lines), output)
    if len(results) > 1:
        say(f"{len(lines)} fingerprinted, {len(results) - len(lines)} failed")


def _talk(path: str, found: Fingerprint) -> None:
    for finding in found.findings:
        where = printable(f"{path.rstrip('/')}/{finding.where}")
        say(f"{finding.severity}: {where}: {finding.message} ({finding.rule})")
    if found.ignored:
        shown = ", ".join(printable(name) for name in found.ignored[:_IGNORED_SHOWN])
        rest = len(found.ignored) - _IGNORED_SHOWN
        say(f"ignored in {printable(path)}: {shown}" + (f" and {rest} more" if rest > 0 else ""))
    say(f"{printable(path)}: {len(found.entries)} files, {found.size} bytes, {found.known}", verbose=True)


def _show_json(results: Sequence[_Result], how: bool, output: Path | None) -> None:
    failed = sum(isinstance(result.outcome, DbomError) for result in results)
    document: JsonObject = {
        "results": [_document(result, how) for result in results],
        "summary": {"fingerprinted": len(results) - failed, "failed": failed},
    }
    json_result("fingerprint", document, output)


def _document(result: _Result, how: bool) -> JsonObject:
    found, path = result.outcome, os.fsencode(result.path).decode(errors="backslashreplace")
    if isinstance(found, DbomError):
        return {
            "path": path,
            "error": printable(str(found)),
            "rule": found.rule.id,
            "hint": found.hint,
            "faults": [printable(fault) for fault in found.faults],
            "exitCode": found.exit_code,
        }
    document: JsonObject = {
        "path": path,
        "name": found.name,
        "kind": str(found.kind),
        "digest": str(found.digest),
        "fileCount": len(found.entries),
        "bytes": found.size,
        "known": str(found.known),
        "ignores": list(found.ignores),
        "ignored": list(found.ignored),
        "findings": [
            {"rule": f.rule, "severity": str(f.severity), "message": f.message, "where": f.where}
            for f in found.findings
        ],
    }
    if how:
        document["how"] = _how(result.path, found)
    if current_session().verbose:
        document["files"] = [{"path": e.path, "bytes": e.size, "sha256": e.sha256} for e in found.entries]
    return document


def _how(path: str, found: Fingerprint) -> str:
    from dbom.recipe import shell_line

    return shell_line(os.path.realpath(path), found)
