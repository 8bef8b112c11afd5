"""`dbom attest revoke` and `dbom attest revocations publish|status`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, JobsOption, OutputOption, StoreOption, TextOrJson
from dbom.cli.output import json_result, say, write_result
from dbom.cli.revocation_shown import (
    head_document,
    head_text,
    made_document,
    made_text,
    status_document,
    status_text,
)
from dbom.cli.revoked import StatedSigner, stated_revocation
from dbom.cli.revokers import Revoking, remember_heads, seen_heads, with_revoker_flags
from dbom.cli.session import current_session, current_settings
from dbom.cli.signers import SignerFlags, with_signer_flags
from dbom.errors import UndecidedError, UsageError
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from attest.stores.copying import Target
    from attest.stores.store import Store

__all__ = ["publish", "revoke", "status"]


@with_signer_flags
def revoke(
    artifact: Annotated[
        str | None,
        typer.Argument(
            metavar="DIGEST|PATH", help="The artifact to revoke: its digest, or where it is.", show_default=False
        ),
    ] = None,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; whoever is refused reads it.")],
    signer: Annotated[
        bool, typer.Option("--signer", help="Revoke a signer: --identity with --issuer, or --key.")
    ] = False,
    identity: Annotated[str | None, typer.Option("--identity", metavar="ID", help="The signer to revoke.")] = None,
    issuer: Annotated[str | None, typer.Option("--issuer", metavar="URL", help="Who vouches for that signer.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="PUB", help="The public key to revoke.")] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            "--under", metavar="FILE", help="Only what rests on this trusted_root.json; else whatever the root."
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Only what was signed from then on (2026-06-01T12:00:00Z)."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only what was signed before then; not of a key.")
    ] = None,
    store: StoreOption = None,
    jobs: JobsOption = 0,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
    signer_flags: SignerFlags,
) -> None:
    """Sign that an artifact or a signer counts no more.

    It counts for whoever lists you as a revoker, and for what you signed yourself. It goes into --store, and beside the
    artifact where that is at hand. Then make a new head with `dbom attest revocations publish`, so that nobody can
    leave it out. A revocation is for good: nothing takes it back.

    Example: dbom attest revoke tree:sha256:4f2a… --reason "trained on withdrawn data" --store s3://evidence/revoked
    """
    from attest.revocation.publishing import publish_revocation
    from attest.stores.store import open_store

    stated = StatedSigner(identity, issuer, key, root, from_, until)
    selector = stated.selector() if signer else None
    if selector is None and (artifact is None or stated != StatedSigner()):
        raise UsageError(USAGE, "nothing to revoke", expected="DIGEST|PATH, or --signer with --identity or --key")
    if selector is not None and artifact is not None:
        raise UsageError(USAGE, "an artifact and a signer are two revocations", hint="revoke one, then the other")
    if not reason.strip():
        raise UsageError(USAGE, "a revocation without a reason", hint="say why with --reason")
    settings = current_settings(store=tuple(store or ()), jobs=jobs or None)
    targets: list[Target] = [open_store(url, offline=current_session().offline) for url in settings.store]
    statement, beside = stated_revocation(artifact, selector, reason, jobs=settings.jobs)
    who = signer_flags.signer()
    made = publish_revocation(statement, who, [*targets, *beside])
    if format_ is TextOrJson.JSON:
        json_result("attest-revoke", made_document(made), output)
    else:
        write_result(made_text(made, who.describe()), output)
    say("publish a new head: dbom attest revocations publish STORE")


@with_signer_flags
@with_revoker_flags
def publish(
    store: Annotated[str, typer.Argument(metavar="STORE", help="The store that your revocations are in.")],
    *,
    days: Annotated[int, typer.Option("--days", min=1, metavar="N", help="How long the head holds.")] = 7,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
    revoking: Revoking,
    signer_flags: SignerFlags,
) -> None:
    """Sign a new head over your revocations in a store.

    It lists all of them, with a sequence and an expiry.

    Whoever asks for revocations can't tell without a current head, so publish one before the last one expires, also
    when nothing new is revoked. Keep --days short: until then, whoever keeps the store can hold back what is newer.
    A keyless signer says with the --revoker flags as whom others expect them.

    Example: dbom attest revocations publish s3://evidence/revoked --signing-key revoker.key
    """
    from attest.revocation.publishing import own_authority, publish_head

    if revoking.revocations or revoking.require_revocations or revoking.revoker_scope:
        raise UsageError(USAGE, "a head is about STORE alone, and about all that you revoked there")
    named = revoking.authorities()
    if len(named) > 1:
        raise UsageError(USAGE, "a head is one publisher's", got=f"{len(named)} revokers", expected="1")
    who = signer_flags.signer()
    authority = named[0] if named else own_authority(who)
    made = publish_head(_opened(store), who, authority, days=days, now=datetime.now(UTC), seen=seen_heads())
    remember_heads(made.remember)
    for finding in made.findings:
        say(f"{finding.severity}: {finding.where}: {finding.message} ({finding.rule}); it isn't listed")
    if format_ is TextOrJson.JSON:
        json_result("attest-revocations-publish", head_document(made), output)
    else:
        write_result(head_text(made, store), output)


@with_revoker_flags
def status(
    *,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
    revoking: Revoking,
) -> None:
    """Show what is revoked by whom, and whether that is all.

    Exit 3: it can't be told, since a revoker's head is missing, expired, older than one seen before, or lists what
    isn't there.

    Example: dbom attest revocations status --revoker revoker.pub --revocations s3://evidence/revoked
    """
    now = datetime.now(UTC)
    if not revoking.revocations:
        raise UsageError(USAGE, "no store of revocations named", expected="--revocations URL")
    known = revoking.check((), now=now).settled((), now=now)
    if format_ is TextOrJson.JSON:
        json_result("attest-revocations-status", status_document(known), output)
    else:
        write_result(status_text(known), output)
    if known.doubts:
        raise typer.Exit(UndecidedError.exit_code)


def _opened(url: str) -> Store:
    from attest.stores.store import open_store

    return open_store(url, offline=current_session().offline)
