"""What `dbom admission serve` writes while it serves: log lines and the journal."""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbom import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from admission.counts import Counts
    from admission.evidence import Evidence
    from admission.journal import Journal
    from admission.journal.heads import HeadKeeper
    from admission.mounted import Loaded, Source
    from attest.http_server import Certificate
    from attest.signers.signing import Signer
    from dbom.canonical import JsonObject

__all__ = ["log_line", "open_journal", "serve_webhook"]

_LOCK = threading.Lock()
_HEADS_SHARE = 8
"""Of what a journal may take, heads take so small a part."""
_LONGEST_SIGNING = 10
"""Seconds to wait, when it ends, for a head that is just being signed."""


def log_line(document: JsonObject) -> None:
    """Write one line of JSON to stderr, whole even where several threads write."""
    _write(json.dumps(document, ensure_ascii=True) + "\n")


def _write(lines: str) -> None:
    with _LOCK:
        sys.stderr.write(lines)
        sys.stderr.flush()


def open_journal(path: Path | None, loaded: Loaded, now: datetime) -> Journal | None:
    """Open the journal, its start record naming what this gate decides by; None where none is kept.

    The replica is the pod's name, where the variable POD_NAME says it.
    """
    from admission.journal import Journal

    if path is None:
        return None
    facts: JsonObject = {
        "version": __version__,
        "policies": {policy.name: policy.digest for policy in loaded.policies},
        "evidence": loaded.evidence.digest,
        "bundles": loaded.evidence.read,
    }
    return Journal.open(path, at=now, facts=facts, replica=os.environ.get("POD_NAME", ""))


def serve_webhook(
    source: Source,
    *,
    address: tuple[str, int],
    certificate: Certificate,
    journal: Path | None,
    drain: float,
    most: int | None = None,
    told: Callable[[Evidence], None],
    signer: Signer | None = None,
) -> None:
    """Serve until SIGTERM from what `source` gives, and keep the journal where one is asked for.

    With `signer`, the journal's head is signed each minute, and the last one when it is closed. Where it may take no
    more than `most` bytes, its oldest full files are deleted.
    Files must be usable from the beginning, and `told` is given their evidence; a snapshot may come later.
    """
    from admission.counts import Counts
    from admission.gathered_log import GatheredLog
    from admission.live import Live
    from admission.server import Server

    counts, log = Counts(), GatheredLog(_write)
    certificate.log = log
    live = Live(source, lambda: datetime.now(UTC), log, counts, certificate=certificate)
    if source.kind == "files":
        live.load()
        told(live.loaded.evidence)
    else:
        live.check()
    record = open_journal(journal, live.loaded, datetime.now(UTC))
    if record is not None:
        live.record_in(record)
    heads = None if record is None or signer is None else _head_keeper(record, signer, counts, log, most)
    server = Server(live, certificate, log, counts=counts, drain=drain)
    stop = threading.Event()
    if record is not None:
        _watch_space(record.path, log, most, counts, stop)
    watch = threading.Thread(target=live.run, args=(stop,), name="watch", daemon=True)
    keeping = threading.Thread(target=_keep_heads, args=(heads, stop), name="heads", daemon=True)
    # What was read for good isn't looked through again for circles of garbage.
    gc.collect()
    gc.freeze()
    try:
        watch.start()
        keeping.start()
        server.run(*address, started=lambda at, on: log({"event": "listening", "host": at, "port": on}))
    finally:
        stop.set()
        if record is not None:
            record.close(at=datetime.now(UTC))
        keeping.join(_LONGEST_SIGNING)
        if heads is not None:
            heads.sign()
        log.close()
    log({"event": "stopped"})


def _head_keeper(
    record: Journal, signer: Signer, counts: Counts, log: Callable[[JsonObject], None], most: int | None
) -> HeadKeeper:
    from admission.journal.heads import HeadKeeper

    keeper = HeadKeeper(record, signer, log, most=None if most is None else most // _HEADS_SHARE)
    keeper.show_in(counts.metrics)
    return keeper


def _watch_space(
    path: Path, log: Callable[[JsonObject], None], most: int | None, counts: Counts, stop: threading.Event
) -> None:
    """Have a thread look to the room that the journal takes, until `stop` is set."""
    from admission.journal.space import JournalSpace

    space = JournalSpace(path, log, most)
    space.show_in(counts.metrics)
    threading.Thread(target=space.run, args=(stop,), name="space", daemon=True).start()


def _keep_heads(heads: HeadKeeper | None, stop: threading.Event) -> None:
    if heads is not None:
        heads.run(lambda: datetime.now(UTC), stop)
