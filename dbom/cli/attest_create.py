"""`dbom attest create`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.artifacts import artifact_paths, stated_digest
from dbom.cli.options import (
    FormatOption,
    IgnoreOption,
    JobsOption,
    NoDefaultIgnoresOption,
    OutputOption,
    StoreOption,
    TextOrJson,
)
from dbom.cli.output import json_result, write_result
from dbom.cli.progress import progress_bar
from dbom.cli.session import current_session, current_settings
from dbom.cli.signers import SignerFlags, with_signer_flags
from dbom.errors import UsageError
from dbom.ignores import chosen_ignores
from dbom.names import short_predicate
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from attest.creating import Created, GivenPredicate
    from dbom.canonical import JsonObject

__all__ = ["create"]


@with_signer_flags
def create(
    artifact: Annotated[
        str | None, typer.Argument(metavar="ARTIFACT", help="The file or folder that it is about.", show_default=False)
    ] = None,
    *,
    predicate: Annotated[Path, typer.Option("--predicate", metavar="FILE", help="The predicate, a JSON object.")],
    predicate_type: Annotated[
        str, typer.Option("--predicate-type", metavar="URI", help="Its type, such as https://slsa.dev/provenance/v1.")
    ],
    digest: Annotated[
        str | None,
        typer.Option("--digest", metavar="DIGEST", help="In place of ARTIFACT: a digest, such as an image manifest's."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="With --digest: the name that the statement carries.")
    ] = None,
    store: StoreOption = None,
    ignore: IgnoreOption = None,
    no_default_ignores: NoDefaultIgnoresOption = False,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Read links that lead out of a tree, and say so.")
    ] = False,
    jobs: JobsOption = 0,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
    signer_flags: SignerFlags,
) -> None:
    """Sign any predicate about an artifact.

    The bytes are read, the statement names them by their digest, and the bundle goes beside them and into the stores.
    Predicates of types whose form is known (CycloneDX, SLSA provenance and verification summaries, locations) are
    checked first; malformed ones aren't signed.

    Example: dbom attest create model/ --predicate eval.json --predicate-type https://example.org/evaluation/v1
    """
    from attest.creating import attest_artifact, attest_digest
    from attest.stores.store import open_store

    if (artifact is None) == (digest is None):
        raise UsageError(USAGE, "one thing to sign about", expected="ARTIFACT or --digest")
    if (name is None) != (digest is None):
        raise UsageError(USAGE, "--digest and --name go together")
    settings = current_settings(store=tuple(store or ()), ignore=tuple(ignore or ()), jobs=jobs or None)
    given = _given(predicate, predicate_type)
    signer = signer_flags.signer()
    stores = [open_store(url, offline=current_session().offline) for url in settings.store]
    if digest is not None:
        made = attest_digest(stated_digest(digest), name or "", given, signer, stores=stores)
    else:
        (path,) = artifact_paths([artifact or ""])
        with progress_bar(f"reading {printable(str(path))}") as progress:
            made = attest_artifact(
                path,
                given,
                signer,
                stores=stores,
                ignores=chosen_ignores(settings.ignore, defaults=not no_default_ignores),
                follow_links=follow_links,
                jobs=settings.jobs,
                progress=progress,
            )
    if format_ is TextOrJson.JSON:
        json_result("attest-create", _document(made), output)
    else:
        write_result(_text(made, signer.describe()), output)


def _given(path: Path, predicate_type: str) -> GivenPredicate:
    from attest.creating import GivenPredicate
    from attest.files import read_file
    from dbom.canonical import MAX_DOCUMENT_BYTES, json_object

    where = printable(str(path))
    data = read_file(path, limit=MAX_DOCUMENT_BYTES, what="predicate")
    return GivenPredicate(predicate_type, json_object(data, where=where), where)


def _text(made: Created, signer: str) -> str:
    kind = short_predicate(made.signed.statement.predicate_type)
    lines = [f"{printable(made.subject.name)}: {made.subject.digest}"]
    lines += [f"  {kind} -> {printable(url)}: {printable(name)}" for url, name in made.places]
    return "\n".join([*lines, f"signed by {signer}"])


def _document(made: Created) -> JsonObject:
    return {
        "name": printable(made.subject.name),
        "digest": str(made.subject.digest),
        "predicateType": printable(made.signed.statement.predicate_type),
        "sha256": made.signed.sha256,
        "stored": [{"store": printable(url), "name": printable(name)} for url, name in made.places],
    }
