"""A revocation: somebody's signed word that an artifact, or what a signer signed, counts no more.

Specified in docs/formats/revocation.md. Whether a revocation counts is for `attest.revocation.status` to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from attest.revocation.selector import Selector
from attest.statement import Statement, Subject
from dbom.errors import EvidenceError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_REVOCATION, REVOCATION_SELECTOR_MEDIA_TYPE
from dbom.printable import printable
from dbom.rules.revocations import REVOCATION_MALFORMED

if TYPE_CHECKING:
    from attest.verified import VerifiedStatement
    from dbom.canonical import JsonObject

__all__ = ["Revocation", "artifact_revocation", "signer_revocation"]

_SELECTOR_NAME = "selector"


@dataclass(frozen=True, slots=True)
class Revocation:
    """What is revoked, why, and the verified statement that says so."""

    target: Digest | Selector
    reason: str
    by: VerifiedStatement

    @classmethod
    def of(cls, item: VerifiedStatement) -> Self:
        """Read a verified statement of a revocation. Raises `EvidenceError` where it isn't made as specified."""
        target, reason = _read(item.statement, item.where)
        return cls(target, reason, item)

    @property
    def said(self) -> str:
        """Who revoked what, when and why, in words."""
        what = f"the signer {self.target}" if isinstance(self.target, Selector) else str(self.target)
        return f"{what} was revoked by {self.by.signer}, {self.by.time}: {printable(self.reason)}"


def artifact_revocation(digest: Digest, name: str, reason: str) -> Statement:
    """Return the statement that revokes an artifact."""
    return Statement.build(Subject.of(name, digest), PREDICATE_REVOCATION, {"reason": reason})


def signer_revocation(selector: Selector, reason: str) -> Statement:
    """Return the statement that revokes what a selector selects; its subject is the selector's digest."""
    subject = Subject(_SELECTOR_NAME, Digest(Kind.FILE, selector.sha256), REVOCATION_SELECTOR_MEDIA_TYPE)
    predicate: JsonObject = {"reason": reason, "selector": selector.document()}
    return Statement.build(subject, PREDICATE_REVOCATION, predicate)


def _read(statement: Statement, where: str) -> tuple[Digest | Selector, str]:
    predicate, subjects = statement.predicate, statement.subjects
    reason = predicate.get("reason")
    if statement.predicate_type != PREDICATE_REVOCATION:
        raise _malformed("not a revocation", where, got=printable(statement.predicate_type))
    if not isinstance(reason, str) or not reason.strip():
        raise _malformed("it gives no reason", where)
    unknown = sorted(set(predicate) - {"reason", "selector"})
    if unknown:
        # What isn't known might say that something else is meant than the subject: a place, say.
        raise _malformed(f"it has keys that aren't known: {', '.join(map(printable, unknown))}", where)
    if len(subjects) != 1 or subjects[0].digest is None:
        raise _malformed("it isn't about exactly one subject with a usable sha256", where, got=str(len(subjects)))
    subject, digest, selector = subjects[0], subjects[0].digest, predicate.get("selector")
    is_marked = subject.media_type == REVOCATION_SELECTOR_MEDIA_TYPE
    if is_marked is not ("selector" in predicate):
        raise _malformed("the subject's media type and the selector don't go together", where)
    if not is_marked:
        return digest, reason
    if not isinstance(selector, dict):
        raise _malformed("the selector is not an object", where)
    read = Selector.of_document(selector, where=where)
    if read.document() != selector or digest != Digest(Kind.FILE, read.sha256):
        raise _malformed("the selector isn't what the subject names", where, got=read.sha256, expected=digest.hex)
    return read, reason


def _malformed(what: str, where: str, *, got: str | None = None, expected: str | None = None) -> EvidenceError:
    return EvidenceError(REVOCATION_MALFORMED, what, where=where, got=got, expected=expected)
