"""Heads of a journal: signed now and then, told elsewhere, and worth only what their signature is."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from admission.journal import Journal
from admission.journal.heads import HeadKeeper, head_statement, heads_path, read_heads
from admission.metrics import Metrics
from attest.authority import Authority
from attest.signers.key_signing import KeySigner
from attest.signers.keys import generate_key, public_pem
from attest.statement import Statement, Subject
from dbom.errors import PathError, SigningError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM
from dbom.rules.attestations import SELF_CHECK

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import JsonObject

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEY = generate_key()
EXPECTED = [Authority("heads", key_pem=public_pem(KEY))]


class Failing:
    """A signer that can't."""

    identity = None

    def describe(self) -> str:
        """Say who signs."""
        return "nobody"

    def sign(self, statement: Statement) -> bytes:
        """Fail."""
        raise SigningError(SELF_CHECK, f"no signature of {statement.predicate_type}")


@pytest.fixture(name="journal")
def make_journal(tmp_path: Path) -> Journal:
    return Journal.open(tmp_path / "journal.jsonl", at=NOW, facts={}, replica="a")


def test_each_minute_the_head_is_signed_if_it_moved(journal: Journal) -> None:
    told: list[JsonObject] = []
    keeper = HeadKeeper(journal, KeySigner(KEY), told.append)
    assert keeper.tick(NOW)
    journal.record("decision", at=NOW, facts={}, durable=False)
    assert not keeper.tick(NOW + timedelta(seconds=59))
    assert keeper.tick(NOW + timedelta(seconds=60))
    assert not keeper.tick(NOW + timedelta(seconds=120))
    journal.close(at=NOW)
    assert keeper.sign()
    heads, findings = read_heads(heads_path(journal.path), EXPECTED, now=NOW)
    assert [head.head.number for head in heads] == [0, 1, 2]
    assert heads[-1].head == journal.head
    assert {(head.chain, head.replica) for head in heads} == {(journal.chain, "a")}
    assert [item["head"] for item in told] == [head.head.digest for head in heads]
    assert findings == ()


def test_a_signer_that_fails_stops_nothing_and_is_tried_again(journal: Journal) -> None:
    told: list[JsonObject] = []
    keeper = HeadKeeper(journal, Failing(), told.append)
    metrics = Metrics()
    keeper.show_in(metrics)
    assert not keeper.tick(NOW)
    assert "no signature" in keeper.last_error
    assert b"\ndbom_admission_journal_head_unsigned 1" in metrics.text()
    assert told[0]["rule"] == SELF_CHECK.id
    keeper.signer = KeySigner(KEY)
    assert keeper.tick(NOW + timedelta(minutes=1))
    assert not keeper.last_error
    assert b"\ndbom_admission_journal_head_unsigned 0" in metrics.text()
    journal.close(at=NOW)


def test_what_is_no_head_by_whom_one_expects_proves_nothing(journal: Journal) -> None:
    keeper, stranger = HeadKeeper(journal, KeySigner(KEY), lambda _: None), KeySigner(generate_key())
    path = heads_path(journal.path)
    path.write_bytes(b'{"half')
    assert keeper.sign()
    journal.record("decision", at=NOW, facts={}, durable=False)
    keeper.signer = stranger
    assert keeper.sign()
    journal.close(at=NOW)
    with path.open("ab") as file:
        file.write(b"{}\n")
    heads, findings = read_heads(path, EXPECTED, now=NOW)
    assert ([head.head.number for head in heads], len(findings)) == ([0], 3)
    assert {finding.rule for finding in findings} == {"DBOM-604"}


class Another(KeySigner):
    """A signer whose statements are about something else."""

    def sign(self, statement: Statement) -> bytes:
        """Sign a BOM in place of it."""
        other = Statement.build(Subject("x", Digest(Kind.FILE, "a" * 64)), PREDICATE_BOM, {})
        return KeySigner(self.key).sign(other if statement != other else statement)


def test_a_statement_of_something_else_is_no_head(journal: Journal) -> None:
    assert HeadKeeper(journal, Another(KEY), lambda _: None).sign()
    journal.close(at=NOW)
    heads, findings = read_heads(heads_path(journal.path), EXPECTED, now=NOW)
    assert (heads, [finding.message for finding in findings]) == ((), ["what is signed isn't a head"])


def test_heads_that_can_not_be_read_or_written_are_said(journal: Journal, tmp_path: Path) -> None:
    heads_path(journal.path).mkdir()
    keeper = HeadKeeper(journal, KeySigner(KEY), lambda _: None)
    assert not keeper.sign()
    assert "can't be written" in keeper.last_error
    journal.close(at=NOW)
    with pytest.raises(PathError):
        read_heads(tmp_path / "gone", EXPECTED, now=NOW)


def test_a_thread_keeps_signing_until_it_is_told_to_stop(journal: Journal) -> None:
    stop, signed = threading.Event(), threading.Event()
    keeper = HeadKeeper(journal, KeySigner(KEY), lambda _: signed.set(), every=timedelta(milliseconds=1))
    thread = threading.Thread(target=keeper.run, args=(lambda: NOW, stop))
    thread.start()
    assert signed.wait(30)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    journal.close(at=NOW)


def test_a_head_is_about_the_digest_of_a_line(journal: Journal) -> None:
    statement = head_statement("a", journal.chain, journal.head)
    assert statement.subjects[0].digest == Digest(Kind.FILE, journal.head.digest)
    assert statement.predicate["number"] == 0
    journal.close(at=NOW)
