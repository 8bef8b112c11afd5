"""`dbom diff`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.caching import NoCacheOption, opened_cache
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
from dbom.ignores import chosen_ignores
from dbom.model import Unknown
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.comparing import Comparison, Read
    from attest.inventory import Inventory
    from dbom.cache import Cache
    from dbom.canonical import Json, JsonObject
    from dbom.difference import Amount, Difference, Tally
    from dbom.model import Fingerprint

__all__ = ["diff"]

_SHOWN = 20
_SIDE = "A path, a URL, a manifest, a BOM, a bundle or a saved fingerprint."


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help=_SIDE)],
    after: Annotated[str, typer.Argument(metavar="B", help="The same, compared with A.")],
    *,
    as_data: Annotated[
        bool, typer.Option("--as-data", help="Compare files that hold a manifest, a BOM … as the files they are.")
    ] = False,
    all_: Annotated[bool, typer.Option("--all", help=f"Show every difference, not just the first {_SHOWN}.")] = False,
    ignore: IgnoreOption = None,
    no_default_ignores: NoDefaultIgnoresOption = False,
    computed: Annotated[
        bool, typer.Option("--computed", help="Read all of a URL, whatever its store attests of the content.")
    ] = False,
    no_cache: NoCacheOption = False,
    jobs: JobsOption = 0,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Name the files that differ between two artifacts, or from what a document says.

    What a side is, is told by its content, never by its name. A tree is read with the ignore list that the other side
    states. Exit codes: 0 the same, 1 different, 3 a document doesn't say which bytes it is about.

    Example: dbom diff data/ data.dbom/manifest.sha256
    """
    from attest.comparing import compare_sides

    demand_outside(output, [before, after])
    settings = current_settings(ignore=tuple(ignore or ()), jobs=jobs or None)
    chosen = settings.ignore or no_default_ignores
    with opened_cache(wanted=not no_cache) as cache:
        found = compare_sides(
            before,
            after,
            read=_reader(settings.jobs, cache, computed),
            ignores=chosen_ignores(settings.ignore, defaults=not no_default_ignores) if chosen else None,
            as_data=as_data,
        )
    if format_ is TextOrJson.JSON:
        json_result("diff", _document(found), output)
    else:
        for note in (_side("A", found.before), _side("B", found.after), *found.notes):
            say(note)
        write_result("\n".join(_lines(found, None if all_ else _SHOWN)), output)
    if not found.is_same:
        raise typer.Exit(1)


def _reader(jobs: int, cache: Cache | None, computed: bool) -> Read:
    from dbom.fingerprinting import fingerprint, is_url

    def read(source: str, ignores: Sequence[str] | None) -> Fingerprint:
        with progress_bar(f"reading {Path(source).name or source}") as progress:
            return fingerprint(
                source,
                ignores=ignores,
                jobs=jobs,
                cache=None if is_url(source) else cache,
                computed=computed,
                offline=current_session().offline,
                progress=progress,
            )

    return read


def _side(letter: str, side: Inventory) -> str:
    count = "files not named" if isinstance(side.files, Unknown) else f"{len(side.files)} files"
    return (
        f"{letter}  {printable(side.given)} ({side.source}): {side.digest}, {count}, {_bytes(side.total)},"
        f" {printable(str(side.known))}"
    )


def _lines(found: Comparison, limit: int | None) -> Iterator[str]:
    if found.is_same:
        yield f"the same: {found.after.digest}"
    elif isinstance(found.files, Unknown):
        yield f"different: {found.before.digest} and {found.after.digest}"
        yield f"which files differ can't be said: {found.files.reason}"
    else:
        yield from found.files.lines(limit=sys.maxsize if limit is None else limit)
    if not isinstance(found.tally, Unknown) and not found.is_same:
        yield _summary(found.tally)


def _summary(tally: Tally) -> str:
    changed = f"{tally.changed_to.files} changed"
    if tally.changed_to.files:
        changed += f" ({_bytes(tally.changed_from.size)} -> {_bytes(tally.changed_to.size)})"
    others = [
        f"{amount.files} {word}" + (f" ({_bytes(amount.size)})" if amount.files else "")
        for word, amount in (
            ("removed", tally.removed),
            ("added", tally.added),
            ("renamed", tally.renamed),
            ("the same", tally.same),
        )
    ]
    return ", ".join((changed, *others))


def _bytes(size: int | Unknown) -> str:
    return "size unknown" if isinstance(size, Unknown) else f"{size:,} bytes"


def _document(found: Comparison) -> JsonObject:
    document: JsonObject = {
        "same": found.is_same,
        "before": _side_document(found.before),
        "after": _side_document(found.after),
        "counts": None if isinstance(found.tally, Unknown) else _counts(found.tally),
        "files": None,
        "unknown": found.files.reason if isinstance(found.files, Unknown) else "",
        "notes": list(found.notes),
    }
    if not isinstance(found.files, Unknown):
        document["files"] = _files(found.files, found.before, found.after)
    return document


def _side_document(side: Inventory) -> JsonObject:
    return {
        "given": side.given.encode(errors="backslashreplace").decode(),
        "readAs": str(side.source),
        "kind": str(side.digest.kind),
        "digest": str(side.digest),
        "fileCount": None if isinstance(side.files, Unknown) else len(side.files),
        "bytes": _known(side.total),
        "known": str(side.known),
        "ignores": None if side.ignores is None else list(side.ignores),
    }


def _counts(tally: Tally) -> JsonObject:
    def amount(value: Amount) -> JsonObject:
        return {"files": value.files, "bytes": _known(value.size)}

    return {
        "added": amount(tally.added),
        "removed": amount(tally.removed),
        "changed": {
            "files": tally.changed_to.files,
            "bytesBefore": _known(tally.changed_from.size),
            "bytesAfter": _known(tally.changed_to.size),
        },
        "renamed": amount(tally.renamed),
        "same": amount(tally.same),
    }


def _files(found: Difference, before: Inventory, after: Inventory) -> JsonObject:
    from attest.comparing import sizes_of

    old, new = sizes_of(before), sizes_of(after)
    added: list[Json] = [{"path": path, "bytes": new.get(path)} for path in found.only_added]
    removed: list[Json] = [{"path": path, "bytes": old.get(path)} for path in found.only_removed]
    changed: list[Json] = [
        {"path": path, "bytesBefore": old.get(path), "bytesAfter": new.get(path)} for path in found.changed
    ]
    renamed: list[Json] = [{"from": source, "to": target} for source, target in found.renamed]
    return {"added": added, "removed": removed, "changed": changed, "renamed": renamed}


def _known(size: int | Unknown) -> Json:
    return None if isinstance(size, Unknown) else size
