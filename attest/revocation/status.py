"""What is revoked, and whether that is all: pure, from verified statements, revokers, the clock and what was seen.

The rules are those of docs/formats/revocation.md. A revocation counts wherever it was found; a head only ever tells
that none is missing. What can't be told is a doubt, and who asks for revocations has no yes while there is one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from attest.identity import Identity, KeyIdentity
from attest.revocation.head import Head, SeenHead, publisher_name, seen_head
from attest.revocation.selector import Selector, instant_text
from attest.revocation.statement import Revocation
from attest.verified import Rejection, RejectionKind, VerifiedStatement
from dbom.errors import EvidenceError
from dbom.model import Digest, Finding, Severity
from dbom.names import PREDICATE_REVOCATION, PREDICATE_REVOCATION_HEAD
from dbom.printable import printable
from dbom.rules.attestations import TIME_IN_FUTURE
from dbom.rules.revocations import (
    HEAD_EQUIVOCAL,
    HEAD_EXPIRED,
    HEAD_MISSING,
    HEAD_ROLLED_BACK,
    REVOCATIONS_INCOMPLETE,
    REVOKED,
    REVOKER_OUT_OF_SCOPE,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from attest.revocation.revokers import Revoker
    from dbom.rules import Rule

__all__ = ["NO_REVOCATIONS", "RevocationEvidence", "Revocations", "settle_revocations"]

_CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far a publisher's clock may be ahead of ours before a head counts as one of the future."""


@dataclass(frozen=True, slots=True)
class RevocationEvidence:
    """What was found: `listed`, each bundle once for every revoker whose it is, `own` by signers who are expected.

    `listed` names its revoker by the authority's name. `rejected` are bundles with a revocation or a head that are
    no revoker's.
    """

    listed: tuple[VerifiedStatement, ...] = ()
    own: tuple[VerifiedStatement, ...] = ()
    rejected: tuple[Rejection, ...] = ()

    def joined(self, other: RevocationEvidence) -> RevocationEvidence:
        """Return both together, each bundle once."""

        def once(items: Iterable[VerifiedStatement]) -> tuple[VerifiedStatement, ...]:
            return tuple({(item.bundle_sha256, item.authority): item for item in items}.values())

        rejected = {item.bundle_sha256: item for item in (*self.rejected, *other.rejected)}
        return RevocationEvidence(
            once((*self.listed, *other.listed)), once((*self.own, *other.own)), tuple(rejected.values())
        )


@dataclass(frozen=True, slots=True)
class Revocations:
    """What is revoked. `listed` are revocations by revokers within their scope, `own` by anybody else who is expected.

    `findings` are what counts for nothing and why, `doubts` why it can't be told that nothing else is revoked.
    `current` are the heads that hold, by publisher; `remember` is what to remember of each publisher's newest head.
    """

    listed: tuple[Revocation, ...] = ()
    own: tuple[Revocation, ...] = ()
    findings: tuple[Finding, ...] = ()
    doubts: tuple[Finding, ...] = ()
    current: tuple[tuple[VerifiedStatement, Head], ...] = ()
    remember: Mapping[str, SeenHead] = field(default_factory=dict)

    def of(self, digest: Digest) -> Revocation | None:
        """Return the revocation of an artifact by a listed revoker, or None."""
        return next((item for item in self.listed if item.target == digest), None)

    def of_signer(self, statement: VerifiedStatement) -> Revocation | None:
        """Return the revocation of what this signer signed then, by a revoker or by the signer, or None."""
        selecting = (item for item in self.listed if _selects(item, statement))
        own = (item for item in self.own if _selects(item, statement) and _is_by(item, statement))
        return next(selecting, None) or next(own, None)

    def of_statement(self, statement: VerifiedStatement, digests: Iterable[Digest]) -> Revocation | None:
        """Return why a statement counts for nothing about any of these artifacts: its signer's revocation, or None.

        A signer may take back what it signed about an artifact, which touches nobody else's word on it.
        """
        wanted = set(digests)
        stated = {subject.digest for subject in statement.statement.subjects} & wanted
        taken_back = (item for item in (*self.own, *self.listed) if item.target in stated and _is_by(item, statement))
        return self.of_signer(statement) or next(taken_back, None)


NO_REVOCATIONS: Final = Revocations()
"""Nobody was asked, and nothing is known to be revoked."""


def settle_revocations(
    found: RevocationEvidence, revokers: Sequence[Revoker], *, now: datetime, seen: Mapping[str, SeenHead]
) -> Revocations:
    """Return what is revoked by these revokers and by signers themselves, and every doubt that this is all.

    `seen` is the newest head that was ever seen of each publisher, by `publisher_name`.
    """
    work = _Work()
    for item in found.listed:
        work.take_listed(item, {revoker.authority.name: revoker for revoker in revokers})
    for item in found.own:
        work.take_own(item)
    accepted = {item.bundle_sha256 for item in (*found.listed, *found.own)}
    for rejection in found.rejected:
        if rejection.bundle_sha256 not in accepted:
            work.take_rejected(rejection)
    known = Revocations(tuple(work.listed), tuple(work.own))
    heads = _Heads(work, known, now, seen)
    for revoker in revokers:
        heads.judge(revoker)
    return Revocations(
        known.listed,
        known.own,
        tuple(dict.fromkeys(work.findings)),
        tuple(dict.fromkeys(work.doubts)),
        tuple(heads.current.values()),
        heads.remember,
    )


class _Work:
    """Evidence, sorted into what counts, what doesn't, and what leaves a doubt."""

    def __init__(self) -> None:
        self.listed: list[Revocation] = []
        self.own: list[Revocation] = []
        self.findings: list[Finding] = []
        self.doubts: list[Finding] = []
        self.heads: defaultdict[str, list[tuple[VerifiedStatement, Head]]] = defaultdict(list)
        self.signed_by: dict[str, Identity | KeyIdentity] = {}

    def take_listed(self, item: VerifiedStatement, revokers: Mapping[str, Revoker]) -> None:
        if item.statement.predicate_type == PREDICATE_REVOCATION_HEAD:
            self._take_head(item)
            return
        self.signed_by[item.bundle_sha256] = item.signer
        revocation = self._read(item)
        if revocation is None:
            return
        scope = revokers[item.authority].scope
        if scope.holds(revocation):
            self.listed.append(revocation)
        else:
            self.own.append(revocation)  # what it signed itself it may still revoke
            message = f"{revocation.said}; that is outside what {item.signer} may revoke here, which is: {scope}"
            self.findings.append(Finding(REVOKER_OUT_OF_SCOPE.id, Severity.WARNING, message, printable(item.where)))

    def take_own(self, item: VerifiedStatement) -> None:
        if item.statement.predicate_type == PREDICATE_REVOCATION:
            revocation = self._read(item)
            if revocation is not None:
                self.own.append(revocation)

    def take_rejected(self, item: Rejection) -> None:
        finding = Finding(item.rule, Severity.WARNING, f"{item.kind}: {printable(item.reason)}", printable(item.where))
        (self.doubts if item.kind is RejectionKind.UNDECIDED else self.findings).append(finding)

    def doubt(self, rule: Rule, message: str, where: str) -> None:
        self.doubts.append(Finding(rule.id, Severity.WARNING, message, printable(where)))

    def _read(self, item: VerifiedStatement) -> Revocation | None:
        try:
            return Revocation.of(item)
        except EvidenceError as error:
            self._unread(error)
            return None

    def _take_head(self, item: VerifiedStatement) -> None:
        try:
            self.heads[item.authority].append((item, Head.of(item)))
        except EvidenceError as error:
            self._unread(error)

    def _unread(self, error: EvidenceError) -> None:
        # Somebody who may revoke said something that can't be read: what they meant isn't known.
        sides = f": got {error.got}, expected {error.expected}" if error.got and error.expected else ""
        self.doubts.append(Finding(error.rule.id, Severity.WARNING, error.what + sides, printable(error.where or "")))


class _Heads:
    """The heads of each revoker, held against the clock, what was seen before, and what they list."""

    def __init__(self, work: _Work, known: Revocations, now: datetime, seen: Mapping[str, SeenHead]) -> None:
        self._work, self._known, self._now, self._seen = work, known, now, seen
        self.current: dict[str, tuple[VerifiedStatement, Head]] = {}
        self.remember: dict[str, SeenHead] = {}

    def judge(self, revoker: Revoker) -> None:
        """Judge the newest head of every publisher that a revoker's authority accepts."""
        authority = revoker.authority
        groups: defaultdict[str, list[tuple[VerifiedStatement, Head]]] = defaultdict(list)
        for item, head in self._work.heads[authority.name]:
            groups[publisher_name(item.signer)].append((item, head))
        if not groups:
            self._work.doubt(HEAD_MISSING, f"no head of revocations by {authority.expects} was found", authority.name)
        for publisher, heads in sorted(groups.items()):
            self._judge_publisher(publisher, heads)

    def _judge_publisher(self, publisher: str, heads: Sequence[tuple[VerifiedStatement, Head]]) -> None:
        sequence = max(head.sequence for _, head in heads)
        newest = {seen_head(item, head): (item, head) for item, head in heads if head.sequence == sequence}
        item, head = next(iter(newest.values()))
        fault = self._conflict(publisher, newest) or self._fault(item, head)
        if fault is not None:
            rule, message = fault
            self._work.doubt(rule, f"{message} (by {item.signer})", item.where)
        if fault is None or fault[0] in (HEAD_EXPIRED, REVOCATIONS_INCOMPLETE):
            self.remember[publisher] = seen_head(item, head)
        if fault is None:
            self.current[publisher] = (item, head)

    def _conflict(self, publisher: str, newest: Mapping[SeenHead, object]) -> tuple[Rule, str] | None:
        """Return what is wrong between this head and others of its publisher, or None."""
        if len(newest) > 1:
            return HEAD_EQUIVOCAL, f"{len(newest)} different heads have the sequence {next(iter(newest)).sequence}"
        last, this = self._seen.get(publisher), next(iter(newest))
        if last is None or this.sequence > last.sequence or this == last:
            return None
        if this.sequence == last.sequence:
            message = f"another head of the sequence {this.sequence} was seen before: sha256 {last.content}"
            return HEAD_EQUIVOCAL, f"{message}, got {this.content}"
        return HEAD_ROLLED_BACK, f"the head's sequence is {this.sequence}, and {last.sequence} was seen before"

    def _fault(self, item: VerifiedStatement, head: Head) -> tuple[Rule, str] | None:
        """Return what is wrong with a head by itself, or None."""
        revoked = self._known.of_signer(item)
        if revoked is not None:
            return REVOKED, f"the head is signed by somebody who is revoked: {revoked.said}"
        if head.issued > self._now + _CLOCK_SKEW:
            return TIME_IN_FUTURE, f"the head is issued in the future, at {instant_text(head.issued)}"
        if head.expires <= self._now:
            return HEAD_EXPIRED, f"the head of sequence {head.sequence} expired at {instant_text(head.expires)}"
        absent = [sha256 for sha256 in head.revocations if self._work.signed_by.get(sha256) != item.signer]
        if absent:
            more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            return REVOCATIONS_INCOMPLETE, f"the head lists the revocation {absent[0]}{more}, which isn't there"
        return None


def _selects(revocation: Revocation, statement: VerifiedStatement) -> bool:
    return isinstance(revocation.target, Selector) and revocation.target.selects(statement)


def _is_by(revocation: Revocation, statement: VerifiedStatement) -> bool:
    """Return whether a signer revoked its own: the same key, or the same identity by the same trust root."""
    by = revocation.by
    return by.signer == statement.signer and (isinstance(by.signer, KeyIdentity) or by.root == statement.root)
