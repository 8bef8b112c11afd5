"""What `dbom admission serve` writes while it serves: log lines and the journal."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbom import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from admission.evidence import Evidence
    from admission.journal import Journal
    from admission.policy import Policy
    from dbom.canonical import JsonObject

__all__ = ["log_line", "open_journal", "serve_webhook"]

_LOCK = threading.Lock()


def log_line(document: JsonObject) -> None:
    """Write one line of JSON to stderr, whole even where several threads write."""
    line = json.dumps(document, ensure_ascii=True)
    with _LOCK:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def open_journal(path: Path | None, policies: Sequence[Policy], evidence: Evidence, now: datetime) -> Journal | None:
    """Open the journal, its start record naming what this gate decides by; None where none is kept."""
    from admission.journal import Journal

    if path is None:
        return None
    facts: JsonObject = {
        "version": __version__,
        "policies": {policy.name: policy.digest for policy in policies},
        "evidence": evidence.digest,
        "bundles": evidence.read,
    }
    return Journal.open(path, at=now, facts=facts)


def serve_webhook(
    policies: Sequence[Policy],
    evidence: Evidence,
    *,
    address: tuple[str, int],
    files: tuple[Path, Path],
    journal: Path | None,
) -> None:
    """Serve until SIGTERM, with the certificate and key of `files`, and keep the journal where one is asked for."""
    from admission.server import Certificate, Server
    from admission.webhook import Webhook

    record = open_journal(journal, policies, evidence, datetime.now(UTC))
    webhook = Webhook(policies, evidence, lambda: datetime.now(UTC), record)
    server = Server(webhook, Certificate(*files, log_line), log_line)
    try:
        server.run(*address, started=lambda at, on: log_line({"event": "listening", "host": at, "port": on}))
    finally:
        if record is not None:
            record.close(at=datetime.now(UTC))
    log_line({"event": "stopped"})
