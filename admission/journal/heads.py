"""Heads of a journal, signed and anchored outside it: what no one who holds the files alone can take back.

A head is an in-toto statement about the digest of a record's line. Signed as any statement is, its bundle carries what
the signer had it anchored by: a transparency log's entry, an RFC 3161 time stamp, or both. The bundles are kept beside
the journal, a line each, and each is told to the log of the gate, which goes elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self

from admission.journal.files import family_of
from admission.journal.records import Head, canonical, instant, moment_of
from admission.journal.space import trim_lines
from attest.statement import Statement, Subject
from attest.verified import Rejection, VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.canonical import json_object
from dbom.errors import DbomError, DocumentError, PathError
from dbom.model import Digest, Finding, Kind, Severity
from dbom.names import PREDICATE_JOURNAL_HEAD
from dbom.printable import printable
from dbom.rules.admission import JOURNAL_UNWRITABLE
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.journals import HEAD_UNPROVEN

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from admission.journal.writing import Journal
    from admission.metrics import Metrics
    from attest.authority import Authority
    from attest.signers.signing import Signer
    from dbom.canonical import JsonObject

__all__ = ["HEADS_FORMAT", "HeadKeeper", "ProvenHead", "head_statement", "heads_path", "read_heads"]

HEADS_FORMAT: Final = "dbom.dev/journal-heads/v1"
_LONGEST_LINE: Final = 1024 * 1024
_SUBJECT: Final = "journal-head"


def heads_path(path: Path) -> Path:
    """Return where the heads of the journal at `path` are kept: `journal.jsonl` has `journal.heads.jsonl`."""
    return family_of(path).with_suffix(".heads.jsonl")


def head_statement(replica: str, chain: str, head: Head) -> Statement:
    """Return the statement that a journal has this head; `chain` is the digest of its very first record."""
    predicate: JsonObject = {"at": instant(head.at), "chain": chain, "number": head.number, "replica": replica}
    return Statement.build(Subject(_SUBJECT, Digest(Kind.FILE, head.digest)), PREDICATE_JOURNAL_HEAD, predicate)


@dataclass(slots=True)
class HeadKeeper:
    """Signs the head of an open journal, now and then. Nothing waits for it: what fails is said, and tried again.

    Of `most` bytes of heads the newest stay, which prove what the others did; None keeps all.
    """

    journal: Journal
    signer: Signer
    log: Callable[[JsonObject], None]
    every: timedelta = timedelta(minutes=1)
    most: int | None = None
    last: Head | None = None
    last_error: str = ""
    _due: datetime | None = field(default=None, repr=False)

    def tick(self, now: datetime) -> bool:
        """Sign the head if it is due and isn't signed yet; return whether one was."""
        if self._due is not None and now < self._due:
            return False
        self._due = now + self.every
        return self.sign()

    def sign(self) -> bool:
        """Sign the head as it is, unless it is signed already; return whether it was."""
        if self.journal.head == self.last:
            return False
        try:
            # What is signed to be there must survive a machine that loses its power now.
            head = self.journal.flush()
            bundle = self.signer.sign(head_statement(self.journal.replica, self.journal.chain, head))
            _append(heads_path(self.journal.path), bundle, self.most)
        except DbomError as error:
            self.last_error = str(error)
            self.log({"event": "head", "error": printable(str(error)), "rule": error.rule.id})
            return False
        self.last, self.last_error = head, ""
        # Whoever collects the log has the head in another place than the journal.
        said: JsonObject = {"event": "head", "chain": self.journal.chain, "replica": self.journal.replica}
        self.log({**said, "number": head.number, "head": head.digest, "by": self.signer.describe()})
        return True

    def show_in(self, metrics: Metrics) -> None:
        """Have a metric say whether signing works."""
        what = "1 where the journal's head couldn't be signed when that was last tried."
        metrics.gauge("dbom_admission_journal_head_unsigned", what, lambda: float(bool(self.last_error)))

    def run(self, now: Callable[[], datetime], stop: threading.Event) -> None:
        """Keep signing until `stop` is set: what a gate starts in a thread of its own. The last head is left to it."""
        while not stop.wait(min(1.0, self.every.total_seconds())):
            self.tick(now())


def _append(path: Path, bundle: bytes, most: int | None) -> None:
    line = canonical({"bundle": base64.b64encode(bundle).decode(), "format": HEADS_FORMAT}) + b"\n"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            view = memoryview(b"\n" + line if is_torn else line)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if most is not None:
            trim_lines(path, most)
    except OSError as error:
        what = f"can't be written: {error.strerror}"
        raise PathError(JOURNAL_UNWRITABLE, what, where=printable(str(path))) from error


@dataclass(frozen=True, slots=True)
class ProvenHead:
    """A head whose signature was verified: which record of which chain, who signed it, and when (by whom told)."""

    replica: str
    chain: str
    head: Head
    signer: str
    time: str
    where: str

    @classmethod
    def of(cls, verified: VerifiedStatement) -> Self | None:
        """Return what a statement says of a head, None where it is none."""
        statement, said = verified.statement, verified.statement.predicate
        subject = statement.subjects[0]
        at, number = moment_of(said.get("at")), said.get("number")
        replica, chain = said.get("replica"), said.get("chain")
        if statement.predicate_type != PREDICATE_JOURNAL_HEAD or subject.digest is None or at is None:
            return None
        if type(number) is not int or not isinstance(replica, str) or not isinstance(chain, str):
            return None
        head = Head(number, subject.digest.hex, at)
        return cls(replica, chain, head, str(verified.signer), str(verified.time), verified.where)


def read_heads(
    path: Path, authorities: Sequence[Authority], *, now: datetime
) -> tuple[tuple[ProvenHead, ...], tuple[Finding, ...]]:
    """Return the heads in a file that one of `authorities` signed, and a finding for each other line.

    Raises `PathError` where the file can't be read.
    """
    heads: list[ProvenHead] = []
    findings: list[Finding] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                where = f"{path}:{number}"
                found = _read_line(line.removesuffix(b"\n"), authorities, where=where, now=now)
                if isinstance(found, ProvenHead):
                    heads.append(found)
                else:
                    findings.append(Finding(HEAD_UNPROVEN.id, Severity.WARNING, found, printable(where)))
    except OSError as error:
        what = f"can't be read: {error.strerror}"
        raise PathError(PATH_UNREADABLE, what, where=printable(str(path))) from error
    return tuple(heads), tuple(findings)


def _read_line(line: bytes, authorities: Sequence[Authority], *, where: str, now: datetime) -> ProvenHead | str:
    bundle = b""
    with contextlib.suppress(DocumentError, binascii.Error, ValueError):
        document = json_object(line, where=where, limit=_LONGEST_LINE)
        packed = document.get("bundle")
        if document.get("format") == HEADS_FORMAT and isinstance(packed, str):
            bundle = base64.b64decode(packed, validate=True)
    if not bundle:
        return "not a line of heads, or half of one"
    verified = verify_bundle(bundle, authorities, where=where, now=now)
    if isinstance(verified, Rejection):
        return f"the head isn't signed by whom you expect: {printable(verified.reason)}"
    return ProvenHead.of(verified) or "what is signed isn't a head"
