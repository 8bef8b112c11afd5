"""Judging an artifact by its evidence: pure, from digests and the verifier's answers to a verdict.

The rules are those of a sidecar: a broken bundle there, or one given by name, is a no; a valid one about other bytes
or by a signer nobody asked for is listed and counts for nothing; at least one statement of content by an expected
signer about these bytes must be there; the BOM file is the BOM that was signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from attest.coverage import described_elsewhere, find_other_bytes, find_uncovered, judge_bom_file, judge_uncovered
from attest.signed_files import proven_files
from attest.verification import Answer, Source, Uncounted, Verdict, Verification
from attest.verified import Rejection, RejectionKind, VerifiedStatement
from dbom.difference import compare
from dbom.model import Digest, Finding, Kind, Severity, Unknown
from dbom.names import OMS_PREDICATES, PREDICATE_BOM, PREDICATE_PROVENANCE
from dbom.printable import printable
from dbom.rules.attestations import (
    BYTES_CHANGED,
    KINDS_DIFFER,
    NO_CONTENT_STATEMENT,
    NO_EVIDENCE,
    NOT_ABOUT_THESE_BYTES,
    STORED_BUNDLE_BROKEN,
    SUBJECT_UNUSABLE,
)
from dbom.rules.oms import OMS_OTHER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from attest.statement import Statement, Subject
    from dbom.difference import Difference
    from dbom.model import Fingerprint
    from dbom.rules import Rule

__all__ = ["CONTENT_PREDICATES", "Asked", "Requirement", "judge"]

CONTENT_PREDICATES: Final = frozenset({PREDICATE_BOM, PREDICATE_PROVENANCE, *OMS_PREDICATES})
"""Predicate types that say what an artifact is, and not just where it can be had."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A statement that a policy wants to be there: its predicate type, and the authorities any of whom may make it."""

    predicate_type: str
    authorities: tuple[str, ...]

    def met(self, answer: Answer) -> bool:
        """Return whether a verified statement about the artifact is the one that is wanted."""
        statement = answer.statement
        return (
            statement is not None
            and statement.predicate_type == self.predicate_type
            and any(name in self.authorities for name in answer.accepted_by)
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about: the bytes at a path, or a digest alone.

    `fingerprints` holds one fingerprint for each ignore list that a statement was signed with (for a file, and for a
    tree that no statement speaks of, there is one and its key doesn't matter); it is empty where only `digest` is
    known. `bom` and `manifest` are the files of the sidecar, `requirements` what a
    policy wants to be attested, all of it. `unlike` is a path that differs from what a signed model says in digests of
    its own, by its bundle's sha256.
    """

    where: str
    name: str
    digest: Digest
    fingerprints: Mapping[tuple[str, ...], Fingerprint] = field(default_factory=dict)
    bom: bytes | None = None
    manifest: bytes | None = None
    requirements: tuple[Requirement, ...] = ()
    unlike: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self, subject: Subject) -> Fingerprint | None:
        """Return the fingerprint under the ignore list that a subject was signed with, or None where there is none."""
        if self.digest.kind is Kind.FILE:
            return next(iter(self.fingerprints.values()), None)
        return self.fingerprints.get(subject.ignores() or ())

    def matching(self, statement: Statement) -> Subject | None:
        """Return the first subject that is what is asked about, by kind and sha256."""
        for subject in statement.subjects:
            found = self.fingerprint(subject)
            actual = self.digest if not self.fingerprints else found.digest if found is not None else None
            if subject.digest is not None and subject.digest == actual:
                return subject
        return None

    def subject(self, answer: Answer) -> Subject | None:
        """Return the subject of an answer's statement that is what is asked about."""
        return self.matching(answer.statement) if answer.statement is not None else None

    def digests(self) -> frozenset[Digest]:
        """Return the digest that was asked about, and those under every signed ignore list."""
        return frozenset({self.digest, *(item.digest for item in self.fingerprints.values())})

    def speaks_of(self, statement: Statement) -> bool:
        """Return whether a statement is about this artifact, or one of its name: never a reason for a yes."""
        digits = {digest.hex for digest in self.digests()}
        return any(
            (subject.digest is not None and subject.digest.hex in digits) or (self.name and subject.name == self.name)
            for subject in statement.subjects
        )


def judge(asked: Asked, answers: Sequence[Answer]) -> Verification:
    """Return the verdict on what is asked, from all that was gathered about it."""
    answers = [answer for answer in answers if _matters(asked, answer)]
    counted = [answer for answer in answers if _counts(asked, answer)]
    content = [answer for answer in counted if _is_content(asked, answer)]
    uncounted = tuple(Uncounted(answer, *_why_not(asked, answer)) for answer in answers if not _counts(asked, answer))
    uncovered = find_uncovered(asked, content)
    findings = [
        *_broken(uncounted),
        *find_other_bytes(asked, counted),
        *judge_bom_file(asked, counted, content),
        *judge_uncovered(asked, content, uncovered),
    ]
    verdict, more = _verdict(asked, counted, content, uncounted, findings)
    return Verification(
        asked.where,
        asked.name,
        _digest_shown(asked, content or counted),
        bytes_checked=bool(asked.fingerprints),
        verdict=verdict,
        counted=tuple(item.result for item in counted if isinstance(item.result, VerifiedStatement)),
        uncounted=uncounted,
        uncovered=uncovered,
        findings=(*findings, *more),
        difference=_first_difference(asked, uncounted) if verdict is Verdict.REFUSED and not counted else None,
    )


def _verdict(
    asked: Asked,
    counted: Sequence[Answer],
    content: Sequence[Answer],
    uncounted: Sequence[Uncounted],
    findings: Iterable[Finding],
) -> tuple[Verdict, list[Finding]]:
    """Return the verdict, and the findings that it adds to those which are there already."""
    if any(finding.severity is Severity.ERROR for finding in findings):
        return Verdict.REFUSED, []
    if not content:
        return _no_content(asked, counted, uncounted)
    missing = _missing(asked, content)
    return (Verdict.REFUSED if missing else Verdict.VERIFIED), missing


def _is_content(asked: Asked, answer: Answer) -> bool:
    """Return whether a counted statement says what the artifact is, by somebody who may say so.

    A policy's authorities may each say only what it lets them: one that may bind places may not attest content.
    """
    statement = answer.statement
    if statement is None or statement.predicate_type not in CONTENT_PREDICATES:
        return False
    if described_elsewhere(asked, answer) is not None:
        return False
    return not asked.requirements or any(requirement.met(answer) for requirement in asked.requirements)


def _missing(asked: Asked, content: Sequence[Answer]) -> list[Finding]:
    return [
        _error(
            NO_CONTENT_STATEMENT,
            f"no statement of type {printable(requirement.predicate_type)} about this by"
            f" {printable(' or '.join(requirement.authorities))}",
            asked,
        )
        for requirement in asked.requirements
        if not any(requirement.met(item) for item in content)
    ]


def _matters(asked: Asked, answer: Answer) -> bool:
    """Return whether an answer is worth a word: of a store's bundles, broken ones and those about the artifact."""
    if answer.source is not Source.STORE or answer.statement is None:
        return True
    return asked.speaks_of(answer.statement) or asked.matching(answer.statement) is not None


def _counts(asked: Asked, answer: Answer) -> bool:
    result = answer.result
    return isinstance(result, VerifiedStatement) and asked.matching(result.statement) is not None


def _digest_shown(asked: Asked, shown: Sequence[Answer]) -> Digest:
    """Return the digest that most is known by: of the counted statements', the one that leaves out least."""
    subjects = [subject for item in shown if (subject := asked.subject(item)) is not None]

    def left_out(subject: Subject) -> int:
        found = asked.fingerprint(subject)
        return len(found.ignored) if found is not None else 0

    best = min(subjects, key=left_out, default=None)
    return asked.digest if best is None or best.digest is None else best.digest


def _why_not(asked: Asked, answer: Answer) -> tuple[str, str]:
    if isinstance(answer.result, Rejection):
        return answer.result.rule, answer.result.reason
    subjects = answer.result.statement.subjects
    stated = [subject.digest for subject in subjects if subject.digest is not None]
    if not stated:
        return _unusable(asked, answer.result)
    digits = {digest.hex: digest for digest in asked.digests()}
    for digest in stated:
        if digest.hex in digits and digest.kind is not digits[digest.hex].kind:
            return KINDS_DIFFER.id, f"it is about the {digest.kind} {digest}, got the {digits[digest.hex].kind}"
    more = f" and {len(stated) - 1} more" if len(stated) > 1 else ""
    return NOT_ABOUT_THESE_BYTES.id, f"it is about {stated[0]}{more}"


def _unusable(asked: Asked, result: VerifiedStatement) -> tuple[str, str]:
    model = result.statement.model
    if model is None or not isinstance(model.digest, Unknown):
        return SUBJECT_UNUSABLE.id, "no subject has a usable sha256"
    if (path := asked.unlike.get(result.bundle_sha256)) is not None:
        return OMS_OTHER_BYTES.id, f"{printable(path)} isn't as it was signed"
    return SUBJECT_UNUSABLE.id, model.digest.reason


def _broken(uncounted: Sequence[Uncounted]) -> list[Finding]:
    """Find what doesn't hold: a no, but only a remark in a store that many write to, as is what can't be read there."""
    found = []
    for item in uncounted:
        result = item.answer.result
        if item.answer.is_unread:
            found.append(Finding(item.rule, Severity.WARNING, item.reason, result.where))
        elif not isinstance(result, Rejection) or result.kind is not RejectionKind.BROKEN:
            continue
        elif item.answer.source is Source.STORE:
            found.append(Finding(STORED_BUNDLE_BROKEN.id, Severity.WARNING, item.reason, result.where))
        else:
            found.append(Finding(item.rule, Severity.ERROR, item.reason, result.where))
    return found


def _no_content(
    asked: Asked, counted: Sequence[Answer], uncounted: Sequence[Uncounted]
) -> tuple[Verdict, list[Finding]]:
    """Say no, or that it can't be told, where no statement of content counts and nothing is broken."""
    found = [item for item in uncounted if item.answer.statement is not None]
    if not found and not counted:
        return Verdict.UNDECIDED, [_error(NO_EVIDENCE, "nothing was found that speaks of this artifact", asked)]
    revoked = [item for item in found if _is_revoked(item.answer.result) and _claims(asked, item)]
    if revoked:
        return Verdict.REFUSED, [
            Finding(item.rule, Severity.ERROR, item.reason, item.answer.result.where) for item in revoked
        ]
    undecided = [item for item in found if _undecided(item.answer.result)]
    elsewhere = [
        item
        for item in found
        if isinstance(item.answer.result, VerifiedStatement)
        and item.answer.result.statement.predicate_type in CONTENT_PREDICATES
    ]
    about_these = [item for item in undecided if _claims(asked, item)]
    if undecided and (about_these or not elsewhere):
        return Verdict.UNDECIDED, [
            Finding(item.rule, Severity.ERROR, item.reason, item.answer.result.where) for item in undecided
        ]
    if elsewhere and not counted:
        return Verdict.REFUSED, [_elsewhere(asked, elsewhere[0])]
    reason = "no BOM, provenance or OMS statement by an expected signer is about this"
    return Verdict.REFUSED, [_error(NO_CONTENT_STATEMENT, reason, asked)]


def _undecided(result: VerifiedStatement | Rejection) -> bool:
    return isinstance(result, Rejection) and result.kind is RejectionKind.UNDECIDED


def _is_revoked(result: VerifiedStatement | Rejection) -> bool:
    return isinstance(result, Rejection) and result.kind is RejectionKind.REVOKED


def _claims(asked: Asked, item: Uncounted) -> bool:
    statement = item.answer.statement
    return statement is not None and any(statement.about(digest) is not None for digest in asked.digests())


def _elsewhere(asked: Asked, item: Uncounted) -> Finding:
    if item.rule != NOT_ABOUT_THESE_BYTES.id:
        return Finding(item.rule, Severity.ERROR, item.reason, asked.where)
    statement = item.answer.statement
    subject = next((s for s in statement.subjects if s.digest is not None), None) if statement else None
    actual = asked.fingerprint(subject) if subject is not None else None
    got = actual.digest if actual is not None else asked.digest
    expected = subject.digest if subject is not None else None
    rule = BYTES_CHANGED if asked.fingerprints else NOT_ABOUT_THESE_BYTES
    return _error(rule, f"the bytes aren't those that were signed: got {got}, expected {expected}", asked)


def _first_difference(asked: Asked, uncounted: Sequence[Uncounted]) -> Difference | None:
    """Name what differs from a signed tree, from a list of its files that the signed digest proves."""
    for item in uncounted:
        if not isinstance(item.answer.result, VerifiedStatement):
            continue
        statement = item.answer.result.statement
        for subject in statement.subjects:
            actual = asked.fingerprint(subject)
            listed = proven_files(subject.digest, statement, asked.manifest)
            if actual is not None and actual.kind is Kind.TREE and listed:
                return compare(listed, actual)
    return None


def _error(rule: Rule, reason: str, asked: Asked) -> Finding:
    return Finding(rule.id, Severity.ERROR, reason, asked.where)
