"""`dbom sign`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.bom.facts import ArtifactType
from dbom.cli.artifacts import artifact_paths
from dbom.cli.expected import Expected, with_expected_flags
from dbom.cli.options import (
    FormatOption,
    IgnoreOption,
    JobsOption,
    NoDefaultIgnoresOption,
    OutputOption,
    StoreOption,
    TextOrJson,
)
from dbom.cli.output import demand_outside, json_result, say, write_file, write_result
from dbom.cli.progress import progress_bar
from dbom.cli.reused import BundleToReuseOption, Earlier, ReuseOption, demand_reuse
from dbom.cli.session import current_session, current_settings
from dbom.cli.signers import SignerFlags, signer_of, with_signer_flags
from dbom.cli.stated import say_license, stated_licenses
from dbom.errors import UsageError
from dbom.ignores import chosen_ignores
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.locating import LocationReader
    from attest.location import Location
    from attest.publishing import GivenBom, Prepared
    from dbom.items import Progress

__all__ = ["sign"]


@with_expected_flags
@with_signer_flags
def sign(
    artifacts: Annotated[list[str], typer.Argument(metavar="ARTIFACT...", help="Files or folders to sign.")],
    *,
    bom: Annotated[
        Path | None, typer.Option("--bom", metavar="FILE", help="The BOM to sign; it must be about these bytes.")
    ] = None,
    as_: Annotated[
        ArtifactType | None, typer.Option("--as", help="Insist on what it is, where a BOM is generated.")
    ] = None,
    location: Annotated[
        list[str] | None,
        typer.Option("--location", metavar="URL@PIN", help="Sign, too, that the same bytes are found here."),
    ] = None,
    oms: Annotated[
        Path | None,
        typer.Option(
            "--oms",
            metavar="FILE",
            help="Sign it as OpenSSF Model Signing does, whatever it is, and write that here too.",
        ),
    ] = None,
    no_oms: Annotated[
        bool, typer.Option("--no-oms", help="Leave a model's OpenSSF Model Signing statement out.")
    ] = False,
    computed: Annotated[
        bool, typer.Option("--computed", help="Read each --location in full before it is signed, and say so in it.")
    ] = False,
    reuse: ReuseOption = None,
    bundle: BundleToReuseOption = None,
    store: StoreOption = None,
    ignore: IgnoreOption = None,
    no_default_ignores: NoDefaultIgnoresOption = False,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Read links that lead out of a tree, and say so.")
    ] = False,
    jobs: JobsOption = 0,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
    expected: Expected,
    signer_flags: SignerFlags,
) -> None:
    """Sign what an artifact is, and put the evidence beside it.

    Reads the bytes, signs the BOM that is about them (given, beside the artifact, or generated), and writes
    ARTIFACT.dbom/; a model is signed as OpenSSF Model Signing does, too, without git's files. On a person's own machine
    the local identity signs; in CI or a pod the signer must be named. Nothing goes to a public log without --public.
    The result ends with the commands with which somebody else verifies.

    With --reuse FILE, what an earlier statement vouches for isn't read again. Say whose statement with --key, or
    --identity and --issuer; the default is this machine's local identity. What is signed then says `derived`, and from
    which statement.

    Example: dbom sign model/ --location hf://org/model@0123456789abcdef0123456789abcdef01234567
    """
    from attest.handover import handovers
    from attest.publishing import BomSource, prepare_artifact, publish
    from attest.stores.store import open_store
    from dbom.cli.signed import signed_document, signed_text

    paths, here = artifact_paths(artifacts), Path.cwd()  # where there is none, that is said before anything is signed
    locations = _locations(location)
    _demand_one(paths, about_one=bom is not None or oms is not None or bool(locations) or reuse is not None)
    demand_reuse(reuse, bundles=bundle, expected=expected)
    demand_outside(oms, map(str, paths))
    if computed and not locations:
        raise UsageError(USAGE, "--computed is about a --location, and none is given")
    given = _given(bom, as_)
    settings = current_settings(store=tuple(store or ()), ignore=tuple(ignore or ()), jobs=jobs or None)
    choice = signer_flags.choice()
    earlier = None
    if reuse is not None:
        whom = expected.resting_on(signer_flags.trust_config)
        earlier = Earlier.of(reuse, str(paths[0]), whom, bundle or (), store or ())
    signer = signer_of(choice)
    stores = [open_store(url, offline=current_session().offline) for url in settings.store]
    ignores = chosen_ignores(settings.ignore, defaults=not no_default_ignores)
    prepared = []
    for path in paths:
        with progress_bar(f"reading {printable(str(path))}") as progress:
            prepared.append(
                prepare_artifact(
                    path,
                    signer,
                    bom=given,
                    type_=as_,
                    licenses=stated_licenses(settings),
                    supplier=settings.supplier or "",
                    locations=locations,
                    locate=None if not computed else _reader(settings.jobs, progress),
                    oms=_wanted(oms, no_oms=no_oms),
                    ignores=ignores,
                    follow_links=follow_links,
                    jobs=settings.jobs,
                    reuse=None if earlier is None else earlier.reuse,
                    progress=progress,
                    forked=True,
                )
            )
    if earlier is not None:
        earlier.tell(prepared[0].fingerprint)
    published = [publish(item, stores=stores) for item in prepared]
    if oms is not None:
        _write_model_signature(oms, prepared[0])
    if any(item.bom_source is BomSource.GENERATED for item in prepared):
        say_license(settings)
    for item in prepared:
        for finding in (*item.fingerprint.findings, *item.findings):
            say(f"{finding.severity}: {printable(finding.where)}: {printable(finding.message)} ({finding.rule})")
    shown = handovers(published, signer, choice, here=here)
    if format_ is TextOrJson.JSON:
        json_result("sign", signed_document(shown), output)
    else:
        write_result(signed_text(shown), output)


def _demand_one(paths: Sequence[Path], *, about_one: bool) -> None:
    if len(paths) > 1 and about_one:
        raise UsageError(USAGE, "--bom, --oms, --location and --reuse take one ARTIFACT", got=f"{len(paths)} artifacts")


def _locations(texts: Sequence[str] | None) -> list[Location]:
    if not texts:
        return []
    from attest.locating import pinned_location  # it knows registries, which takes its time

    return [pinned_location(text, offline=current_session().offline) for text in texts]


def _wanted(oms: Path | None, *, no_oms: bool) -> bool | None:
    if oms is not None and no_oms:
        raise UsageError(USAGE, "--oms and --no-oms are opposites")
    return False if no_oms else True if oms is not None else None


def _write_model_signature(path: Path, prepared: Prepared) -> None:
    """Write the bundle that model-signing reads to a file of its own, whole or not at all."""
    (bundle,) = [item.bundle for item in prepared.signed if item.statement.model is not None]
    write_file(path, bundle)


def _reader(jobs: int, progress: Progress | None) -> LocationReader:
    from attest.locating import LocationReader

    return LocationReader(jobs=jobs, offline=current_session().offline, progress=progress)


def _given(bom: Path | None, as_: ArtifactType | None) -> GivenBom | None:
    from attest.files import read_file
    from attest.publishing import GivenBom
    from dbom.canonical import MAX_DOCUMENT_BYTES

    if bom is None:
        return None
    if as_ is not None:
        raise UsageError(USAGE, "--as is about a BOM that is generated, and --bom gives one")
    return GivenBom(read_file(bom, limit=MAX_DOCUMENT_BYTES, what="BOM"), printable(str(bom)))
