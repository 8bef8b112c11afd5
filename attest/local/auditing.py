"""Checking everything that a local Sigstore logged: each log of each generation, older heads, and whole bundles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attest.local.checking import check_log, logs_of
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.local.checking import CheckedLog, LocalLog, LoggingSigstore
    from attest.local.checkpoints import Checkpoint
    from attest.local.logged import LoggedBundle

__all__ = ["Audit", "audit"]


@dataclass(frozen=True, slots=True)
class Audit:
    """Every log as it was found, and `faults` that belong to none of them."""

    logs: tuple[CheckedLog, ...]
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.faults and all(item.holds for item in self.logs)


def audit(
    sigstore: LoggingSigstore, *, since: Sequence[Checkpoint] = (), bundles: Sequence[LoggedBundle] = ()
) -> Audit:
    """Check every log of a Sigstore in a folder; each older head must be continued, and each bundle be in them.

    Raises `PathError` where a log can't be read, or where the trust root doesn't name its key.
    """
    logs = logs_of(sigstore)
    checked = tuple(
        check_log(
            log,
            since=[item for item in since if item.name == log.name],
            bundles=[part for item in bundles if (part := _of_log(item, log, logs)) is not None],
        )
        for log in logs
    )
    return Audit(checked, (*_strange_heads(since, logs), *_strange_bundles(bundles, logs)))


def _of_log(bundle: LoggedBundle, log: LocalLog, logs: Sequence[LocalLog]) -> LoggedBundle | None:
    """Return what `log` must hold of a bundle: entries by the log's id, the certificate in the same generation."""
    if log.logs_certificates:
        ids = {entry.log_id for entry in bundle.entries}
        generations = {item.generation for item in logs if item.log_id in ids}
        return replace(bundle, entries=()) if log.generation in generations else None
    mine = tuple(entry for entry in bundle.entries if entry.log_id == log.log_id)
    return replace(bundle, entries=mine) if mine else None


def _strange_heads(since: Sequence[Checkpoint], logs: Sequence[LocalLog]) -> Iterator[str]:
    known = {log.name for log in logs}
    for head in since:
        if head.name not in known:
            yield f"the older head is of another log: {printable(head.name)}"


def _strange_bundles(bundles: Sequence[LoggedBundle], logs: Sequence[LocalLog]) -> Iterator[str]:
    known = {log.log_id for log in logs if not log.logs_certificates}
    for bundle in bundles:
        if not bundle.entries:
            yield f"{bundle.where} names no log entry"
        for entry in bundle.entries:
            if entry.log_id not in known:
                yield f"{bundle.where} names an entry of another log: {printable(entry.log_id)}"
