"""The room that a journal takes: the oldest goes where it may take only so much, and what is missing is told."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from admission.journal import Journal, Rotation
from admission.journal.files import full_files
from admission.journal.heads import HeadKeeper, heads_path, read_heads
from admission.journal.reporting import Window, read_journals, report_on
from admission.journal.space import JournalSpace, trim_lines
from admission.metrics import Metrics
from attest.authority import Authority
from attest.signers.key_signing import KeySigner
from attest.signers.keys import generate_key, public_pem
from dbom.model import Severity
from dbom.rules.journals import JOURNAL_GAP

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from dbom.canonical import JsonObject

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def quiet(said: JsonObject) -> None:
    del said


def long_journal(path: Path) -> Journal:
    journal = Journal.open(path, at=NOW, facts={}, rotation=Rotation(most_bytes=2000), replica="a")
    for number in range(60):
        journal.record("decision", at=NOW, facts={"n": number}, durable=False)
    journal.flush()
    return journal


def test_the_oldest_files_go_until_the_rest_takes_no_more_than_it_may(tmp_path: Path) -> None:
    told: list[JsonObject] = []
    journal = long_journal(tmp_path / "j")
    before = full_files(tmp_path / "j")
    assert len(before) > 4
    space = JournalSpace(tmp_path / "j", told.append, most=5000)
    gone = space.prune()
    left = full_files(tmp_path / "j")
    assert gone == [item.name for item in before[: len(gone)]]
    assert left == before[len(gone) :]
    assert sum(item.stat().st_size for item in [*left, tmp_path / "j"]) <= 5000
    assert [item["deleted"] for item in told] == [gone]
    assert space.prune() == []
    # The journal goes on, and is found again by a gate that starts anew.
    journal.record("decision", at=NOW, facts={}, durable=True)
    journal.close(at=NOW)
    Journal.open(tmp_path / "j", at=NOW, facts={}, replica="a").close(at=NOW)


def test_a_report_says_that_the_beginning_is_missing(tmp_path: Path) -> None:
    long_journal(tmp_path / "j").close(at=NOW)
    whole = report_on(read_journals([tmp_path], Window()), Window(), heads=None)
    assert JOURNAL_GAP.id not in {item.rule for item in whole.findings}
    JournalSpace(tmp_path / "j", quiet, most=5000).prune()
    cut = report_on(read_journals([tmp_path], Window()), Window(), heads=None)
    (said,) = (item for item in cut.findings if item.rule == JOURNAL_GAP.id)
    assert said.severity is Severity.WARNING  # it can't be told; nothing that is there is false
    assert "come before this file, and aren't given" in said.message


def test_the_newest_full_file_stays_whatever_it_takes(tmp_path: Path) -> None:
    """A gate that ended between two files goes on from it."""
    long_journal(tmp_path / "j").close(at=NOW)
    JournalSpace(tmp_path / "j", quiet, most=1).prune()
    assert len(full_files(tmp_path / "j")) == 1


def test_nothing_is_deleted_where_nothing_was_said(tmp_path: Path) -> None:
    long_journal(tmp_path / "j").close(at=NOW)
    before = sorted(tmp_path.iterdir())
    assert JournalSpace(tmp_path / "j", quiet).prune() == []
    assert sorted(tmp_path.iterdir()) == before


def test_what_can_not_be_deleted_is_said_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[JsonObject] = []
    long_journal(tmp_path / "j").close(at=NOW)
    space = JournalSpace(tmp_path / "j", told.append, most=5000)
    with monkeypatch.context() as patched:

        def refuse(self: Path, *, missing_ok: bool = False) -> None:
            del missing_ok
            raise PermissionError(13, "Permission denied", str(self))

        patched.setattr("pathlib.Path.unlink", refuse)
        assert space.prune() == []
    assert [item["error"] for item in told] == ["j: nothing can be deleted: Permission denied"]
    assert space.prune() != []


def test_a_thread_prunes_until_it_is_stopped_and_metrics_say_what_is_left(tmp_path: Path) -> None:
    long_journal(tmp_path / "j").close(at=NOW)
    stop, pruned, metrics = threading.Event(), threading.Event(), Metrics()
    space = JournalSpace(tmp_path / "j", lambda _: pruned.set(), most=5000)
    space.show_in(metrics)
    assert b"\ndbom_admission_journal_deleted_total 0" in metrics.text()
    thread = threading.Thread(target=space.run, args=(stop,), kwargs={"every": 0.01})
    thread.start()
    assert pruned.wait(30)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    text = metrics.text()
    assert f"\ndbom_admission_journal_deleted_total {space.deleted}".encode() in text
    assert b"\ndbom_admission_journal_free_bytes " in text
    gone = Metrics()
    JournalSpace(tmp_path / "nowhere" / "j", quiet).show_in(gone)
    assert b"\ndbom_admission_journal_free_bytes " not in gone.text()


def test_lines_are_left_whole_and_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    lines = [b"%06d\n" % number for number in range(100)]
    path.write_bytes(b"".join(lines))
    trim_lines(path, 700)
    assert path.read_bytes() == b"".join(lines)
    trim_lines(path, 699)
    kept = path.read_bytes().splitlines(keepends=True)
    assert kept == lines[-len(kept) :]
    assert 300 <= len(b"".join(kept)) <= 350
    assert path.stat().st_mode & 0o077 == 0


def test_heads_take_no_more_than_they_may_and_the_newest_prove_the_end(tmp_path: Path) -> None:
    key = generate_key()
    journal = Journal.open(tmp_path / "j", at=NOW, facts={}, replica="a")
    keeper = HeadKeeper(journal, KeySigner(key), lambda _: None, most=20_000)
    for number in range(40):
        journal.record("decision", at=NOW, facts={"n": number}, durable=True)
        assert keeper.sign()
    assert heads_path(tmp_path / "j").stat().st_size <= 20_000
    heads, findings = read_heads(heads_path(tmp_path / "j"), [Authority("k", key_pem=public_pem(key))], now=NOW)
    assert findings == ()
    assert (heads[-1].head.number, heads[0].head.number > 1) == (40, True)
    journal.close(at=NOW)
