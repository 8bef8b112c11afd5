"""Verified statements as rows, and back. What texts many statements share is kept once, as when they were verified."""

from __future__ import annotations

import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from sys import intern
from typing import TYPE_CHECKING, TypeVar

from admission.attested import Attested, pack
from admission.facts import BomFacts, FileKinds, ProvenanceFacts
from admission.packing.rows import AttestedRow, BomRow, FilesRow, ProvenanceRow, StatementRow, TimeRow
from attest.verified import SignedTime, TimeBasis
from dbom.model import Digest, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

__all__ = ["StatementTable", "StatementUnpacker", "instant", "read_instant"]

_T = TypeVar("_T")
_R = TypeVar("_R")


def instant(moment: datetime) -> str:
    """Return a moment as rows hold it: UTC, with all its microseconds."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_instant(text: str) -> datetime:
    """Read a moment. Raises `ValueError` where it is none, or has no zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"a time without its zone: {text!r}")
    return found.astimezone(UTC)


@dataclass(slots=True)
class StatementTable:
    """All statements of a snapshot, numbered: by bundle, then by what they say, then by authority.

    `leaves_out` are the predicate types whose predicates nothing asks for.
    """

    items: Collection[Attested]
    leaves_out: frozenset[str] = frozenset()
    numbers: dict[Attested, int] = field(init=False, default_factory=dict)
    rows: tuple[StatementRow, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        groups: defaultdict[tuple[str, str, tuple[str, ...], bytes], list[Attested]] = defaultdict(list)
        for item in dict.fromkeys(self.items):
            subjects = tuple(map(str, item.subjects))
            groups[item.bundle_sha256, item.predicate_type, subjects, item.packed].append(item)
        rows: list[StatementRow] = []
        for key in sorted(groups):
            of_one = sorted(groups[key], key=_order)
            for item in of_one:
                self.numbers[item] = len(self.numbers)
            rows.append(self._row(of_one))
        self.rows = tuple(rows)

    def _row(self, items: list[Attested]) -> StatementRow:
        first = items[0]
        packed = first.packed if first.predicate_type not in self.leaves_out else b""
        return StatementRow(
            first.bundle_sha256,
            first.predicate_type,
            tuple(map(str, first.subjects)),
            _facts_row(first.facts),
            zlib.decompress(packed).decode() if packed else None,
            tuple(map(_attested_row, items)),
        )


def _order(item: Attested) -> tuple[str, str, str, str, str, str]:
    until = "" if item.holds_until is None else instant(item.holds_until)
    return (item.authority, item.root, item.signer, item.where, str(item.time), until)


def _attested_row(item: Attested) -> AttestedRow:
    time = TimeRow(str(item.time.basis), _optional(item.time.at, instant), item.time.by)
    until = _optional(item.holds_until, instant)
    return AttestedRow(item.authority, item.signer, item.root, time, clean(item.where), until)


def clean(text: str) -> str:
    """Return a text as UTF-8 can hold it: what a file name holds that isn't UTF-8 is written as an escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _facts_row(facts: BomFacts | ProvenanceFacts | None) -> BomRow | ProvenanceRow | None:
    if isinstance(facts, BomFacts):
        return BomRow(
            _fact(facts.artifact, str),
            clean(facts.name),
            facts.what,
            _fact(facts.licenses, _words),
            _fact(facts.classifications, _words),
            _fact(facts.sensitive, _words),
            _fact(facts.files, lambda files: FilesRow(files.formats, _fact(files.code, _words))),
        )
    if isinstance(facts, ProvenanceFacts):
        return ProvenanceRow(
            _fact(facts.builder, clean),
            _fact(facts.build_type, clean),
            _fact(facts.source, clean),
            _fact(facts.ref, clean),
            _fact(facts.commit, clean),
            _fact(facts.dirty, bool),
            _fact(facts.started, instant),
            _fact(facts.finished, instant),
            _fact(facts.invocation, clean),
        )
    return None


def _words(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(clean, texts))


def _fact(value: _T | Unknown, row: Callable[[_T], _R]) -> tuple[_R | None, str]:
    return (None, clean(value.reason)) if isinstance(value, Unknown) else (row(value), "")


def _optional(value: _T | None, row: Callable[[_T], _R]) -> _R | None:
    return None if value is None else row(value)


class StatementUnpacker:
    """Reads rows of statements; equal texts become one. Raises `ValueError` for a value that can't be."""

    def __init__(self) -> None:
        self._moments: dict[str, datetime] = {}

    def statements(self, rows: Iterable[StatementRow]) -> Iterable[Attested]:
        """Yield the statements in their order."""
        for row in rows:
            subjects = tuple(map(Digest.parse, row.subjects))
            facts = self._facts(row.facts)
            packed = b"" if row.predicate is None else _packed(row.predicate)
            for item in row.attested:
                yield Attested(
                    intern(row.predicate_type),
                    subjects,
                    intern(item.authority),
                    intern(item.signer),
                    intern(item.root),
                    self._time(item.time),
                    row.bundle,
                    item.where,
                    facts,
                    packed,
                    _optional(item.holds_until, self._moment),
                )

    def _time(self, row: TimeRow) -> SignedTime:
        return SignedTime(TimeBasis(row.basis), _optional(row.at, self._moment), intern(row.by))

    def _moment(self, text: str) -> datetime:
        if text not in self._moments:
            self._moments[text] = read_instant(text)
        return self._moments[text]

    def _facts(self, row: BomRow | ProvenanceRow | None) -> BomFacts | ProvenanceFacts | None:
        if isinstance(row, BomRow):
            return BomFacts(
                _read(row.artifact, Digest.parse),
                row.name,
                intern(row.what),
                _read(row.licenses, _shared),
                _read(row.classifications, _shared),
                _read(row.sensitive, _shared),
                _read(row.files, lambda files: FileKinds(files.formats, _read(files.code, tuple))),
            )
        if isinstance(row, ProvenanceRow):
            return ProvenanceFacts(
                _read(row.builder, intern),
                _read(row.build_type, intern),
                _read(row.source, intern),
                _read(row.ref, intern),
                _read(row.commit, str),
                _read(row.dirty, bool),
                _read(row.started, self._moment),
                _read(row.finished, self._moment),
                _read(row.invocation, str),
            )
        return None


def _shared(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(intern, words))


def _packed(text: str) -> bytes:
    """Return a predicate as the gate keeps it. Raises `ValueError` where it isn't JSON as that writes it."""
    if not text.startswith("{"):
        raise ValueError("a predicate that is no object")
    return pack(text.encode())


def _read(fact: tuple[_R | None, str], read: Callable[[_R], _T]) -> _T | Unknown:
    value, reason = fact
    return Unknown(intern(reason)) if value is None else read(value)
