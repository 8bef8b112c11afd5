"""`dbom fingerprint`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.caching import NoCacheOption, opened_cache
from dbom.cli.expected import Expected, with_expected_flags
from dbom.cli.failure import is_result, show_error, worst_code
from dbom.cli.options import (
    FormatOption,
    IgnoreOption,
    JobsOption,
    NoDefaultIgnoresOption,
    OutputOption,
    StoreOption,
    TextOrJson,
)
from dbom.cli.output import demand_outside, json_result, say, write_result
from dbom.cli.progress import progress_bar
from dbom.cli.reduced import Reducing, write_reduced
from dbom.cli.registries import PlatformOption, resolved_all
from dbom.cli.reused import BundleToReuseOption, Earlier, ReuseOption, demand_reuse
from dbom.cli.session import current_session, current_settings
from dbom.cli.table_pins import SnapshotOption, demand_alone, pins_document, pins_of, read_snapshot, tell_pins
from dbom.errors import DbomError, UsageError
from dbom.fingerprinting import is_url
from dbom.ignores import chosen_ignores
from dbom.printable import printable
from dbom.rules.artifacts import CHOICE_OF_FILES, SHARDS_NO_IDENTITY
from dbom.rules.everyday import USAGE
from dbom.shards import ShardedFingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbom.cache import Cache
    from dbom.canonical import JsonObject
    from dbom.items import Progress
    from dbom.model import Entry, Fingerprint
    from dbom.pins import Pins

__all__ = ["fingerprint"]

_IGNORED_SHOWN = 10
_NO_IDENTITY = "a fingerprint by shards holds no file identity; nothing can be signed or verified by it"

# Over several results a no outweighs an unusable input, and that a "can't tell" (DESIGN, command line).


class Scheme(StrEnum):
    """What is digested."""

    FILES = "files"
    SHARDS = "shards"


class Engine(StrEnum):
    """Where the reading runs."""

    THREADS = "threads"
    RAY = "ray"


class Also(StrEnum):
    """The algorithms that can stand beside sha256."""

    BLAKE3 = "blake3"


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of one path: its fingerprint, its shards where they were asked for, or the error."""

    path: str
    outcome: Fingerprint | ShardedFingerprint | DbomError
    pins: Pins | None = None


@with_expected_flags
def fingerprint(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH|URL...", help="Files, folders, URLs, or quoted patterns with * of them."),
    ],
    *,
    manifest: Annotated[
        Path | None,
        typer.Option("--manifest", metavar="FILE", help="Write the manifest that `sha256sum -c` checks, of one PATH."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help="Write all of the fingerprint of one PATH, for diff and --reuse."),
    ] = None,
    reuse: ReuseOption = None,
    bundle: BundleToReuseOption = None,
    store: StoreOption = None,
    snapshot: SnapshotOption = None,
    how: Annotated[bool, typer.Option("--how", help="Print the shell line that gives the same digest.")] = False,
    ignore: IgnoreOption = None,
    no_default_ignores: NoDefaultIgnoresOption = False,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Read links that lead out of a tree, and say so.")
    ] = False,
    scheme: Annotated[
        Scheme,
        typer.Option("--scheme", help="shards: digest parts of very large files in parallel. That is no identity."),
    ] = Scheme.FILES,
    also: Annotated[
        Also | None, typer.Option("--also", help="A second digest of each file, beside sha256 (in -f json -v).")
    ] = None,
    computed: Annotated[
        bool, typer.Option("--computed", help="Read all of a URL, whatever its store attests of the content.")
    ] = False,
    engine: Annotated[
        Engine | None, typer.Option("--engine", help="Where the reading runs: threads of this process, or Ray.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", metavar="ADDRESS", help="The Ray cluster to use.")
    ] = None,
    segments: Annotated[
        str | None,
        typer.Option(
            "--segments",
            metavar="URL",
            help="For a tree too large for one memory: each folder right below PATH is listed and read by one worker,"
            " which writes the manifest's lines to this folder; all workers must reach it. For folders and s3://.",
        ),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option("--journal", metavar="FILE", help="A file from which an interrupted run resumes.")
    ] = None,
    platform: PlatformOption = None,
    no_cache: NoCacheOption = False,
    jobs: JobsOption = 0,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
    expected: Expected,
) -> None:
    """Digest files and trees so that anybody can reproduce it.

    A file is its sha256; a folder is the sha256 of the lines that `sha256sum` writes of its files, sorted by path.
    Names, links and changes under the read that would make a digest ambiguous are refused. Files that haven't changed
    since they were last read come from a cache, and the result says so. With --reuse, what an earlier statement by a
    signer you expect vouches for isn't read again, and the result says whose word it is.

    A quoted pattern ('data/**/*.parquet') is the tree of the files that it matches. Of the folder of an Iceberg or
    Delta table, the current snapshot and the digest of its manifests are told too.

    Example: dbom fingerprint data/ model.safetensors --how
    """
    _demand_one(paths, {"--manifest": manifest, "--save": save, "--reuse": reuse})
    demand_reuse(reuse, bundles=bundle, expected=expected, stores=store)
    if reuse is not None and (computed or also is not None or scheme is Scheme.SHARDS):
        raise UsageError(USAGE, "--computed, --also and --scheme shards read all, and --reuse doesn't")
    if snapshot is not None:
        whole = {
            "--ignore": ignore,
            "--follow-links": follow_links,
            "--also": also,
            "--journal": journal,
            "--reuse": reuse,
        }
        demand_alone(paths, {**whole, "--engine": engine or ray_address, "--scheme shards": scheme is Scheme.SHARDS})
    local = Scheme.SHARDS if scheme is Scheme.SHARDS else also
    elsewhere = engine is not None or ray_address is not None or journal is not None or computed
    if local is not None and (elsewhere or any(map(is_url, paths))):
        raise UsageError(USAGE, f"{local} is for local paths, read by threads of this process")
    if how and any(map(is_url, paths)):
        raise UsageError(USAGE, "--how is for local paths")
    if scheme is Scheme.SHARDS and (manifest or save or how or also is not None):
        raise UsageError(SHARDS_NO_IDENTITY, "--manifest, --save, --how and --also are about whole files, not shards")
    for written in (manifest, save, output):
        demand_outside(written, paths)
    paths = resolved_all(paths, platform)
    settings = current_settings(ignore=tuple(ignore or ()), jobs=jobs or None)
    ignores = chosen_ignores(settings.ignore, defaults=not no_default_ignores)
    if segments is not None:
        reducing = Reducing(
            segments=segments,
            manifest=manifest,
            ignores=ignores,
            engine=engine or "threads",
            ray_address=ray_address,
            jobs=settings.jobs,
            journal=journal,
            computed=computed,
        )
        shards = scheme is Scheme.SHARDS
        whole = {"--save": save, "--reuse": reuse, "--how": how, "--also": also, "--follow-links": follow_links}
        reducing.demand_fitting(paths, {**whole, "--snapshot": snapshot, "--scheme shards": shards})
        write_reduced(paths[0], reducing.read(paths[0]), output, json=format_ is TextOrJson.JSON)
        return
    with opened_cache(wanted=not no_cache and scheme is Scheme.FILES) as cache:
        reading = _Reading(
            scheme,
            ignores,
            follow_links,
            settings.jobs,
            cache,
            also is Also.BLAKE3,
            computed,
            engine,
            ray_address,
            journal,
            Earlier.of(reuse, paths[0], expected, bundle or (), store or ()) if reuse or save else None,
            snapshot,
        )
        results = [_result(path, reading, several=len(paths) > 1) for path in paths]
    _write_files(results[0].outcome, manifest, save, reading.earlier)
    if format_ is TextOrJson.JSON:
        _show_json(results, how, output)
    else:
        _show_text(results, how, output)
    codes = [result.outcome.exit_code for result in results if isinstance(result.outcome, DbomError)]
    if codes:
        raise typer.Exit(worst_code(codes))


def _demand_one(paths: Sequence[str], written: Mapping[str, Path | None]) -> None:
    for flag, file in written.items():
        if file is not None and len(paths) > 1:
            raise UsageError(USAGE, f"{flag} takes one PATH", got=f"{len(paths)} paths")


def _write_files(
    outcome: Fingerprint | ShardedFingerprint | DbomError,
    manifest: Path | None,
    save: Path | None,
    earlier: Earlier | None,
) -> None:
    if isinstance(outcome, (DbomError, ShardedFingerprint)):
        return
    if earlier is not None:
        earlier.tell(outcome)
    if manifest is not None:
        write_result(outcome.manifest(), manifest)
    if save is not None:
        from dbom.fingerprints import write_fingerprint

        write_result(write_fingerprint(outcome, None if earlier is None else earlier.states()), save)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How paths are read."""

    scheme: Scheme
    ignores: Sequence[str]
    follow_links: bool
    jobs: int
    cache: Cache | None
    blake3: bool
    computed: bool
    engine: Engine | None
    ray_address: str | None
    journal: Path | None
    earlier: Earlier | None
    snapshot: str | None

    def read(self, path: str, progress: Progress | None) -> Fingerprint | ShardedFingerprint:
        if self.scheme is Scheme.SHARDS:
            from dbom.shards import shard_path

            return shard_path(
                path, ignores=self.ignores, follow_links=self.follow_links, jobs=self.jobs, progress=progress
            )
        if self.blake3:
            from dbom.tree import fingerprint_path

            return fingerprint_path(
                path,
                ignores=self.ignores,
                follow_links=self.follow_links,
                jobs=self.jobs,
                progress=progress,
                blake3=True,
                forked=True,
            )
        from dbom.fingerprinting import fingerprint as fingerprint_of

        return fingerprint_of(
            path,
            ignores=self.ignores,
            follow_links=self.follow_links,
            jobs=self.jobs,
            engine=None if self.engine is None else str(self.engine),
            ray_address=self.ray_address,
            journal=self.journal,
            cache=None if is_url(path) else self.cache,
            computed=self.computed,
            offline=current_session().offline,
            progress=progress,
            reuse=None if self.earlier is None else self.earlier.reuse,
            forked=True,
        )


def _result(path: str, reading: _Reading, *, several: bool) -> _Result:
    try:
        with progress_bar(f"reading {Path(path).name or path}") as progress:
            if reading.snapshot is not None:
                found, pins = read_snapshot(
                    path, reading.snapshot, computed=reading.computed, jobs=reading.jobs, progress=progress
                )
                return _Result(path, found, pins)
            outcome = reading.read(path, progress)
            return _Result(path, outcome, None if isinstance(outcome, ShardedFingerprint) else pins_of(path, outcome))
    except DbomError as error:
        if not several or not is_result(error):
            raise
        return _Result(path, error)


def _show_text(results: Sequence[_Result], how: bool, output: Path | None) -> None:
    lines: list[str] = []
    for result in results:
        if isinstance(result.outcome, DbomError):
            show_error(result.outcome, ())
            continue
        lines.append(_line(result.path, result.outcome, how))
        _talk(result.path, result.outcome)
        if not _is_choice(result.outcome):
            tell_pins(result.path, result.pins)
    if lines:
        write_result("\n".join(lines), output)
    if len(results) > 1:
        say(f"{len(lines)} fingerprinted, {len(results) - len(lines)} failed")


def _line(path: str, found: Fingerprint | ShardedFingerprint, how: bool) -> str:
    if isinstance(found, ShardedFingerprint):
        return f"{found}  {printable(path)}"
    return _how(path, found) if how else f"{found.digest}  {printable(path)}"


def _is_choice(found: Fingerprint | ShardedFingerprint) -> bool:
    """Return whether a finding says already which files these are."""
    return any(finding.rule == CHOICE_OF_FILES.id for finding in found.findings)


def _talk(path: str, found: Fingerprint | ShardedFingerprint) -> None:
    for finding in found.findings:
        where = printable(f"{path.rstrip('/')}/{finding.where}" if finding.where else path)
        say(f"{finding.severity}: {where}: {finding.message} ({finding.rule})")
    if found.ignored:
        shown = ", ".join(printable(name) for name in found.ignored[:_IGNORED_SHOWN])
        rest = len(found.ignored) - _IGNORED_SHOWN
        say(f"ignored in {printable(path)}: {shown}" + (f" and {rest} more" if rest > 0 else ""))
    if isinstance(found, ShardedFingerprint):
        say(f"note: {printable(path)}: {_NO_IDENTITY} ({SHARDS_NO_IDENTITY.id})")
        say(f"{printable(path)}: {len(found.shards)} shards, {found.size} bytes", verbose=True)
    else:
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
    document: JsonObject = {"path": path, "name": found.name}
    if isinstance(found, ShardedFingerprint):
        document |= _of_shards(found)
    else:
        document |= _of_files(found) | pins_document(result.pins)
    document |= {
        "ignores": list(found.ignores),
        "ignored": list(found.ignored),
        "findings": [
            {"rule": f.rule, "severity": str(f.severity), "message": f.message, "where": f.where}
            for f in (*found.findings, *(result.pins.findings if result.pins else ()))
        ],
    }
    if how and not isinstance(found, ShardedFingerprint):
        document["how"] = _how(result.path, found)
    return document


def _of_files(found: Fingerprint) -> JsonObject:
    document: JsonObject = {
        "kind": str(found.kind),
        "digest": str(found.digest),
        "fileCount": len(found.entries),
        "bytes": found.size,
        "known": str(found.known),
    }
    if current_session().verbose:
        document["files"] = [_of_file(entry) for entry in found.entries]
    return document


def _of_file(entry: Entry) -> JsonObject:
    document: JsonObject = {"path": entry.path, "bytes": entry.size, "sha256": entry.sha256}
    return document | ({"blake3": entry.blake3} if entry.blake3 else {})


def _of_shards(found: ShardedFingerprint) -> JsonObject:
    return {
        "scheme": str(Scheme.SHARDS),
        "identity": None,
        "note": _NO_IDENTITY,
        "root": str(found),
        "algorithm": found.algorithm,
        "bytes": found.size,
        "shards": [{"name": shard.name, "sha256": shard.sha256} for shard in found.shards],
        "empty": list(found.empty),
    }


def _how(path: str, found: Fingerprint) -> str:
    from dbom.globs import Glob
    from dbom.recipe import shell_line

    glob = Glob.of(path)
    return shell_line(os.path.realpath(path if glob is None else glob.root), found)
