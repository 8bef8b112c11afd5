"""Statements that don't count, and those of revocations, as rows, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from admission.packing.rows import RejectionRow, SaidRow, SubjectRow, VerifiedRow
from admission.packing.statements import instant, read_instant
from attest.demands import Demands
from attest.identity import Identity, KeyIdentity
from attest.statement import Statement, Subject
from attest.verified import Rejection, RejectionKind, SignedTime, TimeBasis, VerifiedStatement

if TYPE_CHECKING:
    from admission.packing.texts import ReadTexts, Texts
    from dbom.canonical import JsonObject

__all__ = ["read_rejection", "read_verified", "rejection_row", "verified_row"]

_OF_AN_IDENTITY = 2


def rejection_row(item: Rejection, texts: Texts) -> RejectionRow:
    """Return what doesn't count as a row."""
    kind, rule, reason, bundle, where = map(
        texts.place, (item.kind, item.rule, item.reason, item.bundle_sha256, item.where)
    )
    said = None if item.statement is None else _said_row(item.statement, texts)
    signer = _signer_row(item.signer, texts)
    return RejectionRow(
        kind, rule, reason, bundle, where, said, signer, texts.optional(item.got), texts.optional(item.expected)
    )


def read_rejection(row: RejectionRow, texts: ReadTexts) -> Rejection:
    """Return what doesn't count. Raises `ValueError` for a value that can't be."""
    return Rejection(
        RejectionKind(texts.at(row.kind)),
        texts.at(row.rule),
        texts.at(row.reason),
        texts.at(row.bundle),
        texts.at(row.where),
        None if row.statement is None else _read_said(row.statement, texts),
        _read_signer(row.signer, texts) if row.signer else None,
        texts.optional(row.got),
        texts.optional(row.expected),
    )


def verified_row(item: VerifiedStatement, texts: Texts) -> VerifiedRow:
    """Return a verified statement as a row."""
    at = None if item.time.at is None else instant(item.time.at)
    return VerifiedRow(
        _said_row(item.statement, texts),
        _signer_row(item.signer, texts),
        texts.place(item.authority),
        texts.place(item.root),
        (texts.place(item.time.basis), texts.optional(at), texts.place(item.time.by)),
        item.log_index,
        texts.place(item.bundle_sha256),
        texts.place(item.where),
        (item.shown.log, item.shown.sct, item.shown.time),
        None if item.holds_until is None else texts.place(instant(item.holds_until)),
    )


def read_verified(row: VerifiedRow, texts: ReadTexts) -> VerifiedStatement:
    """Return a statement that was verified before it was written. Raises `ValueError` for a value that can't be."""
    basis, at, by = row.time
    signer = _read_signer(row.signer, texts)
    return VerifiedStatement(
        _read_said(row.statement, texts),
        signer,
        texts.at(row.authority),
        texts.at(row.root),
        SignedTime(TimeBasis(texts.at(basis)), None if at is None else read_instant(texts.at(at)), texts.at(by)),
        row.log_index,
        texts.at(row.bundle),
        texts.at(row.where),
        Demands(*row.shown),
        None if row.holds_until is None else read_instant(texts.at(row.holds_until)),
    )


def _signer_row(signer: Identity | KeyIdentity | None, texts: Texts) -> tuple[int, ...]:
    if signer is None:
        return ()
    if isinstance(signer, KeyIdentity):
        return (texts.place(signer.spki_sha256),)
    return (texts.place(signer.subject), texts.place(signer.issuer))


def _read_signer(row: tuple[int, ...], texts: ReadTexts) -> Identity | KeyIdentity:
    if len(row) == 1:
        return KeyIdentity(texts.at(row[0]))
    if len(row) != _OF_AN_IDENTITY:
        raise ValueError(f"a signer of {len(row)} texts")
    return Identity(texts.at(row[0]), texts.at(row[1]))


def _said_row(statement: Statement, texts: Texts) -> SaidRow:
    subjects = tuple(
        SubjectRow(
            texts.place(item.name),
            texts.optional(item.digest),
            texts.place(item.media_type),
            texts.place(json.dumps(dict(item.annotations))),
        )
        for item in statement.subjects
    )
    predicate = texts.place(json.dumps(statement.predicate))
    return SaidRow(subjects, texts.place(statement.predicate_type), predicate, statement.payload)


def _read_said(row: SaidRow, texts: ReadTexts) -> Statement:
    subjects = tuple(
        Subject(
            texts.at(item.name),
            None if item.digest is None else texts.digest(item.digest),
            texts.at(item.media_type),
            _object(texts.at(item.annotations)),
        )
        for item in row.subjects
    )
    return Statement(subjects, texts.at(row.predicate_type), _object(texts.at(row.predicate)), row.payload)


def _object(text: str) -> JsonObject:
    if text == "{}":
        return {}
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("a text that is no object in JSON")  # noqa: TRY004  of what was read, not of a type
    return found
