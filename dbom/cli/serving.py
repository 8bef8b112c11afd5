"""What `dbom admission serve` writes while it serves: log lines and the journal."""

from __future__ import annotations

import json
import sys
import threading
from typing import TYPE_CHECKING

from dbom import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from admission.evidence import Evidence
    from admission.journal import Journal
    from admission.policy import Policy
    from dbom.canonical import JsonObject

__all__ = ["log_line", "open_journal"]

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
