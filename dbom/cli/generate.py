"""`dbom generate`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from dbom.bom.facts import ArtifactType
from dbom.cli.caching import NoCacheOption, opened_cache
from dbom.cli.expected import Expected, with_expected_flags
from dbom.cli.failure import show_error, worst_code
from dbom.cli.options import IgnoreOption, JobsOption, NoDefaultIgnoresOption, StoreOption, TextOrJson
from dbom.cli.output import demand_outside, say, write_file, write_result
from dbom.cli.progress import progress_bar
from dbom.cli.reused import BundleToReuseOption, Earlier, ReuseOption, demand_reuse
from dbom.cli.session import current_settings
from dbom.cli.stated import say_license, stated_licenses
from dbom.errors import InputError, PathError, RefusedError, UndecidedError, UsageError
from dbom.ignores import chosen_ignores
from dbom.model import Relation
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dbom.bom import Bom
    from dbom.bom.facts import Parent
    from dbom.bom.generating import Description, Options
    from dbom.cache import Cache
    from dbom.errors import DbomError

__all__ = ["generate"]

_BOM_SUFFIX = ".cdx.json"
_INPUTS = "What it came from (each may be given several times)"
_SOURCE = "BOM|PATH"

Sources = list[str] | None


@with_expected_flags
def generate(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files or folders to describe.")],
    *,
    as_: Annotated[ArtifactType | None, typer.Option("--as", help="Insist on what it is.")] = None,
    name: Annotated[str, typer.Option("--name", help="Its name, if not the path's last segment.")] = "",
    version: Annotated[str, typer.Option("--version", help="Its version.")] = "",
    license_: Annotated[
        list[str] | None,
        typer.Option("--license", metavar="SPDX", help="Its licence: an SPDX id or expression, or a name."),
    ] = None,
    supplier: Annotated[str, typer.Option("--supplier", help="Who supplies it.")] = "",
    input_: Annotated[
        Sources, typer.Option("--input", metavar=_SOURCE, help="It was made with this.", rich_help_panel=_INPUTS)
    ] = None,
    trained_on: Annotated[Sources, typer.Option("--trained-on", metavar=_SOURCE, rich_help_panel=_INPUTS)] = None,
    evaluated_on: Annotated[Sources, typer.Option("--evaluated-on", metavar=_SOURCE, rich_help_panel=_INPUTS)] = None,
    derived_from: Annotated[Sources, typer.Option("--derived-from", metavar=_SOURCE, rich_help_panel=_INPUTS)] = None,
    fine_tuned_from: Annotated[
        Sources, typer.Option("--fine-tuned-from", metavar=_SOURCE, rich_help_panel=_INPUTS)
    ] = None,
    quantized_from: Annotated[
        Sources, typer.Option("--quantized-from", metavar=_SOURCE, rich_help_panel=_INPUTS)
    ] = None,
    merged_from: Annotated[Sources, typer.Option("--merged-from", metavar=_SOURCE, rich_help_panel=_INPUTS)] = None,
    adapter_of: Annotated[Sources, typer.Option("--adapter-of", metavar=_SOURCE, rich_help_panel=_INPUTS)] = None,
    distilled_from: Annotated[
        Sources, typer.Option("--distilled-from", metavar=_SOURCE, rich_help_panel=_INPUTS)
    ] = None,
    spec_version: Annotated[str, typer.Option("--spec-version", metavar="1.6|1.7", help="CycloneDX version.")] = "1.6",
    ignore: IgnoreOption = None,
    no_default_ignores: NoDefaultIgnoresOption = False,
    reuse: ReuseOption = None,
    bundle: BundleToReuseOption = None,
    store: StoreOption = None,
    no_cache: NoCacheOption = False,
    jobs: JobsOption = 0,
    format_: Annotated[
        TextOrJson, typer.Option("-f", "--format", help="The BOM itself, or its gist for people to read.")
    ] = TextOrJson.JSON,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="A file, a folder for NAME.cdx.json, or - for stdout.",
            show_default="-",
        ),
    ] = None,
    expected: Expected,
) -> None:  # fmt: skip
    """Describe a dataset or a model in a CycloneDX data BOM.

    What it is (dataset or model) is told by its content. Licence, base model and datasets of a model card are taken
    over as declared; rows, columns and types of tables and the parameters of safetensors files are read. The same
    input gives the same bytes; a time stands in the BOM only where SOURCE_DATE_EPOCH is set. With --reuse, what an
    earlier statement by a signer you expect vouches for isn't read again, and the BOM says `derived`.

    Example: dbom generate model/ --trained-on data/ --license Apache-2.0 -o model.cdx.json
    """
    from dbom.bom.generating import Options

    if len(paths) > 1 and (name or version):
        raise UsageError(USAGE, "--name and --version are of one artifact", got=f"{len(paths)} paths")
    if len(paths) > 1 and reuse is not None:
        raise UsageError(USAGE, "--reuse takes one PATH", got=f"{len(paths)} paths")
    demand_reuse(reuse, bundles=bundle, expected=expected, stores=store)
    sources: Mapping[Relation, Sources] = {
        Relation.INPUT: input_,
        Relation.TRAINED_ON: trained_on,
        Relation.EVALUATED_ON: evaluated_on,
        Relation.DERIVED_FROM: derived_from,
        Relation.FINE_TUNED_FROM: fine_tuned_from,
        Relation.QUANTIZED_FROM: quantized_from,
        Relation.MERGED_FROM: merged_from,
        Relation.ADAPTER_OF: adapter_of,
        Relation.DISTILLED_FROM: distilled_from,
    }
    settings = current_settings(ignore=tuple(ignore or ()), jobs=jobs or None, supplier=supplier or None)
    licenses = tuple(license_ or ())
    if not licenses:
        licenses = stated_licenses(settings)
        say_license(settings)
    ignores = chosen_ignores(settings.ignore, defaults=not no_default_ignores)
    targets = _targets(paths, output)
    timestamp = _source_date()
    options = Options(
        type=as_,
        name=name,
        version=version,
        licenses=licenses,
        supplier=settings.supplier or "",
        parents=_parents(sources, ignores, settings.jobs),
        spec_version=spec_version,
    )
    earlier = None if reuse is None else Earlier.of(reuse, paths[0], expected, bundle or (), store or ())
    with opened_cache(wanted=not no_cache) as cache:

        def describe(path: str) -> Description:
            return _described(path, options, ignores, settings.jobs, timestamp, cache=cache, earlier=earlier)

        results = [_Result.of(path, describe, several=len(paths) > 1) for path in paths]
    _write(results, targets, format_)
    _talk(results)
    code = worst_code(error.exit_code for result in results if (error := result.error) is not None)
    if code:
        raise typer.Exit(code)


@dataclass(slots=True)
class _Result:
    """What became of one path: its description, and the error that kept it from being made or written."""

    path: str
    description: Description | None = None
    error: DbomError | None = None

    @classmethod
    def of(cls, path: str, describe: Callable[[str], Description], *, several: bool) -> Self:
        """Describe a path; among several, one that can't be described is a result too."""
        try:
            return cls(path, describe(path))
        except (RefusedError, InputError, UndecidedError) as error:
            if not several:
                raise
            return cls(path, error=error)


def _parents(sources: Mapping[Relation, Sources], ignores: Sequence[str], jobs: int) -> tuple[Parent, ...]:
    from dbom.bom.parents import read_parent

    return tuple(
        read_parent(source, relation, ignores=ignores, jobs=jobs)
        for relation, given in sources.items()
        for source in given or ()
    )


def _talk(results: Sequence[_Result]) -> None:
    for result in results:
        if result.error is not None:
            show_error(result.error, ())
        elif result.description is not None:
            _tell_findings(result.path, result.description)
    failed = sum(result.error is not None for result in results)
    if len(results) > 1:
        say(f"{len(results) - failed} described" + (f", {failed} failed" if failed else ""))


def _tell_findings(path: str, description: Description) -> None:
    for finding in description.findings:
        where = printable(os.path.normpath(Path(path) / finding.where) if Path(path).is_dir() else path)
        say(f"{finding.severity}: {where}: {printable(finding.message)} ({finding.rule})")


def _described(
    path: str,
    options: Options,
    ignores: Sequence[str],
    jobs: int,
    timestamp: datetime | None,
    *,
    cache: Cache | None,
    earlier: Earlier | None,
) -> Description:
    from dbom.bom.generating import describe_path
    from dbom.formats.glances import Glances
    from dbom.tree import fingerprint_path

    glances = Glances()
    with progress_bar(f"reading {printable(path)}") as progress:
        fingerprint = fingerprint_path(
            path,
            ignores=ignores,
            jobs=jobs,
            progress=progress,
            cache=cache,
            reuse=None if earlier is None else earlier.reuse,
            onlooker=glances,
            forked=True,
        )
    if earlier is not None:
        earlier.tell(fingerprint)
    return describe_path(path, fingerprint.without_cache(), options, timestamp=timestamp, glances=glances)


def _targets(paths: Sequence[str], output: Path | None) -> list[Path] | None:
    """Return where each BOM goes, None for stdout. Raises `UsageError` before anything is read."""
    if output is None or str(output) == "-":
        return None
    if output.is_dir():
        names = [Path(os.path.realpath(path)).name + _BOM_SUFFIX for path in paths]
        if len(set(names)) != len(names):
            raise UsageError(USAGE, "two paths have one name, so their BOMs would be one file", got=", ".join(names))
        targets = [output / name for name in names]
    elif len(paths) > 1:
        raise UsageError(USAGE, "several paths give several BOMs", where=str(output), expected="an existing folder")
    else:
        targets = [output]
    for target in targets:
        demand_outside(target, paths)
    return targets


def _write(results: Sequence[_Result], targets: Sequence[Path] | None, format_: TextOrJson) -> None:
    """Write what was described, each to its target, or all of it to stdout."""
    if targets is not None:
        for result, target in zip(results, targets, strict=True):
            _write_one(result, target, format_, several=len(results) > 1)
        return
    boms = [result.description.bom for result in results if result.description is not None]
    if format_ is TextOrJson.JSON and len(results) > 1:
        texts = [bom.to_json_line() for bom in boms]
    else:
        texts = [_text(bom, format_) for bom in boms]
    if texts:
        write_result(b"\n".join(texts))


def _write_one(result: _Result, target: Path, format_: TextOrJson, *, several: bool) -> None:
    if result.description is None:
        return
    try:
        write_file(target, _text(result.description.bom, format_).rstrip(b"\n") + b"\n")
    except PathError as error:
        if not several:
            raise
        result.error = error
    else:
        say(f"wrote {printable(str(target))}")


def _text(bom: Bom, format_: TextOrJson) -> bytes:
    from dbom.bom.summary import bom_summary

    return "\n".join(bom_summary(bom)).encode() if format_ is TextOrJson.TEXT else bom.to_json()


def _source_date() -> datetime | None:
    stated = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not stated:
        return None
    try:
        return datetime.fromtimestamp(int(stated), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            USAGE, "not a number of seconds", where="SOURCE_DATE_EPOCH", got=printable(stated), expected="such as 0"
        ) from error
