"""Judging an artifact by its evidence: pure, from digests and the verifier's answers to a verdict.

The rules are those of a sidecar: a broken bundle there, or one given by name, is a no; a valid one about other bytes
or by a signer nobody asked for is listed and counts for nothing; at least one statement of content by an expected
signer about these bytes must be there; the BOM file is the BOM that was signed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from attest.verification import Answer, Source, Uncounted, Verdict, Verification
from attest.verified import Rejection, RejectionKind, VerifiedStatement
from dbom.canonical import canonical_json, load_json
from dbom.difference import compare, parse_manifest
from dbom.errors import DbomError, DocumentError
from dbom.model import Digest, Entry, Finding, Kind, Severity, tree_digest
from dbom.names import PREDICATE_BOM, PREDICATE_OMS, PREDICATE_PROVENANCE
from dbom.printable import printable
from dbom.rules.attestations import (
    BOM_DIFFERS,
    BYTES_CHANGED,
    IGNORED_PRESENT,
    KINDS_DIFFER,
    NO_CONTENT_STATEMENT,
    NO_EVIDENCE,
    NOT_ABOUT_THESE_BYTES,
    STORED_BUNDLE_BROKEN,
    SUBJECT_UNUSABLE,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attest.statement import Statement, Subject
    from dbom.canonical import JsonObject
    from dbom.difference import Difference
    from dbom.model import Fingerprint
    from dbom.rules import Rule

__all__ = ["CONTENT_PREDICATES", "Asked", "Requirement", "judge"]

CONTENT_PREDICATES: Final = frozenset({PREDICATE_BOM, PREDICATE_PROVENANCE, PREDICATE_OMS})
"""Predicate types that say what an artifact is, and not just where it can be had."""

_SHOWN_PATHS: Final = 20


@dataclass(frozen=True, slots=True)
class Requirement:
    """A statement that a policy wants to be there: its predicate type, and the authorities any of whom may make it."""

    predicate_type: str
    authorities: tuple[str, ...]

    def met(self, item: VerifiedStatement) -> bool:
        """Return whether a statement about the artifact is the one that is wanted."""
        return item.statement.predicate_type == self.predicate_type and item.authority in self.authorities


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about: the bytes at a path, or a digest alone.

    `fingerprints` holds one fingerprint for each ignore list that a statement was signed with (for a file, and for a
    tree that no statement speaks of, there is one and its key doesn't matter); it is empty where only `digest` is
    known. `bom` and `manifest` are the files of the sidecar, `requirements` what a
    policy wants to be attested, all of it.
    """

    where: str
    name: str
    digest: Digest
    fingerprints: Mapping[tuple[str, ...], Fingerprint] = field(default_factory=dict)
    bom: bytes | None = None
    manifest: bytes | None = None
    requirements: tuple[Requirement, ...] = ()

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
    counted = tuple(result for answer in answers if (result := _counting(asked, answer)) is not None)
    uncounted = tuple(
        Uncounted(answer, *_why_not(asked, answer)) for answer in answers if _counting(asked, answer) is None
    )
    findings = [*_broken(uncounted), *_bom_findings(asked, counted), *_ignored(asked, counted)]
    difference: Difference | None = None
    if any(finding.severity is Severity.ERROR for finding in findings):
        verdict = Verdict.REFUSED
    elif not any(_is_content(asked, item) for item in counted):
        verdict, more = _no_content(asked, counted, uncounted)
        findings.extend(more)
    elif missing := _missing(asked, counted):
        verdict = Verdict.REFUSED
        findings.extend(missing)
    else:
        verdict = Verdict.VERIFIED
    if verdict is Verdict.REFUSED:
        difference = _first_difference(asked, uncounted) if not counted else None
    return Verification(
        asked.where,
        asked.name,
        _digest_shown(asked, counted),
        bytes_checked=bool(asked.fingerprints),
        verdict=verdict,
        counted=counted,
        uncounted=uncounted,
        findings=tuple(findings),
        difference=difference,
    )


def _is_content(asked: Asked, item: VerifiedStatement) -> bool:
    """Return whether a counted statement says what the artifact is, by somebody who may say so.

    A policy's authorities may each say only what it lets them: one that may bind places may not attest content.
    """
    if item.statement.predicate_type not in CONTENT_PREDICATES:
        return False
    return not asked.requirements or any(requirement.met(item) for requirement in asked.requirements)


def _missing(asked: Asked, counted: Sequence[VerifiedStatement]) -> list[Finding]:
    return [
        _error(
            NO_CONTENT_STATEMENT,
            f"no statement of type {printable(requirement.predicate_type)} about this by"
            f" {printable(' or '.join(requirement.authorities))}",
            asked,
        )
        for requirement in asked.requirements
        if not any(requirement.met(item) for item in counted)
    ]


def _matters(asked: Asked, answer: Answer) -> bool:
    """Return whether an answer is worth a word: of a store's bundles, broken ones and those about the artifact."""
    if answer.gathered.source is not Source.STORE or answer.statement is None:
        return True
    return asked.speaks_of(answer.statement) or asked.matching(answer.statement) is not None


def _counting(asked: Asked, answer: Answer) -> VerifiedStatement | None:
    result = answer.result
    if isinstance(result, VerifiedStatement) and asked.matching(result.statement) is not None:
        return result
    return None


def _digest_shown(asked: Asked, counted: Sequence[VerifiedStatement]) -> Digest:
    matched = [asked.matching(item.statement) for item in counted]
    return next((subject.digest for subject in matched if subject and subject.digest), asked.digest)


def _why_not(asked: Asked, answer: Answer) -> tuple[str, str]:
    if isinstance(answer.result, Rejection):
        return answer.result.rule, answer.result.reason
    subjects = answer.result.statement.subjects
    stated = [subject.digest for subject in subjects if subject.digest is not None]
    if not stated:
        return SUBJECT_UNUSABLE.id, "no subject has a usable sha256"
    digits = {digest.hex: digest for digest in asked.digests()}
    for digest in stated:
        if digest.hex in digits and digest.kind is not digits[digest.hex].kind:
            return KINDS_DIFFER.id, f"it is about the {digest.kind} {digest}, got the {digits[digest.hex].kind}"
    more = f" and {len(stated) - 1} more" if len(stated) > 1 else ""
    return NOT_ABOUT_THESE_BYTES.id, f"it is about {stated[0]}{more}"


def _broken(uncounted: Sequence[Uncounted]) -> list[Finding]:
    return [
        Finding(item.rule, Severity.ERROR, item.reason, result.where)
        if item.answer.gathered.source is not Source.STORE
        else Finding(STORED_BUNDLE_BROKEN.id, Severity.WARNING, item.reason, result.where)
        for item in uncounted
        if isinstance(result := item.answer.result, Rejection) and result.kind is RejectionKind.BROKEN
    ]


def _bom_findings(asked: Asked, counted: Sequence[VerifiedStatement]) -> list[Finding]:
    """Compare the BOM file with the signed BOMs, as values: layout is no part of a BOM."""
    content = [item.statement for item in counted if _is_content(asked, item)]
    if asked.bom is None or not content:
        return []
    signed = [canonical_json(item.predicate) for item in content if item.predicate_type == PREDICATE_BOM]
    try:
        same = canonical_json(load_json(asked.bom, where="the BOM file")) in signed
        reason = "the BOM file isn't the BOM that was signed about these bytes"
    except DocumentError as error:
        same, reason = False, f"the BOM file can't be the signed one: {error.what}"
    if same:
        return []
    if not signed:
        reason = "there is a BOM file, but no signed BOM about these bytes that it could be"
    return [Finding(BOM_DIFFERS.id, Severity.ERROR, reason, asked.where)]


def _ignored(asked: Asked, counted: Sequence[VerifiedStatement]) -> list[Finding]:
    subjects = [asked.matching(item.statement) for item in counted]
    found = [asked.fingerprint(subject) for subject in subjects if subject is not None]
    paths = sorted({path for item in found if item is not None for path in item.ignored})
    if not paths:
        return []
    shown = ", ".join(printable(path) for path in paths[:_SHOWN_PATHS])
    more = f" and {len(paths) - _SHOWN_PATHS} more" if len(paths) > _SHOWN_PATHS else ""
    return [
        Finding(
            IGNORED_PRESENT.id, Severity.NOTE, f"left out of the signed digest, and there: {shown}{more}", asked.where
        )
    ]


def _no_content(
    asked: Asked, counted: Sequence[VerifiedStatement], uncounted: Sequence[Uncounted]
) -> tuple[Verdict, list[Finding]]:
    """Say no, or that it can't be told, where no statement of content counts and nothing is broken."""
    found = [item for item in uncounted if item.answer.statement is not None]
    if not found and not counted:
        return Verdict.UNDECIDED, [_error(NO_EVIDENCE, "nothing was found that speaks of this artifact", asked)]
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
            listed = _proven_list(subject.digest, statement, asked.manifest)
            if actual is not None and actual.kind is Kind.TREE and listed:
                return compare(listed, actual)
    return None


def _proven_list(digest: Digest | None, statement: Statement, manifest: bytes | None) -> dict[str, str] | None:
    """Return path and sha256 of the files of a signed tree, where the manifest or the signed BOM proves them."""
    if digest is None or digest.kind is not Kind.TREE:
        return None
    if manifest is not None and hashlib.sha256(manifest).hexdigest() == digest.hex:
        try:
            return {entry.path: entry.sha256 for entry in parse_manifest(manifest, where="the manifest")}
        except DbomError:
            return None
    entries = _files_of_bom(statement.predicate) if statement.predicate_type == PREDICATE_BOM else ()
    if entries and tree_digest(entries) == digest:
        return {entry.path: entry.sha256 for entry in entries}
    return None


def _files_of_bom(bom: JsonObject) -> tuple[Entry, ...]:
    components = bom.get("components")
    return tuple(
        Entry(name, 0, digits)
        for component in (components if isinstance(components, list) else [])
        if isinstance(component, dict) and component.get("type") == "file"
        if isinstance(name := component.get("name"), str) and (digits := _sha256(component)) is not None
    )


def _sha256(component: JsonObject) -> str | None:
    hashes = component.get("hashes")
    found = [
        item.get("content")
        for item in (hashes if isinstance(hashes, list) else [])
        if isinstance(item, dict) and item.get("alg") == "SHA-256"
    ]
    return found[0] if len(found) == 1 and isinstance(found[0], str) else None


def _error(rule: Rule, reason: str, asked: Asked) -> Finding:
    return Finding(rule.id, Severity.ERROR, reason, asked.where)
