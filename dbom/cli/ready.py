"""What a review is judged by: the policies and the evidence that flags and settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.output import say
from dbom.cli.session import current_session, current_settings
from dbom.errors import UsageError
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from admission.evidence import Evidence
    from admission.policy import Policy
    from attest.authority import Authority
    from attest.stores.store import Store

__all__ = ["PolicyOption", "named_stores", "policy_paths", "ready", "tell_evidence"]

PolicyOption = Annotated[
    list[Path] | None,
    typer.Option("--policy", metavar="FILE", help="A policy file, or a folder of them. Can be given several times."),
]


def policy_paths(policy: list[Path] | None) -> list[Path]:
    """Return the policy files and folders that flags name, or settings where no flag does."""
    settings = current_settings()
    files = policy or ([Path(settings.policy)] if settings.policy else [])
    if not files:
        raise UsageError(USAGE, "no policy is given", hint="give --policy FILE; `dbom policy init` writes one")
    return files


def ready(
    policy: list[Path] | None, store: list[str] | None, now: datetime, *, signers: Sequence[Authority] = ()
) -> tuple[tuple[Policy, ...], Evidence]:
    """Return the policies and the evidence that counts for them; findings about the rest are told.

    With `signers`, each policy file must be signed by one of them.
    """
    from admission.policy_files import policies_at
    from admission.syncing import load_evidence

    policies = policies_at(policy_paths(policy), signers=signers, now=now)
    evidence = load_evidence(named_stores(store)[0], policies, now)
    tell_evidence(evidence)
    return policies, evidence


def named_stores(store: list[str] | None) -> tuple[list[Store], list[Path]]:
    """Return the stores that flags or settings name, and the folders of those that lie on this machine."""
    from attest.stores.store import open_store

    settings = current_settings(store=tuple(store or ()))
    stores = [open_store(url, offline=current_session().offline) for url in settings.store]
    if not stores:
        say("no --store is given, so there is no evidence and nothing can be verified")
    local = [Path(url.removeprefix("file://")) for url in settings.store if "://" not in url or url.startswith("file:")]
    return stores, local


def tell_evidence(evidence: Evidence) -> None:
    """Tell how much evidence was read, and with `-v` what of it counts for nothing, and why."""
    uncounted = f", {len(evidence.findings)} of what is there count for no policy" if evidence.findings else ""
    say(f"{evidence.read} bundles read{uncounted}")
    for finding in evidence.findings:
        say(f"  {finding.where}: {finding.message} ({finding.rule})", verbose=True)
