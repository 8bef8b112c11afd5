"""The journal is one chain: what is changed, left out or moved is seen, and a crash leaves it readable."""

from __future__ import annotations

import resource
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from admission.journal import Journal, check_journal
from dbom.errors import EvidenceError, PathError

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def written(path: Path, decisions: int = 2, *, closed: bool = True) -> bytes:
    journal = Journal.open(path, at=NOW, facts={"version": "1"})
    for number in range(decisions):
        journal.record("decision", at=NOW, facts={"n": number}, durable=bool(number))
    if closed:
        journal.close(at=NOW)
    return path.read_bytes()


def test_a_journal_holds_together_from_start_to_end(tmp_path: Path) -> None:
    data = written(tmp_path / "j")
    summary = check_journal(data, where="j")
    assert (summary.records, summary.decisions, summary.is_open, summary.unclean_stops) == (4, 2, False, ())
    assert (tmp_path / "j").stat().st_mode & 0o077 == 0


def test_it_is_continued_where_it_ended(tmp_path: Path) -> None:
    written(tmp_path / "j")
    summary = check_journal(written(tmp_path / "j"), where="j")
    assert (summary.records, summary.decisions) == (8, 4)


def test_a_stop_without_an_end_record_is_named(tmp_path: Path) -> None:
    written(tmp_path / "j", closed=False)
    summary = check_journal(written(tmp_path / "j"), where="j")
    assert summary.unclean_stops == (3,)


def test_a_torn_last_line_is_closed_and_named(tmp_path: Path) -> None:
    data = written(tmp_path / "j", closed=False)
    (tmp_path / "j").write_bytes(data + b'{"half')
    summary = check_journal(written(tmp_path / "j"), where="j")
    assert (summary.decisions, summary.is_open) == (4, False)


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


@pytest.mark.parametrize(
    "tampered",
    [
        lambda data: data.replace(b'"n":0', b'"n":5'),
        lambda data: b"".join([_lines(data)[0], *_lines(data)[2:]]),
        lambda data: b"".join([_lines(data)[0], _lines(data)[2], _lines(data)[1], _lines(data)[3]]),
        lambda data: data + _lines(data)[1],
        lambda data: b"".join(_lines(data)[1:]),
        lambda data: data[:-5],
        lambda data: data.replace(b'"n":0', b'"n": 0'),
        lambda data: b"x\n" + data,
        lambda data: data + b"x\n",
        lambda data: data.replace(b'"decision"', b'"other"'),
    ],
)
def test_whatever_is_tampered_with_is_seen(tampered: object, tmp_path: Path) -> None:
    assert callable(tampered)
    changed = tampered(written(tmp_path / "j"))
    with pytest.raises(EvidenceError) as caught:
        check_journal(changed, where="j")
    assert caught.value.rule.id == "DBOM-560"


def test_a_broken_journal_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(written(tmp_path / "j").replace(b'"n":0', b'"n":5'))
    with pytest.raises(EvidenceError):
        Journal.open(tmp_path / "j", at=NOW, facts={})


def test_a_place_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PathError) as caught:
        Journal.open(tmp_path / "gone" / "j", at=NOW, facts={})
    assert caught.value.rule.id == "DBOM-561"


def test_what_a_full_disk_left_of_a_record_is_taken_back(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    before = (tmp_path / "j").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 20, limits[1]))
    try:
        with pytest.raises(PathError, match="can't be written"):
            journal.record("decision", at=NOW, facts={}, durable=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "j").stat().st_size == before
    journal.record("decision", at=NOW, facts={}, durable=True)
    journal.close(at=NOW)
    assert check_journal((tmp_path / "j").read_bytes(), where="j").decisions == 1


def test_a_second_gate_on_the_same_journal_is_noticed(tmp_path: Path) -> None:
    first = Journal.open(tmp_path / "j", at=NOW, facts={})
    written(tmp_path / "j")
    with pytest.raises(PathError, match="somebody else writes to it"):
        first.record("decision", at=NOW, facts={}, durable=False)


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    journal.close(at=NOW)
    with pytest.raises(PathError, match="can't be written"):
        journal.record("decision", at=NOW, facts={}, durable=True)
