"""What a webhook that runs says of itself (`GET /status`), which `dbom admission status` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.revocation.status import Revocations
from dbom import __version__
from dbom.model import Unknown
from dbom.names import schema_name
from dbom.printable import printable

if TYPE_CHECKING:
    from datetime import datetime

    from admission.counts import Counts
    from admission.live import Live
    from admission.mounted import Loaded
    from dbom.canonical import Json, JsonObject

__all__ = ["instant", "status_document"]


def instant(moment: datetime | None) -> str | None:
    """Return a moment as JSON holds it: RFC 3339."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def status_document(live: Live, now: datetime) -> JsonObject:
    """Return what is known of a webhook at a moment."""
    error = live.last_error
    last: JsonObject | None = None
    if error is not None:
        last = {"at": instant(error.at), "what": error.what, "rule": error.rule}
    certificate = live.certificate
    return {
        "schema": schema_name("admission-serve-status"),
        "version": __version__,
        "startedAt": instant(live.started_at),
        "at": instant(now),
        "ready": not live.not_ready,
        "notReady": live.not_ready,
        "draining": live.draining,
        "policies": [
            {"name": item.name, "namespace": item.namespace, "mode": str(item.mode), "digest": item.digest}
            for item in live.loaded.policies
        ],
        "source": _source(live),
        "evidence": _evidence(live.loaded, now),
        "revocations": _revocations(live.loaded),
        "certificate": {
            "notAfter": None if certificate is None else instant(certificate.expires),
            "error": "" if certificate is None else printable(certificate.error),
        },
        "lastError": last,
        **_counted(live.counts),
        "cache": {
            "hits": int(live.counts.hits.total),
            "misses": int(live.counts.misses.total),
            "entries": len(live.webhook.cache),
            "bytes": live.webhook.cache.size,
        },
        "journal": _journal(live),
    }


def _source(live: Live) -> JsonObject:
    loaded = live.loaded
    return {
        "kind": live.source.kind,
        "digest": loaded.digest,
        "sequence": loaded.sequence,
        "madeAt": instant(loaded.made_at),
        "loadedAt": instant(live.loaded_at),
    }


def _evidence(loaded: Loaded, now: datetime) -> JsonObject:
    evidence = loaded.evidence
    statements = sum(len(found) for item in evidence.policies.values() for found in item.statements.values())
    return {
        "digest": evidence.digest,
        "bundles": evidence.read,
        "statements": statements,
        "findings": len(evidence.findings),
        "syncedAt": instant(evidence.synced_at),
        "ageSeconds": None if evidence.synced_at is None else (now - evidence.synced_at).total_seconds(),
    }


def _revocations(loaded: Loaded) -> list[Json]:
    found: list[Json] = []
    for policy, item in sorted(loaded.evidence.policies.items()):
        if isinstance(item.revocations, Unknown):
            found.append({"policy": policy, "unknown": item.revocations.reason})
        elif isinstance(item.revocations, Revocations):
            found.extend({"policy": policy, "unknown": doubt.message} for doubt in item.revocations.doubts)
            found.extend(
                {
                    "policy": policy,
                    "publisher": printable(str(verified.signer)),
                    "sequence": head.sequence,
                    "at": instant(head.issued),
                }
                for verified, head in item.revocations.current
            )
    return found


def _counted(counts: Counts) -> JsonObject:
    decisions: list[Json] = [
        {"verdict": verdict, "mode": mode, "allowed": allowed == "true", "count": int(count)}
        for (verdict, mode, allowed), count in counts.decisions.items()
    ]
    return {
        "reloadFailures": int(counts.reload_failures.total),
        "decisions": decisions,
        "dryRuns": int(counts.dry_runs.total),
        "late": int(counts.late.total),
        "malformed": int(counts.malformed.total),
    }


def _journal(live: Live) -> JsonObject | None:
    journal = live.webhook.journal
    if journal is None:
        return None
    failed = journal.last_error
    head: JsonObject = {"number": journal.head.number, "digest": journal.head.digest}
    return {"records": journal.records, "head": head, "lastError": "" if failed is None else printable(failed[1])}
