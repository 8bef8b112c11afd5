"""The evidence that the gate has at hand: read from stores that anybody may have written to."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from admission.syncing import load_evidence
from attest.stores.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

_NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_an_entry_that_cannot_be_read_is_a_finding_and_spoils_no_store(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bom-0000000000000000.sigstore.json")
    (tmp_path / "bom-1111111111111111.sigstore.json").write_bytes(b"{}")
    evidence = load_evidence([open_store(str(tmp_path))], [], _NOW)
    assert 1 == evidence.read
    assert ["undecided: not read: is not a regular file"] == [finding.message for finding in evidence.findings]


def test_without_a_policy_nothing_counts(tmp_path: Path) -> None:
    evidence = load_evidence([open_store(str(tmp_path))], [], _NOW)
    assert ({}, 0, ()) == (dict(evidence.policies), evidence.read, evidence.findings)
