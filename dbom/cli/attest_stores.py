"""`dbom attest list|push|pull|attach`."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.artifacts import artifact_paths, stated_digest
from dbom.cli.claims import claim_document, claim_line, claimed_signer, finding_document, finding_line
from dbom.cli.options import FormatOption, JobsOption, OutputOption, StoreOption, TextOrJson
from dbom.cli.output import json_result, say, write_result
from dbom.cli.progress import progress_bar
from dbom.cli.registries import PlatformOption, resolved
from dbom.cli.session import current_session, current_settings
from dbom.errors import NoEvidenceError, UsageError
from dbom.names import short_predicate
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.stores.copying import CopiedBundle, Target
    from attest.stores.holding import Holding
    from attest.stores.sidecar import Sidecar
    from attest.stores.store import Store, StoredBundle, UnreadBundle
    from dbom.canonical import JsonObject
    from dbom.model import Finding

__all__ = ["attach", "list_", "pull", "push"]

BundleOption = Annotated[
    list[Path] | None, typer.Option("--bundle", metavar="FILE", help="A bundle, beside those of the sidecar.")
]


def list_(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ARTIFACT|URL...", help="Artifacts with a sidecar, or references in registries.", show_default=False
        ),
    ] = None,
    *,
    store: StoreOption = None,
    digest: Annotated[
        list[str] | None, typer.Option("--digest", metavar="DIGEST", help="Only what claims to be about this digest.")
    ] = None,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """List the bundles of a sidecar, a store or a registry.

    Everything shown is what the bundles claim of themselves; nothing is verified. To know, use `dbom verify`.

    Example: dbom attest list oci://registry.example.org/models/iris:v1
    """
    from attest.showing import Claim
    from attest.stores.copying import claims_in

    entries = [_entries(place) for place in places or ()]
    # Stores of the settings are meant where nothing else is named.
    stores = tuple(store or ()) if places else current_settings(store=tuple(store or ())).store
    entries += [_opened(url).entries() for url in stores]
    if not entries:
        raise UsageError(USAGE, "no place to look", expected="ARTIFACT, oci://…, or --store URL")
    found = list(claims_in(chain.from_iterable(entries), about=frozenset(map(stated_digest, digest or ()))))
    claims = [item for item in found if isinstance(item, Claim)]
    faults = [item for item in found if not isinstance(item, Claim)]
    if format_ is TextOrJson.JSON:
        document: JsonObject = {
            "verified": False,
            "claims": [claim_document(claim) for claim in claims],
            "unread": [finding_document(fault) for fault in faults],
        }
        json_result("attest-list", document, output)
    else:
        _say_findings(faults)
        say(f"{len(claims)} bundles; what they say is claimed, and nothing of it is verified")
        if claims:
            write_result("\n".join(map(claim_line, claims)), output)
    if not claims:
        raise typer.Exit(NoEvidenceError.exit_code)


def push(
    artifact: Annotated[str, typer.Argument(metavar="ARTIFACT", help="The file or folder whose evidence is pushed.")],
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="oci://HOST/REPOSITORY@sha256:…, or a store.")
    ],
    *,
    bundle: BundleOption = None,
    store: StoreOption = None,
    platform: PlatformOption = None,
    jobs: JobsOption = 0,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Push evidence to a registry or a store.

    In a registry it refers to the artifact there. Taken are the bundles of the sidecar, of --bundle and of --store that
    are about the artifact; into a registry go those that are about what the registry holds. They arrive byte for byte,
    as cosign and ORAS find them.

    Example: dbom attest push model/ oci://registry.example.org/models/iris@sha256:0123…
    """
    from attest.stores.copying import copy_bundles
    from attest.stores.holding import Holding

    sources: list[Iterator[StoredBundle | UnreadBundle]] = [_sidecar(artifact).entries(), iter(_given(bundle or ()))]
    sources += [_opened(url).entries() for url in store or ()]
    entries = list(chain.from_iterable(sources))
    added: list[CopiedBundle] = []
    left_out: list[Finding] = []
    with progress_bar("reading") as progress:
        here = Holding.at(artifact, jobs=_jobs(jobs), progress=progress)
        for url in targets:
            target = _opened(resolved(url, platform))
            copied = copy_bundles(entries, [target], holding=_holding(target.url, here, jobs))
            added += copied.added
            left_out += copied.left_out
    _show("attest-push", added, left_out, format_, output)


def pull(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="oci://HOST/REPOSITORY@sha256:…, or a store.")],
    artifact: Annotated[
        str | None, typer.Argument(metavar="ARTIFACT", help="Put what is about it beside it.", show_default=False)
    ] = None,
    *,
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="URL", help="Put everything into this store: a folder or URL.")
    ] = None,
    platform: PlatformOption = None,
    jobs: JobsOption = 0,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Pull evidence from a registry or a store.

    Byte for byte. Beside an artifact goes what is about its bytes; into a store goes everything. Nothing is verified:
    whoever could write there could put anything there, and `dbom verify` decides what counts.

    Example: dbom attest pull oci://registry.example.org/models/iris:v1 model/
    """
    from attest.stores.copying import copy_bundles
    from attest.stores.holding import Holding

    if artifact is None and not to:
        raise UsageError(USAGE, "nowhere to put it", expected="ARTIFACT or --to URL")
    origin = _opened(resolved(source, platform))
    entries = list(origin.entries())
    added: list[CopiedBundle] = []
    left_out: list[Finding] = []
    if artifact is not None:
        with progress_bar("reading") as progress:
            holding = Holding.at(artifact, jobs=_jobs(jobs), progress=progress)
            copied = copy_bundles(entries, [_sidecar(artifact)], holding=holding)
        added += copied.added
        left_out += copied.left_out
    if to:
        copied = copy_bundles(entries, [_opened(url) for url in to])
        added += copied.added
        left_out += copied.left_out
    _show("attest-pull", added, left_out, format_, output)


def attach(
    artifact: Annotated[str, typer.Argument(metavar="ARTIFACT|URL", help="A file, a folder, or oci://…@sha256:….")],
    *,
    bundle: Annotated[list[Path], typer.Option("--bundle", metavar="FILE", help="The bundle to attach.")],
    store: StoreOption = None,
    platform: PlatformOption = None,
    jobs: JobsOption = 0,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Attach a bundle to the artifact that it is about.

    The artifact is read, and a bundle about anything else is refused. It goes beside the artifact, or refers to it in
    its registry; with --store, into those stores instead.

    Example: dbom attest attach model/ --bundle model.sigstore.json
    """
    from attest.stores.copying import attach_bundles
    from attest.stores.holding import Holding
    from dbom.oci import is_reference

    place = resolved(artifact, platform)
    targets: list[Target] = [_opened(url) for url in store or ()]
    if not targets:
        targets = [_opened(place) if is_reference(place) else _sidecar(place)]
    with progress_bar("reading") as progress:
        holding = Holding.at(place, jobs=_jobs(jobs), offline=current_session().offline, progress=progress)
        added = attach_bundles(_given(bundle), targets, holding=holding)
    _show("attest-attach", added, (), format_, output)


def _show(
    command: str, added: Sequence[CopiedBundle], left_out: Sequence[Finding], format_: TextOrJson, output: Path | None
) -> None:
    if format_ is TextOrJson.JSON:
        document: JsonObject = {
            "added": [
                {"store": printable(item.target), "name": printable(item.name), **claim_document(item.claim)}
                for item in added
            ],
            "leftOut": [finding_document(item) for item in left_out],
        }
        json_result(command, document, output)
    else:
        _say_findings(left_out)
        if added:
            write_result("\n".join(map(_added_line, added)), output)
    if not added:
        say("no bundle was found that belongs there")
        raise typer.Exit(NoEvidenceError.exit_code)


def _added_line(item: CopiedBundle) -> str:
    kind = short_predicate(item.claim.statement.predicate_type)
    place = f"{printable(item.target)}: {printable(item.name)}"
    return f"{kind} sha256:{item.claim.sha256} -> {place}\n  claims to be by {claimed_signer(item.claim)}"


def _say_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        say(finding_line(finding))


def _entries(place: str) -> Iterator[StoredBundle | UnreadBundle]:
    return _opened(place).entries() if "://" in place else _sidecar(place).entries()


def _opened(url: str) -> Store:
    from attest.stores.store import open_store

    return open_store(url, offline=current_session().offline)


def _holding(url: str, here: Holding, jobs: int) -> Holding:
    """Return what evidence in a target must be about: what the registry holds, or else the artifact at hand."""
    from attest.stores.holding import Holding
    from dbom.oci import is_reference

    return Holding.at(url, jobs=_jobs(jobs)) if is_reference(url) else here


def _sidecar(artifact: str) -> Sidecar:
    from attest.stores.sidecar import Sidecar

    (path,) = artifact_paths([artifact])
    return Sidecar.of(path)


def _given(files: Sequence[Path]) -> list[StoredBundle]:
    from attest.files import read_file
    from attest.stores.store import MAX_BUNDLE_BYTES, StoredBundle

    return [StoredBundle.of(read_file(path, limit=MAX_BUNDLE_BYTES, what="bundle"), where=str(path)) for path in files]


def _jobs(jobs: int) -> int:
    return current_settings(jobs=jobs or None).jobs
