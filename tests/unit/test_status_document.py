"""What a webhook that runs says of itself: heads of revocations, its certificate, its journal, its last error."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from judging import NOW
from snapshot_samples import BUNDLES, evidence_of, source

from admission.certificates import write_self_signed
from admission.counts import Counts
from admission.journal import Journal
from admission.live import Live
from admission.mounted import MountedSnapshot
from admission.snapshot import pack_snapshot, write_snapshot
from attest.http_server import Certificate
from dbom.errors import PathError

if TYPE_CHECKING:
    from pathlib import Path

    from admission.policy_sources import PolicySource
    from dbom.canonical import JsonObject


def status(folder: Path, *sources: PolicySource, journal: Journal | None = None) -> JsonObject:
    """Return the status of a webhook that has loaded a snapshot of these policies."""
    write_snapshot(str(folder), pack_snapshot(sources, evidence_of(sources, BUNDLES)), sequence=7, made_at=NOW)
    files = write_self_signed(folder / "tls", now=NOW)
    certificate = Certificate(files.certificate, files.key, lambda _: None)
    live = Live(MountedSnapshot(folder), lambda: NOW, lambda _: None, Counts(), certificate=certificate)
    live.check()
    if journal is not None:
        live.record_in(journal)
    return live.status()


def test_the_heads_of_revocations_are_told_with_their_publisher(tmp_path: Path) -> None:
    found = status(tmp_path, source("p", "", "revocation"), source("q"))
    assert isinstance(found["revocations"], list)
    told = [item for item in found["revocations"] if isinstance(item, dict)]
    assert {"p", "q"} == {item["policy"] for item in told}
    assert [2] == [item["sequence"] for item in told if "sequence" in item]
    assert all("publisher" in item or item["unknown"] for item in told)
    assert isinstance(found["source"], dict)
    instant = NOW.isoformat().replace("+00:00", "Z")
    assert ("snapshot", 7, instant) == tuple(found["source"][key] for key in ("kind", "sequence", "madeAt"))


def test_a_journal_that_failed_is_told(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal", at=NOW, facts={})
    (tmp_path / "journal").unlink()
    with suppress(PathError):
        journal.record("decision", at=NOW, facts={}, durable=True)
    found = status(tmp_path / "snapshot", source(), journal=journal)
    with suppress(PathError):
        journal.close(at=NOW)
    assert isinstance(found["journal"], dict)
    assert "somebody removed it" in str(found["journal"]["lastError"])
    assert 0 == found["journal"]["records"]
