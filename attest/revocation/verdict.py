"""What revocations do to a verdict: statements that count no more, artifacts that are refused, doubts where asked."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from attest.revocation.reading import REVOCATION_PREDICATES, listed_revocations, own_revocations
from attest.revocation.statement import Revocation
from attest.revocation.status import RevocationEvidence, Revocations, settle_revocations
from attest.verification import Verdict
from attest.verified import Rejection, RejectionKind, VerifiedStatement
from dbom.errors import EvidenceError
from dbom.model import Finding, Severity
from dbom.printable import printable
from dbom.rules.revocations import REVOKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from attest.revocation.head import SeenHead
    from attest.revocation.revokers import Revoker
    from attest.stores.store import StoredBundle
    from attest.verification import Answer, Verification
    from dbom.model import Digest

__all__ = [
    "NOT_ASKED",
    "RevocationCheck",
    "refuse_revoked",
    "revoked_rejection",
    "without_revoked",
    "without_taken_back",
]


@dataclass(frozen=True, slots=True)
class RevocationCheck:
    """What somebody who verifies asks of revocations: whose count, what was found, and whether all must be known.

    `found` is what the stores of revocations hold, `seen` the newest head ever seen of each publisher. With
    `required`, a doubt is a "can't tell".
    """

    revokers: tuple[Revoker, ...] = ()
    found: RevocationEvidence = field(default_factory=RevocationEvidence)
    seen: Mapping[str, SeenHead] = field(default_factory=dict)
    required: bool = False

    def look(self, bundle: StoredBundle, *, now: datetime) -> RevocationEvidence:
        """Return what a bundle among an artifact's evidence says as a revoker's word."""
        return listed_revocations([bundle], self.revokers, now=now)

    def settled(
        self,
        results: Iterable[VerifiedStatement | Rejection],
        beside: RevocationEvidence | None = None,
        *,
        now: datetime,
    ) -> Revocations:
        """Return what is revoked, with what the expected signers of `results` say of their own statements."""
        found = self.found.joined(own_revocations(results))
        return settle_revocations(
            found if beside is None else found.joined(beside), self.revokers, now=now, seen=self.seen
        )


NOT_ASKED = RevocationCheck()
"""No revoker is listed; signers may still revoke what they signed themselves."""


def without_revoked(answers: Sequence[Answer], revocations: Revocations, digests: frozenset[Digest]) -> list[Answer]:
    """Return the answers, with a rejection in the place of each statement about these artifacts that is revoked."""
    if not revocations.listed and not revocations.own:
        return list(answers)
    return [replace(answer, result=_judged(answer.result, revocations, digests)) for answer in answers]


def revoked_rejection(item: VerifiedStatement, revocation: Revocation) -> Rejection:
    """Return what a revoked statement counts as."""
    return Rejection(
        RejectionKind.REVOKED,
        REVOKED.id,
        revocation.said,
        item.bundle_sha256,
        item.where,
        item.statement,
        item.signer,
    )


def refuse_revoked(
    result: Verification, revocations: Revocations, digests: frozenset[Digest], *, required: bool
) -> Verification:
    """Return a verdict with what revocations say of the artifact itself, and with the doubts where all is asked for."""
    revoked = [item for digest in sorted(digests) if (item := revocations.of(digest)) is not None]
    findings = [Finding(REVOKED.id, Severity.ERROR, item.said, printable(item.by.where)) for item in revoked]
    doubts = [replace(item, severity=Severity.ERROR) for item in revocations.doubts] if required else ()
    verdict = Verdict.REFUSED if revoked else result.verdict
    if doubts and verdict is Verdict.VERIFIED:
        verdict = Verdict.UNDECIDED
    others = (*revocations.findings, *(() if required else revocations.doubts))
    return replace(
        result,
        verdict=verdict,
        findings=(*findings, *doubts, *result.findings, *others),
        consulted=_consulted(revocations),
    )


def without_taken_back(
    results: Sequence[VerifiedStatement | Rejection],
) -> list[VerifiedStatement | Rejection]:
    """Return results with a rejection in the place of each statement that its own signer revoked.

    This is what every signer may do, whoever else is listed as a revoker.
    """
    own: list[Revocation] = []
    for item in own_revocations(results).own:
        with suppress(EvidenceError):  # what can't be read takes nothing back
            own.append(Revocation.of(item))
    known = Revocations(own=tuple(own))
    return [_judged(item, known, _stated(item)) for item in results] if own else list(results)


def _stated(item: VerifiedStatement | Rejection) -> frozenset[Digest]:
    subjects = item.statement.subjects if item.statement is not None else ()
    return frozenset(subject.digest for subject in subjects if subject.digest is not None)


def _judged(
    result: VerifiedStatement | Rejection, revocations: Revocations, digests: frozenset[Digest]
) -> VerifiedStatement | Rejection:
    if isinstance(result, Rejection) or result.statement.predicate_type in REVOCATION_PREDICATES:
        return result
    revocation = revocations.of_statement(result, digests)
    return result if revocation is None else revoked_rejection(result, revocation)


def _consulted(revocations: Revocations) -> tuple[VerifiedStatement, ...]:
    heads = [item for item, _ in revocations.current]
    said = [item.by for item in (*revocations.listed, *revocations.own)]
    return tuple({item.bundle_sha256: item for item in (*heads, *said)}.values())
