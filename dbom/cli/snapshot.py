"""`dbom admission snapshot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbom.cli.options import StoreOption
from dbom.cli.output import say
from dbom.cli.policy_signers import PolicySigners, with_policy_signer_flags
from dbom.cli.ready import PolicyOption, policy_paths, ready
from dbom.printable import printable

__all__ = ["snapshot"]


@with_policy_signer_flags
def snapshot(
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="The folder that webhooks read it from.")
    ],
    policy: PolicyOption = None,
    store: StoreOption = None,
    namespace: Annotated[
        str, typer.Option("--namespace", metavar="NS", help="Whose policies hold for the whole cluster.")
    ] = "dbom-system",
    policy_signers: PolicySigners,
) -> None:
    """Write policies and verified evidence as a snapshot for webhooks.

    The evidence is verified here, once: `dbom admission serve --snapshot DIR` verifies nothing again, and is ready
    within seconds. So who may write to DIR decides what the webhook believes. In a cluster the controller writes
    snapshots; this is for clusters without it. A webhook that runs takes the new snapshot as soon as it is whole.

    Example: dbom admission snapshot --policy policies/ --store s3://evidence/ -o /var/lib/dbom/snapshot
    """
    from datetime import UTC, datetime

    from admission.policy_files import policy_files
    from admission.policy_sources import read_sources
    from admission.snapshot import next_sequence, pack_snapshot, read_manifest, write_snapshot

    now = datetime.now(UTC)
    sources = read_sources(policy_files(policy_paths(policy)), own_namespace=namespace)
    _, evidence = ready(policy, store, now, signers=policy_signers.authorities())
    packed = pack_snapshot(sources, evidence, own_namespace=namespace)
    before = read_manifest(output).sequence if (output / "snapshot.json").exists() else 0
    manifest = write_snapshot(str(output), packed, sequence=next_sequence(before, now), made_at=now)
    size = sum(size for _, size in manifest.pieces)
    say(f"snapshot {manifest.sequence}: {len(manifest.pieces)} pieces, {size} bytes, in {printable(str(output))}")
